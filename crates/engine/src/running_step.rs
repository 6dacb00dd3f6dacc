//! A step's life, and what its end means to the build.

use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildId, NewStep, Results, StepNumber, StepUpdate, Timestamp, Write};

use crate::Engine;
use crate::build_state::LastState;
use crate::builds::Phase;
use crate::commits::Then;
use crate::config::StepFlags;
use crate::effect::{Effect, Fact, Interrupt, NotRun};
use crate::event::{SessionId, StepEnd, StepPlace, StepPrepared};
use crate::locks::{SemaphoreId, Wanted, wanted};
use crate::reason::Owner;
use crate::timers::Timer;

/// How long a step may take to end after the connection of its worker has. What it says later is not heard.
const LOST_STEP_WAIT: Duration = Duration::from_secs(60);

/// A step that has a row and has not ended.
#[derive(Debug)]
pub(crate) struct RunningStep {
    /// Its place in the list of the build.
    index: usize,
    pub(crate) number: StepNumber,
    flags: StepFlags,
    is_static: bool,
    /// What it holds once it runs.
    locks: Wanted,
    started_at: Timestamp,
    /// Since when it waits for a lock, if one was taken.
    waits_since: Option<Timestamp>,
    locks_acquired_at: Option<Timestamp>,
    is_interrupted: bool,
}

/// A step whose end is on its way to the database. Its locks are free when that is durable.
#[derive(Debug)]
pub(crate) struct EndedStep {
    number: StepNumber,
    locks: Wanted,
    /// Whether what people read about the build changes by it.
    has_summary: bool,
}

/// What follows on the row of a step that has ended.
#[derive(Debug)]
pub(crate) enum NextStep {
    /// One that has a row with the same transaction.
    Stored(RunningStep),
    /// One whose name has to be rendered.
    Unnamed(usize),
}

impl StepFlags {
    /// What a step's result contributes to the build's.
    pub(crate) fn contribution(self, results: Results) -> Results {
        match results {
            Results::Failure if self.flunk_on_failure => Results::Failure,
            Results::Failure if self.warn_on_failure => Results::Warnings,
            Results::Failure => Results::Success,
            Results::Warnings if self.flunk_on_warnings => Results::Failure,
            Results::Warnings if self.warn_on_warnings => Results::Warnings,
            Results::Warnings => Results::Success,
            Results::Success
            | Results::Skipped
            | Results::Exception
            | Results::Retry
            | Results::Cancelled => results,
        }
    }

    /// Whether only steps follow that always run.
    pub(crate) fn halts(self, results: Results) -> bool {
        match results {
            Results::Failure => self.halt_on_failure,
            Results::Exception | Results::Retry | Results::Cancelled => true,
            Results::Success | Results::Warnings | Results::Skipped => false,
        }
    }
}

impl Engine {
    /// Stores the end of a step together with the start of the next one, or with the end of the build.
    pub(crate) fn next_step(&mut self, id: BuildId, session: SessionId, ended: Option<EndedStep>) {
        let is_lost = !self.is_connected(id, session);
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        if is_lost {
            build.is_lost = true;
            let results = build.results.worst(Results::Retry);
            self.finish(id, ended, results, LastState::Composed);
            return;
        }
        let is_ending = build.is_halted || build.stop.is_some();
        let Some(index) = build.steps.take_next(is_ending) else {
            let results = build.results;
            self.finish(id, ended, results, LastState::Composed);
            return;
        };
        match build.steps.get(index).and_then(|step| step.name.clone()) {
            Some(name) => self.store_step(id, session, ended, index, &name),
            None if ended.is_none() => self.name_step(id, session, index),
            None => {
                build.phase = Phase::StoringStep {
                    session,
                    ended,
                    next: NextStep::Unnamed(index),
                };
                self.commit_build(id, Then::Stepped(id));
            }
        }
    }

