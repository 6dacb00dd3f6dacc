//! Master and worker locks: who holds which, and who is woken when one becomes free.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use buildbot_model::WorkerId;

use crate::config::{AccessMode, Config, Generation, Lock, LockAccess, LockKind};
use crate::reason::{LockTaken, Owner};
use crate::semaphore::Semaphore;

/// The identity of a lock at run time, over all generations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SemaphoreId {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// Whose lock it is; `None` is the master's.
    pub worker: Option<WorkerId>,
}

impl SemaphoreId {
    /// The lock that a build on `worker` means.
    pub fn new(lock: &Lock, worker: WorkerId) -> Self {
        Self {
            name: lock.name.clone(),
            worker: match lock.kind {
                LockKind::Master => None,
                LockKind::Worker => Some(worker),
            },
        }
    }
}

impl SemaphoreId {
    pub(crate) fn key(&self) -> (LockKind, Arc<str>) {
        let kind = match self.worker {
            Some(_) => LockKind::Worker,
            None => LockKind::Master,
        };
        (kind, self.name.clone())
    }
}

/// What somebody wants or holds: at most one access to each lock.
///
/// Differs: several locks of one build or step are claimed in the order of their names, not of the configuration,
/// because two builds that wait for each other's place in two queues would wait for ever.
pub(crate) type Wanted = BTreeMap<SemaphoreId, Want>;

/// One access, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    mode: AccessMode,
    /// As the configuration says that the access is from.
    max_count: u32,
}

/// The accesses as a build on `worker` means them. Two accesses to one lock become one.
pub(crate) fn wanted(accesses: &[LockAccess], worker: WorkerId) -> Wanted {
    let mut wanted = Wanted::new();
    for access in accesses {
        let id = SemaphoreId::new(&access.lock, worker);
        let max_count = max_count(&access.lock, id.worker);
        let mode = access.mode;
        wanted
            .entry(id)
            .and_modify(|want: &mut Want| want.mode = both(want.mode, mode))
            .or_insert(Want { mode, max_count });
    }
    wanted
}

fn both(a: AccessMode, b: AccessMode) -> AccessMode {
    match (a, b) {
        (AccessMode::Counting(a), AccessMode::Counting(b)) => {
            AccessMode::Counting(a.saturating_add(b))
        }
        (AccessMode::Exclusive, _) | (_, AccessMode::Exclusive) => AccessMode::Exclusive,
    }
}

fn max_count(lock: &Lock, worker: Option<WorkerId>) -> u32 {
    worker
        .and_then(|worker| lock.max_count_for_worker.get(&worker))
        .copied()
        .unwrap_or(lock.max_count)
}

/// All locks of this master. They are made when first meant, and stay.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    semaphores: BTreeMap<SemaphoreId, Held>,
    /// Those that a configuration named without rendering, as the newest one did.
    configured: BTreeMap<(LockKind, Arc<str>), (Generation, Arc<Lock>)>,
    woken: VecDeque<Owner>,
    /// Which have become free since somebody asked.
    freed: BTreeSet<SemaphoreId>,
}

#[derive(Debug)]
struct Held {
    semaphore: Semaphore,
    generation: Generation,
}

impl Locks {
    /// Makes the locks that do not exist, and brings the counts of the others up to `generation`.
    pub(crate) fn resolve(&mut self, wanted: &Wanted, generation: Generation) {
        for (id, want) in wanted {
            match self.semaphores.get_mut(id) {
                Some(held) if held.generation < generation => {
                    held.generation = generation;
                    held.semaphore
                        .set_max_count(want.max_count, &mut self.woken);
                    self.freed.insert(id.clone());
                }
                Some(_) => {}
                None => {
                    let (max_count, generation) = match self.configured.get(&id.key()) {
                        Some((newest, lock)) if *newest >= generation => {
                            (max_count(lock, id.worker), *newest)
                        }
                        Some(_) | None => (want.max_count, generation),
                    };
                    let semaphore = Semaphore::new(max_count);
                    let held = Held {
                        semaphore,
                        generation,
                    };
                    self.semaphores.insert(id.clone(), held);
                }
            }
        }
    }

