//! Which workers can take a build: attached, not paused, below `max_builds`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildRequestId, BuilderId, Timestamp, WorkerId};

use crate::config;
use crate::event::SessionId;
use crate::latent::Instance;
use crate::reason::Unavailable;

/// How long the first quarantine of a worker is.
pub const QUARANTINE_MIN: Duration = Duration::from_secs(10);
const QUARANTINE_MAX: Duration = Duration::from_secs(3600);

/// A worker at run time.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The connection.
    pub(crate) session: Option<SessionId>,
    pub(crate) is_paused: bool,
    /// Why, if somebody said it.
    pub(crate) pause_reason: Option<Arc<str>>,
    /// It is shut down once it is idle.
    pub(crate) is_graceful: bool,
    /// What people said is on its way to the database.
    pub(crate) is_storing: bool,
    /// It has changed meanwhile.
    pub(crate) is_to_be_stored: bool,
    /// Paused and graceful, as they are on their way.
    pub(crate) stored: (bool, bool),
    quarantine: Quarantine,
    /// What it builds, or is about to.
    busy: BTreeMap<BuilderId, BuildRequestId>,
    /// The machine of a latent worker.
    pub(crate) instance: Instance,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            session: None,
            is_paused: false,
            pause_reason: None,
            is_graceful: false,
            is_storing: false,
            is_to_be_stored: false,
            stored: (false, false),
            quarantine: Quarantine {
                until: None,
                next: QUARANTINE_MIN,
            },
            busy: BTreeMap::new(),
            instance: Instance::Stopped,
        }
    }
}

/// A time without builds, which doubles with each failure.
#[derive(Debug)]
struct Quarantine {
    until: Option<Timestamp>,
    next: Duration,
}

impl Worker {
    /// Whether it could take a build of `builder`. Its locks are not looked at.
    pub(crate) fn check(
        &self,
        config: &config::Worker,
        builder: BuilderId,
    ) -> Result<(), Unavailable> {
        if self.session.is_none() && config.latent.is_none() {
            return Err(Unavailable::Detached);
        }
        if self.is_paused {
            return Err(Unavailable::Paused {
                reason: self.pause_reason.clone(),
            });
        }
        if self.is_graceful {
            return Err(Unavailable::ShuttingDown);
        }
        if let Some(until) = self.quarantine.until {
            return Err(Unavailable::Quarantined { until });
        }
        if let Some(request) = self.busy.get(&builder) {
            return Err(Unavailable::Building(*request));
        }
        let is_between = match config.latent {
            // Its connection is lost: the builds that ran are ended first.
            Some(_) => {
                self.instance.is_running() && self.session.is_none() && !self.busy.is_empty()
            }
            // It was latent, and its machine is still being stopped.
            None => self.instance != Instance::Stopped && !self.instance.is_running(),
        };
        if is_between {
            return Err(Unavailable::Recovering);
        }
        // Until it is up, its own function could not tell.
        let is_starting = match self.instance {
            Instance::Stopped => !self.busy.is_empty(),
            Instance::Starting { .. } => true,
            Instance::Booting | Instance::Running | Instance::Stopping => false,
        };
        if config.is_compatible.is_some() && is_starting {
            return Err(Unavailable::Starting);
        }
        if self.is_full(config) {
            return Err(Unavailable::AtCapacity(
                self.busy.values().copied().collect(),
            ));
        }
        Ok(())
    }

    /// Whether it has as many builds as it takes.
    pub(crate) fn is_full(&self, config: &config::Worker) -> bool {
        let max_builds = config.max_builds.filter(|max_builds| *max_builds > 0);
        max_builds.is_some_and(|max_builds| self.busy.len() >= max_builds as usize)
    }

    pub(crate) fn occupy(&mut self, builder: BuilderId, request: BuildRequestId) {
        let before = self.busy.insert(builder, request);
        assert!(before.is_none(), "one build for each builder and worker");
    }

    pub(crate) fn vacate(&mut self, builder: BuilderId, request: BuildRequestId) {
        let before = self.busy.remove(&builder);
        assert_eq!(before, Some(request), "only what is there can go");
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// Puts it into quarantine, and says until when; `None` if it is in one already.
    pub(crate) fn quarantine(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.quarantine.until.is_some() {
            return None;
        }
        let until = now + self.quarantine.next;
        self.quarantine.until = Some(until);
        self.quarantine.next = (self.quarantine.next * 2).min(QUARANTINE_MAX);
        Some(until)
    }

    /// It may build again. The next quarantine is not made shorter by that.
    pub(crate) fn end_quarantine(&mut self) {
        self.quarantine.until = None;
    }

    /// Somebody knows how long the next quarantine is to be.
    pub(crate) fn set_next_quarantine(&mut self, next: Duration) {
        self.quarantine.next = next.min(QUARANTINE_MAX);
    }

    /// How long the next quarantine is.
    pub(crate) fn next_quarantine(&self) -> Duration {
        self.quarantine.next
    }

    /// A build went well enough: the next quarantine is a short one.
    pub(crate) fn forgive(&mut self) {
        self.quarantine.next = QUARANTINE_MIN;
    }
}

/// All workers that were ever configured or connected.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    all: BTreeMap<WorkerId, Worker>,
}

