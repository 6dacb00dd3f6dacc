//! A build's life: from the claim to the end that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{
    Answer, BuildId, BuildNumber, BuildRequestId, BuildsetId, NewStep, Results, StepNumber,
    StepUpdate, Timestamp, WorkerId, Write,
};

use crate::Engine;
use crate::build_state::{self, End, LastState};
use crate::commits::Then;
use crate::distribution::Claim;
use crate::effect::{Effect, Fact, Interrupt, Question};
use crate::event::{CallId, InstanceStart, Prepared, Reply, SessionId};
use crate::latent::Instance;
use crate::questions::Asker;
use crate::reason::Owner;
use crate::requests::State;
use crate::running_step::{EndedStep, NextStep, RunningStep};
use crate::step_list::StepList;

/// The first step of every build: whether its worker is there.
const PREPARATION: (StepNumber, &str) = (StepNumber(0), "worker_preparation");
/// The second step of a build with locks.
const LOCKS: (StepNumber, &str) = (StepNumber(1), "locks_acquire");
const HAS_LOCKS: &str = "locks acquired";

/// A build that is not finished.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) id: BuildId,
    number: BuildNumber,
    pub(crate) request: BuildRequestId,
    buildset: BuildsetId,
    pub(crate) claim: Claim,
    pub(crate) phase: Phase,
    /// Somebody wants it to end.
    pub(crate) stop: Option<Stop>,
    /// Its worker is gone.
    pub(crate) is_lost: bool,
    /// The worst of its steps so far.
    pub(crate) results: Results,
    /// A step has failed so that only those follow which always run.
    pub(crate) is_halted: bool,
    /// The step about its worker has a row and has not ended.
    is_preparing: bool,
    pub(crate) steps: StepList,
    /// How many steps have a row.
    pub(crate) steps_started: i64,
    /// What its steps say about it.
    pub(crate) summaries: Vec<Arc<str>>,
    pub(crate) waited_for_locks: Duration,
    /// What becomes true with the next transaction.
    pub(crate) writes: Vec<Write>,
    /// What is announced when that is durable.
    pub(crate) facts: Vec<Fact>,
    /// The transaction on its way: there is never more than one, so that nothing older is said after something newer.
    pub(crate) sent: Option<Vec<Fact>>,
    /// What follows the one that waits for it.
    pub(crate) waiting: Option<Then>,
}

/// How far a build is. What it waits for is in the name.
#[derive(Debug)]
pub(crate) enum Phase {
    /// User code may skip it.
    AskingDoBuildIf(CallId),
    /// The machine of its latent worker comes up.
    Substantiating,
    /// The worker is pinged and told.
    Preparing(SessionId),
    /// Locks of the builder are taken.
    AcquiringLocks {
        session: SessionId,
        since: Timestamp,
    },
    /// The name of the next step is rendered.
    NamingStep { session: SessionId, index: usize },
    /// The rows of the step that ended, if any, and of the next one.
    StoringStep {
        session: SessionId,
        ended: Option<EndedStep>,
        next: NextStep,
    },
    /// What the step is, and whether it runs, is found out.
    PreparingStep {
        session: SessionId,
        step: RunningStep,
    },
    /// Locks of the step are taken.
    AcquiringStepLocks {
        session: SessionId,
        step: RunningStep,
    },
    /// The step runs on the worker.
    RunningStep {
        session: SessionId,
        step: RunningStep,
    },
    /// The step ends without running.
    EndingStep {
        session: SessionId,
        step: RunningStep,
    },
    /// Its end is on the way to the database. Its locks are free when that is durable.
    Finishing(Finishing),
}

/// What is done when the end of a build is durable.
#[derive(Debug)]
pub(crate) struct Finishing {
    ended: Option<EndedStep>,
    results: Results,
    state: Arc<str>,
}

/// Why a build is stopped, and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) reason: Arc<str>,
    pub(crate) results: Results,
}