    /// Brings the counts up to a new configuration.
    pub(crate) fn update(&mut self, config: &Config) {
        let builders = config.builders.values();
        let of_builders = builders.flat_map(|builder| {
            let steps = builder.steps.iter().flat_map(|step| step.locks.iter());
            builder.locks.listed().iter().chain(steps)
        });
        let workers = config.workers.values();
        let of_workers = workers.flat_map(|worker| worker.locks.iter());
        for access in of_builders.chain(of_workers) {
            let lock = access.lock.clone();
            let key = (lock.kind, lock.name.clone());
            self.configured.insert(key, (config.generation, lock));
        }
        for (id, held) in &mut self.semaphores {
            let configured = self.configured.get(&id.key());
            if let Some((generation, lock)) = configured.filter(|it| it.0 > held.generation) {
                held.generation = *generation;
                let max_count = max_count(lock, id.worker);
                held.semaphore.set_max_count(max_count, &mut self.woken);
                self.freed.insert(id.clone());
            }
        }
    }

    /// Whether all are available to somebody who has not waited, and else the first that is not.
    pub(crate) fn check(&self, wanted: &Wanted) -> Result<(), LockTaken> {
        self.first_taken(None, wanted).map_or(Ok(()), Err)
    }

    /// Claims all, or waits for the first that is not available.
    pub(crate) fn acquire(
        &mut self,
        owner: Owner,
        wanted: &Wanted,
        generation: Generation,
    ) -> Result<(), LockTaken> {
        self.resolve(wanted, generation);
        if let Some(taken) = self.first_taken(Some(owner), wanted) {
            let mode = wanted[&taken.lock].mode;
            self.semaphore(&taken.lock).wait(owner, mode);
            // Who waits here must not keep a place further on: those there may keep places before this one.
            use std::ops::Bound::{Excluded, Unbounded};
            let later = wanted.range((Excluded(&taken.lock), Unbounded));
            for (id, _) in later {
                if let Some(held) = self.semaphores.get_mut(id)
                    && held.semaphore.give_up(owner, &mut self.woken)
                {
                    self.freed.insert(id.clone());
                }
            }
            return Err(taken);
        }
        for (id, want) in wanted {
            self.semaphore(id).claim(owner, want.mode);
        }
        Ok(())
    }

    /// Ends the claims. Another claim of the same owner stays.
    pub(crate) fn release(&mut self, owner: Owner, wanted: &Wanted) {
        for (id, want) in wanted {
            if let Some(held) = self.semaphores.get_mut(id) {
                held.semaphore.release(owner, want.mode, &mut self.woken);
                self.freed.insert(id.clone());
            }
        }
    }

    /// Leaves the queues.
    pub(crate) fn give_up(&mut self, owner: Owner, wanted: &Wanted) {
        for id in wanted.keys() {
            if let Some(held) = self.semaphores.get_mut(id)
                && held.semaphore.give_up(owner, &mut self.woken)
            {
                self.freed.insert(id.clone());
            }
        }
    }

    /// The next one who should try again.
    pub(crate) fn take_woken(&mut self) -> Option<Owner> {
        self.woken.pop_front()
    }

    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// What has become free since the last call.
    pub(crate) fn take_freed(&mut self) -> BTreeSet<SemaphoreId> {
        std::mem::take(&mut self.freed)
    }

    /// Who holds a lock, and how many wait.
    pub(crate) fn describe(&self, id: &SemaphoreId) -> LockTaken {
        let held = self.semaphores.get(id);
        LockTaken {
            lock: id.clone(),
            owners: held.map_or_else(Vec::new, |held| held.semaphore.owners()),
            waiting: held.map_or(0, |held| held.semaphore.waiting()),
        }
    }

    fn first_taken(&self, owner: Option<Owner>, wanted: &Wanted) -> Option<LockTaken> {
        let is_available = |id: &SemaphoreId, want: &Want| match self.semaphores.get(id) {
            Some(held) => held.semaphore.is_available(owner, want.mode),
            None => Semaphore::new(want.max_count).is_available(owner, want.mode),
        };
        wanted
            .iter()
            .find(|(id, want)| !is_available(id, want))
            .map(|(id, _)| self.describe(id))
    }

