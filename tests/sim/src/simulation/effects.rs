//! What the world does for each effect of the engine, and where that goes wrong.

use std::time::Duration;

use buildbot_engine::event::{CommitId, CommitOutcome, InstanceStart, Prepared, SessionId};
use buildbot_engine::{Effect, Event};
use buildbot_model::{Answer, BuildId, Results, StepNumber, Transaction, WorkerId, Write};

use super::{Happening, Simulation};
use crate::database::Claimant;
use crate::faults::Fault;
use crate::observed::Broken;
use crate::planted::Planted;

impl Simulation {
    pub(super) fn do_effect(&mut self, effect: Effect) -> Result<(), Broken> {
        match effect {
            Effect::Commit {
                commit,
                transaction,
            } => self.commit(commit, transaction)?,
            Effect::Ask {
                call,
                generation,
                callable,
                question,
            } => self.asked(call, generation, &callable, &question)?,
            Effect::Forget { call } => {
                self.forgotten.insert(call);
            }
            Effect::PrepareWorker {
                build,
                worker,
                session,
            } => self.prepare(build, worker, session)?,
            Effect::StartCommand {
                build,
                step,
                index,
                session,
            } => self.start_command(build, step, index, session)?,
            Effect::InterruptCommand { build, step, .. } => {
                let results = match self.chance.below(3) {
                    0 => Results::Failure,
                    _ => Results::Cancelled,
                };
                let event = Event::CommandFinished {
                    build,
                    step,
                    results,
                };
                self.soon(50, Happening::Tell(event));
            }
            Effect::Disconnect { worker, session } => {
                let event = Event::WorkerDetached { worker, session };
                if let Some((attaching, before, is_graceful)) = self.attaching
                    && attaching == session
                {
                    let seen = self.observed.workers.entry(worker).or_default();
                    seen.session = before;
                    seen.is_graceful = is_graceful;
                    self.soon(5, Happening::TellAgain(event));
                } else {
                    self.soon(5, Happening::Tell(event));
                }
                self.come_back(worker);
            }
            Effect::ShutdownWorker { worker, session } => {
                let event = Event::WorkerDetached { worker, session };
                self.soon(20, Happening::Tell(event));
                self.come_back(worker);
            }
            Effect::StartInstance { worker, build } => self.start_instance(worker, build)?,
            Effect::StopInstance { worker } => {
                let seen = self.observed.workers.entry(worker).or_default();
                seen.has_machine = true;
                self.soon(500, Happening::Tell(Event::InstanceStopped { worker }));
            }
            Effect::Announce(fact) => self.announced(&fact)?,
            Effect::ReleaseGeneration(generation) => {
                let mut builds = self.observed.builds.values();
                if builds.any(|build| build.generation == generation) {
                    return Err(format!("{generation:?} is released while a build uses it"));
                }
                self.observed.released.insert(generation);
            }
        }
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        commit: CommitId,
        transaction: Transaction,
    ) -> Result<(), Broken> {
        self.observed.committing(commit, &transaction)?;
        let mut transaction = transaction;
        if let Some(bug) = self.planted {
            bug.alter(&mut transaction, &self.database);
            for fact in bug.early_facts(&transaction) {
                self.announced(&fact)?;
            }
        }
        let mut delay = self.chance.millis(5);
        if !self.is_calm && self.chance.percent(3) {
            self.report.faults.count(Fault::SlowCommit);
            delay *= 500;
        }
        self.later(delay, Happening::Decide(commit, transaction));
        Ok(())
    }

    pub(super) fn decide(
        &mut self,
        commit: CommitId,
        transaction: Transaction,
    ) -> Result<(), Broken> {
        self.observed.check_ends(&transaction)?;
        if self.planted == Some(Planted::DoubleClaim) {
            for write in &transaction.writes {
                if let Write::Claim { request, .. } = write
                    && let Some(stored) = self.database.requests.get_mut(request)
                {
                    stored.claim = None;
                }
            }
        }
        let outcome = if !self.is_calm && self.chance.percent(3) {
            self.report.faults.count(Fault::CommitUnavailable);
            CommitOutcome::Unavailable
        } else {
            self.database.apply(&transaction)
        };
        if let CommitOutcome::Committed(_) = outcome {
            for write in &transaction.writes {
                if let Write::Claim { request, .. } = write
                    && self.others.contains(request)
                {
                    return Err(format!("request {request} has two owners"));
                }
            }
        }
        self.soon(3, Happening::Decided(commit, transaction, outcome));
        Ok(())
    }

