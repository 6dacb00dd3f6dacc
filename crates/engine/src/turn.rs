//! One builder's turn: which request, which worker, and whether the two fit, until nothing more can start.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use buildbot_model::{BuildRequestId, BuilderId, WorkerId};

use crate::Engine;
use crate::config::{Builder, BuilderLocks, Callable, LockAccess};
use crate::effect::Question;
use crate::event::{CallId, Reply};
use crate::latent::Instance;
use crate::locks::wanted;
use crate::questions::Asker;
use crate::reason::Reason;
use crate::requests::{Rank, rank};

/// The turn of a builder. It is suspended while user code is asked; other builders go on meanwhile.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) builder: Arc<Builder>,
    stage: Stage,
    /// Requests up to this one have been looked at, in the order in which they are served.
    passed: Option<Rank>,
    /// Those that `nextBuild` is not offered again.
    looked_at: BTreeSet<BuildRequestId>,
    /// Workers that were free and have not been drawn.
    pool: Vec<WorkerId>,
    /// Workers that were drawn and did not fit; the next request tries them first, in this order.
    preferred: VecDeque<WorkerId>,
}

#[derive(Debug)]
enum Stage {
    PickRequest,
    /// `nextBuild` is asked.
    ChoosingRequest(CallId),
    PickWorker(Candidate),
    /// `nextWorker` is asked.
    ChoosingWorker(Candidate, CallId),
    Test(Candidate, WorkerId, Test),
    /// User code tests.
    Testing(Candidate, WorkerId, Test, CallId),
}

/// A request that looks for a worker.
#[derive(Debug)]
struct Candidate {
    request: BuildRequestId,
    /// Workers that do not fit it.
    rejected: VecDeque<WorkerId>,
    /// Why they do not.
    verdict: Option<Reason>,
    /// The worker whose running instance takes it.
    compatible: Option<WorkerId>,
}

/// What is tested next.
#[derive(Debug)]
enum Test {
    Compatible,
    RenderLocks,
    Locks(Arc<[LockAccess]>),
    CanStart(Arc<[LockAccess]>),
    /// All tests are passed; the world may have changed while user code was asked.
    Start(Arc<[LockAccess]>),
}

enum Next {
    Go(Stage),
    /// User code is asked.
    Suspend(Stage),
    /// With what holds the builder back, if it is not the requests or the workers.
    End(Option<Reason>),
    /// What the turn knows is out of date.
    StartOver,
}

impl Turn {
    pub(crate) fn new(builder: Arc<Builder>) -> Self {
        Self {
            builder,
            stage: Stage::PickRequest,
            passed: None,
            looked_at: BTreeSet::new(),
            pool: Vec::new(),
            preferred: VecDeque::new(),
        }
    }

    /// The question that it waits for.
    pub(crate) fn call(&self) -> Option<CallId> {
        match &self.stage {
            Stage::ChoosingRequest(call)
            | Stage::ChoosingWorker(_, call)
            | Stage::Testing(_, _, _, call) => Some(*call),
            Stage::PickRequest | Stage::PickWorker(_) | Stage::Test(..) => None,
        }
    }
}

impl Candidate {
    /// The worker does not fit; the next one is tried. A veto tells more than a lock that is taken elsewhere.
    fn reject(mut self, worker: WorkerId, verdict: Reason) -> Next {
        self.rejected.push_back(worker);
        if self.verdict.is_none() || !matches!(verdict, Reason::Lock(_)) {
            self.verdict = Some(verdict);
        }
        Next::Go(Stage::PickWorker(self))
    }
}

impl Engine {
    /// Runs a turn to its end, or to the next question.
    pub(crate) fn run_turn(&mut self, mut turn: Turn) {
        loop {
            let stage = std::mem::replace(&mut turn.stage, Stage::PickRequest);
            let next = match stage {
                Stage::PickRequest => self.pick_request(&mut turn),
                Stage::PickWorker(candidate) => self.pick_worker(&mut turn, candidate),
                Stage::Test(candidate, worker, test) => {
                    self.test(&mut turn, candidate, worker, test)
                }
                Stage::ChoosingRequest(_) | Stage::ChoosingWorker(..) | Stage::Testing(..) => {
                    unreachable!("a suspended turn goes on with its answer")
                }
            };
            match next {
                Next::Go(stage) => turn.stage = stage,
                Next::Suspend(stage) => {
                    turn.stage = stage;
                    self.distribution.suspend(turn);
                    return;
                }
                Next::End(reason) => return self.turn_ended(turn.builder.id, reason, false),
                Next::StartOver => return self.turn_ended(turn.builder.id, None, true),
            }
        }
    }

