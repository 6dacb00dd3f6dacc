//! Answers to the code of a step: `["ok", value]`, or `["raise", class, message, traceback]`.

use buildbot_render::Kind;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::error::StepError;

pub(super) fn of<T: Into<Json>>(outcome: Result<T, StepError>) -> Json {
    match outcome {
        Ok(value) => json!(["ok", value.into()]),
        Err(error) => {
            let (class, message, traceback) = raised(&error);
            json!(["raise", class, message, traceback])
        }
    }
}

/// What an error is in Python: class, message, traceback.
pub(super) fn raised(error: &StepError) -> (String, String, Option<String>) {
    let known = |class: &str| (class.to_owned(), String::new(), None);
    match error {
        StepError::Failed => known("buildbot.process.buildstep.BuildStepFailed"),
        StepError::Cancelled => known("buildbot.process.buildstep.BuildStepCancelled"),
        StepError::ConnectionLost => known("twisted.internet.error.ConnectionLost"),
        StepError::Exception(exception) | StepError::NoResult(exception) => (
            exception.class.clone(),
            exception.message.clone(),
            exception.traceback.clone(),
        ),
    }
}

/// What the process says in the form that is expected.
pub(super) fn read<T: DeserializeOwned>(json: Json) -> Result<T, StepError> {
    serde_json::from_value(json).map_err(|error| {
        let text = format!("the process of the configuration says something unexpected: {error}");
        StepError::raise(Kind::Runtime, text)
    })
}
