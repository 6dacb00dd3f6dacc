//! One lock at run time: who holds it, and who waits for it in which order.

use std::collections::VecDeque;

use crate::config::AccessMode;
use crate::reason::Owner;

/// A counting and exclusive lock with a fair queue.
///
/// Buildbot: manual, "Interlocks". A waiter keeps its place in the queue from the first refusal to its claim, also
/// while it is awake, so that nobody overtakes it.
#[derive(Debug, Default)]
pub(crate) struct Semaphore {
    max_count: u32,
    claims: Vec<(Owner, AccessMode)>,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    owner: Owner,
    mode: AccessMode,
    is_awake: bool,
}

/// What stands before an access: in claims, and in the queue.
#[derive(Debug, Default, Clone, Copy)]
struct Ahead {
    /// Units of counting claims.
    counting: u32,
    has_exclusive_claim: bool,
    /// Those that wait for units; each reserves one.
    waiting: u32,
    has_exclusive_waiter: bool,
}

impl Ahead {
    fn claim(&mut self, mode: AccessMode) {
        match mode {
            AccessMode::Counting(count) => self.counting = self.counting.saturating_add(count),
            AccessMode::Exclusive => self.has_exclusive_claim = true,
        }
    }

    fn wait(&mut self, mode: AccessMode) {
        match mode {
            AccessMode::Counting(_) => self.waiting = self.waiting.saturating_add(1),
            AccessMode::Exclusive => self.has_exclusive_waiter = true,
        }
    }

    fn leaves_room(self, mode: AccessMode, max_count: u32) -> bool {
        match mode {
            AccessMode::Counting(0) => true,
            AccessMode::Counting(count) => {
                !self.has_exclusive_claim
                    && !self.has_exclusive_waiter
                    && u64::from(self.counting) + u64::from(self.waiting) + u64::from(count)
                        <= u64::from(max_count)
            }
            AccessMode::Exclusive => {
                !self.has_exclusive_claim
                    && self.counting == 0
                    && self.waiting == 0
                    && !self.has_exclusive_waiter
            }
        }
    }
}

impl Semaphore {
    pub(crate) fn new(max_count: u32) -> Self {
        Self {
            max_count,
            ..Self::default()
        }
    }

    /// Changes the number of units. Nothing is taken from anybody; those who fit are woken into `woken`.
    pub(crate) fn set_max_count(&mut self, max_count: u32, woken: &mut VecDeque<Owner>) {
        self.max_count = max_count;
        self.wake(woken);
    }

    /// Whether `owner` could claim; `None` is somebody who does not wait and stands behind all who do.
    pub(crate) fn is_available(&self, owner: Option<Owner>, mode: AccessMode) -> bool {
        let mut ahead = self.claimed();
        for waiter in &self.queue {
            if Some(waiter.owner) == owner {
                break;
            }
            ahead.wait(waiter.mode);
        }
        ahead.leaves_room(mode, self.max_count)
    }

    /// Claims what is available, and leaves the queue.
    pub(crate) fn claim(&mut self, owner: Owner, mode: AccessMode) {
        assert!(
            self.is_available(Some(owner), mode),
            "claims only what is available"
        );
        self.queue.retain(|waiter| waiter.owner != owner);
        if mode != AccessMode::Counting(0) {
            self.claims.push((owner, mode));
        }
    }

    /// Waits to be woken: at the end, or at the place that `owner` has.
    pub(crate) fn wait(&mut self, owner: Owner, mode: AccessMode) {
        match self.queue.iter_mut().find(|waiter| waiter.owner == owner) {
            Some(waiter) => waiter.is_awake = false,
            None => self.queue.push_back(Waiter {
                owner,
                mode,
                is_awake: false,
            }),
        }
    }

    /// Ends one claim. Another one is not touched, and one that does not exist is ignored.
    pub(crate) fn release(&mut self, owner: Owner, mode: AccessMode, woken: &mut VecDeque<Owner>) {
        let place = self.claims.iter().position(|claim| *claim == (owner, mode));
        if let Some(place) = place {
            self.claims.remove(place);
            self.wake(woken);
        }
    }

    /// Leaves the queue. If it had been woken, the next one is. Returns whether it was there.
    pub(crate) fn give_up(&mut self, owner: Owner, woken: &mut VecDeque<Owner>) -> bool {
        let before = self.queue.len();
        self.queue.retain(|waiter| waiter.owner != owner);
        let was_there = self.queue.len() != before;
        if was_there {
            self.wake(woken);
        }
        was_there
    }

