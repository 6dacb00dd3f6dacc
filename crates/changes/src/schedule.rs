//! When a source is polled.

use std::time::Duration;

use buildbot_config::changes::PollingArguments;

/// When a source is polled: at multiples of its interval after it became active, so that a poll that takes long skips
/// some.
#[derive(Debug, Clone)]
pub struct Schedule {
    started: f64,
    interval: f64,
    delay_min: i64,
    delay_max: i64,
    at_launch: bool,
}

impl Schedule {
    /// The schedule of a source that becomes active at `now`, in seconds since the epoch. A source without an interval
    /// is polled by force only.
    pub fn new(now: f64, polling: &PollingArguments) -> Option<Self> {
        Some(Self {
            started: now,
            interval: polling.poll_interval?.0.max(0.0),
            delay_min: whole(polling.poll_random_delay_min.0),
            delay_max: whole(polling.poll_random_delay_max.0),
            at_launch: polling.poll_at_launch,
        })
    }

    /// How long to wait for the next poll; `random` gives a number of seconds between two.
    pub fn wait(&mut self, now: f64, random: impl FnOnce(i64, i64) -> i64) -> Duration {
        let to_the_beat = if self.at_launch || self.interval == 0.0 {
            0.0
        } else {
            self.interval - (now - self.started).rem_euclid(self.interval)
        };
        self.at_launch = false;
        let delay = match self.delay_max {
            0 => 0,
            max => random(self.delay_min, max),
        };
        let delay = u32::try_from(delay).unwrap_or(0);
        Duration::try_from_secs_f64(to_the_beat + f64::from(delay)).unwrap_or(Duration::MAX)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "they are small, and casts saturate"
)]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildbot_config::Seconds;

    fn schedule(interval: f64, at_launch: bool, delays: (f64, f64)) -> Schedule {
        let polling = PollingArguments {
            poll_interval: Some(Seconds(interval)),
            poll_at_launch: at_launch,
            poll_random_delay_min: Seconds(delays.0),
            poll_random_delay_max: Seconds(delays.1),
        };
        Schedule::new(1000.0, &polling).expect("an interval")
    }

    #[test]
    fn polls_are_aligned_to_the_start_and_slow_ones_skip_beats() {
        let mut schedule = schedule(10.0, false, (0.0, 0.0));
        let mut wait = |now: f64| schedule.wait(now, |_, _| panic!("no chance")).as_secs_f64();
        assert!((wait(1000.0) - 10.0).abs() < 1e-9);
        assert!((wait(1013.0) - 7.0).abs() < 1e-9);
        assert!((wait(1035.5) - 4.5).abs() < 1e-9);
    }

    #[test]
    fn the_first_poll_is_at_once_if_it_is_wanted_and_may_be_delayed() {
        let mut schedule = schedule(10.0, true, (2.0, 5.0));
        let bounds = |min, max| {
            assert_eq!((min, max), (2, 5));
            3
        };
        assert_eq!(schedule.wait(1000.0, bounds), Duration::from_secs(3));
        assert_eq!(schedule.wait(1003.0, bounds), Duration::from_secs(10));
    }
}
