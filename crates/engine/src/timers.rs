//! Instants at which something is to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use buildbot_model::{BuildId, BuilderId, Timestamp, WorkerId};

use crate::event::{CallId, CommitId};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A transaction that the database could not take.
    Commit(CommitId),
    /// A question without an answer.
    Question(CallId),
    /// The end of a quarantine.
    Quarantine(WorkerId),
    /// An instance that has not attached.
    Missing(WorkerId),
    /// An idle instance.
    Idle(WorkerId),
    /// A builder whose user code failed.
    Builder(BuilderId),
    /// A step that does not end although its worker is gone.
    LostStep(BuildId),
}

/// At most one instant for each timer.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: BTreeMap<Timer, Timestamp>,
    order: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.cancel(timer);
        self.at.insert(timer, at);
        self.order.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Timestamp> {
        self.at.get(&timer).copied()
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest that is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_has_one_instant_and_is_taken_once() {
        let at = Timestamp::from_seconds;
        let mut timers = Timers::default();
        timers.set(Timer::Idle(WorkerId(1)), at(9));
        timers.set(Timer::Idle(WorkerId(1)), at(5));
        timers.set(Timer::Idle(WorkerId(2)), at(4));
        timers.cancel(Timer::Idle(WorkerId(2)));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.take_due(at(4)), None);
        assert_eq!(timers.take_due(at(5)), Some(Timer::Idle(WorkerId(1))));
        assert_eq!(timers.next(), None);
    }
}
