//! Room for long bodies on their way: how much memory all have together, and how much of it one visitor has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts in KiB. One visitor has half of it at most, so that nobody alone keeps all others away.
///
/// Differs: all long answers on their way have 256 MiB together, and so have all bodies of requests; one visitor has half of
/// it, and who gets no room is answered 503, because the memory of the reference has no such bound.
#[derive(Debug)]
pub(crate) struct Room {
    all: Arc<Semaphore>,
    share_kib: usize,
    /// The half of each visitor, as long as some of it is taken.
    shares: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Some of it. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Taken {
    of_all: OwnedSemaphorePermit,
    of_share: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(kib: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(kib)),
            share_kib: kib / 2,
            shares: Mutex::default(),
        }
    }

    /// Room for some bytes, if there is any now.
    pub(crate) fn try_take(&self, visitor: &str, bytes: usize) -> Option<Taken> {
        let kib = self.kib(bytes);
        let of_share = self.share(visitor).try_acquire_many_owned(kib).ok()?;
        let of_all = self.all.clone().try_acquire_many_owned(kib).ok()?;
        Some(Taken { of_all, of_share })
    }

    /// Waits for it. What is longer than all that a visitor may have takes all of that.
    pub(crate) async fn take(
        &self,
        visitor: &str,
        bytes: usize,
        patience: Duration,
    ) -> Option<Taken> {
        let kib = self.kib(bytes);
        let taken = async {
            let of_share = self.share(visitor).acquire_many_owned(kib).await.ok()?;
            let of_all = self.all.clone().acquire_many_owned(kib).await.ok()?;
            Some(Taken { of_all, of_share })
        };
        tokio::time::timeout(patience, taken).await.ok()?
    }

    fn kib(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024).min(self.share_kib)).unwrap_or(u32::MAX)
    }

    fn share(&self, visitor: &str) -> Arc<Semaphore> {
        let mut shares = self.lock();
        if let Some(share) = shares.get(visitor).and_then(Weak::upgrade) {
            return share;
        }
        // As many as have something are left.
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share_kib));
        shares.insert(visitor.to_owned(), Arc::downgrade(&share));
        share
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<Semaphore>>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Puts more to it, of the same visitor.
    pub(crate) fn merge(&mut self, more: Self) {
        self.of_all.merge(more.of_all);
        self.of_share.merge(more.of_share);
    }

    /// Takes the room of some bytes away, or what is left.
    pub(crate) fn split(&mut self, bytes: usize) -> Option<Self> {
        let kib = bytes.div_ceil(1024).min(self.of_all.num_permits());
        Some(Self {
            of_all: self.of_all.split(kib)?,
            of_share: self.of_share.split(kib)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_visitor_leaves_room_for_others() {
        let room = Room::new(4);
        let first = room.try_take("a", 1025);
        assert!(first.is_some());
        assert!(room.try_take("a", 1).is_none());
        let second = room.try_take("b", 2048);
        assert!(second.is_some());
        assert!(room.try_take("c", 1).is_none());
        drop(first);
        assert!(room.try_take("a", 2048).is_some());
        assert_eq!(room.lock().len(), 2, "those who have something");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_long_takes_all_that_a_visitor_may_have() {
        let room = Room::new(4);
        let patience = Duration::from_secs(1);
        let taken = room.take("a", 1 << 20, patience).await;
        assert!(taken.is_some());
        assert!(room.take("a", 1, patience).await.is_none());
        assert!(room.take("b", 1, patience).await.is_some());
    }
}