/// All builds of this master.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    all: BTreeMap<BuildId, Build>,
}

impl Builds {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn get_mut(&mut self, id: BuildId) -> Option<&mut Build> {
        self.all.get_mut(&id)
    }

    pub(crate) fn ids(&self) -> Vec<BuildId> {
        self.all.keys().copied().collect()
    }

    /// Builds on a connection.
    pub(crate) fn on_session(&self, session: SessionId) -> Vec<BuildId> {
        let builds = self.all.values();
        builds
            .filter(|build| build.phase.session() == Some(session))
            .map(|build| build.id)
            .collect()
    }

    /// The first build that waits for the machine of a worker.
    pub(crate) fn substantiating(&self, worker: WorkerId) -> Option<BuildId> {
        self.all_substantiating(worker).next()
    }

    fn all_substantiating(&self, worker: WorkerId) -> impl Iterator<Item = BuildId> {
        let builds = self.all.values();
        builds
            .filter(move |build| {
                build.claim.worker == worker && matches!(build.phase, Phase::Substantiating)
            })
            .map(|build| build.id)
    }
}

impl Phase {
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self {
            Self::Preparing(session)
            | Self::AcquiringLocks { session, .. }
            | Self::NamingStep { session, .. }
            | Self::StoringStep { session, .. }
            | Self::PreparingStep { session, .. }
            | Self::AcquiringStepLocks { session, .. }
            | Self::RunningStep { session, .. }
            | Self::EndingStep { session, .. } => Some(*session),
            Self::AskingDoBuildIf(_) | Self::Substantiating | Self::Finishing(_) => None,
        }
    }
}

impl Build {
    /// Adds the step about its worker.
    fn begin_preparation(&mut self) {
        self.steps.unique_name(&PREPARATION.1.into());
        self.steps_started = 1;
        self.is_preparing = true;
    }

    /// Ends it. What it says stays if there is no `state`.
    fn end_preparation(&mut self, results: Results, state: Option<String>, at: Timestamp) {
        if !std::mem::take(&mut self.is_preparing) {
            return;
        }
        let (build, (step, _)) = (self.id, PREPARATION);
        self.writes.push(Write::FinishStep {
            build,
            step,
            results,
            at,
            update: StepUpdate {
                state: state.map(Into::into),
                ..StepUpdate::default()
            },
        });
        self.facts.push(Fact::StepFinished {
            build,
            step,
            results,
        });
    }

    /// Adds the step about its locks.
    ///
    /// Differs: the step `locks_acquire` has a row from the moment on when the worker is ready, not from the start of
    /// the build, because the reference leaves a step without an end behind when the worker never is.
    fn begin_locks(&mut self, at: Timestamp) {
        let (build, (number, name)) = (self.id, LOCKS);
        self.steps_started = 2;
        let step = NewStep {
            number,
            name: self.steps.unique_name(&name.into()),
            started_at: Some(at),
            locks_acquired_at: None,
        };
        self.writes.push(Write::AddStep { build, step });
        self.facts.push(Fact::StepStarted {
            build,
            step: number,
        });
    }

    /// Ends it, in the same way when the build is stopped or lost before it has its locks.
    fn end_locks(&mut self, since: Timestamp, at: Timestamp) {
        let (build, (step, _)) = (self.id, LOCKS);
        let results = Results::Success;
        self.waited_for_locks += at.since(since);
        self.writes.push(Write::FinishStep {
            build,
            step,
            results,
            at,
            update: StepUpdate {
                locks_acquired_at: Some(at),
                state: Some(HAS_LOCKS.into()),
                ..StepUpdate::default()
            },
        });
        self.facts.push(Fact::StepFinished {
            build,
            step,
            results,
        });
    }

    fn set_state(&mut self, state: &str) {
        self.writes.push(Write::SetBuildState {
            build: self.id,
            state: state.into(),
        });
    }
}

