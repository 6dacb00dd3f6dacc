//! What the world does for each effect of the engine, and where that goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use buildbot_engine::event::{
    CommitId, CommitOutcome, InstanceStart, Prepared, SessionId, StepPrepared,
};
use buildbot_engine::{Effect, Event, Interrupt, NotRun, StepEnd, StepPlace};
use buildbot_model::{Answer, BuildId, Results, StepNumber, Transaction, WorkerId, Write};

use super::{Happening, Simulation};
use crate::database::Claimant;
use crate::faults::Fault;
use crate::generator::added_steps;
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
            Effect::BeginBuild { build, builder, .. } => {
                let build = build.id;
                let seen = self.observed.builds.get(&build);
                if seen.is_none_or(|seen| seen.builder.name != builder.name) {
                    return Err(format!("build {build} begins and is not durable"));
                }
            }
            Effect::NameStep { build, step, index } => self.name_step(build, step, index)?,
            Effect::PrepareStep {
                build,
                step,
                index,
                session,
            } => self.prepare_step(build, step, index, session)?,
            Effect::StartCommand {
                build,
                step,
                index,
                session,
            } => self.start_command(build, step, index, session)?,
            Effect::EndStep {
                build,
                step,
                index,
                why,
            } => {
                self.observed.step_chosen(build, step, index)?;
                if let Some(seen) = self.observed.builds.get_mut(&build) {
                    seen.waits_for = None;
                }
                self.report.faults.count(match why {
                    NotRun::LockOfBuild(_) => Fault::LockOfBuild,
                    NotRun::Stopped { .. } | NotRun::Lost => Fault::StepNotRun,
                });
                self.commands.insert((build, step));
                self.break_off(build, step, why.results(), why == NotRun::Lost);
            }
            Effect::InterruptCommand { build, step, why } => {
                let results = match self.chance.below(3) {
                    _ if why == Interrupt::Lost => Results::Retry,
                    0 => Results::Failure.of_interrupted(),
                    _ => Results::Cancelled,
                };
                self.break_off(build, step, results, why == Interrupt::Lost);
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
                    Answer::Build(build) => Some(build.id),
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
                2 if self.chance.percent(30) => Prepared::SetupFailed,
                _ => Prepared::Ready,
            }
        };
        match outcome {
            Prepared::Ready => {}
            Prepared::NotPinged => self.report.faults.count(Fault::PingFails),
            Prepared::Refused => self.report.faults.count(Fault::StartRefused),
            Prepared::SetupFailed => self.report.faults.count(Fault::SetupFails),
        }
        let writes = vec![Write::SetBuildProperties {
            build,
            properties: BTreeMap::new(),
        }];
        let event = Event::WorkerPrepared {
            build,
            outcome,
            writes,
        };
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
        self.observed.step_chosen(build, step, index)?;
        self.observed.command_starting(build, step)?;
        let seen = &self.observed.builds[&build];
        if seen.session != Some(session) {
            return Err(format!("build {build} runs on another connection"));
        }
        self.commands.insert((build, step));
        let results = match self.chance.below(20) {
            0 => Results::Failure,
            1 => Results::Warnings,
            2 if !self.is_calm && self.chance.percent(40) => {
                self.report.faults.count(Fault::StepException);
                Results::Exception
            }
            _ => Results::Success,
        };
        let end = StepEnd {
            summary: Some("summary".into()),
            build_summary: self.chance.percent(20).then(|| "words".into()),
            ..StepEnd::new(results)
        };
        let event = Event::CommandFinished { build, step, end };
        if self.chance.percent(2) {
            self.report.faults.count(Fault::DuplicateCompletion);
            self.soon(2_000, Happening::TellAgain(event.clone()));
        }
        if self.chance.percent(5) {
            let steps = added_steps(&mut self.chance);
            let place = match self.chance.percent(50) {
                true => StepPlace::AfterCurrent,
                false => StepPlace::Last,
            };
            let added = Event::StepsAdded {
                build,
                place,
                steps,
            };
            self.soon(300, Happening::Tell(added));
        }
        self.soon(1_000, Happening::Tell(event));
        Ok(())
    }

    /// A step ends before its time. The shell may fail to say so if its worker is lost.
    fn break_off(&mut self, build: BuildId, step: StepNumber, results: Results, is_lost: bool) {
        if is_lost && !self.is_calm && self.chance.percent(5) {
            self.report.faults.count(Fault::LostStepSilent);
            self.commands.remove(&(build, step));
            return;
        }
        let end = StepEnd::new(results);
        let event = Event::CommandFinished { build, step, end };
        self.soon(50, Happening::Tell(event));
    }

    fn name_step(&mut self, build: BuildId, step: StepNumber, index: usize) -> Result<(), Broken> {
        self.observed.step_chosen(build, step, index)?;
        let named = self.observed.step(build, index).cloned();
        if let Some(seen) = self.observed.builds.get_mut(&build) {
            seen.is_naming = true;
            seen.named = named;
        }
        let fails = !self.is_calm && self.chance.percent(2);
        if fails {
            self.report.faults.count(Fault::NamingFails);
        }
        let name = (!fails).then(|| "named".into());
        self.soon(20, Happening::Tell(Event::StepNamed { build, step, name }));
        Ok(())
    }

    fn prepare_step(
        &mut self,
        build: BuildId,
        step: StepNumber,
        index: usize,
        session: SessionId,
    ) -> Result<(), Broken> {
        let rows = self.database.builds.get(&build);
        if rows.is_none_or(|rows| !rows.steps.contains_key(&step)) {
            return Err(format!(
                "step {step} of build {build} is prepared and is not durable"
            ));
        }
        self.observed.step_chosen(build, step, index)?;
        let Some(known) = self.observed.step(build, index).cloned() else {
            return Err(format!("build {build} has no step {index}"));
        };
        if let Some(seen) = self.observed.builds.get_mut(&build) {
            if seen.session != Some(session) {
                return Err(format!("build {build} prepares on another connection"));
            }
            seen.is_step_asked = true;
        }
        let mut locks = known.locks.to_vec();
        let outcome = match self.chance.below(20) {
            0 => {
                self.report.faults.count(Fault::StepSkipped);
                StepPrepared::Ended(StepEnd::new(Results::Skipped))
            }
            1 if !self.is_calm && self.chance.percent(50) => {
                self.report.faults.count(Fault::StepPreparationFails);
                StepPrepared::Ended(StepEnd::new(Results::Exception))
            }
            2..8 if !self.is_calm => {
                let builders = self.observed.config.builders.values();
                let mut others = builders.flat_map(|builder| builder.steps.iter());
                let other = others.find_map(|step| step.locks.first().cloned());
                if let Some(other) = other {
                    self.report.faults.count(Fault::StepLocksRendered);
                    locks = vec![other];
                }
                StepPrepared::Run {
                    flags: known.flags,
                    locks,
                }
            }
            _ => StepPrepared::Run {
                flags: known.flags,
                locks,
            },
        };
        let event = Event::StepPrepared {
            build,
            step,
            outcome,
        };
        if !self.is_calm && self.chance.percent(3) {
            self.report.faults.count(Fault::StepPreparationSlow);
            self.later(Duration::from_secs(15), Happening::Tell(event));
        } else {
            self.soon(20, Happening::Tell(event));
        }
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
