//! Changes, from the database to the schedulers that look at them.

use std::sync::Arc;

use buildbot_model::{ChangeId, Timestamp};

use crate::change::SharedChange;
use crate::entry::Entry;
use crate::intake::{Intake, Taken};
use crate::output::Output;
use crate::set::{Schedulers, Task};

/// Changes that wait for one scheduler: while user code looks at one, or until it is known which master runs it.
const WAITING_MAX: usize = 100_000;

impl Schedulers {
    /// Schedulers look at it, one after the other.
    ///
    /// Differs: a scheduler whose code is slow has at most 100 000 changes waiting; what comes then is not for it, because
    /// they would fill the memory otherwise.
    pub(crate) fn change_added(
        &mut self,
        now: Timestamp,
        change: &SharedChange,
        outputs: &mut Vec<Output>,
    ) {
        let mut stirred = Vec::new();
        let mut takers = 1;
        for (name, entry) in &mut self.entries {
            if entry.takes_changes() {
                if entry.queue.len() >= WAITING_MAX {
                    let id = change.id;
                    outputs.push(Output::Log(format!(
                        "scheduler '{name}' leaves change {id}: too many wait for it"
                    )));
                    continue;
                }
                entry.queue.push_back(Arc::clone(change));
                takers += 1;
                if entry.current.is_none() {
                    stirred.push(name.clone());
                }
            }
        }
        self.unhandled.insert(change.id, takers);
        for name in stirred {
            self.take_changes(now, &name, outputs);
        }
        self.handled(change.id, outputs);
    }

    /// One scheduler less has to do with a change.
    pub(crate) fn handled(&mut self, change: ChangeId, outputs: &mut Vec<Output>) {
        let Some(takers) = self.unhandled.get_mut(&change) else {
            return;
        };
        *takers -= 1;
        if *takers == 0 {
            self.unhandled.remove(&change);
            outputs.push(Output::Handled { change });
        }
    }

    /// Looks at changes until one has to wait for an answer.
    pub(crate) fn take_changes(&mut self, now: Timestamp, name: &str, outputs: &mut Vec<Output>) {
        loop {
            let Some(entry) = self.entries.get_mut(name) else {
                return;
            };
            if entry.current.is_some() || !entry.is_active {
                return;
            }
            let Some(change) = entry.queue.pop_front() else {
                return;
            };
            entry.current = Some(change.id);
            let intake = Intake::new(Arc::clone(&entry.plan), change);
            self.take(now, intake, outputs);
        }
    }

    pub(crate) fn take(&mut self, now: Timestamp, mut intake: Intake, outputs: &mut Vec<Output>) {
        let name = intake.plan.name.clone();
        match intake.go_on() {
            Taken::Asks(question) => {
                let ticket = self.ticket();
                outputs.push(Output::Ask {
                    ticket,
                    generation: intake.plan.generation,
                    question,
                });
                self.tasks.insert(ticket, Task::Intake(intake));
            }
            Taken::Dropped(why) => {
                outputs.extend(why.map(Output::Log));
                self.looked_at(&name, intake.change.id, outputs);
            }
            Taken::Counts(is_important) => {
                let wish = self
                    .entries
                    .get_mut(&name)
                    .filter(|entry| entry.is_active)
                    .and_then(|entry| entry.got_change(now, &intake.change, is_important, outputs));
                match wish {
                    Some(wish) => self.compose(now, &name, wish, outputs),
                    None => self.looked_at(&name, intake.change.id, outputs),
                }
            }
        }
    }

    /// A scheduler has done with a change; that may have begun before another one got its name.
    pub(crate) fn looked_at(&mut self, name: &str, change: ChangeId, outputs: &mut Vec<Output>) {
        if let Some(entry) = self.entries.get_mut(name)
            && entry.current == Some(change)
        {
            entry.current = None;
        }
        self.handled(change, outputs);
    }