/// The row that a build starts with, and the step that it has from the beginning.
pub(crate) fn first_rows(
    does_ask: bool,
    is_connected: bool,
    at: Timestamp,
) -> (Arc<str>, Vec<NewStep>) {
    if does_ask {
        return (build_state::CREATED.into(), Vec::new());
    }
    let state = match is_connected {
        true => build_state::PINGING,
        false => build_state::PREPARING,
    };
    (state.into(), vec![preparation(at)])
}

fn preparation(at: Timestamp) -> NewStep {
    NewStep {
        number: PREPARATION.0,
        name: PREPARATION.1.into(),
        started_at: Some(at),
        locks_acquired_at: Some(at),
    }
}

impl Engine {
    /// The request is ours and its build has a row.
    pub(crate) fn claim_won(&mut self, request: BuildRequestId, answers: &[Answer]) {
        let [
            _,
            Answer::Build {
                build: id, number, ..
            },
        ] = *answers
        else {
            unreachable!("a build is answered by its id");
        };
        let Some(State::Claiming(claim)) = self.requests.set(request, State::Building(id)) else {
            unreachable!("nothing but its answer ends a claim");
        };
        let Some(known) = self.requests.get(request) else {
            unreachable!("a request that is being claimed is known");
        };
        let (worker, generation) = (claim.worker, claim.generation);
        let builder = claim.builder.clone();
        let cancel = known.cancel.clone();
        let build = Build {
            id,
            number,
            request,
            buildset: known.row.buildset,
            claim,
            phase: Phase::Substantiating,
            stop: None,
            is_lost: false,
            results: Results::Success,
            is_halted: false,
            is_preparing: false,
            steps: StepList::new(builder.clone()),
            steps_started: 0,
            summaries: Vec::new(),
            waited_for_locks: Duration::ZERO,
            writes: Vec::new(),
            facts: Vec::new(),
            sent: None,
            waiting: None,
        };
        self.builds.all.insert(id, build);
        self.announce(Fact::RequestClaimed { request });
        self.effects.push_back(Effect::BeginBuild {
            build: id,
            number,
            request,
            builder: builder.clone(),
            generation,
            worker,
        });
        let do_build_if = builder.do_build_if.clone();
        if do_build_if.is_none() {
            self.build_started(id, true);
        }
        if let Some(reason) = cancel {
            self.stop_build(id, reason, Results::Cancelled);
        } else if self.shutdown == Some(crate::Shutdown::Quick) {
            self.stop_for_shutdown(id);
        } else if let Some(callable) = do_build_if {
            let question = Question::DoBuildIf { build: id };
            let call = self.ask(Asker::Build(id), generation, &callable, question);
            if let Some(build) = self.builds.get_mut(id) {
                build.phase = Phase::AskingDoBuildIf(call);
            }
        } else {
            self.prepare(id);
        }
    }

