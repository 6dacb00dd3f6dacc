//! Why a request is not built at this moment.

use std::sync::Arc;

use buildbot_model::{BuildId, BuildRequestId, StepNumber, Timestamp, WorkerId};

use crate::config::Callable;
use crate::locks::SemaphoreId;

/// Why a request waits. The functions that decide give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has just been added, and older ones may be replaced by it.
    BeingAdded,
    /// Its builder is not in the configuration.
    NoBuilder,
    /// The master is about to end and starts nothing that nobody waits for.
    ShuttingDown,
    /// None of the builder's workers can take a build; one entry for each.
    NoWorker(Vec<(WorkerId, Unavailable)>),
    /// There is a worker, but a lock of the builder is taken.
    Lock(LockTaken),
    /// User code is being asked.
    Asking {
        /// Which.
        callable: Callable,
        /// Since when.
        since: Timestamp,
    },
    /// User code does not want this request on the workers that are free.
    Vetoed {
        /// Which.
        callable: Callable,
        /// The worker that it was asked about last.
        worker: WorkerId,
    },
    /// User code chose nothing, or something that was not offered.
    NothingChosen {
        /// Which.
        callable: Callable,
    },
    /// User code failed, or did not answer in time.
    CallableFailed {
        /// Which.
        callable: Callable,
        /// When it is asked again at the latest.
        until: Timestamp,
    },
    /// Another one of the same builder is served first.
    Behind(BuildRequestId),
    /// The claim is on its way to the database.
    BeingClaimed(WorkerId),
    /// It is being built.
    Building(BuildId),
    /// Its end is on its way to the database.
    Ending,
    /// Nothing holds it: the next pass starts it.
    Due,
}

/// Why a worker cannot take a build of a builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// It is not in the configuration.
    Unknown,
    /// It is not connected.
    Detached,
    /// Somebody paused it.
    Paused {
        /// Why, if that was said since the master started.
        reason: Option<Arc<str>>,
    },
    /// It is shut down once it is idle.
    ShuttingDown,
    /// Something went wrong on it.
    Quarantined {
        /// Until then it gets no builds.
        until: Timestamp,
    },
    /// It is building this builder already.
    Building(BuildRequestId),
    /// It has as many builds as it may have.
    AtCapacity(Vec<BuildRequestId>),
    /// A lock of the worker is taken.
    Lock(LockTaken),
    /// Its connection is lost and the builds that ran are not yet ended, or its machine is being stopped.
    Recovering,
    /// Its machine is being started for another build, and it is not known yet which builds that one takes.
    Starting,
}

/// A lock that is not available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockTaken {
    /// The lock.
    pub lock: SemaphoreId,
    /// Who holds it.
    pub owners: Vec<Owner>,
    /// How many wait for it already.
    pub waiting: usize,
}

/// Who holds a lock, or waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A build, for its builder's locks.
    Build(BuildId),
    /// A step, for its own.
    Step(BuildId, StepNumber),
    /// A worker, once for each build on it.
    Worker(WorkerId),
}
