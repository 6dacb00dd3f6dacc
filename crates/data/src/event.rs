//! Everything that is announced: its topics, and where its message comes from.

use std::sync::Arc;

use buildbot_model::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, ChangeId, CodebaseId, LogId,
    MasterId, ProjectId, SchedulerId, StepId, WorkerId,
};
use serde_json::Value as Json;

use crate::topic::Topic;

/// Something that happened, to be published after its commit.
///
/// Buildbot: the topics of its realtime interfaces. Verbs are words of the reference: builds, builders and projects
/// `update`, steps and schedulers are `updated`, workers `state_updated`; builds, steps and logs are `finished`, requests
/// and buildsets `complete`.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its names: the same message goes out under each.
    pub topics: Vec<Topic>,
    /// What is told.
    pub body: Body,
}

/// The message of an event.
#[derive(Debug, Clone)]
pub enum Body {
    /// The object at a path of the REST API, such as `builds/12`, read when somebody listens.
    ///
    /// Differs: an event has its object as that is when the message is made, which may be a moment after the event,
    /// because nothing is read for events that nobody wants.
    Resource(String),
    /// The object at a path, with further members or others, and without some.
    Changed {
        /// The path.
        path: String,
        /// The members that it gets.
        with: Arc<serde_json::Map<String, Json>>,
        /// Those that it loses.
        without: &'static [&'static str],
    },
    /// A value.
    Value(Arc<Json>),
}

/// What happened to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildVerb {
    /// It has its first properties.
    New,
    /// What people read about it is another text.
    Update,
    /// It has ended.
    Finished,
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepVerb {
    /// It is there.
    New,
    /// It has begun.
    Started,
    /// Text, addresses, or the instant of its locks.
    Updated,
    /// It has ended.
    Finished,
}

/// What happened to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVerb {
    /// It is there.
    New,
    /// It has more lines.
    Append,
    /// It gets no more.
    Finished,
}

/// What happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestVerb {
    /// It is stored.
    New,
    /// A master has it.
    Claimed,
    /// It is back in the queue.
    Unclaimed,
    /// It has ended.
    Complete,
}

/// What happened to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerVerb {
    /// It came.
    Connected,
    /// It went.
    Disconnected,
    /// It was paused, or told to stop gracefully, or not any more.
    StateUpdated,
}

