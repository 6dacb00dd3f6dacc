//! What changes the database, all or nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, NewBuildset, ProjectId,
    Properties, Results, SourceStamp, StepId, StepNumber, Timestamp, WorkerId,
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
    /// Adds a buildset with its requests, and finds or adds its source stamps. Answered by [`Answer::Buildset`].
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
    /// Adds a build with the next number of its builder, and its first steps. Answered by [`Answer::Build`].
    StartBuild {
        /// The request that it builds.
        request: BuildRequestId,
        /// The builder that it is recorded under.
        builder: BuilderId,
        /// The virtual builder that it is recorded under in its place; added if there is none of that name.
        virtual_builder: Option<Box<VirtualBuilder>>,
        /// The worker.
        worker: WorkerId,
        /// When.
        at: Timestamp,
        /// What people read about it at first.
        state: Arc<str>,
        /// Steps that it has from the beginning.
        steps: Vec<NewStep>,
    },
    /// Changes what people read about a build that runs.
    SetBuildState {
        /// The build.
        build: BuildId,
        /// Its new state string.
        state: Arc<str>,
    },
    /// Adds properties to a build, or changes them; others stay.
    SetBuildProperties {
        /// The build.
        build: BuildId,
        /// Those that are new or have changed.
        properties: Properties,
    },
    /// Ends a build.
    FinishBuild {
        /// The build.
        build: BuildId,
        /// How it ended.
        results: Results,
        /// What people read about it from here on.
        state: Arc<str>,
        /// How long it and its steps waited for locks.
        waited_for_locks: Duration,
        /// When.
        at: Timestamp,
    },
    /// Adds a step. Answered by [`Answer::Step`].
    AddStep {
        /// The build.
        build: BuildId,
        /// The step.
        step: NewStep,
    },
    /// Changes what is known of a step.
    UpdateStep {
        /// The build.
        build: BuildId,
        /// Its number in the build.
        step: StepNumber,
        /// What changes.
        update: StepUpdate,
    },
    /// Ends a step.
    FinishStep {
        /// The build.
        build: BuildId,
        /// Its number in the build.
        step: StepNumber,
        /// How it ended.
        results: Results,
        /// When.
        at: Timestamp,
        /// What changes besides.
        update: StepUpdate,
    },
    /// Keeps what people said about a worker.
    SetWorkerState {
        /// The worker.
        worker: WorkerId,
        /// Whether it gets no more builds.
        paused: bool,
        /// Why, if somebody said it.
        pause_reason: Option<Arc<str>>,
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

/// A step that is about to be added, with the state string `pending`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStep {
    /// Its number in the build.
    pub number: StepNumber,
    /// Its name, unique in the build, of at most 50 characters.
    pub name: Arc<str>,
    /// When it started, if it has.
    pub started_at: Option<Timestamp>,
    /// When it had its locks, if it has.
    pub locks_acquired_at: Option<Timestamp>,
}

/// What changes of a step; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepUpdate {
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it had its locks.
    pub locks_acquired_at: Option<Timestamp>,
    /// What people read about it.
    pub state: Option<Arc<str>>,
    /// All of its links.
    pub urls: Option<Vec<Url>>,
    /// Whether people do not see it unless they ask.
    pub hidden: Option<bool>,
}

/// A link of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// What it says.
    pub name: String,
    /// Where it leads.
    pub url: String,
}

/// A builder that has no configuration of its own: what is recorded under it is built by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualBuilder {
    /// Its name.
    pub name: String,
    /// What people read about it.
    pub description: Option<String>,
    /// The project that it belongs to.
    pub project: Option<ProjectId>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A build that has a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedBuild {
    /// Its row.
    pub id: BuildId,
    /// Its number among those of the builder that it is recorded under.
    pub number: BuildNumber,
    /// The builder that it is recorded under.
    pub recorded_under: BuilderId,
    /// The name of that one, if it is a virtual one.
    pub virtual_name: Option<Arc<str>>,
    /// Its first steps.
    pub steps: Vec<AddedStep>,
}

/// A step that has a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedStep {
    /// Its row.
    pub id: StepId,
    /// Its number in the build.
    pub number: StepNumber,
    /// Its name.
    pub name: Arc<str>,
}

/// What the database says to one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is true.
    Done,
    /// What a buildset has become.
    Buildset {
        /// The buildset.
        buildset: BuildsetId,
        /// Its requests, in the order of its builders.
        requests: Vec<BuildRequestId>,
        /// Its source stamps, in the order in which they were wanted.
        source_stamps: Vec<SourceStamp>,
    },
    /// What a build has become.
    Build(AddedBuild),
    /// What a step of a build has become.
    Step(BuildId, AddedStep),
    /// How the buildset ended, if this write ended it: the worst of its requests, and success at least.
    BuildsetEnd(Option<Results>),
}
