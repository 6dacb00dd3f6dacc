//! A build's life: from the claim to the end that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{
    Answer, BuildId, BuildNumber, BuildRequestId, BuildsetId, Results, Timestamp, WorkerId, Write,
};

use crate::Engine;
use crate::commits::Then;
use crate::distribution::Claim;
use crate::effect::{Effect, Fact, Question};
use crate::event::{CallId, InstanceStart, Prepared, Reply, SessionId};
use crate::latent::Instance;
use crate::questions::Asker;
use crate::reason::Owner;
use crate::requests::State;
use crate::running_step::{EndedStep, RunningStep};

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
    /// The worst of its steps so far.
    pub(crate) results: Results,
    /// A step has failed so that only those follow which always run.
    pub(crate) is_halted: bool,
    /// Of the builder's steps, the next one to look at.
    pub(crate) next_step: usize,
    /// How many steps have a row.
    pub(crate) steps_started: i64,
    pub(crate) waited_for_locks: Duration,
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
    /// The rows of the step that ended, if any, and of the next one.
    StoringStep {
        session: SessionId,
        ended: Option<EndedStep>,
        next: RunningStep,
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
    /// Its end is on the way to the database. Its locks are free when that is durable.
    Finishing(Finishing),
}

/// What is announced when the end of a build is durable.
#[derive(Debug)]
pub(crate) struct Finishing {
    ended: Option<EndedStep>,
    results: Results,
    text: &'static str,
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
            | Self::StoringStep { session, .. }
            | Self::AcquiringStepLocks { session, .. }
            | Self::RunningStep { session, .. } => Some(*session),
            Self::AskingDoBuildIf(_) | Self::Substantiating | Self::Finishing(_) => None,
        }
    }
}

impl Engine {
    /// The request is ours and its build has a row.
    pub(crate) fn claim_won(&mut self, request: BuildRequestId, answers: &[Answer]) {
        let [_, Answer::Build { build: id, number }] = *answers else {
            unreachable!("a build is answered by its id");
        };
        let Some(State::Claiming(claim)) = self.requests.set(request, State::Building(id)) else {
            unreachable!("nothing but its answer ends a claim");
        };
        let Some(known) = self.requests.get(request) else {
            unreachable!("a request that is being claimed is known");
        };
        let (worker, generation) = (claim.worker, claim.generation);
        let do_build_if = claim.builder.do_build_if.clone();
        let cancel = known.cancel.clone();
        let build = Build {
            id,
            number,
            request,
            buildset: known.row.buildset,
            claim,
            phase: Phase::Substantiating,
            stop: None,
            results: Results::Success,
            is_halted: false,
            next_step: 0,
            steps_started: 0,
            waited_for_locks: Duration::ZERO,
        };
        let number = build.number;
        self.builds.all.insert(id, build);
        self.announce(Fact::RequestClaimed { request });
        self.announce(Fact::BuildStarted {
            build: id,
            number,
            request,
            worker,
        });
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

    pub(crate) fn do_build_if_answered(&mut self, id: BuildId, reply: &Reply) {
        match reply {
            Reply::Flag(true) => self.prepare(id),
            Reply::Failed => self.finish(id, None, Results::Exception, "Build.setupBuild failed"),
            _ => self.finish(id, None, Results::Skipped, "build successful"),
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
                self.quarantine(worker);
                self.finish(id, None, Results::Retry, "worker not available");
            }
        }
    }

    /// The machine of a worker has come up.
    pub(crate) fn substantiated(&mut self, worker: WorkerId) {
        if self.workers.session(worker).is_none() {
            return;
        }
        let builds: Vec<BuildId> = self.builds.all_substantiating(worker).collect();
        for build in builds {
            self.prepare(build);
        }
    }

    /// It did not, and whoever waits for it does not get it.
    pub(crate) fn fail_substantiation(&mut self, worker: WorkerId, outcome: InstanceStart) {
        let builds: Vec<BuildId> = self.builds.all_substantiating(worker).collect();
        for build in builds {
            self.quarantine(worker);
            match outcome {
                InstanceStart::CannotRunBuild => {
                    self.finish(
                        build,
                        None,
                        Results::Exception,
                        "worker cannot substantiate",
                    );
                }
                InstanceStart::Started | InstanceStart::Failed => {
                    self.finish(build, None, Results::Retry, "worker not available");
                }
            }
        }
    }

