//! How a step ends without a result.

use buildbot_render::{Exception, Kind};

/// Why a step, or a part of it, could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The step has failed and has said so: `BuildStepFailed`.
    #[error("the step failed")]
    Failed,
    /// The step was interrupted: `BuildStepCancelled`.
    #[error("the step was cancelled")]
    Cancelled,
    /// The connection to the worker is gone.
    #[error("the connection to the worker is lost")]
    ConnectionLost,
    /// What Python would have raised.
    #[error(transparent)]
    Exception(#[from] Exception),
    /// `run` of a class of the user's gave something that is no result. It ends the whole build.
    #[error("{0}")]
    NoResult(Exception),
}

impl StepError {
    /// An exception of one of Python's own classes.
    pub fn raise(kind: Kind, message: impl Into<String>) -> Self {
        Self::Exception(Exception::new(kind, message))
    }

    /// An exception of another class: `module.Class`.
    pub fn of_class(class: &str, message: impl Into<String>) -> Self {
        Self::Exception(Exception {
            class: class.to_owned(),
            message: message.into(),
            traceback: None,
            place: None,
        })
    }
}