    fn name_step(&mut self, id: BuildId, session: SessionId, index: usize) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        build.phase = Phase::NamingStep { session, index };
        let step = StepNumber(build.steps_started);
        let has_news = !build.writes.is_empty();
        self.effects.push_back(Effect::NameStep {
            build: id,
            step,
            index,
        });
        if has_news {
            self.commit_build(id, Then::Shown(id));
        }
    }

    pub(crate) fn step_named(&mut self, id: BuildId, number: StepNumber, name: Option<Arc<str>>) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::NamingStep { session, index } = build.phase else {
            return;
        };
        if number != StepNumber(build.steps_started) {
            return;
        }
        let always_runs = build
            .steps
            .get(index)
            .is_some_and(|step| step.flags.always_run);
        match name {
            _ if build.stop.is_some() && !always_runs => self.next_step(id, session, None),
            Some(name) => self.store_step(id, session, None, index, &name),
            None => {
                let results = build.results.worst(Results::Exception);
                self.finish(id, None, results, LastState::Words("build exception"));
            }
        }
    }

    fn store_step(
        &mut self,
        id: BuildId,
        session: SessionId,
        ended: Option<EndedStep>,
        index: usize,
        name: &Arc<str>,
    ) {
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Some(step) = build.steps.get(index) else {
            return;
        };
        let next = RunningStep {
            index,
            number: StepNumber(build.steps_started),
            flags: step.flags,
            is_static: step.is_static,
            locks: wanted(&step.locks, build.claim.worker),
            started_at: now,
            waits_since: None,
            locks_acquired_at: None,
            is_interrupted: false,
        };
        build.steps_started += 1;
        if ended.as_ref().is_some_and(|ended| ended.has_summary) {
            let state = build.summaries.join(" ").into();
            build.writes.push(Write::SetBuildState { build: id, state });
        }
        let has_no_locks = next.is_static && next.locks.is_empty();
        let row = NewStep {
            number: next.number,
            name: build.steps.unique_name(name),
            started_at: Some(now),
            locks_acquired_at: has_no_locks.then_some(now),
        };
        build.writes.push(Write::AddStep {
            build: id,
            step: row,
        });
        build.facts.push(Fact::StepStarted {
            build: id,
            step: next.number,
        });
        build.phase = Phase::StoringStep {
            session,
            ended,
            next: NextStep::Stored(next),
        };
        self.commit_build(id, Then::Stepped(id));
    }

    fn is_connected(&mut self, id: BuildId, session: SessionId) -> bool {
        let worker = self.builds.get_mut(id).map(|build| build.claim.worker);
        worker.and_then(|worker| self.workers.session(worker)) == Some(session)
    }

    /// The rows are durable: what the last step held is free, and the next one may run.
    pub(crate) fn step_stored(&mut self, id: BuildId) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        // Only for the moment between two phases.
        let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
        let Phase::StoringStep {
            session,
            ended,
            next,
        } = phase
        else {
            unreachable!("only a build that stores a step has this commit");
        };
        if let Some(ended) = ended {
            self.release_step_locks(id, &ended);
        }
        let is_lost = !self.is_connected(id, session);
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let step = match next {
            NextStep::Stored(step) => step,
            NextStep::Unnamed(_) if is_lost => {
                build.is_lost = true;
                let results = build.results.worst(Results::Retry);
                self.finish(id, None, results, LastState::Composed);
                return;
            }
            NextStep::Unnamed(index) => return self.name_step(id, session, index),
        };
        let stop = build.stop.as_ref().map(|stop| stop.reason.clone());
        let (number, index) = (step.number, step.index);
        if is_lost {
            self.do_not_run(id, session, step, NotRun::Lost);
        } else if let Some(reason) = stop.filter(|_| !step.flags.always_run) {
            let why = NotRun::Stopped {
                reason,
                waited_for_locks: false,
            };
            self.do_not_run(id, session, step, why);
        } else if step.is_static {
            self.want_step_locks(id, session, step);
        } else {
            build.phase = Phase::PreparingStep { session, step };
            self.effects.push_back(Effect::PrepareStep {
                build: id,
                step: number,
                index,
                session,
            });
        }
    }

    pub(crate) fn step_prepared(&mut self, id: BuildId, number: StepNumber, outcome: StepPrepared) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::PreparingStep { session, step } = &build.phase else {
            return;
        };
        if step.number != number {
            return;
        }
        let session = *session;
        let (flags, locks) = match outcome {
            StepPrepared::Ended(end) => return self.end_step(id, end),
            StepPrepared::Run { flags, locks } => (flags, locks),
        };
        let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
        let Phase::PreparingStep { mut step, .. } = phase else {
            unreachable!("looked at above");
        };
        step.flags = flags;
        step.locks = wanted(&locks, build.claim.worker);
        let stop = build.stop.as_ref().filter(|_| step.is_interrupted);
        let stop = stop.map(|stop| stop.reason.clone());
        if !self.is_connected(id, session) {
            self.do_not_run(id, session, step, NotRun::Lost);
        } else if let Some(reason) = stop {
            let why = NotRun::Stopped {
                reason,
                waited_for_locks: false,
            };
            self.do_not_run(id, session, step, why);
        } else {
            self.want_step_locks(id, session, step);
        }
    }

    /// Differs: a step that wants a lock of its own build ends with an exception as others do, because the reference
    /// leaves it without an end.
    fn want_step_locks(&mut self, id: BuildId, session: SessionId, step: RunningStep) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let is_held = |id: &&SemaphoreId| build.claim.locks.contains_key(*id);
        if let Some(held) = step.locks.keys().find(is_held).cloned() {
            self.do_not_run(id, session, step, NotRun::LockOfBuild(held));
            return;
        }
        build.phase = Phase::AcquiringStepLocks { session, step };
        self.acquire_step_locks(id);
    }

    /// Takes the step's locks and runs it, or waits for them.
    pub(crate) fn acquire_step_locks(&mut self, id: BuildId) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::AcquiringStepLocks { session, step } = &mut build.phase else {
            return;
        };
        let (session, owner) = (*session, Owner::Step(id, step.number));
        let generation = build.claim.generation;
        if self.locks.acquire(owner, &step.locks, generation).is_err() {
            step.waits_since.get_or_insert(self.now);
            return;
        }
        let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
        let Phase::AcquiringStepLocks { mut step, .. } = phase else {
            unreachable!("looked at above");
        };
        let (number, index) = (step.number, step.index);
        match step.waits_since {
            None if step.locks.is_empty() => step.locks_acquired_at = Some(step.started_at),
            None => step.locks_acquired_at = Some(self.now),
            Some(since) => {
                step.locks_acquired_at = Some(self.now);
                build.waited_for_locks += self.now.since(since);
                let update = StepUpdate {
                    locks_acquired_at: step.locks_acquired_at,
                    ..StepUpdate::default()
                };
                build.writes.push(Write::UpdateStep {
                    build: id,
                    step: number,
                    update,
                });
            }
        }
        let has_news = !build.writes.is_empty();
        build.phase = Phase::RunningStep { session, step };
        self.effects.push_back(Effect::StartCommand {
            build: id,
            step: number,
            index,
            session,
        });
        if has_news {
            self.commit_build(id, Then::Shown(id));
        }
    }

    /// A step that has a row ends without running.
    fn do_not_run(&mut self, id: BuildId, session: SessionId, step: RunningStep, why: NotRun) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let (number, index) = (step.number, step.index);
        if why == NotRun::Lost {
            self.timers
                .set(Timer::LostStep(id), self.now + LOST_STEP_WAIT);
        }
        build.phase = Phase::EndingStep { session, step };
        self.effects.push_back(Effect::EndStep {
            build: id,
            step: number,
            index,
            why,
        });
    }

    /// The build is stopped, or its worker is lost, while a step is on its way.
    pub(crate) fn break_step_off(&mut self, id: BuildId, why: Interrupt) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let is_lost = why == Interrupt::Lost;
        match &mut build.phase {
            Phase::PreparingStep { step, .. } | Phase::RunningStep { step, .. } => {
                if is_lost || !step.is_interrupted {
                    step.is_interrupted = true;
                    let step = step.number;
                    self.effects.push_back(Effect::InterruptCommand {
                        build: id,
                        step,
                        why,
                    });
                }
            }
            Phase::AcquiringStepLocks { .. } => {
                let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
                let Phase::AcquiringStepLocks { session, mut step } = phase else {
                    unreachable!("looked at above");
                };
                let wanted = std::mem::take(&mut step.locks);
                self.locks.give_up(Owner::Step(id, step.number), &wanted);
                let why = match why {
                    Interrupt::Lost => NotRun::Lost,
                    Interrupt::Stopped(reason) => NotRun::Stopped {
                        reason,
                        waited_for_locks: true,
                    },
                };
                self.do_not_run(id, session, step, why);
            }
            Phase::EndingStep { .. } => {}
            Phase::AskingDoBuildIf(_)
            | Phase::Substantiating
            | Phase::Preparing(_)
            | Phase::AcquiringLocks { .. }
            | Phase::NamingStep { .. }
            | Phase::StoringStep { .. }
            | Phase::Finishing(_) => return,
        }
        if is_lost {
            self.timers
                .set(Timer::LostStep(id), self.now + LOST_STEP_WAIT);
        }
    }

    /// Nobody has said how a step ended whose worker is gone.
    ///
    /// Differs: a step that has not ended a minute after its worker was lost is ended with retry, because nothing else
    /// would end its build.
    pub(crate) fn lost_step_overdue(&mut self, id: BuildId) {
        let phase = self.builds.get_mut(id).map(|build| &build.phase);
        if let Some(
            Phase::PreparingStep { .. } | Phase::RunningStep { .. } | Phase::EndingStep { .. },
        ) = phase
        {
            self.end_step(id, StepEnd::new(Results::Retry));
        }
    }

    pub(crate) fn command_finished(&mut self, id: BuildId, number: StepNumber, end: StepEnd) {
        let phase = self.builds.get_mut(id).map(|build| &build.phase);
        match phase {
            Some(Phase::RunningStep { step, .. } | Phase::EndingStep { step, .. })
                if step.number == number =>
            {
                self.end_step(id, end);
            }
            _ => {}
        }
    }

    fn end_step(&mut self, id: BuildId, end: StepEnd) {
        self.timers.cancel(Timer::LostStep(id));
        let now = self.now;
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
        let (session, step, holds_locks) = match phase {
            Phase::RunningStep { session, step } => (session, step, true),
            Phase::PreparingStep { session, step } | Phase::EndingStep { session, step } => {
                (session, step, false)
            }
            Phase::AskingDoBuildIf(_)
            | Phase::Substantiating
            | Phase::Preparing(_)
            | Phase::AcquiringLocks { .. }
            | Phase::NamingStep { .. }
            | Phase::StoringStep { .. }
            | Phase::AcquiringStepLocks { .. }
            | Phase::Finishing(_) => unreachable!("only a step that began can end"),
        };
        let StepEnd {
            results,
            hidden,
            summary,
            build_summary,
            writes,
        } = end;
        build.results = build.results.worst(step.flags.contribution(results));
        build.is_halted |= step.flags.halts(results);
        let build_summary = build_summary.filter(|summary| !summary.is_empty());
        let has_summary = build_summary.is_some();
        build.summaries.extend(build_summary);
        let is_known = step.is_static && step.locks.is_empty();
        build.writes.push(Write::FinishStep {
            build: id,
            step: step.number,
            results,
            at: now,
            update: StepUpdate {
                locks_acquired_at: step.locks_acquired_at.filter(|_| !is_known),
                state: summary,
                hidden: hidden.then_some(true),
                ..StepUpdate::default()
            },
        });
        build.writes.extend(writes);
        build.facts.push(Fact::StepFinished {
            build: id,
            step: step.number,
            results,
        });
        let ended = EndedStep {
            number: step.number,
            locks: if holds_locks {
                step.locks
            } else {
                Wanted::new()
            },
            has_summary,
        };
        self.next_step(id, session, Some(ended));
    }

    /// The end of a step is durable.
    pub(crate) fn release_step_locks(&mut self, id: BuildId, ended: &EndedStep) {
        self.locks
            .release(Owner::Step(id, ended.number), &ended.locks);
    }

    pub(crate) fn steps_added(
        &mut self,
        id: BuildId,
        place: StepPlace,
        steps: Vec<crate::config::Step>,
    ) {
        if let Some(build) = self.builds.get_mut(id) {
            build.steps.add(place, steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Results::{Cancelled, Exception, Failure, Retry, Skipped, Success, Warnings};

    #[test]
    fn a_step_contributes_by_its_flags() {
        let check = |change: fn(&mut StepFlags), results, expected, halts| {
            let mut flags = StepFlags::default();
            change(&mut flags);
            assert_eq!(flags.contribution(results), expected, "{flags:?}");
            assert_eq!(flags.halts(results), halts, "{flags:?}");
        };
        check(|_| (), Success, Success, false);
        check(|_| (), Skipped, Skipped, false);
        check(|_| (), Failure, Failure, false);
        check(|_| (), Warnings, Success, false);
        check(|f| f.warn_on_warnings = true, Warnings, Warnings, false);
        check(|f| f.flunk_on_warnings = true, Warnings, Failure, false);
        check(|f| f.halt_on_failure = true, Failure, Failure, true);
        check(|f| f.flunk_on_failure = false, Failure, Success, false);
        let warn = |f: &mut StepFlags| {
            f.flunk_on_failure = false;
            f.warn_on_failure = true;
            f.halt_on_failure = true;
        };
        check(warn, Failure, Warnings, true);
        check(|_| (), Exception, Exception, true);
        check(|_| (), Retry, Retry, true);
        check(|_| (), Cancelled, Cancelled, true);
    }
}