impl Workers {
    pub(crate) fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.all.get(&id)
    }

    /// The worker, made if nothing is known about it.
    pub(crate) fn entry(&mut self, id: WorkerId) -> &mut Worker {
        self.all.entry(id).or_default()
    }

    pub(crate) fn session(&self, id: WorkerId) -> Option<SessionId> {
        self.all.get(&id).and_then(|worker| worker.session)
    }

    pub(crate) fn ids(&self) -> Vec<WorkerId> {
        self.all.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_builds: Option<u32>) -> config::Worker {
        config::Worker {
            name: "w".into(),
            max_builds,
            locks: [].into(),
            is_compatible: None,
            latent: None,
        }
    }

    fn check(
        max_builds: Option<u32>,
        change: impl FnOnce(&mut Worker),
        expected: Option<Unavailable>,
    ) {
        let mut worker = Worker {
            session: Some(SessionId(1)),
            ..Worker::default()
        };
        change(&mut worker);
        let found = worker.check(&config(max_builds), BuilderId(1)).err();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_worker_takes_a_build_by_the_rules() {
        let request = BuildRequestId(7);
        let until = Timestamp::from_seconds(11);
        check(None, |_| (), None);
        check(None, |w| w.session = None, Some(Unavailable::Detached));
        let paused = Unavailable::Paused { reason: None };
        check(None, |w| w.is_paused = true, Some(paused));
        check(
            None,
            |w| w.is_graceful = true,
            Some(Unavailable::ShuttingDown),
        );
        let quarantine =
            |w: &mut Worker| assert!(w.quarantine(Timestamp::from_seconds(1)).is_some());
        check(None, quarantine, Some(Unavailable::Quarantined { until }));
        let own = |w: &mut Worker| w.occupy(BuilderId(1), request);
        check(None, own, Some(Unavailable::Building(request)));
        let other = |w: &mut Worker| w.occupy(BuilderId(2), request);
        check(Some(1), other, Some(Unavailable::AtCapacity(vec![request])));
        let other = |w: &mut Worker| w.occupy(BuilderId(2), request);
        check(Some(2), other, None);
        let other = |w: &mut Worker| w.occupy(BuilderId(2), request);
        check(Some(0), other, None);
    }

    #[test]
    fn what_an_instance_takes_is_known_when_it_is_up() {
        let mut config = config::Worker {
            is_compatible: Some(config::Callable {
                handle: 1,
                place: "master.cfg:1".into(),
            }),
            latent: Some(config::Latent {
                build_wait: None,
                missing_timeout: Duration::from_secs(60),
            }),
            ..config(None)
        };
        let mut worker = Worker::default();
        let other = BuilderId(2);
        assert_eq!(worker.check(&config, other), Ok(()), "it may become any");
        worker.occupy(BuilderId(1), BuildRequestId(7));
        for instance in [Instance::Stopped, Instance::Starting { is_needed: true }] {
            worker.instance = instance;
            let found = worker.check(&config, other);
            assert_eq!(found, Err(Unavailable::Starting), "{instance:?}");
        }
        worker.instance = Instance::Booting;
        assert_eq!(
            worker.check(&config, other),
            Ok(()),
            "its function is asked"
        );
        worker.instance = Instance::Stopped;
        config.is_compatible = None;
        assert_eq!(worker.check(&config, other), Ok(()), "it takes all");
    }

    #[test]
    fn a_quarantine_may_be_given_its_length_up_to_an_hour() {
        let now = Timestamp::from_seconds(0);
        let mut worker = Worker::default();
        let mut seconds = Vec::new();
        for given in [90, 7200] {
            worker.set_next_quarantine(Duration::from_secs(given));
            seconds.extend(worker.quarantine(now).map(|until| until.seconds()));
            worker.end_quarantine();
        }
        assert_eq!(seconds, [90, 3600]);
    }

    #[test]
    fn quarantine_doubles_up_to_an_hour_until_a_build_succeeds() {
        let mut worker = Worker::default();
        let now = Timestamp::from_seconds(0);
        let mut seconds = Vec::new();
        for _ in 0..11 {
            seconds.push(worker.quarantine(now).unwrap().seconds());
            assert_eq!(worker.quarantine(now), None);
            worker.end_quarantine();
        }
        assert_eq!(
            seconds,
            [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
        );
        worker.forgive();
        assert_eq!(worker.quarantine(now), Some(now + QUARANTINE_MIN));
    }
}