    /// The change that a scheduler has asked code about, which is not listened to any more.
    pub(crate) fn take_back(&mut self, name: &str) -> Option<SharedChange> {
        let mut tasks = self.tasks.iter();
        let (ticket, change) = tasks.find_map(|(ticket, task)| match task {
            Task::Intake(intake) if intake.plan.name == name => {
                Some((*ticket, Arc::clone(&intake.change)))
            }
            _ => None,
        })?;
        self.tasks.remove(&ticket);
        Some(change)
    }

    /// A scheduler that takes no changes any more has nothing to do with those that it got before.
    pub(crate) fn leave_changes(&mut self, name: &str, outputs: &mut Vec<Output>) {
        let takes = |entry: &Entry| entry.plan.intake().is_some();
        if self.entries.get(name).is_none_or(takes) {
            return;
        }
        if let Some(asked) = self.take_back(name) {
            self.looked_at(name, asked.id, outputs);
        }
        let entry = self.entries.get_mut(name);
        for change in entry
            .map(|entry| std::mem::take(&mut entry.queue))
            .into_iter()
            .flatten()
        {
            self.handled(change.id, outputs);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::input::Input;
    use crate::plan::Kind;
    use crate::world::{World, change, of_changes, plan};

    #[test]
    fn what_waits_is_handled_when_its_scheduler_takes_no_changes_any_more() {
        let mut world = World::new(of_changes("One", true));
        world.claimed();
        world.tell(Input::ChangeAdded(change(1)));
        world.tell(Input::ChangeAdded(change(2)));
        world.configure([plan("s", "One", Kind::Triggerable)]);
        assert_eq!(world.handled, [1, 2]);
        world.assert_nothing_left();
    }

    #[test]
    fn what_waits_for_a_scheduler_is_handled_when_another_master_runs_it() {
        let mut world = World::new(of_changes("One", false));
        world.tell(Input::ChangeAdded(change(1)));
        assert!(world.handled.is_empty(), "it may be ours");
        let scheduler = "s".to_owned();
        world.tell(Input::RunsElsewhere { scheduler });
        world.tell(Input::ChangeAdded(change(2)));
        assert_eq!(world.handled, [1, 2]);
        world.claimed();
        world.tell(Input::ChangeAdded(change(3)));
        world.stored();
        assert_eq!(world.handled, [1, 2, 3]);
        world.assert_nothing_left();
    }

    #[test]
    fn what_waits_for_a_scheduler_has_a_bound() {
        let mut world = World::new(of_changes("One", false));
        let most = i64::try_from(super::WAITING_MAX).expect("few");
        for id in 0..most {
            world.tell(Input::ChangeAdded(change(id)));
        }
        assert!(world.handled.is_empty());
        world.tell(Input::ChangeAdded(change(most)));
        assert_eq!(world.handled, [most]);
    }

    #[test]
    fn a_scheduler_of_another_class_looks_again_at_what_was_asked_about() {
        let mut world = World::new(of_changes("One", true));
        world.claimed();
        world.tell(Input::ChangeAdded(change(1)));
        world.tell(Input::ChangeAdded(change(2)));
        world.configure([of_changes("Another", true)]);
        world.answer(false);
        assert!(
            world.handled.is_empty(),
            "nobody listens to the answer to the one before"
        );
        world.claimed();
        world.answer(false);
        world.answer(false);
        assert_eq!(world.handled, [1, 2]);
        world.assert_nothing_left();
    }

    #[test]
    fn a_scheduler_that_is_added_again_is_not_disturbed_by_what_it_was() {
        let mut world = World::new(of_changes("One", false));
        world.claimed();
        world.tell(Input::ChangeAdded(change(1)));
        world.configure([]);
        assert!(world.handled.is_empty(), "a buildset of it is being stored");
        world.configure([of_changes("One", true)]);
        world.claimed();
        world.tell(Input::ChangeAdded(change(2)));
        world.stored();
        assert_eq!(world.handled, [1]);
        world.tell(Input::ChangeAdded(change(3)));
        assert_eq!(world.asked.len(), 1, "one after the other");
        world.answer(false);
        world.answer(false);
        assert_eq!(world.handled, [1, 2, 3]);
        world.assert_nothing_left();
    }
}
