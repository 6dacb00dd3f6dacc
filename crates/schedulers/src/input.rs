//! What schedulers are told.

use std::collections::BTreeMap;

use buildbot_model::{
    BuildId, BuildRequestId, BuilderId, BuildsetId, Results, Secret, SourceStampId,
};
use buildbot_render::{Exception, Value};
use serde_json::Value as Json;

use crate::change::SharedChange;
use crate::output::{NewSourceStamp, RequestId, Ticket};
use crate::try_job::TryJob;

/// What schedulers are told.
#[derive(Debug)]
pub enum Input {
    /// A change was stored.
    ChangeAdded(SharedChange),
    /// A buildset was stored.
    BuildsetAdded {
        /// The buildset.
        buildset: BuildsetId,
        /// The scheduler that submitted it.
        scheduler: String,
    },
    /// A buildset is complete.
    BuildsetCompleted {
        /// The buildset.
        buildset: BuildsetId,
        /// How it ended.
        results: Results,
        /// Its source stamps.
        source_stamps: Vec<SourceStampId>,
    },
    /// This master runs the scheduler from now on.
    Claimed {
        /// Its name.
        scheduler: String,
        /// What the database has of it.
        stored: Stored,
    },
    /// Another master runs the scheduler, and takes its changes.
    RunsElsewhere {
        /// Its name.
        scheduler: String,
    },
    /// A person enables or disables a scheduler. It is kept with [`Output::SetEnabled`](crate::Output::SetEnabled).
    Enable {
        /// Its name.
        scheduler: String,
        /// Whether it is to be.
        enabled: bool,
    },
    /// A step triggers a scheduler.
    Trigger {
        /// Who waits for the reply.
        request: RequestId,
        /// Its name.
        scheduler: String,
        /// What it is to build.
        trigger: Box<Trigger>,
    },
    /// A person forces builds.
    Force {
        /// Who waits for the reply.
        request: RequestId,
        /// The name of the scheduler.
        scheduler: String,
        /// The parameters of the call, by full name; with `builderid`, `builderNames`, `owner` among them.
        parameters: serde_json::Map<String, Json>,
    },
    /// A client tries a patch.
    Try {
        /// Who waits for the reply.
        request: RequestId,
        /// The name of the scheduler.
        scheduler: String,
        /// What it wants.
        job: Box<TryJob>,
    },
    /// A file of the directory of a [`Try_Jobdir`](buildbot_config::SchedulerKind::TryJobdir).
    JobFile {
        /// Whom to answer when its buildset is stored, or will never be.
        request: RequestId,
        /// The name of the scheduler.
        scheduler: String,
        /// The file's name, for messages.
        file: String,
        /// Its content.
        content: Vec<u8>,
    },
    /// The answer to [`Output::Submit`](crate::Output::Submit).
    Submitted {
        /// Its ticket.
        ticket: Ticket,
        /// The ids, or why it was not possible.
        outcome: Result<SubmittedIds, String>,
    },
    /// The answer to [`Output::Ask`](crate::Output::Ask).
    Answered {
        /// Its ticket.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// The answer to [`Output::Read`](crate::Output::Read).
    Read {
        /// Its ticket.
        ticket: Ticket,
        /// What was found.
        found: Result<Found, String>,
    },
}

/// The ids of a buildset that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedIds {
    /// The buildset.
    pub buildset: BuildsetId,
    /// Its requests.
    pub requests: Vec<(BuilderId, BuildRequestId)>,
}

/// What the database has of a scheduler.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Whether it is enabled; `true` for a new one.
    pub enabled: bool,
    /// Its states by name, as JSON.
    pub state: BTreeMap<String, Json>,
    /// Changes that wait, and whether they are important, in the order of their numbers.
    pub changes: Vec<(SharedChange, bool)>,
}

/// What a step asks of a triggerable scheduler.
#[derive(Debug, Clone, Default)]
pub struct Trigger {
    /// Whether the step waits for the builds.
    pub waited_for: bool,
    /// What is to be built, by codebase.
    pub source_stamps: Vec<TriggerStamp>,
    /// Properties: name, value, source.
    pub properties: Vec<(String, Value, String)>,
    /// The build of the step.
    pub parent_build: Option<BuildId>,
    /// What the new builds are to it.
    pub parent_relationship: Option<String>,
}

/// A source stamp that a step gives; what it does not say is the codebase's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriggerStamp {
    /// Which codebase.
    pub codebase: String,
    /// Where the sources are kept, if it is said.
    pub repository: Option<String>,
    /// The branch, if it is said; `Some(None)` is the default one.
    pub branch: Option<Option<String>>,
    /// The revision, if it is said.
    pub revision: Option<Option<String>>,
    /// The project, if it is said.
    pub project: Option<String>,
    /// A patch.
    pub patch: Option<crate::output::Patch>,
}

/// An answer of user code.
#[derive(Debug)]
pub enum Answer {
    /// To [`Question::Call`](crate::Question::Call) and [`Question::Method`](crate::Question::Method).
    Value(Result<Value, Exception>),
    /// To [`Question::Render`](crate::Question::Render), in the order of the question.
    Rendered {
        /// What the items became.
        items: Vec<Result<Value, Exception>>,
        /// The secrets; `None` if no provider knows it.
        secrets: Vec<Result<Option<Secret<String>>, Exception>>,
    },
}

/// What was found in the database, in the order of the question.
#[derive(Debug, Clone)]
pub enum Found {
    /// Source stamps with their changes; those that do not exist are left out.
    SourceStamps(Vec<StoredStamp>),
    /// Buildsets; those that do not exist are left out.
    Buildsets(Vec<StoredBuildset>),
}

/// A source stamp of the database.
#[derive(Debug, Clone)]
pub struct StoredStamp {
    /// Its row.
    pub id: SourceStampId,
    /// What it is.
    pub stamp: NewSourceStamp,
    /// When it was stored, in seconds since the epoch.
    pub created_at: i64,
    /// The changes that belong to it.
    pub changes: Vec<SharedChange>,
}

/// A buildset of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBuildset {
    /// Its row.
    pub id: BuildsetId,
    /// How it ended; `None` if it has not.
    pub results: Option<Results>,
    /// Its source stamps.
    pub source_stamps: Vec<SourceStampId>,
}
