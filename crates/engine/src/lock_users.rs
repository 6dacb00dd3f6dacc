//! Which builders may start when a lock becomes free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildbot_model::{BuilderId, WorkerId};

use crate::config::{BuilderLocks, Config, LockKind};
use crate::locks::{SemaphoreId, wanted};

/// Who looks at a lock before a build starts: its builder's locks, and those of its worker.
#[derive(Debug, Default)]
pub(crate) struct LockUsers {
    /// Builders that name a lock, on whichever worker.
    builders: BTreeMap<(LockKind, Arc<str>), Vec<BuilderId>>,
    /// Workers that hold a lock while they build.
    workers: BTreeMap<SemaphoreId, Vec<WorkerId>>,
    /// Builders whose locks are not known before a build of theirs is looked at.
    rendered: Vec<BuilderId>,
}

impl LockUsers {
    pub(crate) fn of(config: &Config) -> Self {
        let mut users = Self::default();
        for builder in config.builders.values() {
            if let BuilderLocks::Rendered(_) = builder.locks {
                users.rendered.push(builder.id);
            }
            let keys = builder.locks.listed().iter();
            let keys: BTreeSet<_> = keys
                .map(|access| (access.lock.kind, access.lock.name.clone()))
                .collect();
            for key in keys {
                users.builders.entry(key).or_default().push(builder.id);
            }
        }
        for (id, worker) in &config.workers {
            for lock in wanted(&worker.locks, *id).into_keys() {
                users.workers.entry(lock).or_default().push(*id);
            }
        }
        users
    }

    /// The builders that name a lock, and may use the worker whose lock it is.
    pub(crate) fn builders<'a>(
        &'a self,
        lock: &'a SemaphoreId,
        config: &'a Config,
    ) -> impl Iterator<Item = BuilderId> + 'a {
        let builders = self.builders.get(&lock.key()).into_iter().flatten();
        let may_use = |builder: &BuilderId| match (lock.worker, config.builders.get(builder)) {
            (Some(worker), Some(builder)) => builder.workers.contains(&worker),
            (None, _) | (_, None) => true,
        };
        builders.copied().filter(move |builder| may_use(builder))
    }

    /// The workers that hold a lock while they build.
    pub(crate) fn workers(&self, lock: &SemaphoreId) -> impl Iterator<Item = WorkerId> {
        self.workers.get(lock).into_iter().flatten().copied()
    }

    /// Builders that any lock may concern.
    pub(crate) fn rendered(&self) -> impl Iterator<Item = BuilderId> {
        self.rendered.iter().copied()
    }
}