macro_rules! words {
    ($($verb:ident { $($name:ident = $word:literal),+ $(,)? })+) => {$(
        impl $verb {
            /// The last part of topics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    )+};
}

words! {
    BuildVerb { New = "new", Update = "update", Finished = "finished" }
    StepVerb { New = "new", Started = "started", Updated = "updated", Finished = "finished" }
    LogVerb { New = "new", Append = "append", Finished = "finished" }
    RequestVerb { New = "new", Claimed = "claimed", Unclaimed = "unclaimed", Complete = "complete" }
    WorkerVerb { Connected = "connected", Disconnected = "disconnected", StateUpdated = "state_updated" }
}

impl Event {
    /// An event with one topic and a message of its own: properties of a build, a control message.
    pub fn of_value(topic: impl Into<String>, message: Json) -> Self {
        Self {
            topics: vec![Topic::new(topic)],
            body: Body::Value(Arc::new(message)),
        }
    }

    /// An event with one topic and the object at a path of the REST API.
    pub fn of_resource(topic: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            topics: vec![Topic::new(topic)],
            body: Body::Resource(path.into()),
        }
    }

    fn of_changed<const N: usize>(
        topic: String,
        path: String,
        members: [(&str, Json); N],
        without: &'static [&'static str],
    ) -> Self {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Self {
            topics: vec![Topic::new(topic)],
            body: Body::Changed {
                path,
                with: Arc::new(members.collect()),
                without,
            },
        }
    }

    /// A build.
    pub fn build(
        id: BuildId,
        builder: BuilderId,
        number: BuildNumber,
        worker: Option<WorkerId>,
        verb: BuildVerb,
    ) -> Self {
        let verb = verb.as_str();
        let mut topics = vec![
            Topic::new(format!("builds/{id}/{verb}")),
            Topic::new(format!("builders/{builder}/builds/{number}/{verb}")),
        ];
        topics.extend(worker.map(|w| Topic::new(format!("workers/{w}/builds/{id}/{verb}"))));
        Self {
            topics,
            body: Body::Resource(format!("builds/{id}")),
        }
    }

    /// New or changed properties of a build: `{name: [value, source]}`.
    pub fn build_properties(id: BuildId, changed: Json) -> Self {
        Self::of_value(format!("builds/{id}/properties/update"), changed)
    }

    /// A step.
    pub fn step(id: StepId, build: BuildId, verb: StepVerb) -> Self {
        let verb = verb.as_str();
        Self {
            topics: vec![
                Topic::new(format!("builds/{build}/steps/{id}/{verb}")),
                Topic::new(format!("steps/{id}/{verb}")),
            ],
            body: Body::Resource(format!("steps/{id}")),
        }
    }

    /// A log. `slug` is its name in paths.
    pub fn log(id: LogId, step: StepId, slug: &str, verb: LogVerb) -> Self {
        let verb = verb.as_str();
        Self {
            topics: vec![
                Topic::new(format!("logs/{id}/{verb}")),
                Topic::new(format!("steps/{step}/logs/{slug}/{verb}")),
            ],
            body: Body::Resource(format!("logs/{id}")),
        }
    }

    /// A buildset is stored. `scheduler` has submitted it.
    ///
    /// Seen: the message names the scheduler, has no `parent_relationship`, and `results` is null.
    pub fn buildset_new(id: BuildsetId, scheduler: &str) -> Self {
        let members = [
            ("scheduler", Json::from(scheduler)),
            ("complete", Json::from(false)),
            ("complete_at", Json::Null),
            ("results", Json::Null),
        ];
        Self::of_changed(
            format!("buildsets/{id}/new"),
            format!("buildsets/{id}"),
            members,
            &["parent_relationship"],
        )
    }

    /// The last request of a buildset has ended.
    pub fn buildset_complete(id: BuildsetId) -> Self {
        Self::of_resource(
            format!("buildsets/{id}/complete"),
            format!("buildsets/{id}"),
        )
    }

    /// A build request.
    pub fn request(
        id: BuildRequestId,
        buildset: BuildsetId,
        builder: BuilderId,
        verb: RequestVerb,
    ) -> Self {
        let verb = verb.as_str();
        Self {
            topics: vec![
                Topic::new(format!("buildrequests/{id}/{verb}")),
                Topic::new(format!("builders/{builder}/buildrequests/{id}/{verb}")),
                Topic::new(format!(
                    "buildsets/{buildset}/builders/{builder}/buildrequests/{id}/{verb}"
                )),
            ],
            body: Body::Resource(format!("buildrequests/{id}")),
        }
    }

    /// A request that waited was cancelled.
    pub fn request_cancelled(id: BuildRequestId) -> Self {
        Self::of_value(format!("buildrequests/{id}/cancel"), Json::Null)
    }

    /// A change was added.
    pub fn change(id: ChangeId) -> Self {
        Self::of_resource(format!("changes/{id}/new"), format!("changes/{id}"))
    }

    /// A worker.
    pub fn worker(id: WorkerId, verb: WorkerVerb) -> Self {
        let verb = verb.as_str();
        Self::of_resource(format!("workers/{id}/{verb}"), format!("workers/{id}"))
    }

    /// A worker is missing; `last_connection` and `notify` as its mail says.
    pub fn worker_missing(id: WorkerId, last_connection: &str, notify: &[String]) -> Self {
        let members = [
            ("last_connection", Json::from(last_connection)),
            ("notify", Json::from(notify)),
        ];
        Self::of_changed(
            format!("workers/{id}/missing"),
            format!("workers/{id}"),
            members,
            &[],
        )
    }

    /// A builder is on a master, or not any more. The message is the whole builder with `masterid`.
    ///
    /// Differs: the events `started` and `stopped` of a builder have the whole builder; the reference has `builderid`,
    /// `masterid` and `name` only, and its own front end then loses the rest.
    pub fn builder_on_master(id: BuilderId, master: MasterId, starts: bool) -> Self {
        let members = [("masterid", Json::from(master.0))];
        let verb = if starts { "started" } else { "stopped" };
        Self::of_changed(
            format!("builders/{id}/{verb}"),
            format!("builders/{id}"),
            members,
            &[],
        )
    }

    /// What is known of a builder was written.
    pub fn builder_updated(id: BuilderId) -> Self {
        Self::of_resource(format!("builders/{id}/update"), format!("builders/{id}"))
    }

    /// A master begins or ends.
    pub fn master(id: MasterId, starts: bool) -> Self {
        let verb = if starts { "started" } else { "stopped" };
        Self::of_resource(format!("masters/{id}/{verb}"), format!("masters/{id}"))
    }

    /// A scheduler was switched on or off.
    pub fn scheduler_updated(id: SchedulerId) -> Self {
        Self::of_resource(
            format!("schedulers/{id}/updated"),
            format!("schedulers/{id}"),
        )
    }

    /// A project was written.
    pub fn project_updated(id: ProjectId) -> Self {
        Self::of_resource(format!("projects/{id}/update"), format!("projects/{id}"))
    }

    /// A codebase was written.
    pub fn codebase_updated(id: CodebaseId) -> Self {
        Self::of_resource(format!("codebases/{id}/update"), format!("codebases/{id}"))
    }

    /// Somebody asked to stop a build. Clients see what they are told.
    pub fn control_build_stop(id: BuildId, reason: &str) -> Self {
        let message = serde_json::json!({ "reason": reason });
        Self::of_value(format!("control/builds/{id}/stop"), message)
    }

    /// Somebody asked for something to be done to a worker: `pause`, say.
    pub fn control_worker(id: WorkerId, action: &str, reason: &str) -> Self {
        let message = serde_json::json!({ "reason": reason });
        // Buildbot: one `worker`, where the other topics have many.
        Self::of_value(format!("control/worker/{id}/{action}"), message)
    }

    /// Somebody asked to cancel a request.
    pub fn control_request_cancel(id: BuildRequestId, reason: &str) -> Self {
        let message = serde_json::json!({ "reason": reason });
        Self::of_value(format!("control/buildrequests/{id}/cancel"), message)
    }
}

impl Body {
    /// Which object of the REST API is read for it.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Resource(path) | Self::Changed { path, .. } => Some(path),
            Self::Value(_) => None,
        }
    }
}
