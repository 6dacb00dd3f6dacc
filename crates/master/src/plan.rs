//! What the engine has to know about a configuration.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{
    BuilderConfig, Description, LockMode, Locks, MasterConfig, Object, ObjectId, StepConfig, Value,
    Worker, WorkerKind,
};
use buildbot_engine::config::{
    AccessMode, Builder, BuilderLocks, Callable, Collapse, Config, Generation, Latent, Lock,
    LockAccess, LockKind, Step, StepFlags, Worker as EngineWorker,
};
use buildbot_model::WorkerId;

use crate::called::Called;
use crate::rows::Ids;
use crate::site::Site;

/// How long user code may take to answer before a builder's turn goes on without it. The process of the configuration
/// breaks it off by itself at the same time.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);

/// What a latent worker has whose class does not say it.
const MISSING_TIMEOUT: Duration = Duration::from_secs(3600);

/// The engine's configuration, and what its callables stand for, by their handles.
pub(crate) fn of(
    config: &MasterConfig,
    description: &Description,
    ids: &Ids,
    generation: Generation,
) -> (Config, Vec<Called>) {
    let mut plan = Plan {
        config,
        description,
        ids,
        called: Vec::new(),
    };
    let prioritize_builders = plan.callable(&config.globals.prioritize_builders);
    let builders = config.builders.iter();
    let builders = builders.filter_map(|builder| plan.builder(builder));
    let builders = builders.map(|builder| (builder.id, Arc::new(builder)));
    let builders = builders.collect();
    let workers = config.workers.iter();
    let workers = workers.filter_map(|worker| {
        let id = ids.workers.get(worker.name())?;
        Some((*id, engine_worker(worker, ids)))
    });
    let engine = Config {
        generation,
        salt: RandomState::new().hash_one(generation.0),
        prioritize_builders,
        question_timeout: QUESTION_TIMEOUT,
        builders,
        workers: workers.collect(),
    };
    (engine, plan.called)
}

struct Plan<'a> {
    config: &'a MasterConfig,
    description: &'a Description,
    ids: &'a Ids,
    called: Vec<Called>,
}

impl Plan<'_> {
    fn callable(&mut self, value: &Value) -> Option<Callable> {
        let called = Called::of(value)?;
        Some(self.add(called, value))
    }

    fn add(&mut self, called: Called, value: &Value) -> Callable {
        let place = match value {
            Value::Callable(callable) => callable.place,
            Value::Renderable(renderable) => renderable.place,
            _ => None,
        };
        let place = place.and_then(|place| self.description.source_place(place));
        let place = match (value, place) {
            (Value::Callable(callable), Some(place)) => format!("{} at {place}", callable.name),
            (_, Some(place)) => place.to_string(),
            (other, None) => other.repr(self.description),
        };
        let handle = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
        self.called.push(called);
        Callable {
            handle,
            place: place.into(),
        }
    }

    fn builder(&mut self, config: &BuilderConfig) -> Option<Builder> {
        let id = *self.ids.builders.get(&config.name)?;
        let workers = config.worker_names.iter();
        let workers = workers
            .filter_map(|name| self.ids.workers.get(name))
            .copied();
        let locks = match &config.locks {
            Locks::These(accesses) => BuilderLocks::Listed(self.accesses(accesses)),
            Locks::Renderable(value) => {
                BuilderLocks::Rendered(self.add(Called::Locks(value.clone()), value))
            }
        };
        let next_worker = self.callable(&config.next_worker);
        let globals = &self.config.globals;
        let steps = config.factory.iter().flat_map(|factory| &factory.steps);
        Some(Builder {
            id,
            name: config.name.as_str().into(),
            workers: workers.collect(),
            locks,
            next_build: self.callable(&config.next_build),
            next_worker: next_worker.or_else(|| self.callable(&globals.select_next_worker)),
            can_start_build: self.callable(&config.can_start_build),
            do_build_if: self.do_build_if(&config.do_build_if),
            collapse: self.collapse(&config.collapse_requests),
            steps: steps
                .map(|step| step_of(step, self.description, self.ids))
                .collect(),
        })
    }

    /// A truth value that is no function is decided without one.
    fn do_build_if(&mut self, value: &Value) -> Option<Callable> {
        match value {
            Value::None | Value::Bool(true) => None,
            Value::Bool(false) => Some(self.add(Called::Known(false), value)),
            other => self.callable(other),
        }
    }

    fn collapse(&mut self, of_builder: &Value) -> Collapse {
        let rule = match of_builder {
            Value::None => &self.config.globals.collapse_requests,
            rule => rule,
        };
        match rule {
            Value::None => Collapse::Default,
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => match rule.is_true() {
                true => Collapse::Default,
                false => Collapse::Never,
            },
            other => self
                .callable(other)
                .map_or(Collapse::Default, Collapse::Ask),
        }
    }

    fn accesses(&self, accesses: &[buildbot_config::LockAccess]) -> Arc<[LockAccess]> {
        lock_accesses(accesses, self.ids)
    }
}

