//! Before the first step of a build: is its worker there, and are its locks free.

use std::sync::Arc;

use buildbot_model::{
    BuildId, NewStep, Results, StepNumber, StepUpdate, Timestamp, WorkerId, Write,
};

use crate::Engine;
use crate::build_state::{self, LastState};
use crate::builds::{Build, Phase};
use crate::commits::Then;
use crate::effect::{Effect, Fact};
use crate::event::{InstanceStart, Prepared, Reply};
use crate::latent::Instance;
use crate::reason::Owner;

/// The first step of every build: whether its worker is there.
const PREPARATION: (StepNumber, &str) = (StepNumber(0), "worker_preparation");
/// The second step of a build with locks.
const LOCKS: (StepNumber, &str) = (StepNumber(1), "locks_acquire");
const HAS_LOCKS: &str = "locks acquired";

impl Build {
    /// Adds the step about its worker.
    pub(crate) fn begin_preparation(&mut self) {
        self.steps.unique_name(&PREPARATION.1.into());
        self.steps_started = 1;
        self.is_preparing = true;
    }

    /// Ends it. What it says stays if there is no `state`.
    pub(crate) fn end_preparation(
        &mut self,
        results: Results,
        state: Option<String>,
        at: Timestamp,
    ) {
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
    pub(crate) fn begin_locks(&mut self, at: Timestamp) {
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
    pub(crate) fn end_locks(&mut self, since: Timestamp, at: Timestamp) {
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
    /// A build begins, with its first step.
    pub(crate) fn build_started(&mut self, id: BuildId, is_stored: bool) {
        let Some(build) = self.builds.get_mut(id) else {
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
    pub(crate) fn prepare(&mut self, id: BuildId) {
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
    pub(crate) fn fail_preparation(
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
        let Some(build) = self.builds.get_mut(id) else {
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
    pub(crate) fn give_up_build_locks(&mut self, id: BuildId) {
        let now = self.now;
        if let Some(build) = self.builds.get_mut(id)
            && let Phase::AcquiringLocks { since, .. } = build.phase
        {
            build.end_locks(since, now);
            self.locks.give_up(Owner::Build(id), &build.claim.locks);
        }
    }
}
