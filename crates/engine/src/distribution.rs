//! Which builder, which request, which worker: one pass over what has changed, run to a fixed point.
//!
//! Whatever may let a build start marks builders; [`Engine::distribute`] serves the marked ones until none is left.
//! A mark too many costs a look, so marks are set generously.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildRequestId, BuilderId, Timestamp, WorkerId, Write};

use crate::Engine;
use crate::commits::Then;
use crate::config::{Builder, Callable, Generation, LockAccess};
use crate::effect::Question;
use crate::event::{CallId, Reply, Shutdown};
use crate::locks::{SemaphoreId, Wanted, wanted};
use crate::preparation;
use crate::questions::Asker;
use crate::reason::{Owner, Reason, Unavailable};
use crate::requests::State;
use crate::timers::Timer;
use crate::turn::Turn;

/// After user code failed, its builder is looked at again after this time, if nothing else happens before.
const FAILED_CALLABLE_WAIT: Duration = Duration::from_secs(10);

/// What is to be looked at, and what is being looked at.
#[derive(Debug, Default)]
pub(crate) struct Distribution {
    /// Builders that are to be looked at.
    marked: BTreeSet<BuilderId>,
    /// Builders that are to be looked at again when their turn has ended.
    marked_in_turn: BTreeSet<BuilderId>,
    order: Order,
    /// Turns that wait for user code.
    turns: BTreeMap<BuilderId, Turn>,
    /// What holds a builder back, if it is not the requests or the workers.
    verdicts: BTreeMap<BuilderId, Reason>,
}

/// In which order marked builders are served.
#[derive(Debug)]
enum Order {
    /// These come next; what is marked meanwhile comes after them.
    Serving(VecDeque<BuilderId>),
    /// User code is asked about these.
    Asking(CallId, Vec<BuilderId>),
}

impl Default for Order {
    fn default() -> Self {
        Self::Serving(VecDeque::new())
    }
}

impl Distribution {
    pub(crate) fn suspend(&mut self, turn: Turn) {
        self.turns.insert(turn.builder.id, turn);
    }

    /// The question that a builder's turn waits for.
    pub(crate) fn call_of_turn(&self, builder: BuilderId) -> Option<CallId> {
        self.turns.get(&builder).and_then(Turn::call)
    }

    /// The question about the order, if this builder is served after its answer.
    pub(crate) fn call_of_order(&self, builder: BuilderId) -> Option<CallId> {
        match &self.order {
            Order::Asking(call, builders) => {
                let waits = builders.contains(&builder) || self.marked.contains(&builder);
                waits.then_some(*call)
            }
            Order::Serving(_) => None,
        }
    }

    pub(crate) fn verdict(&self, builder: BuilderId) -> Option<&Reason> {
        self.verdicts.get(&builder)
    }
}

/// A request that is about to be built, with what was decided for it.
#[derive(Debug)]
pub(crate) struct Claim {
    /// As it was when the decision was made.
    pub(crate) builder: Arc<Builder>,
    pub(crate) generation: Generation,
    pub(crate) worker: WorkerId,
    pub(crate) worker_name: Arc<str>,
    /// The locks of the build.
    pub(crate) locks: Wanted,
    /// The worker's own locks, which it holds from here on.
    pub(crate) worker_locks: Wanted,
}

impl Engine {
    /// Looks at a builder at the next chance.
    pub(crate) fn mark(&mut self, builder: BuilderId) {
        if self.requests.has_waiting(builder) {
            self.distribution.marked.insert(builder);
        }
    }

    /// Looks at all builders of a worker.
    pub(crate) fn mark_worker(&mut self, worker: WorkerId) {
        let builders = self.builders_of.get(&worker).cloned();
        for builder in builders.iter().flat_map(|builders| builders.iter()) {
            self.mark(*builder);
        }
    }

    /// Looks at the builders of a worker whose user code may have waited for anything.
    fn mark_askers(&mut self, worker: WorkerId) {
        let (builders, config) = (self.builders_of.get(&worker).cloned(), self.config.clone());
        for id in builders.iter().flat_map(|builders| builders.iter()) {
            let builder = config.builders.get(id);
            if builder.is_some_and(|builder| builder.asks()) {
                self.mark(*id);
            }
        }
    }

    /// Looks at all builders that may have waited for a lock.
    pub(crate) fn mark_users(&mut self, lock: &SemaphoreId) {
        let (users, config) = (self.lock_users.clone(), self.config.clone());
        for builder in users.builders(lock, &config).chain(users.rendered()) {
            self.mark(builder);
        }
        for worker in users.workers(lock) {
            self.mark_worker(worker);
        }
    }

