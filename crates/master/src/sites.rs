//! The configurations that are in use: the current one, and those of builds that began with an older one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_engine::config::Generation;

use crate::site::{Held, Site};

/// All configurations in use.
#[derive(Debug)]
pub(crate) struct Sites(Mutex<All>);

#[derive(Debug)]
struct All {
    current: Arc<Site>,
    by_generation: BTreeMap<Generation, Arc<Site>>,
}

impl Sites {
    pub(crate) fn new(first: Arc<Site>) -> Self {
        let by_generation = BTreeMap::from([(first.generation, first.clone())]);
        Self(Mutex::new(All {
            current: first,
            by_generation,
        }))
    }

    /// The one that new builds get.
    pub(crate) fn current(&self) -> Arc<Site> {
        self.lock().current.clone()
    }

    /// The one that new builds get, which is not released before this is dropped: it cannot be between the two.
    pub(crate) fn hold_current(&self) -> Held {
        Held::new(self.lock().current.clone())
    }

    /// The same with the one of a generation, unless it is released already.
    pub(crate) fn hold(&self, generation: Generation) -> Option<Held> {
        let all = self.lock();
        all.by_generation.get(&generation).cloned().map(Held::new)
    }

    /// The one of a generation, until it is released.
    pub(crate) fn get(&self, generation: Generation) -> Option<Arc<Site>> {
        self.lock().by_generation.get(&generation).cloned()
    }

    /// Another one is used from here on.
    pub(crate) fn replace(&self, next: Arc<Site>) {
        let mut all = self.lock();
        all.by_generation.insert(next.generation, next.clone());
        all.current = next;
    }

    /// No build uses it any more.
    pub(crate) fn release(&self, generation: Generation) -> Option<Arc<Site>> {
        self.lock().by_generation.remove(&generation)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