    /// Wakes from the head on whoever fits beside the claims and those who are awake.
    ///
    /// Differs: a build that wants more of a lock than is free now does not keep those behind it waiting that would be let
    /// in if they came now, because the queue of such a lock could stand still for ever.
    fn wake(&mut self, woken: &mut VecDeque<Owner>) {
        let mut ahead = self.claimed();
        for waiter in &mut self.queue {
            if waiter.is_awake {
                ahead.claim(waiter.mode);
            } else if ahead.leaves_room(waiter.mode, self.max_count) {
                waiter.is_awake = true;
                ahead.claim(waiter.mode);
                woken.push_back(waiter.owner);
            } else {
                ahead.wait(waiter.mode);
                if ahead.has_exclusive_waiter {
                    break;
                }
            }
        }
    }

    fn claimed(&self) -> Ahead {
        let mut ahead = Ahead::default();
        for (_, mode) in &self.claims {
            ahead.claim(*mode);
        }
        ahead
    }

    pub(crate) fn owners(&self) -> Vec<Owner> {
        self.claims.iter().map(|(owner, _)| *owner).collect()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessMode::{Counting, Exclusive};
    use buildbot_model::BuildId;

    fn owner(number: i64) -> Owner {
        Owner::Build(BuildId(number))
    }

    /// Builds 1, 2 … hold `claims`, builds 11, 12 … wait for `queue` in this order.
    fn semaphore(max_count: u32, claims: &[AccessMode], queue: &[AccessMode]) -> Semaphore {
        let mut semaphore = Semaphore::new(max_count);
        for (number, mode) in (1..).zip(claims) {
            semaphore.claim(owner(number), *mode);
        }
        for (number, mode) in (11..).zip(queue) {
            assert!(!semaphore.is_available(None, *mode), "{number} must wait");
            semaphore.wait(owner(number), *mode);
        }
        semaphore
    }

    fn check(
        max_count: u32,
        claims: &[AccessMode],
        queue: &[AccessMode],
        mode: AccessMode,
        expected: bool,
    ) {
        let semaphore = semaphore(max_count, claims, queue);
        let what = format!("{mode:?} of {max_count} beside {claims:?}, behind {queue:?}");
        assert_eq!(semaphore.is_available(None, mode), expected, "{what}");
    }

    #[test]
    fn an_access_is_available_by_the_rules() {
        check(1, &[], &[], Counting(1), true);
        check(1, &[Counting(1)], &[], Counting(1), false);
        check(1, &[Exclusive], &[], Counting(0), true);
        check(3, &[Counting(2)], &[], Counting(1), true);
        check(3, &[Counting(2)], &[Counting(2)], Counting(1), false);
        check(4, &[Counting(2)], &[Counting(3)], Counting(1), true);
        check(3, &[Counting(1)], &[Exclusive], Counting(1), false);
        check(3, &[Counting(1)], &[], Exclusive, false);
        check(0, &[], &[], Exclusive, true);
        check(0, &[], &[], Counting(1), false);
    }

    #[test]
    fn waiters_are_woken_in_order_and_keep_their_place() {
        let mut semaphore = semaphore(
            2,
            &[Counting(2)],
            &[Counting(1), Counting(1), Exclusive, Counting(1)],
        );
        let mut woken = VecDeque::new();
        semaphore.release(owner(1), Counting(2), &mut woken);
        assert_eq!(woken, [owner(11), owner(12)]);
        assert!(semaphore.is_available(Some(owner(11)), Counting(1)));
        assert!(!semaphore.is_available(None, Counting(1)));
        semaphore.claim(owner(12), Counting(1));
        semaphore.claim(owner(11), Counting(1));
        woken.clear();
        semaphore.release(owner(11), Counting(1), &mut woken);
        assert_eq!(woken, []);
        semaphore.release(owner(12), Counting(1), &mut woken);
        assert_eq!(woken, [owner(13)]);
        semaphore.give_up(owner(13), &mut woken);
        assert_eq!(woken, [owner(13), owner(14)]);
    }

    #[test]
    fn a_claim_that_cannot_be_met_does_not_stop_those_behind_it() {
        let mut semaphore = semaphore(2, &[Counting(2)], &[Counting(3), Counting(1)]);
        let mut woken = VecDeque::new();
        semaphore.release(owner(1), Counting(2), &mut woken);
        assert_eq!(woken, [owner(12)]);
    }

    #[test]
    fn more_units_wake_and_fewer_take_nothing_away() {
        let mut semaphore = semaphore(1, &[Counting(1)], &[Counting(1)]);
        let mut woken = VecDeque::new();
        semaphore.set_max_count(0, &mut woken);
        assert_eq!(woken, []);
        semaphore.set_max_count(2, &mut woken);
        assert_eq!(woken, [owner(11)]);
        assert_eq!(semaphore.owners(), [owner(1)]);
    }

    #[test]
    fn a_second_release_is_ignored() {
        let mut semaphore = semaphore(2, &[Counting(1), Counting(1)], &[]);
        let mut woken = VecDeque::new();
        semaphore.release(owner(1), Counting(1), &mut woken);
        semaphore.release(owner(1), Counting(1), &mut woken);
        assert_eq!(semaphore.owners(), [owner(2)]);
    }
}