    fn semaphore(&mut self, id: &SemaphoreId) -> &mut Semaphore {
        match self.semaphores.get_mut(id) {
            Some(held) => &mut held.semaphore,
            None => unreachable!("locks are resolved before they are acquired"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildbot_model::BuildId;

    fn access(name: &str, max_count: u32) -> LockAccess {
        LockAccess {
            lock: Arc::new(Lock {
                kind: LockKind::Master,
                name: name.into(),
                max_count,
                max_count_for_worker: BTreeMap::new(),
            }),
            mode: AccessMode::Counting(1),
        }
    }

    const WORKER: WorkerId = WorkerId(1);

    fn owner(number: i64) -> Owner {
        Owner::Build(BuildId(number))
    }

    #[test]
    fn several_locks_are_taken_together_or_not_at_all() {
        let mut locks = Locks::default();
        let accesses = [access("a", 1), access("b", 1)];
        let (a, both) = (wanted(&accesses[..1], WORKER), wanted(&accesses, WORKER));
        assert!(
            locks
                .acquire(owner(1), &wanted(&accesses[1..], WORKER), Generation(1))
                .is_ok()
        );
        let taken = locks.acquire(owner(2), &both, Generation(1)).unwrap_err();
        assert_eq!((&*taken.lock.name, taken.owners), ("b", vec![owner(1)]));
        assert!(locks.check(&a).is_ok());
        locks.release(owner(1), &wanted(&accesses[1..], WORKER));
        assert_eq!(locks.take_woken(), Some(owner(2)));
        assert!(locks.acquire(owner(2), &both, Generation(1)).is_ok());
        assert!(locks.check(&a).is_err());
    }

    #[test]
    fn two_that_want_the_same_locks_in_other_orders_do_not_wait_for_ever() {
        let mut locks = Locks::default();
        let (a, b) = (access("a", 1), access("b", 1));
        let only_a = wanted(std::slice::from_ref(&a), WORKER);
        let only_b = wanted(std::slice::from_ref(&b), WORKER);
        let (ab, ba) = (
            wanted(&[a.clone(), b.clone()], WORKER),
            wanted(&[b, a], WORKER),
        );
        assert!(locks.acquire(owner(1), &only_a, Generation(1)).is_ok());
        assert!(locks.acquire(owner(2), &only_b, Generation(1)).is_ok());
        assert!(locks.acquire(owner(3), &ab, Generation(1)).is_err());
        assert!(locks.acquire(owner(4), &ba, Generation(1)).is_err());
        locks.release(owner(1), &only_a);
        assert_eq!(locks.take_woken(), Some(owner(3)));
        assert!(locks.acquire(owner(3), &ab, Generation(1)).is_err());
        locks.release(owner(2), &only_b);
        assert_eq!(locks.take_woken(), Some(owner(3)));
        assert!(locks.acquire(owner(3), &ab, Generation(1)).is_ok());
        locks.release(owner(3), &ab);
        assert_eq!(locks.take_woken(), Some(owner(4)));
        assert!(locks.acquire(owner(4), &ba, Generation(1)).is_ok());
    }

    #[test]
    fn who_falls_back_to_an_earlier_lock_gives_up_its_place_at_a_later_one() {
        let mut locks = Locks::default();
        let units = |count| LockAccess {
            mode: AccessMode::Counting(count),
            ..access("a", 3)
        };
        let c = access("c", 1);
        let only_c = wanted(std::slice::from_ref(&c), WORKER);
        let all = wanted(&[units(3)], WORKER);
        let big = wanted(&[units(3), c.clone()], WORKER);
        let small = wanted(&[units(1), c], WORKER);
        let one = wanted(&[units(1)], WORKER);
        let mut acquire = |owner_of: i64, it: &Wanted| {
            let result = locks.acquire(owner(owner_of), it, Generation(1));
            (result.is_ok(), locks.take_woken())
        };
        assert_eq!(acquire(1, &only_c), (true, None));
        assert_eq!(acquire(2, &all), (true, None));
        assert_eq!(acquire(4, &small), (false, None));
        assert_eq!(acquire(3, &big), (false, None));
        locks.release(owner(2), &all);
        assert_eq!(locks.take_woken(), Some(owner(4)));
        assert!(locks.acquire(owner(4), &small, Generation(1)).is_err());
        assert!(locks.acquire(owner(5), &one, Generation(1)).is_ok());
        locks.release(owner(1), &only_c);
        assert_eq!(locks.take_woken(), Some(owner(4)));
        assert!(locks.acquire(owner(4), &small, Generation(1)).is_ok());
    }

    #[test]
    fn counts_follow_the_newest_generation_only() {
        let mut locks = Locks::default();
        let a = wanted(&[access("a", 1)], WORKER);
        assert!(locks.acquire(owner(1), &a, Generation(2)).is_ok());
        locks.resolve(&wanted(&[access("a", 5)], WORKER), Generation(1));
        assert!(locks.check(&a).is_err());
        locks.resolve(&wanted(&[access("a", 2)], WORKER), Generation(3));
        assert!(locks.check(&a).is_ok());
    }

    #[test]
    fn two_accesses_to_one_lock_are_added() {
        let twice = wanted(&[access("a", 2), access("a", 2)], WORKER);
        let modes: Vec<_> = twice.into_values().map(|want| want.mode).collect();
        assert_eq!(modes, [AccessMode::Counting(2)]);
    }
}
