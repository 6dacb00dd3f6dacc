//! A build's life: from the claim to the end that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{
    Answer, BuildId, BuildNumber, BuildRequestId, BuildsetId, Results, Timestamp, WorkerId, Write,
};

use crate::Engine;
use crate::build_state::{End, LastState};
use crate::commits::Then;
use crate::distribution::Claim;
use crate::effect::{Effect, Fact, Interrupt, Question};
use crate::event::{CallId, SessionId};
use crate::questions::Asker;
use crate::reason::Owner;
use crate::requests::State;
use crate::running_step::{EndedStep, NextStep, RunningStep};
use crate::step_list::StepList;

/// How many builds can be stopped before we have heard of them.
const EARLY_STOPS_MAX: usize = 1024;

/// A build that is not finished.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) id: BuildId,
    pub(crate) number: BuildNumber,
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
    pub(crate) is_preparing: bool,
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
#[derive(Debug)]
pub(crate) struct Builds {
    all: BTreeMap<BuildId, Build>,
    /// The newest build that we have heard of.
    newest: BuildId,
    /// Builds that are to be stopped and have a row that we have not heard of.
    early_stops: BTreeMap<BuildId, Arc<str>>,
}

impl Default for Builds {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            newest: BuildId(0),
            early_stops: BTreeMap::new(),
        }
    }
}

impl Builds {
    /// A build is to be stopped that we have not heard of: it is remembered until a newer one begins.
    fn stop_early(&mut self, id: BuildId, reason: Arc<str>) {
        if id > self.newest && self.early_stops.len() < EARLY_STOPS_MAX {
            self.early_stops.insert(id, reason);
        }
    }

    /// A build has begun. Returns why it is to be stopped, if somebody was faster to say so.
    fn begin(&mut self, build: Build) -> Option<Arc<str>> {
        let id = build.id;
        self.all.insert(id, build);
        self.newest = self.newest.max(id);
        let stop = self.early_stops.remove(&id);
        let newer = self.early_stops.split_off(&self.newest);
        self.early_stops = newer;
        stop
    }

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

    pub(crate) fn all_substantiating(&self, worker: WorkerId) -> impl Iterator<Item = BuildId> {
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
    pub(crate) fn set_state(&mut self, state: &str) {
        self.writes.push(Write::SetBuildState {
            build: self.id,
            state: state.into(),
        });
    }
}

impl Engine {
    /// The request is ours and its build has a row.
    pub(crate) fn claim_won(&mut self, request: BuildRequestId, answers: &[Answer]) {
        let [_, Answer::Build(added)] = answers else {
            unreachable!("a build is answered by its row");
        };
        let (id, number) = (added.id, added.number);
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
        let stop = self.builds.begin(build);
        self.announce(Fact::RequestClaimed { request });
        self.effects.push_back(Effect::BeginBuild {
            build: added.clone(),
            request,
            builder: builder.clone(),
            generation,
            worker,
        });
        let do_build_if = builder.do_build_if.clone();
        if do_build_if.is_none() {
            self.build_started(id, true);
        }
        if let Some(reason) = cancel.or(stop) {
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

    /// Somebody wants a build to end. They may see its row before we hear of it.
    pub(crate) fn stop_requested(&mut self, id: BuildId, reason: Arc<str>) {
        if self.builds.all.contains_key(&id) {
            self.stop_build(id, reason, Results::Cancelled);
        } else {
            self.builds.stop_early(id, reason);
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
