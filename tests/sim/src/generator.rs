//! Configurations by chance, over a fixed set of names, so that generations have something in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_engine::config::{
    AccessMode, Builder, BuilderLocks, Callable, Collapse, Config, Generation, Latent, Lock,
    LockAccess, LockKind, Step, StepFlags, Worker,
};
use buildbot_model::{BuilderId, WorkerId};

use crate::chance::Chance;

const BUILDERS: i64 = 6;
const WORKERS: i64 = 5;
/// Locks of builders. Those of steps and workers have other names, as users must do it to avoid deadlocks.
const BUILD_LOCKS: [(&str, LockKind); 3] = [
    ("build-a", LockKind::Master),
    ("build-b", LockKind::Worker),
    ("build-c", LockKind::Master),
];
const STEP_LOCKS: [(&str, LockKind); 2] =
    [("step-a", LockKind::Master), ("step-b", LockKind::Worker)];
const WORKER_LOCKS: [(&str, LockKind); 2] = [
    ("worker-a", LockKind::Master),
    ("worker-b", LockKind::Worker),
];
const COUNT_MAX: u32 = 3;

/// A configuration. A complete one has every builder and worker, and locks that grant what anybody may want.
pub(crate) fn configuration(chance: &mut Chance, generation: u64, is_complete: bool) -> Config {
    let build_locks = BUILD_LOCKS.map(|(name, kind)| lock(chance, name, kind, is_complete));
    let step_locks = STEP_LOCKS.map(|(name, kind)| lock(chance, name, kind, is_complete));
    let worker_locks = WORKER_LOCKS.map(|(name, kind)| lock(chance, name, kind, is_complete));
    let mut workers = BTreeMap::new();
    for id in 1..=WORKERS {
        if is_complete || chance.percent(85) {
            workers.insert(WorkerId(id), worker(chance, id, &worker_locks));
        }
    }
    if is_complete && let Some(worker) = workers.get_mut(&WorkerId(1)) {
        let all = build_locks.iter().chain(&step_locks).chain(&worker_locks);
        worker.locks = name_all(&worker.locks, all);
    }
    let asks = chance.percent(40);
    let mut builders = BTreeMap::new();
    for id in 1..=BUILDERS {
        if is_complete || chance.percent(90) {
            let builder = builder(chance, id, asks, &build_locks, &step_locks);
            builders.insert(BuilderId(id), Arc::new(builder));
        }
    }
    Config {
        generation: Generation(generation),
        salt: chance.bits(),
        prioritize_builders: callable(chance, 10, 10),
        question_timeout: Duration::from_secs(30),
        builders,
        workers,
    }
}

fn lock(chance: &mut Chance, name: &str, kind: LockKind, is_complete: bool) -> Arc<Lock> {
    let max_count = if is_complete {
        COUNT_MAX
    } else if chance.percent(3) {
        0
    } else {
        1 + chance.below(u64::from(COUNT_MAX)) as u32
    };
    let mut max_count_for_worker = BTreeMap::new();
    if kind == LockKind::Worker && !is_complete && chance.percent(50) {
        let worker = WorkerId(1 + chance.below(WORKERS as u64) as i64);
        max_count_for_worker.insert(worker, 1 + chance.below(u64::from(COUNT_MAX)) as u32);
    }
    Arc::new(Lock {
        kind,
        name: name.into(),
        max_count,
        max_count_for_worker,
    })
}

/// Names every lock, so that those whose count was too low for somebody have one that is not.
fn name_all<'a>(
    accesses: &[LockAccess],
    all: impl Iterator<Item = &'a Arc<Lock>>,
) -> Arc<[LockAccess]> {
    let missing = all.filter(|lock| accesses.iter().all(|access| access.lock != **lock));
    let missing = missing.map(|lock| LockAccess {
        lock: lock.clone(),
        mode: AccessMode::Counting(0),
    });
    accesses.iter().cloned().chain(missing).collect()
}

