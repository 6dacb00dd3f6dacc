//! When to try again after a connection attempt has failed, and when to give up.
//!
//! Pure: the caller waits, draws the random part and tells what happened. One value lives as long as
//! the process and serves both protocols.

use std::num::NonZeroU32;
use std::time::Duration;

/// The longest pause without a `maxdelay` below it.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The factor by which each pause is longer than the one before, starting with itself.
const PAUSE_GROWTH: f64 = 1.5;

/// Counts the attempts in a row without a login, and turns them into pauses.
///
/// The pause after attempt *n* is `min(1.5^n, 60, maxdelay)` seconds and up to one second of chance.
///
/// Differs: `maxdelay` limits the pause, because its documentation says so; the reference ignores it.
/// Differs: attempts are counted until a login succeeds, not until a TCP connection stands, so that
/// `maxretries` ends a worker that a master, or a proxy before it, accepts and drops.
#[derive(Debug, Clone)]
pub struct Reconnect {
    pause_max: Duration,
    attempts_max: Option<NonZeroU32>,
    attempts: u32,
}

/// What to do after an attempt without success, or a lost connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Wait this long and connect again.
    Pause(Duration),
    /// `maxretries` is used up: end the process, with exit code 0.
    GiveUp,
}

impl Reconnect {
    /// Starts counting. `None` and zero for `max_retries` mean that the worker never gives up;
    /// without `max_delay` only the general limit of a minute counts.
    pub fn new(max_delay: Option<Duration>, max_retries: Option<u32>) -> Self {
        Self {
            pause_max: max_delay.map_or(PAUSE_MAX, |delay| delay.min(PAUSE_MAX)),
            attempts_max: max_retries.and_then(NonZeroU32::new),
            attempts: 0,
        }
    }

    /// Takes note of an attempt that failed, whatever the stage and the reason, or of a session that
    /// was lost. `jitter` is drawn by the caller from `0.0..1.0` and becomes part of a second.
    pub fn failed(&mut self, jitter: f64) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        if self
            .attempts_max
            .is_some_and(|max| self.attempts >= max.get())
        {
            return Next::GiveUp;
        }
        Next::Pause(self.pause() + Duration::from_secs_f64(jitter.clamp(0.0, 1.0)))
    }

    /// Takes note of a login that succeeded: counting begins anew.
    pub fn logged_in(&mut self) {
        self.attempts = 0;
    }

    /// Attempts without a login since the last one, for the log.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    fn pause(&self) -> Duration {
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        let seconds = PAUSE_GROWTH.powi(exponent).min(PAUSE_MAX.as_secs_f64());
        Duration::from_secs_f64(seconds).min(self.pause_max)
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Reconnect};
    use std::time::Duration;

    /// The pauses of the attempts in `range` without jitter, in milliseconds; 0 is giving up.
    fn pauses(reconnect: &mut Reconnect, count: usize) -> Vec<u128> {
        (0..count)
            .map(|_| match reconnect.failed(0.0) {
                Next::Pause(pause) => pause.as_millis(),
                Next::GiveUp => 0,
            })
            .collect()
    }

    #[test]
    fn pauses_grow_by_half_up_to_a_minute() {
        let mut reconnect = Reconnect::new(None, None);
        let expected = [
            1500, 2250, 3375, 5062, 7593, 11390, 17085, 25628, 38443, 57665, 60000, 60000,
        ];
        assert_eq!(pauses(&mut reconnect, 12), expected);
    }

    #[test]
    fn maxdelay_limits_the_pause() {
        let mut reconnect = Reconnect::new(Some(Duration::from_secs(3)), None);
        assert_eq!(pauses(&mut reconnect, 4), [1500, 2250, 3000, 3000]);
        let mut longer = Reconnect::new(Some(Duration::from_secs(300)), None);
        assert_eq!(pauses(&mut longer, 12).last(), Some(&60_000));
    }

    #[test]
    fn chance_adds_up_to_a_second() {
        let mut reconnect = Reconnect::new(None, None);
        assert_eq!(
            reconnect.failed(0.25),
            Next::Pause(Duration::from_millis(1750))
        );
        assert_eq!(
            reconnect.failed(7.0),
            Next::Pause(Duration::from_millis(3250))
        );
    }

    #[test]
    fn a_login_starts_the_count_anew() {
        let mut reconnect = Reconnect::new(None, Some(3));
        assert_eq!(pauses(&mut reconnect, 2), [1500, 2250]);
        reconnect.logged_in();
        assert_eq!(pauses(&mut reconnect, 3), [1500, 2250, 0]);
        assert_eq!(reconnect.attempts(), 3);
    }

    #[test]
    fn the_worker_gives_up_at_the_given_attempt() {
        assert_eq!(Reconnect::new(None, Some(1)).failed(0.5), Next::GiveUp);
        assert_eq!(pauses(&mut Reconnect::new(None, Some(2)), 2), [1500, 0]);
    }

    #[test]
    fn zero_and_none_never_give_up() {
        for max_retries in [None, Some(0)] {
            let mut reconnect = Reconnect::new(None, max_retries);
            for _ in 0..100_000 {
                assert_ne!(reconnect.failed(0.0), Next::GiveUp);
            }
        }
        let mut at_the_limit = Reconnect::new(None, None);
        at_the_limit.attempts = u32::MAX;
        assert_eq!(
            at_the_limit.failed(0.0),
            Next::Pause(Duration::from_secs(60))
        );
    }
}
