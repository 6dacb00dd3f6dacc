//! Requests that are not complete: which wait, which are ours, and which is next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildbot_model::{BuildId, BuildRequest, BuildRequestId, BuilderId, Timestamp};

use crate::collapse::Wish;
use crate::distribution::Claim;
use crate::reason::Reason;

/// A request as this master sees it. What other masters have claimed is not here.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) row: BuildRequest,
    state: State,
    /// Somebody no longer wants it; it is ended at the next chance.
    pub(crate) cancel: Option<Arc<str>>,
    /// Another master gave it up while we tried to claim it.
    pub(crate) is_offered_again: bool,
    /// Why the last turn passed it over.
    pub(crate) verdict: Option<Reason>,
}

/// Who acts on a request.
#[derive(Debug)]
pub(crate) enum State {
    /// Stored, but older ones that it replaces are not ended yet: nobody may build it.
    New,
    /// In the database; any master may claim it.
    Unclaimed,
    /// We asked the database for it.
    Claiming(Claim),
    /// Ours, and being built.
    Building(BuildId),
    /// Its claim and its end are on their way to the database.
    Ending,
}

/// How requests are served: the highest priority, then the lowest id.
pub(crate) type Rank = (Reverse<i64>, BuildRequestId);

/// The unclaimed requests of one builder, in the orders in which they are needed.
#[derive(Debug, Default)]
struct Queue {
    by_rank: BTreeSet<Rank>,
    by_age: BTreeSet<(Timestamp, BuildRequestId)>,
    by_id: BTreeSet<BuildRequestId>,
    by_wish: BTreeMap<Wish, BTreeSet<BuildRequestId>>,
}

/// All requests that this master may have to do with.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    all: BTreeMap<BuildRequestId, Request>,
    queues: BTreeMap<BuilderId, Queue>,
}

impl Requests {
    pub(crate) fn add(&mut self, row: BuildRequest, is_new: bool) {
        let id = row.id;
        let request = Request {
            row,
            state: State::New,
            cancel: None,
            is_offered_again: false,
            verdict: None,
        };
        let before = self.all.insert(id, request);
        assert!(before.is_none(), "a request is added once");
        if !is_new {
            self.set(id, State::Unclaimed);
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &BuildRequest> {
        self.all.values().map(|request| &request.row)
    }

    pub(crate) fn get(&self, id: BuildRequestId) -> Option<&Request> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: BuildRequestId) -> Option<&mut Request> {
        self.all.get_mut(&id)
    }

    pub(crate) fn state(&self, id: BuildRequestId) -> Option<&State> {
        self.all.get(&id).map(|request| &request.state)
    }

    pub(crate) fn is_unclaimed(&self, id: BuildRequestId) -> bool {
        matches!(self.state(id), Some(State::Unclaimed))
    }

    /// Changes who acts on it, and gives what was before.
    pub(crate) fn set(&mut self, id: BuildRequestId, state: State) -> Option<State> {
        let request = self.all.get_mut(&id)?;
        let row = &request.row;
        let (was, is) = (
            matches!(request.state, State::Unclaimed),
            matches!(state, State::Unclaimed),
        );
        if was != is {
            let queue = self.queues.entry(row.builder).or_default();
            if is {
                queue.insert(row);
            } else {
                queue.remove(row);
            }
            if queue.by_id.is_empty() {
                self.queues.remove(&row.builder);
            }
        }
        if is {
            request.verdict = None;
        }
        Some(std::mem::replace(&mut request.state, state))
    }

    pub(crate) fn set_priority(&mut self, id: BuildRequestId, priority: i64) {
        let Some(request) = self.all.get_mut(&id) else {
            return;
        };
        let queue = match request.state {
            State::Unclaimed => self.queues.get_mut(&request.row.builder),
            State::New | State::Claiming(_) | State::Building(_) | State::Ending => None,
        };
        match queue {
            Some(queue) => {
                queue.by_rank.remove(&rank(&request.row));
                request.row.priority = priority;
                queue.by_rank.insert(rank(&request.row));
            }
            None => request.row.priority = priority,
        }
    }

    /// It is complete, or another master's.
    pub(crate) fn forget(&mut self, id: BuildRequestId) {
        self.set(id, State::Ending);
        self.all.remove(&id);
    }

    /// Builders with unclaimed requests.
    pub(crate) fn waiting_builders(&self) -> impl Iterator<Item = BuilderId> {
        self.queues.keys().copied()
    }

    pub(crate) fn has_waiting(&self, builder: BuilderId) -> bool {
        self.queues.contains_key(&builder)
    }

    /// The unclaimed request that is served first, or first after `after`.
    pub(crate) fn next(&self, builder: BuilderId, after: Option<Rank>) -> Option<&Request> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = after.map_or(Unbounded, Excluded);
        let queue = self.queues.get(&builder)?;
        let (_, id) = queue.by_rank.range((after, Unbounded)).next()?;
        self.all.get(id)
    }

    /// How urgent a builder is: highest priority, then oldest request. Less is more urgent.
    pub(crate) fn urgency(&self, builder: BuilderId) -> Option<(Reverse<i64>, Timestamp)> {
        let queue = self.queues.get(&builder)?;
        Some((queue.by_rank.first()?.0, queue.by_age.first()?.0))
    }

    /// The unclaimed requests of a builder, by id.
    pub(crate) fn unclaimed(&self, builder: BuilderId) -> impl Iterator<Item = BuildRequestId> {
        let queue = self.queues.get(&builder);
        queue
            .into_iter()
            .flat_map(|queue| queue.by_id.iter().copied())
    }

    /// Unclaimed requests that want exactly what `request` wants and are older.
    pub(crate) fn older_alike(&self, request: &BuildRequest) -> Vec<BuildRequestId> {
        let alike = self.alike(request).into_iter();
        let alike = alike.flat_map(|alike| alike.range(..request.id));
        alike.copied().collect()
    }

    /// Whether an unclaimed request wants exactly what `request` wants and is newer.
    pub(crate) fn has_newer_alike(&self, request: &BuildRequest) -> bool {
        let newest = self.alike(request).and_then(BTreeSet::last);
        newest.is_some_and(|newest| *newest > request.id)
    }

    fn alike(&self, request: &BuildRequest) -> Option<&BTreeSet<BuildRequestId>> {
        let queue = self.queues.get(&request.builder)?;
        queue.by_wish.get(&Wish::of(request)?)
    }
}

pub(crate) fn rank(row: &BuildRequest) -> Rank {
    (Reverse(row.priority), row.id)
}

impl Queue {
    fn insert(&mut self, row: &BuildRequest) {
        self.by_rank.insert(rank(row));
        self.by_age.insert((row.submitted_at, row.id));
        self.by_id.insert(row.id);
        if let Some(wish) = Wish::of(row) {
            self.by_wish.entry(wish).or_default().insert(row.id);
        }
    }

    fn remove(&mut self, row: &BuildRequest) {
        self.by_rank.remove(&rank(row));
        self.by_age.remove(&(row.submitted_at, row.id));
        self.by_id.remove(&row.id);
        let Some(wish) = Wish::of(row) else {
            return;
        };
        if let Some(alike) = self.by_wish.get_mut(&wish) {
            alike.remove(&row.id);
            if alike.is_empty() {
                self.by_wish.remove(&wish);
            }
        }
    }
}