    fn pick_request(&mut self, turn: &mut Turn) -> Next {
        let builder = turn.builder.clone();
        if turn.pool.is_empty() && turn.preferred.is_empty() {
            turn.pool = self.free_workers(&builder);
        }
        if turn.pool.is_empty() && turn.preferred.is_empty() {
            return Next::End(None);
        }
        match &builder.next_build {
            None => self.next_in_order(turn),
            Some(callable) => {
                let unclaimed = self.requests.unclaimed(builder.id);
                let requests: Vec<_> = unclaimed
                    .filter(|id| !turn.looked_at.contains(id) && self.is_offered(*id))
                    .collect();
                if requests.is_empty() {
                    return Next::End(None);
                }
                let question = Question::NextBuild {
                    builder: builder.id,
                    requests,
                };
                Next::Suspend(Stage::ChoosingRequest(
                    self.ask_for(&builder, callable, question),
                ))
            }
        }
    }

    /// The highest priority, then the lowest id.
    fn next_in_order(&mut self, turn: &mut Turn) -> Next {
        while let Some(request) = self.requests.next(turn.builder.id, turn.passed) {
            self.counters.requests_examined += 1;
            turn.passed = Some(rank(&request.row));
            let id = request.row.id;
            if self.is_offered(id) && turn.looked_at.insert(id) {
                return Next::Go(Stage::PickWorker(Candidate {
                    request: id,
                    rejected: VecDeque::new(),
                    verdict: None,
                    compatible: None,
                }));
            }
        }
        Next::End(None)
    }

    fn pick_worker(&mut self, turn: &mut Turn, candidate: Candidate) -> Next {
        let builder = turn.builder.clone();
        while let Some(worker) = turn.preferred.pop_front() {
            if self.check_worker(&builder, worker).is_ok() {
                return Next::Go(Stage::Test(candidate, worker, Test::Compatible));
            }
        }
        match &builder.next_worker {
            None => {
                while !turn.pool.is_empty() {
                    let choice = chance(self.config.salt, candidate.request, turn.pool.len());
                    let worker = turn.pool.swap_remove(choice);
                    if self.check_worker(&builder, worker).is_ok() {
                        return Next::Go(Stage::Test(candidate, worker, Test::Compatible));
                    }
                }
                self.no_worker_fits(turn, candidate)
            }
            Some(callable) => {
                turn.pool
                    .retain(|worker| self.check_worker(&builder, *worker).is_ok());
                if turn.pool.is_empty() {
                    return self.no_worker_fits(turn, candidate);
                }
                let question = Question::NextWorker {
                    builder: builder.id,
                    workers: turn.pool.clone(),
                    request: candidate.request,
                };
                let call = self.ask_for(&builder, callable, question);
                Next::Suspend(Stage::ChoosingWorker(candidate, call))
            }
        }
    }

    /// The request waits; another one may fit, if that depends on requests.
    fn no_worker_fits(&mut self, turn: &mut Turn, candidate: Candidate) -> Next {
        if !turn.builder.depends_on_request(&self.config) {
            return self.pass_over(candidate);
        }
        turn.preferred = candidate.rejected;
        if let Some(request) = self.requests.get_mut(candidate.request) {
            request.verdict = candidate.verdict;
        }
        Next::Go(Stage::PickRequest)
    }

