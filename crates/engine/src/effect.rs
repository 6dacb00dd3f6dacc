//! Everything that the engine can ask for.

use std::sync::Arc;

use buildbot_model::{
    AddedBuild, BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, Results, SourceStamp,
    StepNumber, Transaction, WorkerId,
};

use crate::config::{Builder, Callable, Generation};
use crate::event::{CallId, CommitId, SessionId, SubmissionId};
use crate::locks::SemaphoreId;

/// Something to do.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Make a transaction durable. Answered by `Event::CommitAnswered`, in any order.
    ///
    /// A build has one at a time on its way, so that what is said of it is said in order.
    Commit {
        /// Which.
        commit: CommitId,
        /// What becomes true.
        transaction: Transaction,
    },
    /// Ask user code. Answered by `Event::QuestionAnswered`, or not at all: the engine keeps the deadline.
    Ask {
        /// Which question.
        call: CallId,
        /// The configuration whose process is asked.
        generation: Generation,
        /// The function.
        callable: Callable,
        /// What it is asked.
        question: Question,
    },
    /// An answer is not needed any more; what hangs is to be broken off.
    Forget {
        /// Which question.
        call: CallId,
    },
    /// A build has a row: remember what belongs to it. Its end is `Fact::BuildFinished`.
    BeginBuild {
        /// The build.
        build: AddedBuild,
        /// The request.
        request: BuildRequestId,
        /// The builder, as it was when the build was decided.
        builder: Arc<Builder>,
        /// The configuration of that time, which is kept until the build ends.
        generation: Generation,
        /// The worker.
        worker: WorkerId,
    },
    /// Make the steps of a build, ping its worker, and tell that that a build starts. Answered by
    /// `Event::WorkerPrepared`.
    PrepareWorker {
        /// The build.
        build: BuildId,
        /// The worker.
        worker: WorkerId,
        /// Its connection.
        session: SessionId,
    },
    /// Render the name of a step, which has no row yet. Answered by `Event::StepNamed`.
    NameStep {
        /// The build.
        build: BuildId,
        /// The number that the step will have.
        step: StepNumber,
        /// Which: those of the builder in order, then those that were added, in the order in which they were.
        index: usize,
    },
    /// Render what a step is, and ask whether it runs. Answered by `Event::StepPrepared`. Not asked of static steps.
    PrepareStep {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// Which, as in `NameStep`.
        index: usize,
        /// The connection of the worker.
        session: SessionId,
    },
    /// Run a step, which has its locks. Answered by `Event::CommandFinished`.
    StartCommand {
        /// The build.
        build: BuildId,
        /// The number of the step in the build.
        step: StepNumber,
        /// Which, as in `NameStep`.
        index: usize,
        /// The connection of the worker.
        session: SessionId,
    },
    /// Break a step off that is being prepared or runs. It still ends with `Event::StepPrepared` or
    /// `Event::CommandFinished`.
    InterruptCommand {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// Why.
        why: Interrupt,
    },
    /// End a step that has a row and does not run: its logs, whether it is hidden, what people read. Answered by
    /// `Event::CommandFinished`.
    EndStep {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// Which, as in `NameStep`.
        index: usize,
        /// Why it does not run.
        why: NotRun,
    },
    /// End a connection. Answered by `Event::WorkerDetached`.
    Disconnect {
        /// The worker.
        worker: WorkerId,
        /// Which connection.
        session: SessionId,
    },
    /// Tell a worker to end.
    ShutdownWorker {
        /// The worker.
        worker: WorkerId,
        /// Its connection.
        session: SessionId,
    },
    /// Start the instance of a latent worker. Answered by `Event::InstanceStarted`.
    StartInstance {
        /// The worker.
        worker: WorkerId,
        /// The build that needs it.
        build: BuildId,
    },
    /// Stop it. Answered by `Event::InstanceStopped`.
    StopInstance {
        /// The worker.
        worker: WorkerId,
    },
    /// Something is true, and everybody may know.
    Announce(Fact),
    /// No build uses a configuration any more; its process may end.
    ReleaseGeneration(Generation),
}

/// Why a step is broken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interrupt {
    /// Somebody stopped the build.
    Stopped(Arc<str>),
    /// The connection of its worker has ended: it ends with retry.
    Lost,
}

