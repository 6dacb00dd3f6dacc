//! Configurations in a few words, for stories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_engine::config::{
    AccessMode, Builder, BuilderLocks, Callable, Collapse, Config, Generation, Latent, Lock,
    LockAccess, LockKind, Step, StepFlags, Worker,
};
use buildbot_model::{BuilderId, WorkerId};

/// A configuration that is being described.
#[derive(Debug, Clone)]
pub struct Configuration {
    config: Config,
    locks: BTreeMap<String, Arc<Lock>>,
}

/// A configuration with one worker `w`, which takes any number of builds, and nothing else.
pub fn config() -> Configuration {
    let empty = Config {
        generation: Generation(1),
        salt: 1,
        prioritize_builders: None,
        question_timeout: Duration::from_secs(30),
        builders: BTreeMap::new(),
        workers: BTreeMap::new(),
    };
    Configuration {
        config: empty,
        locks: BTreeMap::new(),
    }
    .worker("w")
}

/// Counting access to one unit of a lock.
pub fn uses(lock: &str) -> Vec<(String, AccessMode)> {
    vec![(lock.to_owned(), AccessMode::Counting(1))]
}

/// Counting access to some units of a lock.
pub fn uses_units(lock: &str, count: u32) -> Vec<(String, AccessMode)> {
    vec![(lock.to_owned(), AccessMode::Counting(count))]
}

/// Exclusive access to a lock.
pub fn alone(lock: &str) -> Vec<(String, AccessMode)> {
    vec![(lock.to_owned(), AccessMode::Exclusive)]
}

/// A function of the user; its handle says what it is.
pub fn callable(handle: u32) -> Callable {
    Callable {
        handle,
        place: format!("master.cfg:{handle}").into(),
    }
}

impl Configuration {
    /// Adds a master lock.
    #[must_use]
    pub fn lock(self, name: &str, max_count: u32) -> Self {
        self.any_lock(LockKind::Master, name, max_count, BTreeMap::new())
    }

    /// Adds a worker lock.
    #[must_use]
    pub fn worker_lock(self, name: &str, max_count: u32, for_worker: &[(&str, u32)]) -> Self {
        let counts = for_worker.iter();
        let counts = counts.map(|(worker, count)| (self.worker_id(worker), *count));
        let counts = counts.collect();
        self.any_lock(LockKind::Worker, name, max_count, counts)
    }

    fn any_lock(
        mut self,
        kind: LockKind,
        name: &str,
        max_count: u32,
        max_count_for_worker: BTreeMap<WorkerId, u32>,
    ) -> Self {
        let lock = Lock {
            kind,
            name: name.into(),
            max_count,
            max_count_for_worker,
        };
        self.locks.insert(name.to_owned(), Arc::new(lock));
        self
    }

    fn accesses(&self, accesses: &[(String, AccessMode)]) -> Arc<[LockAccess]> {
        let accesses = accesses.iter().map(|(name, mode)| LockAccess {
            lock: self.locks[name].clone(),
            mode: *mode,
        });
        accesses.collect()
    }

    /// Adds a worker, which may build all builders that are added later.
    #[must_use]
    pub fn worker(self, name: &str) -> Self {
        self.worker_with(name, |_, _| ())
    }

    /// Adds a worker that is not as others.
    #[must_use]
    pub fn worker_with(mut self, name: &str, change: impl FnOnce(&Self, &mut Worker)) -> Self {
        let mut worker = Worker {
            name: name.into(),
            max_builds: None,
            locks: [].into(),
            is_compatible: None,
            latent: None,
        };
        change(&self, &mut worker);
        let id = WorkerId(self.config.workers.len() as i64 + 1);
        self.config.workers.insert(id, worker);
        self
    }

    /// Adds a worker that takes so many builds.
    #[must_use]
    pub fn worker_for(self, name: &str, max_builds: u32) -> Self {
        self.worker_with(name, |_, worker| worker.max_builds = Some(max_builds))
    }

