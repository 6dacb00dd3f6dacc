//! Who holds which lock, as far as that is seen.

use buildbot_engine::config::{AccessMode, LockKind};
use buildbot_engine::{Owner, SemaphoreId};

use super::{Accesses, Broken, Observed};

impl Observed {
    /// Who holds what, and who waits for what.
    pub fn describe_locks(&self) -> String {
        let waiting: Vec<_> = self
            .builds
            .iter()
            .filter_map(|(id, build)| Some((id, build.waits_for.as_ref()?)))
            .collect();
        format!("held {:?}, waited for {waiting:?}", self.holders)
    }

    pub(super) fn max_count(&self, id: &SemaphoreId) -> u32 {
        let kind = match id.worker {
            Some(_) => LockKind::Worker,
            None => LockKind::Master,
        };
        let Some(lock) = self.locks.get(&(kind, id.name.clone())) else {
            return 0;
        };
        let special = id
            .worker
            .and_then(|worker| lock.max_count_for_worker.get(&worker));
        special.copied().unwrap_or(lock.max_count)
    }

    pub(super) fn has_room(&self, id: &SemaphoreId, mode: AccessMode) -> bool {
        let none = Vec::new();
        let holders = self.holders.get(id).unwrap_or(&none);
        let units = |mode: &AccessMode| match mode {
            AccessMode::Counting(count) => *count,
            AccessMode::Exclusive => 0,
        };
        let taken: u32 = holders.iter().map(|(_, mode)| units(mode)).sum();
        let is_alone = holders
            .iter()
            .any(|(_, mode)| *mode == AccessMode::Exclusive);
        match mode {
            AccessMode::Counting(0) => true,
            AccessMode::Counting(count) => !is_alone && taken + count <= self.max_count(id),
            AccessMode::Exclusive => holders.is_empty(),
        }
    }

    pub(super) fn hold(&mut self, owner: Owner, wanted: &Accesses) -> Result<(), Broken> {
        self.hold_late(owner, wanted, false)
    }

    /// The same, for what may have been decided before the counts were changed.
    pub(super) fn hold_late(
        &mut self,
        owner: Owner,
        wanted: &Accesses,
        is_late: bool,
    ) -> Result<(), Broken> {
        for (id, mode) in wanted {
            let is_right = match (is_late, mode) {
                (true, AccessMode::Counting(_)) => true,
                (true, AccessMode::Exclusive) | (false, _) => self.has_room(id, *mode),
            };
            if !is_right {
                let holders = self.holders.get(id);
                let max = self.max_count(id);
                return Err(format!(
                    "{owner:?} takes {mode:?} of {id:?} with {max} units, beside {holders:?}"
                ));
            }
            if *mode != AccessMode::Counting(0) {
                let holders = self.holders.entry(id.clone()).or_default();
                holders.push((owner, *mode));
            }
        }
        Ok(())
    }

    pub(super) fn release(&mut self, owner: Owner, wanted: &Accesses) {
        for (id, mode) in wanted {
            if let Some(holders) = self.holders.get_mut(id)
                && let Some(place) = holders.iter().position(|it| *it == (owner, *mode))
            {
                holders.remove(place);
            }
        }
    }
}
