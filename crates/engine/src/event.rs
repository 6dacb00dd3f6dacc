//! Everything that can happen.

use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{
    Answer, BuildId, BuildRequest, BuildRequestId, BuilderId, NewBuildset, Results, StepNumber,
    WorkerId, Write,
};

use crate::config::{Config, LockAccess, Step, StepFlags};

macro_rules! number {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub u64);
    )+};
}

number! {
    /// A transaction on its way to the database.
    CommitId;
    /// A question to user code.
    CallId;
    /// A connection of a worker, told apart from earlier ones.
    SessionId;
    /// Somebody who submitted a buildset and waits for its ids.
    SubmissionId;
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Another configuration is to be used from here on.
    ConfigReplaced(Arc<Config>),
    /// A scheduler or a person wants builds.
    BuildsetSubmitted {
        /// Who is told the ids.
        submission: SubmissionId,
        /// What is wanted.
        buildset: NewBuildset,
    },
    /// The database has answered a transaction.
    CommitAnswered {
        /// Which.
        commit: CommitId,
        /// What became of it.
        outcome: CommitOutcome,
    },
    /// User code has answered.
    QuestionAnswered {
        /// Which question.
        call: CallId,
        /// Its answer.
        reply: Reply,
    },
    /// A worker is connected and ready for builds.
    WorkerAttached {
        /// The worker.
        worker: WorkerId,
        /// Its connection.
        session: SessionId,
    },
    /// A connection of a worker has ended.
    WorkerDetached {
        /// The worker.
        worker: WorkerId,
        /// Which connection.
        session: SessionId,
    },
    /// Somebody wants something of a worker.
    WorkerControlled {
        /// The worker.
        worker: WorkerId,
        /// What.
        control: WorkerControl,
    },
    /// The worker of a build has been asked whether it is there, and told that the build starts.
    WorkerPrepared {
        /// The build.
        build: BuildId,
        /// How that went.
        outcome: Prepared,
        /// What becomes true with the start of the first step: properties of the build.
        writes: Vec<Write>,
    },
    /// The start of a latent worker's instance has ended.
    InstanceStarted {
        /// The worker.
        worker: WorkerId,
        /// How it ended.
        outcome: InstanceStart,
    },
    /// An instance is found dead before it attached.
    InstanceCrashed {
        /// The worker.
        worker: WorkerId,
    },
    /// A latent worker's instance has been stopped, or could not be.
    InstanceStopped {
        /// The worker.
        worker: WorkerId,
    },
    /// The name of a step has been rendered.
    StepNamed {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// What it is called, before it is made unique; `None` if that failed, and then the build ends with an exception.
        name: Option<Arc<str>>,
    },
    /// What a step is has been rendered, and whether it runs has been asked.
    StepPrepared {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// How that went.
        outcome: StepPrepared,
    },
    /// A step has ended: its command, its own code, its logs. Every step that was to be started, or to be ended, does.
    CommandFinished {
        /// The build.
        build: BuildId,
        /// The step.
        step: StepNumber,
        /// How it ended.
        end: StepEnd,
    },
    /// A build has more steps than its builder gave it.
    StepsAdded {
        /// The build.
        build: BuildId,
        /// Where they go.
        place: StepPlace,
        /// The steps. Their indices follow on those of all steps that the build has had so far.
        steps: Vec<Step>,
    },
    /// Somebody wants a build to stop.
    BuildStopRequested {
        /// The build.
        build: BuildId,
        /// Why.
        reason: Arc<str>,
    },
    /// Somebody no longer wants a request.
    RequestCancelled {
        /// The request.
        request: BuildRequestId,
        /// Why.
        reason: Arc<str>,
    },
    /// Somebody changed how urgent a request is.
    PriorityChanged {
        /// The request.
        request: BuildRequestId,
        /// A higher one is built earlier.
        priority: i64,
    },
    /// User code asks that a builder be looked at again.
    BuilderNudged {
        /// The builder.
        builder: BuilderId,
    },
    /// Another master has done something with a request.
    OtherMaster(OtherMaster),
    /// The master shall end.
    ShutdownRequested(Shutdown),
    /// It shall not end after all. Builds that are being stopped end all the same.
    ShutdownCancelled,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable. One answer for each write.
    Committed(Vec<Answer>),
    /// Nothing of it happened, since this request is claimed or complete.
    Conflict(BuildRequestId),
    /// Nothing of it happened, and it may be tried again.
    Unavailable,
}

/// An answer of user code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Builders in the order in which they are served.
    Builders(Vec<BuilderId>),
    /// The request to build.
    Request(Option<BuildRequestId>),
    /// The worker to build on.
    Worker(Option<WorkerId>),
    /// Yes or no.
    Flag(bool),
    /// Rendered locks.
    Locks(Vec<LockAccess>),
    /// It raised an exception, did not return in time, or its process ended.
    Failed,
}

/// What is known of a step before it takes its locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepPrepared {
    /// It runs.
    Run {
        /// What its result means to the build.
        flags: StepFlags,
        /// The locks that it holds while it runs.
        locks: Vec<LockAccess>,
    },
    /// It has ended without locks: it is skipped, or its preparation failed.
    Ended(StepEnd),
}

/// How a step ended, by all rules that look at the step alone.
///
/// An interrupted one has [`Results::of_interrupted`] already, since its summary and `hideStepIf` depend on that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// How.
    pub results: Results,
    /// Whether people do not see it unless they ask.
    pub hidden: bool,
    /// What people read about it; `None` leaves what is stored.
    pub summary: Option<Arc<str>>,
    /// What people read about it in the state string of the build.
    pub build_summary: Option<Arc<str>>,
    /// What becomes true with its end: properties of the build, links.
    pub writes: Vec<Write>,
}

impl StepEnd {
    /// A step without texts.
    pub fn new(results: Results) -> Self {
        Self {
            results,
            hidden: false,
            summary: None,
            build_summary: None,
            writes: Vec::new(),
        }
    }
}

/// Where steps are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepPlace {
    /// Right after the one that runs, before others that were added there earlier.
    AfterCurrent,
    /// After all others.
    Last,
}

/// What is wanted of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerControl {
    /// No new builds.
    Pause {
        /// Why.
        reason: Option<Arc<str>>,
    },
    /// New builds again, also if it is in quarantine.
    Unpause,
    /// No new builds, and a shutdown once it is idle.
    ShutdownGracefully,
    /// A shutdown at once.
    Kill,
    /// No new builds for a while.
    Quarantine,
    /// The end of a quarantine; one that is paused stays so.
    LeaveQuarantine,
    /// How long the next quarantine is.
    NextQuarantine(Duration),
}

/// How the preparation of a connected worker went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// It waits for commands.
    Ready,
    /// The steps of the build could not be made, which is not the worker's fault.
    SetupFailed,
    /// It did not answer.
    NotPinged,
    /// It did not take the build.
    Refused,
}

/// How the start of an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceStart {
    /// It runs and will attach.
    Started,
    /// It does not, and the request is not to blame.
    Failed,
    /// It cannot run this build.
    CannotRunBuild,
}

/// What another master on the same database did.
#[derive(Debug, Clone)]
pub enum OtherMaster {
    /// A request is there to be claimed: it is new, or its claim was given up.
    Offered(BuildRequest),
    /// It claimed or ended a request.
    Took(BuildRequestId),
}

/// How the master shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Running builds end by themselves; only what they wait for is still started.
    Clean,
    /// Running builds are stopped.
    Quick,
}