/// Locks as the engine knows them.
pub(crate) fn lock_accesses(
    accesses: &[buildbot_config::LockAccess],
    ids: &Ids,
) -> Arc<[LockAccess]> {
    accesses
        .iter()
        .map(|access| lock_access(access, ids))
        .collect()
}

fn lock_access(access: &buildbot_config::LockAccess, ids: &Ids) -> LockAccess {
    let count = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    let lock = &access.lock;
    let per_worker = lock.per_worker.iter().flatten();
    let max_count_for_worker: BTreeMap<WorkerId, u32> = per_worker
        .filter_map(|(name, of_worker)| Some((*ids.workers.get(name)?, count(*of_worker))))
        .collect();
    LockAccess {
        lock: Arc::new(Lock {
            kind: match lock.per_worker {
                Some(_) => LockKind::Worker,
                None => LockKind::Master,
            },
            name: lock.name.as_str().into(),
            max_count: count(lock.max_count),
            max_count_for_worker,
        }),
        mode: match access.mode {
            LockMode::Counting => AccessMode::Counting(count(access.count)),
            LockMode::Exclusive => AccessMode::Exclusive,
        },
    }
}

fn engine_worker(worker: &Worker, ids: &Ids) -> EngineWorker {
    let locks = match &worker.locks {
        Locks::These(accesses) => lock_accesses(accesses, ids),
        // Refused when the configuration is loaded.
        Locks::Renderable(_) => [].into(),
    };
    let max_builds = worker.common.max_builds;
    EngineWorker {
        name: worker.name().into(),
        max_builds: max_builds.and_then(|count| u32::try_from(count).ok()),
        locks,
        is_compatible: None,
        latent: latent(worker),
    }
}

fn latent(worker: &Worker) -> Option<Latent> {
    let WorkerKind::LocalLatent(arguments) = &worker.kind else {
        return None;
    };
    let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let missing = worker.common.missing_timeout;
    Some(Latent {
        build_wait: arguments
            .build_wait_timeout
            .and_then(|wait| duration(wait.0)),
        missing_timeout: missing
            .and_then(|missing| duration(missing.0))
            .unwrap_or(MISSING_TIMEOUT),
    })
}

/// A step as far as it is known before it is prepared.
pub(crate) fn step(config: &StepConfig, site: &Site) -> Step {
    step_of(config, &site.description, &site.ids)
}

fn step_of(config: &StepConfig, description: &Description, ids: &Ids) -> Step {
    let common = &config.arguments.common;
    let flags = [
        &common.halt_on_failure,
        &common.flunk_on_warnings,
        &common.flunk_on_failure,
        &common.warn_on_warnings,
        &common.warn_on_failure,
        &common.always_run,
    ];
    let known = |value: &Value| matches!(value, Value::None | Value::Bool(_) | Value::Int(_));
    let locks = known_locks(&common.locks, &|id| description.shared_object(id), ids);
    Step {
        name: common.name.as_text().map(Into::into),
        is_static: locks.is_some()
            && flags.into_iter().all(known)
            && matches!(&common.do_step_if, Value::Bool(true)),
        locks: locks.unwrap_or_default().into(),
        flags: StepFlags {
            halt_on_failure: common.halt_on_failure.is_true(),
            flunk_on_warnings: common.flunk_on_warnings.is_true(),
            flunk_on_failure: common.flunk_on_failure.is_true(),
            warn_on_warnings: common.warn_on_warnings.is_true(),
            warn_on_failure: common.warn_on_failure.is_true(),
            // What is rendered later counts as true: it is not passed over before that.
            always_run: common.always_run.is_true(),
        },
    }
}

/// What the result of a step means, as it was rendered.
pub(crate) fn flags(flags: buildbot_steps::Flags) -> StepFlags {
    StepFlags {
        halt_on_failure: flags.halt_on_failure,
        flunk_on_warnings: flags.flunk_on_warnings,
        flunk_on_failure: flags.flunk_on_failure,
        warn_on_warnings: flags.warn_on_warnings,
        warn_on_failure: flags.warn_on_failure,
        always_run: flags.always_run,
    }
}

/// Finds an object by its id.
type Find<'a> = dyn Fn(ObjectId) -> Option<Arc<Object>> + 'a;

/// The locks that a value names; `None` if it is no list of locks, or has to be rendered.
fn known_locks(value: &Value, find: &Find<'_>, ids: &Ids) -> Option<Vec<LockAccess>> {
    let items = match value {
        Value::None => return Some(Vec::new()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.as_slice()
        }
        one => std::slice::from_ref(one),
    };
    let accesses = items.iter().map(|item| {
        let access = buildbot_config::access(item, find)?;
        Some(lock_access(&access, ids))
    });
    accesses.collect()
}

/// The locks that a rendered value names, with the objects that it refers to; `None` if it is no list of locks.
pub(crate) fn locks_of(value: &Value, find: &Find<'_>, site: &Site) -> Option<Vec<LockAccess>> {
    known_locks(value, find, &site.ids)
}