    fn test(
        &mut self,
        turn: &mut Turn,
        candidate: Candidate,
        worker: WorkerId,
        test: Test,
    ) -> Next {
        let builder = turn.builder.clone();
        let request = candidate.request;
        match test {
            Test::Compatible => match self.compatibility_callable(worker) {
                None => Next::Go(Stage::Test(candidate, worker, Test::RenderLocks)),
                Some(callable) => {
                    let question = Question::IsCompatible {
                        builder: builder.id,
                        worker,
                        request,
                    };
                    let call = self.ask_for(&builder, &callable, question);
                    Next::Suspend(Stage::Testing(candidate, worker, test, call))
                }
            },
            Test::RenderLocks => match &builder.locks {
                BuilderLocks::Listed(locks) => {
                    Next::Go(Stage::Test(candidate, worker, Test::Locks(locks.clone())))
                }
                BuilderLocks::Rendered(callable) => {
                    let question = Question::RenderLocks {
                        builder: builder.id,
                        worker,
                        request,
                    };
                    let call = self.ask_for(&builder, callable, question);
                    Next::Suspend(Stage::Testing(candidate, worker, test, call))
                }
            },
            Test::Locks(locks) => {
                let wanted = wanted(&locks, worker);
                self.locks.resolve(&wanted, self.config.generation);
                match self.locks.check(&wanted) {
                    Ok(()) => Next::Go(Stage::Test(candidate, worker, Test::CanStart(locks))),
                    Err(taken) => candidate.reject(worker, Reason::Lock(taken)),
                }
            }
            Test::CanStart(ref locks) => match &builder.can_start_build {
                None => {
                    let start = Test::Start(locks.clone());
                    Next::Go(Stage::Test(candidate, worker, start))
                }
                Some(callable) => {
                    let question = Question::CanStartBuild {
                        builder: builder.id,
                        worker,
                        request,
                    };
                    let call = self.ask_for(&builder, callable, question);
                    Next::Suspend(Stage::Testing(candidate, worker, test, call))
                }
            },
            Test::Start(locks) => {
                if !self.requests.is_unclaimed(request) || !self.is_offered(request) {
                    return Next::StartOver;
                }
                if self.check_worker(&builder, worker).is_err() {
                    return Next::Go(Stage::PickWorker(candidate));
                }
                // An instance has come up since.
                let is_asked = candidate.compatible == Some(worker);
                if !is_asked && self.compatibility_callable(worker).is_some() {
                    return Next::Go(Stage::Test(candidate, worker, Test::Compatible));
                }
                if let Err(taken) = self.locks.check(&wanted(&locks, worker)) {
                    return candidate.reject(worker, Reason::Lock(taken));
                }
                turn.preferred = candidate.rejected;
                self.claim(builder, request, worker, locks);
                Next::Go(Stage::PickRequest)
            }
        }
    }

    /// The function that says whether a running instance fits. One that does not run fits always.
    fn compatibility_callable(&self, worker: WorkerId) -> Option<Callable> {
        let callable = self.config.workers.get(&worker)?.is_compatible.clone()?;
        let instance = self.workers.get(worker)?.instance;
        (instance != Instance::Stopped).then_some(callable)
    }

    fn ask_for(&mut self, builder: &Builder, callable: &Callable, question: Question) -> CallId {
        let generation = self.config.generation;
        self.ask(Asker::Turn(builder.id), generation, callable, question)
    }

    pub(crate) fn answer_turn(&mut self, mut turn: Turn, callable: &Callable, reply: Reply) {
        let stage = std::mem::replace(&mut turn.stage, Stage::PickRequest);
        let next = match stage {
            Stage::ChoosingRequest(_) => self.request_chosen(&mut turn, callable, &reply),
            Stage::ChoosingWorker(candidate, _) => {
                self.worker_chosen(&mut turn, candidate, callable, &reply)
            }
            Stage::Testing(candidate, worker, test, _) => {
                self.tested(&mut turn, candidate, worker, test, callable, reply)
            }
            Stage::PickRequest | Stage::PickWorker(_) | Stage::Test(..) => {
                unreachable!("only suspended turns are answered")
            }
        };
        match next {
            Next::Go(stage) => {
                turn.stage = stage;
                self.run_turn(turn);
            }
            Next::Suspend(_) => unreachable!("an answer is not a question"),
            Next::End(reason) => self.turn_ended(turn.builder.id, reason, false),
            Next::StartOver => self.turn_ended(turn.builder.id, None, true),
        }
    }