    /// Looks at everything that waits.
    pub(crate) fn mark_all(&mut self) {
        let waiting = self.requests.waiting_builders();
        self.distribution.marked.extend(waiting);
    }

    /// Ends all turns; they start over with what is configured.
    pub(crate) fn abandon_turns(&mut self) {
        for turn in std::mem::take(&mut self.distribution.turns).into_values() {
            if let Some(call) = turn.call() {
                self.forget_question(call);
            }
        }
        if let Order::Asking(call, _) = std::mem::take(&mut self.distribution.order) {
            self.forget_question(call);
        }
        self.distribution.marked_in_turn.clear();
        self.distribution.verdicts.clear();
        self.mark_all();
    }

    /// Serves marked builders until none is left, or the rest waits for user code.
    pub(crate) fn distribute(&mut self) {
        loop {
            let Order::Serving(next) = &mut self.distribution.order else {
                return;
            };
            if let Some(builder) = next.pop_front() {
                self.serve(builder);
            } else if self.distribution.marked.is_empty() {
                return;
            } else {
                self.order_marked();
            }
        }
    }

    /// Differs: requests are looked at as soon as they are stored, not after 0.1 s in which nothing else came, because
    /// nobody should wait for a build that can start.
    fn order_marked(&mut self) {
        let marked = std::mem::take(&mut self.distribution.marked);
        if self.shutdown == Some(Shutdown::Quick) {
            return;
        }
        let config = self.config.clone();
        let mut ranked: Vec<_> = marked
            .into_iter()
            .filter_map(|id| {
                let name = &config.builders.get(&id)?.name;
                let urgency = self.requests.urgency(id)?;
                Some((urgency, name, id))
            })
            .collect();
        ranked.sort_unstable();
        let builders = ranked.into_iter().map(|(_, _, id)| id);
        self.distribution.order = match &config.prioritize_builders {
            Some(callable) if builders.len() > 0 => {
                let builders: BTreeSet<BuilderId> = builders.collect();
                let builders: Vec<BuilderId> = builders.into_iter().collect();
                let question = Question::PrioritizeBuilders {
                    builders: builders.clone(),
                };
                let call = self.ask(Asker::Order, config.generation, callable, question);
                Order::Asking(call, builders)
            }
            Some(_) | None => Order::Serving(builders.collect()),
        };
    }

    /// Without an answer, builders are served in no particular order. What the answer leaves out is not served.
    pub(crate) fn order_answered(&mut self, reply: Reply) {
        let Order::Asking(_, asked) = std::mem::take(&mut self.distribution.order) else {
            return;
        };
        let mut served = BTreeSet::new();
        let order: VecDeque<BuilderId> = match reply {
            Reply::Builders(order) => order
                .into_iter()
                .filter(|id| asked.contains(id) && served.insert(*id))
                .collect(),
            _ => {
                served.extend(asked.iter().copied());
                asked.iter().copied().collect()
            }
        };
        if let Some(callable) = self.config.prioritize_builders.clone() {
            for id in asked.iter().filter(|id| !served.contains(id)) {
                let callable = callable.clone();
                let verdict = Reason::NothingChosen { callable };
                self.distribution.verdicts.insert(*id, verdict);
            }
        }
        self.distribution.order = Order::Serving(order);
    }

    fn serve(&mut self, id: BuilderId) {
        if self.distribution.turns.contains_key(&id) {
            self.distribution.marked_in_turn.insert(id);
            return;
        }
        let Some(builder) = self.config.builders.get(&id) else {
            return;
        };
        let turn = Turn::new(builder.clone());
        self.distribution.verdicts.remove(&id);
        self.counters.turns += 1;
        self.run_turn(turn);
    }

    pub(crate) fn turn_answered(&mut self, builder: BuilderId, callable: &Callable, reply: Reply) {
        if let Some(turn) = self.distribution.turns.remove(&builder) {
            self.answer_turn(turn, callable, reply);
        }
    }

    pub(crate) fn turn_ended(&mut self, builder: BuilderId, verdict: Option<Reason>, again: bool) {
        if let Some(verdict) = verdict {
            self.distribution.verdicts.insert(builder, verdict);
        }
        if self.distribution.marked_in_turn.remove(&builder) || again {
            self.mark(builder);
        }
    }

