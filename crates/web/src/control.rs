//! What people want done: the few actions that the web server needs of a master.

use std::pin::Pin;

use buildbot_data::Target;
use buildbot_model::{BuildId, BuildRequestId, SchedulerId, WorkerId};
use serde_json::{Map, Value as Json};

/// A result that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that somebody wants done. It is allowed, and what it refers to existed a moment ago.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Stops a build. It may have ended meanwhile, which is no error.
    StopBuild {
        /// Which one.
        build: BuildId,
        /// Why, for its state string.
        reason: String,
    },
    /// Builds a build again: same source stamps, same properties. Answers [`Outcome::Buildset`].
    RebuildBuild {
        /// Which one.
        build: BuildId,
    },
    /// Cancels a request: one that waits ends cancelled, the build of another one is stopped. Unknown ones are no error.
    CancelRequest {
        /// Which one.
        request: BuildRequestId,
        /// Why.
        reason: String,
    },
    /// Gives a request that has not ended another priority.
    SetPriority {
        /// Which one.
        request: BuildRequestId,
        /// The new one.
        priority: i64,
    },
    /// Does something to a worker.
    Worker {
        /// Which one.
        worker: WorkerId,
        /// What.
        action: WorkerAction,
        /// Why; for `pause` it is shown with the worker.
        reason: String,
    },
    /// Switches a scheduler on or off.
    EnableScheduler {
        /// Which one.
        scheduler: SchedulerId,
        /// Whether it is on.
        enabled: bool,
    },
    /// Forces builds. Answers [`Outcome::Buildset`], or [`ControlError::Fields`].
    Force {
        /// The name of the force scheduler.
        scheduler: String,
        /// The parameters as they came: `builderid` or `builderNames`, and one for each field by its `fullName`.
        parameters: Map<String, Json>,
    },
}

/// Why a method is nothing that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAction {
    /// There is no such method.
    #[error("action: {0} is not supported")]
    Unsupported(String),
    /// A parameter is not what it must be.
    #[error("'{0}' must be {1}")]
    Parameter(&'static str, &'static str),
}

/// How much of a reason is kept: it becomes part of texts that every list of builds has.
///
/// Differs: reasons of people, for a forced or a stopped build, are cut after 1024 characters, because every list of
/// builds has them; the reference keeps them whole.
const REASON_CHARS_MAX: usize = 1024;

impl Action {
    /// What a method does to a target; nothing for those that the reference answers without doing anything.
    ///
    /// Differs: through `/api/v2`, unknown methods of build requests are an error 501 and unknown workers 404,
    /// `set_priority` works, and so does `stop` through the name of a builder; all of these are errors 500 in the
    /// reference.
    pub fn of(
        target: &Target,
        method: &str,
        parameters: Map<String, Json>,
    ) -> Result<Option<Self>, NoAction> {
        let reason = || {
            let reason = parameters.get("reason").and_then(Json::as_str);
            reason
                .unwrap_or("no reason")
                .chars()
                .take(REASON_CHARS_MAX)
                .collect()
        };
        let unsupported = || NoAction::Unsupported(method.to_owned());
        Ok(Some(match (target, method) {
            (Target::Build(build), "stop") => Self::StopBuild {
                build: *build,
                reason: reason(),
            },
            (Target::Build(build), "rebuild") => Self::RebuildBuild { build: *build },
            (Target::Request(request), "cancel") => Self::CancelRequest {
                request: *request,
                reason: reason(),
            },
            (Target::Request(request), "set_priority") => Self::SetPriority {
                request: *request,
                priority: parameters
                    .get("priority")
                    .and_then(whole)
                    .ok_or(NoAction::Parameter("priority", "an integer"))?,
            },
            (Target::Worker(worker), _) => Self::Worker {
                worker: *worker,
                action: match method {
                    "stop" => WorkerAction::Stop,
                    "kill" => WorkerAction::Kill,
                    "pause" => WorkerAction::Pause,
                    "unpause" => WorkerAction::Unpause,
                    _ => return Err(unsupported()),
                },
                reason: reason(),
            },
            (Target::Scheduler(scheduler), "enable") => Self::EnableScheduler {
                scheduler: *scheduler,
                enabled: parameters
                    .get("enabled")
                    .and_then(Json::as_bool)
                    .ok_or(NoAction::Parameter("enabled", "a boolean"))?,
            },
            (Target::ForceScheduler(name), "force") => Self::Force {
                scheduler: name.clone(),
                parameters,
            },
            // Seen: other methods of schedulers are answered, and do nothing.
            (Target::Scheduler(_) | Target::ForceScheduler(_), _) => return Ok(None),
            (Target::Build(_) | Target::Request(_) | Target::Other, _) => {
                return Err(unsupported());
            }
        }))
    }
}

/// An integer, also as text, as forms have it.
fn whole(value: &Json) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// What can be done to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerAction {
    /// It gets no more builds, and shuts down when it has none.
    Stop,
    /// It shuts down at once.
    Kill,
    /// It gets no more builds.
    Pause,
    /// It gets builds again, also from quarantine.
    Unpause,
}

impl WorkerAction {
    /// The name of the method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is under way; events tell the rest.
    Accepted,
    /// There is a new buildset with these requests, by builder.
    Buildset {
        /// The buildset.
        buildset: i64,
        /// The builders and their requests.
        requests: Vec<(i64, i64)>,
    },
}

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ControlError {
    /// What it refers to does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Fields of a force scheduler are wrong: a text for each `fullName`.
    #[error("wrong fields")]
    Fields(Map<String, Json>),
    /// The master cannot do it; the text is told to whoever asked.
    #[error("{0}")]
    Failed(String),
}

/// What the web server needs of a master.
pub trait Control: Send + Sync {
    /// Does something. `owner` is who wants it: an address or a name, or `anonymous`.
    fn act<'a>(
        &'a self,
        action: Action,
        owner: &'a str,
    ) -> Later<'a, Result<Outcome, ControlError>>;

    /// Why a request waits: an object with `reason`, `text` and `details`; `None` for an unknown request.
    fn why(&self, request: BuildRequestId) -> Later<'_, Result<Option<Json>, ControlError>>;
}