/// Accesses to some of these locks.
fn accesses(chance: &mut Chance, locks: &[Arc<Lock>], percent: u64) -> Arc<[LockAccess]> {
    let wanted = locks.iter().filter_map(|lock| {
        let mode = if chance.percent(30) {
            AccessMode::Exclusive
        } else if chance.percent(10) {
            AccessMode::Counting(chance.below(u64::from(COUNT_MAX) + 1) as u32)
        } else {
            AccessMode::Counting(1)
        };
        chance.percent(percent).then(|| LockAccess {
            lock: lock.clone(),
            mode,
        })
    });
    wanted.collect()
}

fn callable(chance: &mut Chance, handle: u32, percent: u64) -> Option<Callable> {
    chance.percent(percent).then(|| Callable {
        handle,
        place: "master.cfg:1".into(),
    })
}

fn worker(chance: &mut Chance, id: i64, locks: &[Arc<Lock>]) -> Worker {
    let is_latent = id == WORKERS || (id == WORKERS - 1 && chance.percent(50));
    let latent = is_latent.then(|| Latent {
        build_wait: match chance.below(4) {
            0 => None,
            1 => Some(Duration::ZERO),
            _ => Some(Duration::from_secs(chance.below(20))),
        },
        missing_timeout: Duration::from_secs(60),
    });
    Worker {
        name: format!("worker-{id}").into(),
        max_builds: chance.percent(60).then(|| chance.below(3) as u32),
        locks: accesses(chance, locks, 10),
        is_compatible: if is_latent {
            callable(chance, 20, 20)
        } else {
            None
        },
        latent,
    }
}

fn builder(
    chance: &mut Chance,
    id: i64,
    asks: bool,
    build_locks: &[Arc<Lock>],
    step_locks: &[Arc<Lock>],
) -> Builder {
    let percent = if asks { 30 } else { 0 };
    let workers = (1..=WORKERS).map(WorkerId);
    let mut workers: Vec<WorkerId> = workers.filter(|_| chance.percent(60)).collect();
    if workers.is_empty() {
        workers.push(WorkerId(1));
    }
    let listed = accesses(chance, build_locks, 25);
    let mut steps: Vec<Step> = (0..=chance.below(3))
        .map(|number| step(chance, number, step_locks))
        .collect();
    let locks = match callable(chance, 21, percent / 2) {
        Some(callable) => BuilderLocks::Rendered(callable),
        None => {
            if chance.percent(5) {
                steps[0].locks = listed.clone();
            }
            BuilderLocks::Listed(listed)
        }
    };
    let collapse = match chance.below(4) {
        0 => Collapse::Never,
        1 if asks => Collapse::Ask(Callable {
            handle: 22,
            place: "master.cfg:2".into(),
        }),
        _ => Collapse::Default,
    };
    Builder {
        id: BuilderId(id),
        name: format!("builder-{id}").into(),
        workers,
        locks,
        next_build: callable(chance, 23, percent),
        next_worker: callable(chance, 24, percent),
        can_start_build: callable(chance, 25, percent),
        do_build_if: callable(chance, 26, percent),
        collapse,
        steps,
    }
}

/// Steps that are added while a build runs.
pub(crate) fn added_steps(chance: &mut Chance) -> Vec<Step> {
    (0..=chance.below(2))
        .map(|number| step(chance, number, &[]))
        .collect()
}

fn step(chance: &mut Chance, number: u64, locks: &[Arc<Lock>]) -> Step {
    let name = format!("step-{number}").into();
    Step {
        name: chance.percent(90).then_some(name),
        is_static: chance.percent(60),
        locks: accesses(chance, locks, 20),
        flags: StepFlags {
            halt_on_failure: chance.percent(50),
            flunk_on_warnings: chance.percent(20),
            flunk_on_failure: chance.percent(80),
            warn_on_warnings: chance.percent(50),
            warn_on_failure: chance.percent(20),
            always_run: chance.percent(20),
        },
    }
}