    /// Adds a worker that claims locks for each build.
    #[must_use]
    pub fn worker_locked(self, name: &str, accesses: &[(String, AccessMode)]) -> Self {
        self.worker_with(name, |config, worker| {
            worker.locks = config.accesses(accesses);
        })
    }

    /// Adds a worker whose machine is started for builds, and kept for a minute.
    #[must_use]
    pub fn latent_worker(self, name: &str) -> Self {
        self.worker_with(name, |_, worker| {
            worker.latent = Some(Latent {
                build_wait: Some(Duration::from_secs(60)),
                missing_timeout: Duration::from_secs(1200),
            });
        })
    }

    /// Takes all workers away.
    #[must_use]
    pub fn no_workers(mut self) -> Self {
        self.config.workers.clear();
        self
    }

    /// Adds builders with one step, on all workers so far.
    #[must_use]
    pub fn builders<const N: usize>(
        mut self,
        names: [&str; N],
        locks: Vec<(String, AccessMode)>,
    ) -> Self {
        for name in names {
            let accesses = self.accesses(&locks);
            self = self.builder_with(name, |builder| {
                builder.locks = BuilderLocks::Listed(accesses);
            });
        }
        self
    }

    /// Adds a builder with one step and locks, on one worker.
    #[must_use]
    pub fn builder_on(self, worker: &str, name: &str, locks: &[(String, AccessMode)]) -> Self {
        let (accesses, worker) = (self.accesses(locks), self.worker_id(worker));
        self.builder_with(name, |builder| {
            builder.locks = BuilderLocks::Listed(accesses);
            builder.workers = vec![worker];
        })
    }

    /// Adds a builder with one step, on all workers so far.
    #[must_use]
    pub fn builder(self, name: &str) -> Self {
        self.builder_with(name, |_| ())
    }

    /// Adds a builder with one step that needs locks.
    #[must_use]
    pub fn builder_with_step(self, name: &str, locks: &[(String, AccessMode)]) -> Self {
        let accesses = self.accesses(locks);
        self.builder_with(name, |builder| builder.steps[0].locks = accesses)
    }

    /// Adds a builder that holds locks and has a step that wants the same.
    #[must_use]
    pub fn builder_with_both(self, name: &str, locks: &[(String, AccessMode)]) -> Self {
        let accesses = self.accesses(locks);
        self.builder_with(name, |builder| {
            builder.locks = BuilderLocks::Listed(accesses.clone());
            builder.steps[0].locks = accesses;
        })
    }

    /// Adds a builder that is not as others.
    #[must_use]
    pub fn builder_with(mut self, name: &str, change: impl FnOnce(&mut Builder)) -> Self {
        let id = BuilderId(self.config.builders.len() as i64 + 1);
        let mut builder = Builder {
            id,
            name: name.into(),
            workers: self.config.workers.keys().copied().collect(),
            locks: BuilderLocks::Listed([].into()),
            next_build: None,
            next_worker: None,
            can_start_build: None,
            do_build_if: None,
            collapse: Collapse::Never,
            steps: vec![step("step")],
        };
        change(&mut builder);
        self.config.builders.insert(id, Arc::new(builder));
        self
    }

    /// Takes all builders away.
    #[must_use]
    pub fn no_builders(mut self) -> Self {
        self.config.builders.clear();
        self
    }

    /// Has user code order the builders.
    #[must_use]
    pub fn prioritized(mut self) -> Self {
        self.config.prioritize_builders = Some(callable(1));
        self
    }

    /// The id of a worker.
    pub fn worker_id(&self, name: &str) -> WorkerId {
        let mut workers = self.config.workers.iter();
        match workers.find(|(_, worker)| &*worker.name == name) {
            Some((id, _)) => *id,
            None => panic!("no worker {name}"),
        }
    }

    /// The configuration, as load number `generation`.
    pub fn build(mut self, generation: u64) -> Arc<Config> {
        self.config.generation = Generation(generation);
        Arc::new(self.config)
    }
}

/// A step without locks and with the default flags.
pub fn step(name: &str) -> Step {
    Step {
        name: Some(name.into()),
        locks: [].into(),
        flags: StepFlags::default(),
        is_static: true,
    }
}
