//! What changes the database, all or nothing.

use std::time::Duration;

use crate::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, NewBuildset, Results, StepNumber,
    Timestamp, WorkerId,
};

/// Writes that become true together, in order. The database answers with one [`Answer`] for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// In the order in which they are made.
    pub writes: Vec<Write>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Adds a buildset with its requests. Answered by [`Answer::Buildset`].
    AddBuildset(NewBuildset),
    /// Claims a request for this master. If it is claimed already, or complete, the whole transaction is refused.
    Claim {
        /// The request.
        request: BuildRequestId,
        /// The time of the claim.
        at: Timestamp,
    },
    /// Gives up this master's claim.
    Unclaim {
        /// The request.
        request: BuildRequestId,
    },
    /// Ends a request, unless it is complete.
    CompleteRequest {
        /// The request.
        request: BuildRequestId,
        /// How it ended.
        results: Results,
        /// When.
        at: Timestamp,
    },
    /// Ends a buildset if all of its requests are complete and it is not. Answered by [`Answer::BuildsetEnd`].
    CompleteBuildset {
        /// The buildset.
        buildset: BuildsetId,
        /// When.
        at: Timestamp,
    },
    /// Adds a build with the next number of its builder. Answered by [`Answer::Build`].
    StartBuild {
        /// The request that it builds.
        request: BuildRequestId,
        /// The builder.
        builder: BuilderId,
        /// The worker.
        worker: WorkerId,
        /// When.
        at: Timestamp,
    },
    /// Ends a build.
    FinishBuild {
        /// The build.
        build: BuildId,
        /// How it ended.
        results: Results,
        /// How long it and its steps waited for locks.
        waited_for_locks: Duration,
        /// When.
        at: Timestamp,
    },
    /// Adds a step that has started.
    StartStep {
        /// The build.
        build: BuildId,
        /// Its number in the build.
        step: StepNumber,
        /// Its name, unique in the build.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Ends a step.
    FinishStep {
        /// The build.
        build: BuildId,
        /// Its number in the build.
        step: StepNumber,
        /// How it ended.
        results: Results,
        /// When it had its locks; `None` if it never got them.
        locks_acquired_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// Keeps what people said about a worker.
    SetWorkerState {
        /// The worker.
        worker: WorkerId,
        /// Whether it gets no more builds.
        paused: bool,
        /// Whether it is to be shut down once it is idle.
        graceful: bool,
    },
    /// Changes the priority of a request that is not complete.
    SetPriority {
        /// The request.
        request: BuildRequestId,
        /// A higher one is built earlier.
        priority: i64,
    },
}

/// What the database says to one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is true.
    Done,
    /// The ids of a buildset and of its requests, in the order of its builders.
    Buildset {
        /// The buildset.
        buildset: BuildsetId,
        /// Its requests.
        requests: Vec<BuildRequestId>,
    },
    /// The id and number of a build.
    Build {
        /// The build.
        build: BuildId,
        /// Its number among those of its builder.
        number: BuildNumber,
    },
    /// How the buildset ended, if this write ended it: the worst of its requests, and success at least.
    BuildsetEnd(Option<Results>),
}
