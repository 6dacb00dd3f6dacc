//! Nothing that could start waits.

use std::collections::{BTreeMap, BTreeSet};

use buildbot_engine::SemaphoreId;
use buildbot_engine::config::{AccessMode, Builder, BuilderLocks};
use buildbot_model::{Results, WorkerId};

use super::{Broken, Idle, Observed, SeenWorker, accesses, needs_user_code};

impl Observed {
    /// Whether a worker may get a build of a builder. A latent one may be between two instances.
    pub(super) fn fits(&self, builder: &Builder, worker: WorkerId) -> Result<(), Broken> {
        let config = self.config.workers.get(&worker);
        let config = config.ok_or("it is not configured")?;
        let unknown = SeenWorker::default();
        let seen = self.workers.get(&worker).unwrap_or(&unknown);
        if seen.session.is_none() && config.latent.is_none() {
            return Err("it is not attached".to_owned());
        }
        if seen.is_paused || seen.is_graceful {
            return Err("it is paused or graceful".to_owned());
        }
        let is_quarantined = seen.quarantined_until.is_some_and(|until| until > self.now);
        if is_quarantined && !seen.is_quarantine_unsure {
            return Err("it is in quarantine".to_owned());
        }
        if seen.busy.contains_key(&builder.id) {
            return Err("it builds this builder".to_owned());
        }
        let max_builds = config.max_builds.filter(|max| *max > 0);
        if max_builds.is_some_and(|max| seen.busy.len() >= max as usize) {
            return Err("it is at max_builds".to_owned());
        }
        let wanted = accesses(&config.locks, worker);
        match wanted.iter().all(|(id, mode)| self.has_room(id, *mode)) {
            true => Ok(()),
            false => Err("its locks are taken".to_owned()),
        }
    }

    /// Whether something that could start does not: a request with a fit worker, or a waiter whose locks are free.
    pub fn check_liveness(&self) -> Result<(), Idle> {
        let waited_for: BTreeSet<&SemaphoreId> = self
            .builds
            .values()
            .filter_map(|build| build.waits_for.as_ref())
            .flat_map(BTreeMap::keys)
            .collect();
        for (id, build) in &self.builds {
            let Some(wanted) = &build.waits_for else {
                continue;
            };
            let is_alone = |lock: &SemaphoreId| {
                let others = self.builds.iter().filter(|(other, _)| *other != id);
                !others
                    .filter_map(|(_, other)| other.waits_for.as_ref())
                    .any(|other| other.contains_key(lock))
            };
            let is_free = |(lock, mode): (&SemaphoreId, &AccessMode)| {
                is_alone(lock) && self.has_room(lock, *mode)
            };
            let is_sent =
                self.sent.contains_key(id) || build.stop.is_some() || build.steps.is_changed_late;
            if !build.is_finishing && !is_sent && wanted.iter().all(is_free) {
                return Err(Idle {
                    request: None,
                    broken: format!("build {id} waits for locks that are free: {wanted:?}"),
                });
            }
        }
        if self.shutdown.is_some() {
            return Ok(());
        }
        for (id, queue) in &self.offered {
            let (Some((_, request)), Some(builder)) = (queue.first(), self.config.builders.get(id))
            else {
                continue;
            };
            let BuilderLocks::Listed(locks) = &builder.locks else {
                continue;
            };
            if needs_user_code(builder, &self.config) {
                continue;
            }
            for worker in &builder.workers {
                let wanted = accesses(locks, *worker);
                let is_free = wanted.iter().all(|(lock, mode)| {
                    *mode == AccessMode::Counting(0)
                        || (!waited_for.contains(lock) && self.has_room(lock, *mode))
                });
                let seen = self.workers.get(worker);
                let config = self.config.workers.get(worker);
                let is_latent = config.is_some_and(|config| config.latent.is_some());
                let is_between = seen.is_some_and(|it| {
                    let is_lost = it.session.is_none() && !it.busy.is_empty();
                    is_lost || (it.has_machine && !is_latent)
                });
                // Its failure is decided, and waits for what the build has said before.
                let is_failing = self.builds.iter().any(|(id, build)| {
                    build.worker == *worker
                        && self.sent.contains_key(id)
                        && (build.has_failed_preparation
                            || build.has_no_name
                            || build.steps.results.0 == Results::Exception
                            || build.session.is_none())
                });
                let is_unsure = seen.is_some_and(|it| it.is_quarantine_unsure);
                if is_free
                    && !is_between
                    && !is_failing
                    && !is_unsure
                    && self.fits(builder, *worker).is_ok()
                {
                    return Err(Idle {
                        request: Some(*request),
                        broken: format!(
                            "request {request} of {} waits while worker {worker} could build it",
                            builder.name
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}