    pub(super) fn decided(
        &mut self,
        commit: CommitId,
        transaction: &Transaction,
        outcome: CommitOutcome,
    ) -> Result<(), Broken> {
        let mut outcome = outcome;
        match &outcome {
            CommitOutcome::Committed(answers) => {
                let build = answers.iter().find_map(|answer| match answer {
                    Answer::Build { build, .. } => Some(*build),
                    _ => None,
                });
                self.report.builds += u64::from(build.is_some());
                self.observed.committed(commit, transaction, build);
                for answer in answers {
                    if let Answer::Buildset { requests, .. } = answer {
                        requests.iter().for_each(|id| self.observed.stored(*id));
                    }
                }
            }
            CommitOutcome::Conflict(request) => {
                self.report.faults.count(Fault::ClaimRefused);
                self.observed.refused(commit, *request);
            }
            CommitOutcome::Unavailable => {}
        }
        if let Some(bug) = self.planted {
            outcome = bug.alter_outcome(outcome, transaction);
        }
        self.tell(Event::CommitAnswered { commit, outcome })
    }

    pub(super) fn prepare(
        &mut self,
        build: BuildId,
        worker: WorkerId,
        session: SessionId,
    ) -> Result<(), Broken> {
        let seen = self.observed.workers.get(&worker);
        if seen.and_then(|seen| seen.session) != Some(session) {
            return Err(format!(
                "build {build} is prepared on a connection that is gone"
            ));
        }
        let Some(seen) = self.observed.builds.get_mut(&build) else {
            return Err(format!("build {build} is prepared, which is not durable"));
        };
        seen.is_preparing = true;
        seen.session = Some(session);
        let request = seen.request;
        if self.database.requests[&request].claim != Some(Claimant::Us) {
            return Err(format!("request {request} is built and not ours"));
        }
        let mut builds = self.observed.builds.iter();
        if builds.any(|(other, seen)| *other != build && seen.request == request) {
            return Err(format!("request {request} is built twice at a time"));
        }
        let outcome = if self.is_calm {
            Prepared::Ready
        } else {
            match self.chance.below(50) {
                0 => Prepared::NotPinged,
                1 => Prepared::Refused,
                _ => Prepared::Ready,
            }
        };
        match outcome {
            Prepared::Ready => {}
            Prepared::NotPinged => self.report.faults.count(Fault::PingFails),
            Prepared::Refused => self.report.faults.count(Fault::StartRefused),
        }
        let event = Event::WorkerPrepared { build, outcome };
        self.soon(20, Happening::Tell(event));
        Ok(())
    }

    pub(super) fn start_command(
        &mut self,
        build: BuildId,
        step: StepNumber,
        index: usize,
        session: SessionId,
    ) -> Result<(), Broken> {
        let rows = self.database.builds.get(&build);
        if rows.is_none_or(|rows| !rows.steps.contains_key(&step)) {
            return Err(format!(
                "step {step} of build {build} runs and is not durable"
            ));
        }
        self.observed.command_starting(build, step)?;
        let seen = &self.observed.builds[&build];
        if index >= seen.builder.steps.len() {
            return Err(format!("build {build} has no step {index}"));
        }
        if seen.session != Some(session) {
            return Err(format!("build {build} runs on another connection"));
        }
        self.commands.insert((build, step), session);
        let results = match self.chance.below(20) {
            0 => Results::Failure,
            1 => Results::Warnings,
            2 if !self.is_calm && self.chance.percent(40) => {
                self.report.faults.count(Fault::StepException);
                Results::Exception
            }
            _ => Results::Success,
        };
        let event = Event::CommandFinished {
            build,
            step,
            results,
        };
        if self.chance.percent(2) {
            self.report.faults.count(Fault::DuplicateCompletion);
            self.soon(2_000, Happening::TellAgain(event.clone()));
        }
        self.soon(1_000, Happening::Tell(event));
        Ok(())
    }

    pub(super) fn start_instance(
        &mut self,
        worker: WorkerId,
        build: BuildId,
    ) -> Result<(), Broken> {
        if !self.observed.builds.contains_key(&build) {
            return Err(format!(
                "a machine is started for build {build}, which is over"
            ));
        }
        let seen = self.observed.workers.entry(worker).or_default();
        seen.has_machine = true;
        let trouble = if self.is_calm {
            99
        } else {
            self.chance.below(40)
        };
        let outcome = match trouble {
            0 => InstanceStart::Failed,
            1 => InstanceStart::CannotRunBuild,
            _ => InstanceStart::Started,
        };
        match trouble {
            0 => self.report.faults.count(Fault::InstanceFails),
            1 => self.report.faults.count(Fault::InstanceCannot),
            2 => self.report.faults.count(Fault::InstanceSilent),
            3 => {
                self.report.faults.count(Fault::InstanceCrashes);
                let event = Event::InstanceCrashed { worker };
                self.later(Duration::from_secs(2), Happening::Tell(event));
            }
            _ => {
                let delay = self.chance.millis(3_000);
                self.later(delay, Happening::Connect(worker));
            }
        }
        self.soon(
            1_000,
            Happening::Tell(Event::InstanceStarted { worker, outcome }),
        );
        Ok(())
    }
}
