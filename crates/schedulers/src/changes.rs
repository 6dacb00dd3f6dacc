//! Changes, from the database to the schedulers that look at them.

use std::sync::Arc;

use buildbot_model::{ChangeId, Timestamp};

use crate::change::SharedChange;
use crate::intake::{Intake, Taken};
use crate::output::Output;
use crate::set::{Schedulers, Task};

impl Schedulers {
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
                entry.queue.push_back(Arc::clone(change));
                takers += 1;
                if !entry.is_busy {
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
            if entry.is_busy || !entry.is_active {
                return;
            }
            let Some(change) = entry.queue.pop_front() else {
                return;
            };
            entry.is_busy = true;
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
                self.not_busy(&name, outputs);
            }
            Taken::Counts(is_important) => {
                let wish = self
                    .entries
                    .get_mut(&name)
                    .filter(|entry| entry.is_active)
                    .and_then(|entry| entry.got_change(now, &intake.change, is_important, outputs));
                match wish {
                    Some(wish) => self.compose(now, &name, wish, outputs),
                    None => self.not_busy(&name, outputs),
                }
            }
        }
    }

    pub(crate) fn not_busy(&mut self, name: &str, outputs: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.is_busy = false;
        if let Some(change) = entry.current.take() {
            self.handled(change, outputs);
        }
    }
}
