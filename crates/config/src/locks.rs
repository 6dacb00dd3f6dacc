//! Locks and accesses to them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::check::Check;
use crate::classes::{Family, family};
use crate::description::Object;
use crate::place::SourcePlace;
use crate::problem::Problem;
use crate::service::text_of;
use buildbot_render::{ObjectId, Value};

/// A lock: one for the master, or one for each worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Lock {
    /// Its object. Two locks of one name are the same only if they are one object.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// How many may hold it at the same time.
    pub max_count: i64,
    /// Whether each worker has one, and for which workers another number counts.
    pub per_worker: Option<Vec<(String, i64)>>,
}

/// How a lock is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// With others.
    Counting,
    /// Alone.
    Exclusive,
}

/// A wish to hold a lock.
#[derive(Debug, Clone, PartialEq)]
pub struct LockAccess {
    /// Which lock.
    pub lock: Lock,
    /// How.
    pub mode: LockMode,
    /// How many units.
    pub count: i64,
}

/// The argument `locks`.
#[derive(Debug, Clone, PartialEq)]
pub enum Locks {
    /// These.
    These(Vec<LockAccess>),
    /// Known when a build is about to start.
    Renderable(Value),
}

impl Default for Locks {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

/// An access, from a `LockAccess` or a bare lock. `find` gives the objects of the description, or of an answer.
pub fn access(value: &Value, find: &dyn Fn(ObjectId) -> Option<Arc<Object>>) -> Option<LockAccess> {
    let object = find(value.as_object()?)?;
    match family(&object.class)? {
        Family::Lock => Some(LockAccess {
            lock: lock(value, find)?,
            mode: LockMode::Counting,
            count: 1,
        }),
        Family::LockAccess => {
            let count = match object.arguments.get("count") {
                Some(Value::Int(count)) => *count,
                _ => 1,
            };
            let mode = match object.arguments.text("mode") {
                Some("exclusive") => LockMode::Exclusive,
                _ => LockMode::Counting,
            };
            Some(LockAccess {
                lock: lock(object.arguments.get("lockid")?, find)?,
                mode,
                count,
            })
        }
        Family::Scheduler
        | Family::Worker
        | Family::ChangeSource
        | Family::Machine
        | Family::Service => None,
    }
}

fn lock(value: &Value, find: &dyn Fn(ObjectId) -> Option<Arc<Object>>) -> Option<Lock> {
    let id = value.as_object()?;
    let object = find(id)?;
    if family(&object.class) != Some(Family::Lock) {
        return None;
    }
    let max_count = match object.arguments.get("maxCount") {
        Some(Value::Int(count)) => *count,
        _ => 1,
    };
    let per_worker = (object.class == "buildbot.locks.WorkerLock").then(|| {
        object
            .arguments
            .get("maxCountForWorker")
            .and_then(Value::as_dict)
            .unwrap_or_default()
            .iter()
            .filter_map(|(worker, count)| match count {
                Value::Int(count) => Some((text_of(worker)?, *count)),
                _ => None,
            })
            .collect()
    });
    Some(Lock {
        id,
        name: object.arguments.get("name").and_then(text_of)?,
        max_count,
        per_worker,
    })
}

/// Reads the argument `locks` of the thing that messages call `owner`.
pub(crate) fn read(
    check: &mut Check<'_>,
    value: &Value,
    owner: &str,
    at: Option<SourcePlace>,
) -> Locks {
    let items = match value {
        Value::Renderable(_) | Value::Callable(_) => return Locks::Renderable(value.clone()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items
        }
        other if !other.is_true() => return Locks::default(),
        other => {
            let shown = other.repr(check.description);
            check.report(
                Problem::error(format!("{owner}: locks must be a list, not {shown}"))
                    .at(at)
                    .help("write locks=[lock.access('counting')]"),
            );
            return Locks::default();
        }
    };
    let mut accesses = Vec::with_capacity(items.len());
    for item in items {
        match access(item, &|id| check.description.shared_object(id)) {
            Some(access) => accesses.push(access),
            None => {
                let shown = item.repr(check.description);
                check.report(
                    Problem::error(format!("{owner}: {shown} in locks is not a lock"))
                        .at(at.clone())
                        .help("give the lock itself, or lock.access('counting'), not its name"),
                );
            }
        }
    }
    Locks::These(accesses)
}

/// Two different locks of one name would be one at run time.
pub(crate) fn check_names<'l>(check: &mut Check<'_>, all: impl IntoIterator<Item = &'l Locks>) {
    let mut seen: HashMap<&str, ObjectId> = HashMap::new();
    let accesses = all.into_iter().flat_map(|locks| match locks {
        Locks::These(accesses) => accesses.as_slice(),
        Locks::Renderable(_) => &[],
    });
    for LockAccess { lock, .. } in accesses {
        let first = *seen.entry(&lock.name).or_insert(lock.id);
        if first != lock.id {
            let at = check.place_of(lock.id);
            let other = check.place_of(first);
            check.report(
                Problem::error(format!("Two locks share the same name, '{}'", lock.name))
                    .at(at)
                    .maybe_help(other.map(|place| format!("the other one is made at {place}")))
                    .help("make one lock and use it at both places"),
            );
        }
    }
}