    pub(crate) fn try_again_later(&mut self, builder: BuilderId) -> Timestamp {
        let until = self.now + FAILED_CALLABLE_WAIT;
        self.timers.set(Timer::Builder(builder), until);
        until
    }

    /// Whether a request may be built at all now.
    pub(crate) fn is_offered(&self, request: BuildRequestId) -> bool {
        match self.shutdown {
            None => true,
            Some(Shutdown::Quick) => false,
            Some(Shutdown::Clean) => {
                let request = self.requests.get(request);
                request.is_some_and(|request| request.row.waited_for && request.row.has_parent)
            }
        }
    }

    /// Workers of a builder that could take a build of it.
    pub(crate) fn free_workers(&mut self, builder: &Builder) -> Vec<WorkerId> {
        self.counters.workers_examined += builder.workers.len() as u64;
        let workers = builder.workers.iter().copied();
        workers
            .filter(|worker| self.check_worker(builder, *worker).is_ok())
            .collect()
    }

    /// Whether a worker could take a build of a builder, and else why not.
    pub(crate) fn check_worker(
        &self,
        builder: &Builder,
        worker: WorkerId,
    ) -> Result<(), Unavailable> {
        let config = self.config.workers.get(&worker);
        let config = config.ok_or(Unavailable::Unknown)?;
        match self.workers.get(worker) {
            Some(state) => state.check(config, builder.id)?,
            None if config.latent.is_some() => {}
            None => return Err(Unavailable::Detached),
        }
        self.locks
            .check(&wanted(&config.locks, worker))
            .map_err(Unavailable::Lock)
    }

    /// Asks the database for a request; the worker is taken at once, so that nothing else gets it.
    ///
    /// Differs: the locks of a worker are claimed when a build is given to it, not when the worker is prepared, so that
    /// no build has to be given up because another one was faster.
    pub(crate) fn claim(
        &mut self,
        builder: Arc<Builder>,
        request: BuildRequestId,
        worker: WorkerId,
        locks: Arc<[LockAccess]>,
    ) {
        let generation = self.config.generation;
        let Some(config) = self.config.workers.get(&worker) else {
            unreachable!("the worker has been checked");
        };
        let (worker_name, accesses) = (config.name.clone(), config.locks.clone());
        let worker_locks = wanted(&accesses, worker);
        let claimed = self
            .locks
            .acquire(Owner::Worker(worker), &worker_locks, generation);
        assert_eq!(claimed, Ok(()), "the worker has been checked");
        let state = self.workers.entry(worker);
        state.occupy(builder.id, request);
        let is_connected = state.session.is_some();
        let does_ask = builder.do_build_if.is_some();
        let (state, steps) = preparation::first_rows(does_ask, is_connected, self.now);
        let claim_write = Write::Claim {
            request,
            at: self.now,
        };
        let build = Write::StartBuild {
            request,
            builder: builder.id,
            virtual_builder: None,
            worker,
            at: self.now,
            state,
            steps,
        };
        self.use_generation(generation);
        let claim = Claim {
            builder,
            generation,
            worker,
            worker_name,
            locks: wanted(&locks, worker),
            worker_locks,
        };
        self.requests.set(request, State::Claiming(claim));
        self.commit(vec![claim_write, build], Then::Claimed(request));
    }

    /// Somebody else has the request.
    pub(crate) fn claim_lost(&mut self, request: BuildRequestId) {
        let state = self.requests.set(request, State::Ending);
        if let Some(State::Claiming(claim)) = state {
            let builder = claim.builder.id;
            self.free_worker(&claim, request);
            self.mark(builder);
        }
        self.request_lost(request);
    }

    /// Gives back what a claim has taken.
    pub(crate) fn free_worker(&mut self, claim: &Claim, request: BuildRequestId) {
        let worker = claim.worker;
        self.locks
            .release(Owner::Worker(worker), &claim.worker_locks);
        let config = self.config.workers.get(&worker).cloned();
        let state = self.workers.entry(worker);
        let is_ordered = self.config.prioritize_builders.is_some();
        let may_help_all =
            is_ordered || config.is_none_or(|it| it.latent.is_some() || state.is_full(&it));
        state.vacate(claim.builder.id, request);
        self.leave_generation(claim.generation);
        self.shutdown_if_idle(worker);
        self.instance_idle(worker);
        self.mark(claim.builder.id);
        if may_help_all {
            self.mark_worker(worker);
        } else {
            self.mark_askers(worker);
        }
    }
}