/// Why a step does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRun {
    /// The build was stopped: it ends with cancelled.
    Stopped {
        /// Why.
        reason: Arc<str>,
        /// Whether it waited for locks at that time.
        waited_for_locks: bool,
    },
    /// The connection of its worker has ended: it ends with retry.
    Lost,
    /// Its build holds a lock that it wants: it ends with an exception.
    LockOfBuild(SemaphoreId),
}

impl NotRun {
    /// How the step ends.
    pub fn results(&self) -> Results {
        match self {
            Self::Stopped { .. } => Results::Cancelled,
            Self::Lost => Results::Retry,
            Self::LockOfBuild(_) => Results::Exception,
        }
    }
}

/// What user code is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// In which order these are served: `Reply::Builders`.
    PrioritizeBuilders {
        /// By id.
        builders: Vec<BuilderId>,
    },
    /// Which of these is built: `Reply::Request`.
    NextBuild {
        /// The builder.
        builder: BuilderId,
        /// By id.
        requests: Vec<BuildRequestId>,
    },
    /// On which of these: `Reply::Worker`.
    NextWorker {
        /// The builder.
        builder: BuilderId,
        /// Those that are free.
        workers: Vec<WorkerId>,
        /// The request.
        request: BuildRequestId,
    },
    /// Whether this may be: `Reply::Flag`.
    CanStartBuild {
        /// The builder.
        builder: BuilderId,
        /// The worker.
        worker: WorkerId,
        /// The request.
        request: BuildRequestId,
    },
    /// Whether the running instance fits: `Reply::Flag`.
    IsCompatible {
        /// The builder.
        builder: BuilderId,
        /// The worker.
        worker: WorkerId,
        /// The request.
        request: BuildRequestId,
    },
    /// Which locks the build needs: `Reply::Locks`.
    RenderLocks {
        /// The builder.
        builder: BuilderId,
        /// The worker.
        worker: WorkerId,
        /// The request.
        request: BuildRequestId,
    },
    /// Whether the new one replaces the old one: `Reply::Flag`.
    CollapseRequests {
        /// The builder.
        builder: BuilderId,
        /// The new request.
        new: BuildRequestId,
        /// An older one that nobody has claimed.
        old: BuildRequestId,
    },
    /// Whether the build runs at all: `Reply::Flag`.
    DoBuildIf {
        /// The build.
        build: BuildId,
    },
}

/// Something that has become true and is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A buildset was added.
    BuildsetAdded {
        /// Who submitted it.
        submission: SubmissionId,
        /// The buildset.
        buildset: BuildsetId,
        /// Its requests.
        requests: Vec<BuildRequestId>,
        /// Its source stamps.
        source_stamps: Vec<SourceStamp>,
    },
    /// A buildset is complete.
    BuildsetCompleted {
        /// The buildset.
        buildset: BuildsetId,
        /// How it ended.
        results: Results,
    },
    /// A request is ours.
    RequestClaimed {
        /// The request.
        request: BuildRequestId,
    },
    /// A request waits again.
    RequestUnclaimed {
        /// The request.
        request: BuildRequestId,
    },
    /// A request is complete.
    RequestCompleted {
        /// The request.
        request: BuildRequestId,
        /// How it ended.
        results: Results,
    },
    /// A build has begun. One that `do_build_if` skips never does.
    BuildStarted {
        /// The build.
        build: BuildId,
        /// Its number among those of its builder.
        number: BuildNumber,
        /// The request.
        request: BuildRequestId,
        /// The worker.
        worker: WorkerId,
    },
    /// A build has ended.
    BuildFinished {
        /// The build.
        build: BuildId,
        /// How.
        results: Results,
        /// What became of it, in words.
        state: Arc<str>,
        /// Why somebody stopped it.
        stop_reason: Option<Arc<str>>,
    },
    /// A step has begun.
    StepStarted {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
    },
    /// A step has ended.
    StepFinished {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// How.
        results: Results,
    },
    /// The machine of a latent worker has not come up.
    InstanceFailed {
        /// The worker.
        worker: WorkerId,
    },
    /// What people said about a worker has changed.
    WorkerStateChanged {
        /// The worker.
        worker: WorkerId,
        /// Whether it gets no more builds.
        paused: bool,
        /// Whether it is to be shut down once it is idle.
        graceful: bool,
    },
}