    /// A build begins, with its first step.
    fn build_started(&mut self, id: BuildId, is_stored: bool) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        build.begin_preparation();
        let facts = [
            Fact::BuildStarted {
                build: id,
                number: build.number,
                request: build.request,
                worker: build.claim.worker,
            },
            Fact::StepStarted {
                build: id,
                step: PREPARATION.0,
            },
        ];
        if is_stored {
            facts.into_iter().for_each(|fact| self.announce(fact));
        } else {
            let step = preparation(self.now);
            build.writes.push(Write::AddStep { build: id, step });
            build.set_state(build_state::PREPARING);
            build.facts.extend(facts);
            self.commit_build(id, Then::Shown(id));
        }
    }

    /// Differs: a `do_build_if` that raises ends the build with an exception, because the reference leaves its request
    /// claimed for ever.
    pub(crate) fn do_build_if_answered(&mut self, id: BuildId, reply: &Reply) {
        match reply {
            Reply::Flag(true) => {
                self.build_started(id, false);
                self.prepare(id);
            }
            Reply::Failed => {
                let state = LastState::Words("Build.setupBuild failed");
                self.finish(id, None, Results::Exception, state);
            }
            _ => self.finish(id, None, Results::Skipped, LastState::Composed),
        }
    }

    /// Sees to it that the worker is there and knows of the build.
    fn prepare(&mut self, id: BuildId) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let worker = build.claim.worker;
        let config = self.config.workers.get(&worker);
        let is_latent = config.is_some_and(|config| config.latent.is_some());
        let state = self.workers.entry(worker);
        match state.session {
            Some(session) if state.instance != Instance::Stopping => {
                build.phase = Phase::Preparing(session);
                self.effects.push_back(Effect::PrepareWorker {
                    build: id,
                    worker,
                    session,
                });
            }
            Some(_) | None if is_latent => {
                build.phase = Phase::Substantiating;
                self.substantiate(worker);
            }
            Some(_) | None => {
                let why = ("worker_prepare", "worker not available");
                self.fail_preparation(id, why, Results::Retry);
            }
        }
    }

    /// The preparation of a worker has failed: it gets no builds for a while.
    fn fail_preparation(
        &mut self,
        id: BuildId,
        (stage, words): (&str, &'static str),
        results: Results,
    ) {
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let worker = build.claim.worker;
        let state = format!("error while {stage}");
        build.end_preparation(Results::Exception, Some(state), now);
        self.quarantine(worker);
        self.finish(id, None, results, LastState::Words(words));
    }

    /// The machine of a worker has come up.
    pub(crate) fn substantiated(&mut self, worker: WorkerId) {
        if self.workers.session(worker).is_none() {
            return;
        }
        let builds: Vec<BuildId> = self.builds.all_substantiating(worker).collect();
        for id in builds {
            if let Some(build) = self.builds.get_mut(id) {
                build.set_state(build_state::PINGING);
                self.commit_build(id, Then::Shown(id));
            }
            self.prepare(id);
        }
    }

    /// It did not, and whoever waits for it does not get it.
    pub(crate) fn fail_substantiation(&mut self, worker: WorkerId, outcome: InstanceStart) {
        let builds: Vec<BuildId> = self.builds.all_substantiating(worker).collect();
        for build in builds {
            let (words, results) = match outcome {
                InstanceStart::CannotRunBuild => ("worker cannot substantiate", Results::Exception),
                InstanceStart::Started | InstanceStart::Failed => {
                    ("worker not available", Results::Retry)
                }
            };
            self.fail_preparation(build, ("worker_prepare", words), results);
        }
    }

    pub(crate) fn worker_prepared(&mut self, id: BuildId, outcome: Prepared, writes: Vec<Write>) {
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::Preparing(session) = build.phase else {
            return;
        };
        let worker = build.claim.worker;
        build.writes.extend(writes);
        match outcome {
            Prepared::Ready => {
                let state = format!("worker {} ready", build.claim.worker_name);
                build.end_preparation(Results::Success, Some(state), now);
                if build.claim.locks.is_empty() {
                    build.set_state(build_state::BUILDING);
                    self.next_step(id, session, None);
                    return;
                }
                build.begin_locks(now);
                build.phase = Phase::AcquiringLocks {
                    session,
                    since: now,
                };
                if !self.acquire_build_locks(id)
                    && let Some(build) = self.builds.get_mut(id)
                {
                    build.set_state(build_state::ACQUIRING_LOCKS);
                    self.commit_build(id, Then::Shown(id));
                }
            }
            Prepared::SetupFailed => {
                let state = "error while setupBuild".to_owned();
                build.end_preparation(Results::Exception, Some(state), now);
                let state = LastState::Words("Build.setupBuild failed");
                self.finish(id, None, Results::Exception, state);
            }
            Prepared::NotPinged => {
                self.effects
                    .push_back(Effect::Disconnect { worker, session });
                let why = ("worker_ping", "worker not pinged");
                self.fail_preparation(id, why, Results::Retry);
            }
            Prepared::Refused => {
                let why = ("start_build", "worker not building");
                self.fail_preparation(id, why, Results::Retry);
            }
        }
    }

    /// Takes the builder's locks, or waits for them. Returns whether it has them.
    pub(crate) fn acquire_build_locks(&mut self, id: BuildId) -> bool {
        let now = self.now;
        let Some(build) = self.builds.all.get_mut(&id) else {
            return false;
        };
        let Phase::AcquiringLocks { session, since } = build.phase else {
            return false;
        };
        let (owner, claim) = (Owner::Build(id), &build.claim);
        let acquired = self.locks.acquire(owner, &claim.locks, claim.generation);
        if acquired.is_err() {
            return false;
        }
        build.end_locks(since, now);
        build.set_state(build_state::BUILDING);
        self.next_step(id, session, None);
        true
    }

    /// The builder's locks are not waited for any more.
    fn give_up_build_locks(&mut self, id: BuildId) {
        let now = self.now;
        if let Some(build) = self.builds.all.get_mut(&id)
            && let Phase::AcquiringLocks { since, .. } = build.phase
        {
            build.end_locks(since, now);
            self.locks.give_up(Owner::Build(id), &build.claim.locks);
        }
    }

    /// Somebody wants a build to end. A second wish interrupts what runs now.
    pub(crate) fn stop_build(&mut self, id: BuildId, reason: Arc<str>, results: Results) {
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let before = build.stop.as_ref().map_or(results, |stop| stop.results);
        build.stop = Some(Stop {
            reason: reason.clone(),
            results: results.worst(before),
        });
        match &mut build.phase {
            Phase::AskingDoBuildIf(call) => {
                let call = *call;
                self.forget_question(call);
                self.finish(id, None, results, LastState::Composed);
            }
            Phase::Substantiating | Phase::Preparing(_) => {
                build.end_preparation(results, None, now);
                self.finish(id, None, results, LastState::Words("worker cancelled"));
            }
            Phase::AcquiringLocks { .. } => {
                self.give_up_build_locks(id);
                self.finish(id, None, results, LastState::Composed);
            }
            Phase::PreparingStep { .. }
            | Phase::AcquiringStepLocks { .. }
            | Phase::RunningStep { .. }
            | Phase::EndingStep { .. } => self.break_step_off(id, Interrupt::Stopped(reason)),
            // Looked at when the name is there, or the rows are stored.
            Phase::NamingStep { .. } | Phase::StoringStep { .. } | Phase::Finishing(_) => {}
        }
    }

    /// What somebody waits for would not be asked for again.
    pub(crate) fn stop_for_shutdown(&mut self, id: BuildId) {
        let Some(build) = self.builds.all.get(&id) else {
            return;
        };
        let request = self.requests.get(build.request);
        let is_waited_for = request.is_some_and(|request| request.row.waited_for);
        let results = if is_waited_for {
            Results::Cancelled
        } else {
            Results::Retry
        };
        self.stop_build(id, "Master Shutdown".into(), results);
    }

    /// The connection of its worker has ended.
    pub(crate) fn lose(&mut self, id: BuildId) {
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        build.is_lost |= !matches!(build.phase, Phase::Finishing(_));
        match &build.phase {
            Phase::Preparing(_) => {
                let state = "error while worker_ping".to_owned();
                build.end_preparation(Results::Exception, Some(state), now);
                self.finish(id, None, Results::Retry, LastState::Composed);
            }
            Phase::AcquiringLocks { .. } => {
                self.give_up_build_locks(id);
                self.finish(id, None, Results::Retry, LastState::Composed);
            }
            Phase::NamingStep { .. } => {
                let results = build.results.worst(Results::Retry);
                self.finish(id, None, results, LastState::Composed);
            }
            Phase::PreparingStep { .. }
            | Phase::AcquiringStepLocks { .. }
            | Phase::RunningStep { .. }
            | Phase::EndingStep { .. } => self.break_step_off(id, Interrupt::Lost),
            // Looked at when the rows are stored.
            Phase::StoringStep { .. } => {}
            Phase::AskingDoBuildIf(_) | Phase::Substantiating | Phase::Finishing(_) => {}
        }
    }

    /// Makes the end durable, with that of the last step.
    pub(crate) fn finish(
        &mut self,
        id: BuildId,
        ended: Option<EndedStep>,
        results: Results,
        state: LastState,
    ) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        // An interrupted step may end in any way; what counts is what was wanted.
        let results = build.stop.as_ref().map_or(results, |stop| stop.results);
        let (worker, request, buildset) = (build.claim.worker, build.request, build.buildset);
        let at = self.now;
        build.end_preparation(results, None, at);
        let end = End {
            results,
            stop_reason: build.stop.as_ref().map(|stop| &*stop.reason),
            is_lost: build.is_lost,
            summaries: &build.summaries,
        };
        let state = end.state(state);
        build.writes.push(Write::FinishBuild {
            build: id,
            results,
            state: state.clone(),
            waited_for_locks: build.waited_for_locks,
            at,
        });
        if results == Results::Retry {
            build.writes.push(Write::Unclaim { request });
        } else {
            build.writes.push(Write::CompleteRequest {
                request,
                results,
                at,
            });
            build.writes.push(Write::CompleteBuildset { buildset, at });
        }
        build.phase = Phase::Finishing(Finishing {
            ended,
            results,
            state,
        });
        match results {
            Results::Exception => self.quarantine(worker),
            Results::Retry => {}
            Results::Success
            | Results::Warnings
            | Results::Failure
            | Results::Skipped
            | Results::Cancelled => self.workers.entry(worker).forgive(),
        }
        self.commit_build(id, Then::Finished(id));
    }

    /// Sends what a build has to say, or lets it wait for what it has said before.
    pub(crate) fn commit_build(&mut self, id: BuildId, then: Then) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        if build.sent.is_some() {
            // What follows a build's next phase counts; that something is shown is no phase.
            if !matches!(then, Then::Shown(_)) || build.waiting.is_none() {
                build.waiting = Some(then);
            }
            return;
        }
        build.sent = Some(std::mem::take(&mut build.facts));
        let writes = std::mem::take(&mut build.writes);
        self.commit(writes, then);
    }

    /// What a build has said is durable.
    pub(crate) fn build_committed(&mut self, id: BuildId, then: Then, answers: &[Answer]) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        let (facts, waiting) = (build.sent.take(), build.waiting.take());
        for fact in facts.into_iter().flatten() {
            self.announce(fact);
        }
        match then {
            Then::Stepped(_) => self.step_stored(id),
            Then::Finished(_) => self.build_finished(id, answers),
            _ => {}
        }
        if let Some(then) = waiting {
            self.commit_build(id, then);
        }
    }

    /// The end is durable: everything that the build held is free.
    fn build_finished(&mut self, id: BuildId, answers: &[Answer]) {
        let Some(build) = self.builds.all.remove(&id) else {
            return;
        };
        let Phase::Finishing(finishing) = build.phase else {
            unreachable!("only a build that is finishing has this commit");
        };
        if let Some(ended) = finishing.ended {
            self.release_step_locks(id, &ended);
        }
        self.locks.release(Owner::Build(id), &build.claim.locks);
        self.free_worker(&build.claim, build.request);
        self.announce(Fact::BuildFinished {
            build: id,
            results: finishing.results,
            state: finishing.state,
            stop_reason: build.stop.map(|stop| stop.reason),
        });
        let request = build.request;
        if finishing.results == Results::Retry {
            self.announce(Fact::RequestUnclaimed { request });
            self.offer(request);
        } else {
            self.request_completed(request, finishing.results, answers);
        }
    }
}
