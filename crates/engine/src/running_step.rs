//! A step's life, and what its end means to the build.

use buildbot_model::{BuildId, Results, StepNumber, Timestamp, Write};

use crate::Engine;
use crate::builds::Phase;
use crate::commits::Then;
use crate::config::StepFlags;
use crate::effect::{Effect, Fact};
use crate::event::SessionId;
use crate::locks::{Wanted, wanted};
use crate::reason::Owner;

/// A step that is about to run, or runs.
#[derive(Debug)]
pub(crate) struct RunningStep {
    /// Its place among the steps of the builder.
    index: usize,
    pub(crate) number: StepNumber,
    /// What it holds once it runs.
    locks: Wanted,
    started_at: Timestamp,
    /// Since when it waits for a lock, if one was taken.
    waits_since: Option<Timestamp>,
    locks_acquired_at: Option<Timestamp>,
    pub(crate) is_interrupted: bool,
}

/// A step whose end is on its way to the database. Its locks are free when that is durable.
#[derive(Debug)]
pub(crate) struct EndedStep {
    number: StepNumber,
    results: Results,
    locks: Wanted,
    locks_acquired_at: Option<Timestamp>,
}

impl EndedStep {
    pub(crate) fn write(&self, build: BuildId, at: Timestamp) -> Write {
        Write::FinishStep {
            build,
            step: self.number,
            results: self.results,
            locks_acquired_at: self.locks_acquired_at,
            at,
        }
    }
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
        let is_ending = build.is_halted || build.stop.is_some();
        let steps = build.claim.builder.steps.iter().enumerate();
        let next = steps
            .skip(build.next_step)
            .find(|(_, step)| !is_ending || step.flags.always_run);
        let Some((index, step)) = next.filter(|_| !is_lost) else {
            let (results, text) = if is_lost {
                (build.results.worst(Results::Retry), "lost connection")
            } else {
                (build.results, text_of(build.results))
            };
            self.finish(id, ended, results, text);
            return;
        };
        let number = StepNumber(build.steps_started);
        let name = step.name.to_string();
        let next = RunningStep {
            index,
            number,
            locks: wanted(&step.locks, build.claim.worker),
            started_at: self.now,
            waits_since: None,
            locks_acquired_at: None,
            is_interrupted: false,
        };
        build.next_step = index + 1;
        build.steps_started += 1;
        let at = self.now;
        let mut writes: Vec<Write> = ended.iter().map(|ended| ended.write(id, at)).collect();
        writes.push(Write::StartStep {
            build: id,
            step: number,
            name,
            at,
        });
        build.phase = Phase::StoringStep {
            session,
            ended,
            next,
        };
        self.commit(writes, Then::Stepped(id));
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
        let step = next.number;
        let flags = build.claim.builder.steps[next.index].flags;
        let is_stopped = build.stop.is_some() && !flags.always_run;
        let is_held_by_build = next
            .locks
            .keys()
            .any(|id| build.claim.locks.contains_key(id));
        build.phase = Phase::AcquiringStepLocks {
            session,
            step: next,
        };
        if let Some(ended) = ended {
            self.step_ended(id, ended);
        }
        self.announce(Fact::StepStarted { build: id, step });
        if !self.is_connected(id, session) {
            self.give_step_up(id, Results::Retry);
        } else if is_stopped {
            self.give_step_up(id, Results::Cancelled);
        } else if is_held_by_build {
            self.give_step_up(id, Results::Exception);
        } else {
            self.acquire_step_locks(id);
        }
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
        match step.waits_since {
            None => step.locks_acquired_at = Some(step.started_at),
            Some(since) => {
                step.locks_acquired_at = Some(self.now);
                build.waited_for_locks += self.now.since(since);
            }
        }
        let (number, index) = (step.number, step.index);
        build.phase = Phase::RunningStep { session, step };
        self.effects.push_back(Effect::StartCommand {
            build: id,
            step: number,
            index,
            session,
        });
    }

    pub(crate) fn command_finished(&mut self, id: BuildId, number: StepNumber, results: Results) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let Phase::RunningStep { step, .. } = &build.phase else {
            return;
        };
        if step.number != number {
            return;
        }
        let results = match results {
            Results::Retry | Results::Cancelled => results,
            Results::Success
            | Results::Warnings
            | Results::Failure
            | Results::Skipped
            | Results::Exception => {
                if step.is_interrupted {
                    Results::Exception
                } else {
                    results
                }
            }
        };
        self.end_step(id, results);
    }

    /// The step ends without its command: it does not run, or nobody will say how it went.
    pub(crate) fn give_step_up(&mut self, id: BuildId, results: Results) {
        self.end_step(id, results);
    }

    fn end_step(&mut self, id: BuildId, results: Results) {
        let Some(build) = self.builds.get_mut(id) else {
            return;
        };
        let phase = std::mem::replace(&mut build.phase, Phase::Substantiating);
        let (session, step) = match phase {
            Phase::AcquiringStepLocks { session, step } => {
                self.locks
                    .give_up(Owner::Step(id, step.number), &step.locks);
                (session, step)
            }
            Phase::RunningStep { session, step } => (session, step),
            Phase::AskingDoBuildIf(_)
            | Phase::Substantiating
            | Phase::Preparing(_)
            | Phase::AcquiringLocks { .. }
            | Phase::StoringStep { .. }
            | Phase::Finishing(_) => unreachable!("only a step that began can end"),
        };
        let flags = build.claim.builder.steps[step.index].flags;
        build.results = build.results.worst(flags.contribution(results));
        build.is_halted |= flags.halts(results);
        let ended = EndedStep {
            number: step.number,
            results,
            locks: step.locks,
            locks_acquired_at: step.locks_acquired_at,
        };
        self.next_step(id, session, Some(ended));
    }

    /// The end of a step is durable.
    pub(crate) fn step_ended(&mut self, id: BuildId, ended: EndedStep) {
        self.locks
            .release(Owner::Step(id, ended.number), &ended.locks);
        self.announce(Fact::StepFinished {
            build: id,
            step: ended.number,
            results: ended.results,
        });
    }
}

fn text_of(results: Results) -> &'static str {
    match results {
        Results::Success | Results::Skipped => "build successful",
        Results::Warnings => "warnings",
        Results::Failure => "failed",
        Results::Exception => "exception",
        Results::Retry => "retry",
        Results::Cancelled => "cancelled",
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
