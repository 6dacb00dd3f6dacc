//! Everything that the engine can ask for.

use std::sync::Arc;

use buildbot_model::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, Results, StepNumber, Transaction,
    WorkerId,
};

use crate::config::{Callable, Generation};
use crate::event::{CallId, CommitId, SessionId, SubmissionId};

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make a transaction durable. Answered by `Event::CommitAnswered`, in any order.
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
    /// Ping a worker and tell it that a build starts. Answered by `Event::WorkerPrepared`.
    PrepareWorker {
        /// The build.
        build: BuildId,
        /// The worker.
        worker: WorkerId,
        /// Its connection.
        session: SessionId,
    },
    /// Run a step. Answered by `Event::CommandFinished`.
    StartCommand {
        /// The build.
        build: BuildId,
        /// The number of the step in the build.
        step: StepNumber,
        /// Its place among the steps of the builder.
        index: usize,
        /// The connection of the worker.
        session: SessionId,
    },
    /// Break a step off. It still ends with `Event::CommandFinished`.
    InterruptCommand {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// Why.
        reason: Arc<str>,
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
    /// A build has begun.
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
        text: &'static str,
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
}
