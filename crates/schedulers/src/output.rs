//! What schedulers want done.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_model::{BuildId, BuildRequestId, BuilderId, BuildsetId, ChangeId, SourceStampId};
use buildbot_render::{Callable, Value};
use serde_json::Value as Json;

/// Names what is answered later. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The number that the shell gave to what a person, a step or a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What schedulers want done, to be carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Try to become the master that runs this scheduler: find or make its row, claim it, and read what is stored.
    /// If the claim is refused, say so with [`Input::RunsElsewhere`](crate::Input::RunsElsewhere), and try again every
    /// [`CLAIM_INTERVAL`](crate::CLAIM_INTERVAL). When it succeeds answer with [`Input::Claimed`](crate::Input::Claimed).
    Claim {
        /// Its name.
        scheduler: String,
        /// Where its state is kept: the row of `objects`, of which all keys are read.
        state: StateObject,
        /// Whether its classified changes must be read too.
        wants_changes: bool,
    },
    /// Give the claim up: the scheduler is no longer configured.
    Release {
        /// Its name.
        scheduler: String,
    },
    /// Add a buildset. Answered by [`Input::Submitted`](crate::Input::Submitted).
    Submit {
        /// What the answer belongs to.
        ticket: Ticket,
        /// The buildset.
        buildset: Box<Submission>,
    },
    /// Ask user code. Answered by [`Input::Answered`](crate::Input::Answered).
    Ask {
        /// What the answer belongs to.
        ticket: Ticket,
        /// The generation of the configuration, as it was given to [`Schedulers::configure`](crate::Schedulers::configure).
        generation: u64,
        /// The question.
        question: Question,
    },
    /// Read from the database. Answered by [`Input::Read`](crate::Input::Read).
    Read {
        /// What the answer belongs to.
        ticket: Ticket,
        /// What to read.
        what: Read,
    },
    /// Keep state: `object_state`.
    SetState {
        /// The row of `objects`.
        object: StateObject,
        /// The name of the state.
        key: &'static str,
        /// Its value, as JSON.
        value: Json,
    },
    /// Keep how important changes are: `scheduler_changes`.
    Classify {
        /// The scheduler's name.
        scheduler: String,
        /// Changes, and whether they are important.
        changes: Vec<(ChangeId, bool)>,
    },
    /// Forget that these changes wait.
    Forget {
        /// The scheduler's name.
        scheduler: String,
        /// Which ones.
        changes: Forgotten,
    },
    /// Keep whether a scheduler is enabled, and tell everybody (`schedulers/ID/updated`).
    SetEnabled {
        /// The scheduler's name.
        scheduler: String,
        /// Whether it is.
        enabled: bool,
    },
    /// Answer what was asked with this number.
    Reply {
        /// Which request.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// All that follows from a change was wanted before this, and the buildsets that it makes at once are stored.
    Handled {
        /// The change.
        change: ChangeId,
    },
    /// Write a line to the log.
    Log(String),
}

/// A row of `objects`: a name and a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateObject {
    /// Its name.
    pub name: String,
    /// Its class, as the reference spells it for this state.
    pub class: String,
}

/// Changes that no longer wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgotten {
    /// All of the scheduler.
    All,
    /// These.
    These(Vec<ChangeId>),
}

/// What is read from the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Source stamps with their changes.
    SourceStamps(Vec<SourceStampId>),
    /// Buildsets: whether they are complete, and their source stamps.
    Buildsets(Vec<BuildsetId>),
}

/// A buildset that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The scheduler.
    pub scheduler: String,
    /// For which builders, sorted. Those that the database does not have are left out.
    pub builders: Vec<Wanted>,
    /// One for each codebase.
    pub source_stamps: Vec<WantedStamp>,
    /// Properties: name, value, source.
    pub properties: Vec<(String, Value, String)>,
    /// Why it is wanted.
    pub reason: String,
    /// The name that somebody outside gave it.
    pub external_id: Option<String>,
    /// A higher one is built earlier.
    pub priority: i64,
    /// Whether whoever asked waits for its end.
    pub waited_for: bool,
    /// The build that asked.
    pub parent_build: Option<BuildId>,
    /// What it is to that build.
    pub parent_relationship: Option<String>,
}

/// A builder that a buildset is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// By name.
    Name(String),
    /// By row.
    Id(BuilderId),
}

/// The source stamp of one codebase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedStamp {
    /// One that is stored.
    Stored(SourceStampId),
    /// One that is found, or made.
    New(Box<NewSourceStamp>),
}

/// A source stamp that may not be stored yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewSourceStamp {
    /// Which of the codebases of a buildset.
    pub codebase: String,
    /// Where the sources are kept.
    pub repository: String,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// The project that it belongs to.
    pub project: String,
    /// A patch to apply.
    pub patch: Option<Patch>,
}

/// A patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// The patch itself.
    pub body: Vec<u8>,
    /// How many parts of file names are taken off.
    pub level: i64,
    /// Who made it.
    pub author: String,
    /// What its author says.
    pub comment: String,
    /// Where it is applied.
    pub subdir: Option<String>,
}

/// A question to user code.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Call a function; arguments are values of the configuration host's format.
    Call {
        /// What is called.
        callable: Callable,
        /// Its positional arguments.
        arguments: Vec<Json>,
    },
    /// Call a method of an object of the user's.
    Method {
        /// The object, as a value of the configuration host's format.
        on: Json,
        /// Its method.
        name: &'static str,
        /// Its positional arguments.
        arguments: Vec<Json>,
    },
    /// Evaluate renderables, and find secrets.
    Render {
        /// The items of a `render` question.
        items: Vec<Value>,
        /// Secrets by name.
        secrets: Vec<String>,
        /// What items are evaluated with: a live object of kind `properties`, without its `key`.
        properties: Arc<Json>,
    },
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The buildset is there.
    Submitted {
        /// The buildset.
        buildset: BuildsetId,
        /// Its requests.
        requests: Vec<(BuilderId, BuildRequestId)>,
    },
    /// It is kept for later, and counts as success at once.
    Kept,
    /// Fields of a form are wrong: full name and what is wrong.
    Invalid(BTreeMap<String, String>),
    /// It cannot be done.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such scheduler.
    #[error("there is no scheduler {0:?}")]
    Unknown(String),
    /// It is of a kind that cannot be asked this.
    #[error("scheduler {0:?} cannot be asked for this")]
    WrongKind(String),
    /// No builder is left.
    #[error("builderNames not specified or not supported")]
    NoBuilders,
    /// A client asked for builders that it may not have.
    #[error("builders that are not allowed: {}", .0.join(", "))]
    ForeignBuilders(Vec<String>),
    /// Something went wrong on the way.
    #[error("{0}")]
    Failed(String),
}
