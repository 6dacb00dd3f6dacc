//! The steps of a build, as the world knows them: which is next, and what the build must become.

use std::collections::VecDeque;

use buildbot_engine::StepPlace;
use buildbot_engine::config::{Builder, Step, StepFlags};
use buildbot_engine::event::StepPrepared;
use buildbot_model::{BuildId, Results, StepNumber};

use super::{Accesses, Broken, Observed, accesses};

/// All steps of a build, and those that are left.
#[derive(Debug, Clone, Default)]
pub struct SeenSteps {
    all: Vec<Step>,
    left: VecDeque<usize>,
    /// What the steps that ended make of the build.
    pub results: Results0,
    /// Only steps follow that always run.
    pub is_ending: bool,
    /// Steps were added after the last one ended: the engine may have chosen the next one before.
    pub is_changed_late: bool,
}

/// A result that begins with success.
#[derive(Debug, Clone, Copy)]
pub struct Results0(pub Results);

impl Default for Results0 {
    fn default() -> Self {
        Self(Results::Success)
    }
}

impl SeenSteps {
    pub(super) fn new(builder: &Builder) -> Self {
        Self {
            all: builder.steps.clone(),
            left: (0..builder.steps.len()).collect(),
            ..Self::default()
        }
    }

    fn add(&mut self, place: StepPlace, steps: Vec<Step>, is_late: bool) {
        self.is_changed_late |= is_late;
        for (place_of, step) in steps.into_iter().enumerate() {
            let index = self.all.len();
            self.all.push(step);
            match place {
                StepPlace::AfterCurrent => self.left.insert(place_of, index),
                StepPlace::Last => self.left.push_back(index),
            }
        }
    }

    fn runs(&self, index: usize) -> bool {
        !self.is_ending || self.all[index].flags.always_run
    }

    /// The step that should be next.
    pub(super) fn next(&self) -> Option<&Step> {
        let next = self.left.iter().find(|index| self.runs(**index));
        next.map(|index| &self.all[*index])
    }

    /// The engine has chosen a step.
    fn choose(&mut self, index: usize) -> Result<(), String> {
        let place = self.left.iter().position(|left| *left == index);
        let place = place.ok_or(format!("step {index} is not left to do"))?;
        if self.is_changed_late {
            self.left.retain(|left| *left != index);
            return Ok(());
        }
        let skipped = self.left.iter().take(place);
        let is_right = skipped.clone().all(|left| !self.runs(*left));
        self.left.drain(..=place);
        match is_right {
            true => Ok(()),
            false => Err(format!("step {index} comes before others")),
        }
    }

    /// What a step that ended means, by the manual's table.
    fn ended(&mut self, flags: StepFlags, results: Results) {
        self.is_changed_late = false;
        let contribution = match results {
            Results::Failure if flags.flunk_on_failure => Results::Failure,
            Results::Failure if flags.warn_on_failure => Results::Warnings,
            Results::Warnings if flags.flunk_on_warnings => Results::Failure,
            Results::Warnings if flags.warn_on_warnings => Results::Warnings,
            Results::Failure | Results::Warnings | Results::Skipped | Results::Success => {
                Results::Success
            }
            other => other,
        };
        self.results = Results0(self.results.0.worst(contribution));
        self.is_ending |= match results {
            Results::Failure => flags.halt_on_failure,
            Results::Exception | Results::Retry | Results::Cancelled => true,
            _ => false,
        };
    }
}

impl Observed {
    /// The engine says which step it means.
    pub fn step_chosen(
        &mut self,
        id: BuildId,
        step: StepNumber,
        index: usize,
    ) -> Result<(), Broken> {
        let build = self.build_mut(id)?;
        if build.chosen == Some((step, index)) {
            return Ok(());
        }
        build.chosen = Some((step, index));
        build.flags = build
            .steps
            .all
            .get(index)
            .map_or(build.flags, |it| it.flags);
        let chosen = build.steps.choose(index);
        chosen.map_err(|why| format!("build {id}: {why}"))
    }

    /// Locks of a step of a build as its configuration lists them.
    pub fn listed_locks(&self, id: BuildId, index: usize) -> Accesses {
        let build = self.builds.get(&id);
        let step = build.and_then(|build| build.steps.all.get(index));
        let locks = build.zip(step);
        locks.map_or_else(Accesses::new, |(build, step)| {
            accesses(&step.locks, build.worker)
        })
    }

    /// A step of a build.
    pub fn step(&self, id: BuildId, index: usize) -> Option<&Step> {
        self.builds.get(&id)?.steps.all.get(index)
    }

    /// The engine is told that a step has ended.
    pub fn step_ended(&mut self, id: BuildId, step: StepNumber, results: Results) {
        if let Some(build) = self.builds.get_mut(&id)
            && matches!(build.chosen, Some((number, _)) if number == step)
        {
            build.is_running = false;
            build.is_step_asked = false;
            build.steps.ended(build.flags, results);
        }
    }

    /// The engine is told that a build has more steps.
    pub fn steps_added(&mut self, id: BuildId, place: StepPlace, steps: Vec<Step>) {
        if let Some(build) = self.builds.get_mut(&id) {
            build.steps.add(place, steps, !build.is_running);
        }
    }

    /// The engine is told to stop a build.
    pub fn stopped(&mut self, id: BuildId, results: Results) {
        if let Some(build) = self.builds.get_mut(&id) {
            build.steps.is_ending = true;
            build.stop = Some(build.stop.map_or(results, |it| it.worst(results)));
        }
    }

    /// The end of a build must be what its steps made of it.
    pub(super) fn check_end(&self, id: BuildId, results: Results) -> Result<(), Broken> {
        let Some(build) = self.builds.get(&id) else {
            return Err(format!("build {id} ends and does not run"));
        };
        let is_lost = self.workers.get(&build.worker).and_then(|it| it.session) != build.session;
        if !build.is_ready || is_lost || build.has_no_name || self.answered == Some(id) {
            return Ok(());
        }
        let expected = build.stop.unwrap_or(build.steps.results.0);
        if results != expected && self.shutdown.is_none_or(|_| build.stop.is_none()) {
            return Err(format!("build {id} is {results:?} and not {expected:?}"));
        }
        match build.steps.next() {
            Some(left) if !build.is_waiting_for_locks && !build.steps.is_changed_late => {
                Err(format!("build {id} ends before {left:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The engine is told what a step is.
    pub fn step_prepared(&mut self, id: BuildId, step: StepNumber, outcome: &StepPrepared) {
        let Some(build) = self.builds.get_mut(&id) else {
            return;
        };
        if !build.is_step_asked || !matches!(build.chosen, Some((number, _)) if number == step) {
            return;
        }
        match outcome {
            StepPrepared::Ended(end) => self.step_ended(id, step, end.results),
            StepPrepared::Run { flags, locks } => {
                build.is_step_asked = false;
                build.flags = *flags;
                let locks = accesses(locks, build.worker);
                build.waits_for = Some(locks.clone());
                build.step = Some((step, locks));
            }
        }
    }
}
