//! The steps of one build: those of its builder, and those that were added while it runs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::config::{Builder, Step};
use crate::event::StepPlace;

/// How long a name of a step may be, in characters.
const NAME_MAX: usize = 50;

/// What a build has done and will do. Nothing is copied from the builder unless steps are added.
#[derive(Debug)]
pub(crate) struct StepList {
    builder: Arc<Builder>,
    added: Vec<Step>,
    /// The next one of the builder's, as long as nothing was added.
    next: usize,
    /// What is left to do, once something was added.
    left: Option<VecDeque<usize>>,
    names: BTreeSet<Arc<str>>,
}

impl StepList {
    pub(crate) fn new(builder: Arc<Builder>) -> Self {
        Self {
            builder,
            added: Vec::new(),
            next: 0,
            left: None,
            names: BTreeSet::new(),
        }
    }

    /// A step by its index: the builder's, then the added ones.
    pub(crate) fn get(&self, index: usize) -> Option<&Step> {
        let own = &self.builder.steps;
        match index.checked_sub(own.len()) {
            None => own.get(index),
            Some(index) => self.added.get(index),
        }
    }

    /// The next step. If the build is ending, those are left out that do not always run.
    pub(crate) fn take_next(&mut self, is_ending: bool) -> Option<usize> {
        loop {
            let index = match &mut self.left {
                Some(left) => left.pop_front()?,
                None => {
                    self.next += 1;
                    self.next - 1
                }
            };
            let step = self.get(index)?;
            if !is_ending || step.flags.always_run {
                return Some(index);
            }
        }
    }

    pub(crate) fn add(&mut self, place: StepPlace, steps: Vec<Step>) {
        let own = self.builder.steps.len();
        let first = own + self.added.len();
        let next = self.next.min(own);
        let left = self.left.get_or_insert_with(|| (next..own).collect());
        let indices = first..first + steps.len();
        match place {
            StepPlace::AfterCurrent => indices.rev().for_each(|index| left.push_front(index)),
            StepPlace::Last => left.extend(indices),
        }
        self.added.extend(steps);
    }

    /// A name that no other step of the build has: the first keeps it, others get `_1`, `_2` …
    ///
    /// Differs: the name of a step that its build has already gets a number, and has 50 characters with it at most,
    /// because other databases than SQLite have no room for more.
    pub(crate) fn unique_name(&mut self, name: &Arc<str>) -> Arc<str> {
        let unique = if name.chars().nth(NAME_MAX).is_none() && !self.names.contains(name) {
            name.clone()
        } else {
            self.numbered(name)
        };
        self.names.insert(unique.clone());
        unique
    }

    fn numbered(&self, name: &str) -> Arc<str> {
        let cut = |length: usize| name.chars().take(length).collect::<String>();
        let mut number = 0_u64;
        let mut candidate: Arc<str> = cut(NAME_MAX).into();
        while self.names.contains(&candidate) {
            number += 1;
            let suffix = format!("_{number}");
            candidate = (cut(NAME_MAX - suffix.len()) + &suffix).into();
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BuilderLocks, Collapse, StepFlags};
    use buildbot_model::BuilderId;

    fn step(always_run: bool) -> Step {
        Step {
            name: Some("step".into()),
            locks: [].into(),
            flags: StepFlags {
                always_run,
                ..StepFlags::default()
            },
            is_static: true,
        }
    }

    fn list(steps: Vec<Step>) -> StepList {
        StepList::new(Arc::new(Builder {
            id: BuilderId(1),
            name: "a".into(),
            workers: Vec::new(),
            locks: BuilderLocks::Listed([].into()),
            next_build: None,
            next_worker: None,
            can_start_build: None,
            do_build_if: None,
            collapse: Collapse::Never,
            steps,
        }))
    }

    fn rest(list: &mut StepList, is_ending: bool) -> Vec<usize> {
        std::iter::from_fn(|| list.take_next(is_ending)).collect()
    }

    #[test]
    fn steps_run_in_order_and_only_some_when_the_build_is_ending() {
        let mut list = list(vec![step(false), step(false), step(true), step(false)]);
        assert_eq!(list.take_next(false), Some(0));
        assert_eq!(rest(&mut list, true), [2]);
        list.add(StepPlace::Last, vec![step(false), step(true)]);
        assert_eq!(rest(&mut list, true), [5]);
    }

    #[test]
    fn added_steps_come_after_the_current_one_or_last() {
        let mut list = list(vec![step(false), step(false)]);
        assert_eq!(list.take_next(false), Some(0));
        list.add(StepPlace::Last, vec![step(false)]);
        list.add(StepPlace::AfterCurrent, vec![step(false), step(false)]);
        list.add(StepPlace::AfterCurrent, vec![step(false)]);
        assert_eq!(rest(&mut list, false), [5, 3, 4, 1, 2]);
    }

    #[test]
    fn names_are_unique_and_short() {
        let mut list = list(Vec::new());
        let mut name = |name: &str| list.unique_name(&name.into()).to_string();
        assert_eq!(
            [name("sh"), name("sh"), name("sh_1"), name("sh"), name("")],
            ["sh", "sh_1", "sh_1_1", "sh_2", ""]
        );
        let long = "ü".repeat(50);
        assert_eq!(name(&long), long);
        assert_eq!(name(&(long.clone() + "x")), "ü".repeat(48) + "_1");
    }
}