    /// What was not offered ends the turn, but after a refusal the order decides.
    fn request_chosen(&mut self, turn: &mut Turn, callable: &Callable, reply: &Reply) -> Next {
        let is_first = turn.looked_at.is_empty();
        let builder = turn.builder.id;
        let is_waiting = |id: BuildRequestId| {
            let request = self.requests.get(id);
            request.is_some_and(|request| request.row.builder == builder)
        };
        match reply {
            Reply::Request(Some(id)) if is_waiting(*id) && !turn.looked_at.contains(id) => {
                if !self.requests.is_unclaimed(*id) {
                    return Next::StartOver;
                }
                turn.looked_at.insert(*id);
                Next::Go(Stage::PickWorker(Candidate {
                    request: *id,
                    rejected: VecDeque::new(),
                    verdict: None,
                    compatible: None,
                }))
            }
            _ if !is_first => self.next_in_order(turn),
            Reply::Failed => Next::End(Some(self.callable_failed(builder, callable))),
            _ => Next::End(Some(Reason::NothingChosen {
                callable: callable.clone(),
            })),
        }
    }

    /// What was not offered ends the turn; if others did not fit before, the next request is tried.
    fn worker_chosen(
        &mut self,
        turn: &mut Turn,
        mut candidate: Candidate,
        callable: &Callable,
        reply: &Reply,
    ) -> Next {
        let place = match reply {
            Reply::Worker(Some(worker)) => turn.pool.iter().position(|one| one == worker),
            _ => None,
        };
        if let Some(place) = place {
            let worker = turn.pool.remove(place);
            return match self.check_worker(&turn.builder, worker) {
                Ok(()) => Next::Go(Stage::Test(candidate, worker, Test::Compatible)),
                Err(_) => Next::Go(Stage::PickWorker(candidate)),
            };
        }
        let verdict = match reply {
            Reply::Failed => self.callable_failed(turn.builder.id, callable),
            _ => Reason::NothingChosen {
                callable: callable.clone(),
            },
        };
        candidate.verdict = Some(verdict);
        if !candidate.rejected.is_empty() {
            return self.no_worker_fits(turn, candidate);
        }
        self.pass_over(candidate)
    }

    /// Ends the turn at a request; others of the builder wait behind it.
    fn pass_over(&mut self, candidate: Candidate) -> Next {
        let id = candidate.request;
        if let Some(request) = self.requests.get_mut(id) {
            request.verdict = candidate.verdict;
        }
        Next::End(Some(Reason::Behind(id)))
    }

    fn tested(
        &mut self,
        turn: &mut Turn,
        mut candidate: Candidate,
        worker: WorkerId,
        test: Test,
        callable: &Callable,
        reply: Reply,
    ) -> Next {
        let passed = match (test, reply) {
            (Test::Compatible, Reply::Flag(true)) => {
                candidate.compatible = Some(worker);
                Some(Test::RenderLocks)
            }
            (Test::RenderLocks, Reply::Locks(locks)) => Some(Test::Locks(locks.into())),
            (Test::CanStart(locks), Reply::Flag(true)) => Some(Test::Start(locks)),
            (_, Reply::Failed) => {
                candidate.rejected.push_back(worker);
                candidate.verdict = Some(self.callable_failed(turn.builder.id, callable));
                return self.no_worker_fits(turn, candidate);
            }
            _ => None,
        };
        match passed {
            Some(test) => Next::Go(Stage::Test(candidate, worker, test)),
            None => candidate.reject(
                worker,
                Reason::Vetoed {
                    callable: callable.clone(),
                    worker,
                },
            ),
        }
    }

    /// The builder waits a while, since nothing else may wake it.
    fn callable_failed(&mut self, builder: BuilderId, callable: &Callable) -> Reason {
        Reason::CallableFailed {
            callable: callable.clone(),
            until: self.try_again_later(builder),
        }
    }
}

/// Chance that is the same whenever the same is asked.
fn chance(salt: u64, request: BuildRequestId, choices: usize) -> usize {
    let mut bits = salt
        ^ request
            .0
            .cast_unsigned()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits % choices as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_even_and_repeats_itself() {
        let mut counts = [0; 4];
        for id in 0..4_000 {
            counts[chance(7, BuildRequestId(id), 4)] += 1;
            assert_eq!(chance(7, BuildRequestId(id), 1), 0);
        }
        assert!(
            counts.iter().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
        assert_ne!(
            (0..64)
                .map(|id| chance(1, BuildRequestId(id), 2))
                .collect::<Vec<_>>(),
            (0..64)
                .map(|id| chance(2, BuildRequestId(id), 2))
                .collect::<Vec<_>>()
        );
    }
}