    pub(crate) fn worker_prepared(&mut self, id: BuildId, outcome: Prepared) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::Preparing(session) = build.phase else {
            return;
        };
        let worker = build.claim.worker;
        match outcome {
            Prepared::Ready => {
                build.phase = Phase::AcquiringLocks {
                    session,
                    since: self.now,
                };
                self.acquire_build_locks(id);
            }
            Prepared::NotPinged => {
                self.effects
                    .push_back(Effect::Disconnect { worker, session });
                self.quarantine(worker);
                self.finish(id, None, Results::Retry, "worker not pinged");
            }
            Prepared::Refused => {
                self.quarantine(worker);
                self.finish(id, None, Results::Retry, "worker not building");
            }
        }
    }

    /// Takes the builder's locks, or waits for them.
    pub(crate) fn acquire_build_locks(&mut self, id: BuildId) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        let Phase::AcquiringLocks { session, since } = build.phase else {
            return;
        };
        let (owner, claim) = (Owner::Build(id), &build.claim);
        if self
            .locks
            .acquire(owner, &claim.locks, claim.generation)
            .is_ok()
        {
            build.waited_for_locks += self.now.since(since);
            self.next_step(id, session, None);
        }
    }

    /// Somebody wants a build to end. A second wish interrupts what runs now.
    pub(crate) fn stop_build(&mut self, id: BuildId, reason: Arc<str>, results: Results) {
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
                self.finish(id, None, results, "cancelled");
            }
            Phase::Substantiating | Phase::Preparing(_) => {
                self.finish(id, None, results, "worker cancelled");
            }
            Phase::AcquiringLocks { .. } => {
                let wanted = build.claim.locks.clone();
                self.locks.give_up(Owner::Build(id), &wanted);
                self.finish(id, None, results, "cancelled");
            }
            Phase::AcquiringStepLocks { .. } => self.give_step_up(id, Results::Cancelled),
            Phase::RunningStep { step, .. } => {
                step.is_interrupted = true;
                let step = step.number;
                self.effects.push_back(Effect::InterruptCommand {
                    build: id,
                    step,
                    reason,
                });
            }
            // Looked at when the rows are stored.
            Phase::StoringStep { .. } | Phase::Finishing(_) => {}
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
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        match &build.phase {
            Phase::Preparing(_) => self.finish(id, None, Results::Retry, "lost connection"),
            Phase::AcquiringLocks { .. } => {
                let wanted = build.claim.locks.clone();
                self.locks.give_up(Owner::Build(id), &wanted);
                self.finish(id, None, Results::Retry, "lost connection");
            }
            Phase::AcquiringStepLocks { .. } | Phase::RunningStep { .. } => {
                self.give_step_up(id, Results::Retry);
            }
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
        text: &'static str,
    ) {
        let Some(build) = self.builds.all.get_mut(&id) else {
            return;
        };
        // An interrupted step may end in any way; what counts is what was wanted.
        let results = build.stop.as_ref().map_or(results, |stop| stop.results);
        let (worker, request, buildset) = (build.claim.worker, build.request, build.buildset);
        let at = self.now;
        let mut writes: Vec<Write> = ended.iter().map(|ended| ended.write(id, at)).collect();
        writes.push(Write::FinishBuild {
            build: id,
            results,
            waited_for_locks: build.waited_for_locks,
            at,
        });
        if results == Results::Retry {
            writes.push(Write::Unclaim { request });
        } else {
            writes.push(Write::CompleteRequest {
                request,
                results,
                at,
            });
            writes.push(Write::CompleteBuildset { buildset, at });
        }
        build.phase = Phase::Finishing(Finishing {
            ended,
            results,
            text,
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
        self.commit(writes, Then::Finished(id));
    }

    /// The end is durable: everything that the build held is free.
    pub(crate) fn build_finished(&mut self, id: BuildId, answers: &[Answer]) {
        let Some(build) = self.builds.all.remove(&id) else {
            return;
        };
        let Phase::Finishing(finishing) = build.phase else {
            unreachable!("only a build that is finishing has this commit");
        };
        if let Some(ended) = finishing.ended {
            self.step_ended(id, ended);
        }
        self.locks.release(Owner::Build(id), &build.claim.locks);
        self.free_worker(&build.claim, build.request);
        self.announce(Fact::BuildFinished {
            build: id,
            results: finishing.results,
            text: finishing.text,
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
