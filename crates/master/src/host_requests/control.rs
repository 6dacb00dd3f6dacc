//! `master.data.control`: what can be done to what is at a path.

use std::sync::Arc;

use buildbot_web::{Action, Control as _, ControlError, Outcome};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::read::of_read_error;
use super::{Answer, NoAnswer};
use crate::control::ShellControl;
use crate::shell::Shell;

const INVALID: &str = "buildbot.data.exceptions.InvalidControlException";

#[derive(Deserialize)]
pub(super) struct Wish {
    action: String,
    args: Map<String, Json>,
    path: Vec<String>,
}

/// Code of the configuration may do everything: it is asked for no permission.
pub(super) async fn act(shell: &Arc<Shell>, wish: Wish) -> Answer {
    let target = shell.data.target(&wish.path).await;
    let target = target.map_err(|error| of_read_error(&error))?;
    let action = Action::of(&target, &wish.action, wish.args);
    let Some(action) = action.map_err(|no| NoAnswer::raised(INVALID, no.to_string()))? else {
        return Ok(Json::Null);
    };
    match ShellControl(shell.clone()).act(action, "").await {
        Ok(Outcome::Accepted) => Ok(Json::Null),
        Ok(Outcome::Buildset { buildset, requests }) => Ok(submitted(buildset, &requests)),
        Err(ControlError::Fields(fields)) => Err(NoAnswer::raised(
            "buildbot.www.rest.BadJsonRpc2",
            Json::Object(fields).to_string(),
        )),
        Err(ControlError::NotFound(text)) => Err(NoAnswer::raised(INVALID, text)),
        Err(ControlError::Failed(text)) => Err(NoAnswer::failed(text)),
    }
}

/// The id of a buildset, and those of its requests by builder.
pub(super) fn submitted(buildset: i64, requests: &[(i64, i64)]) -> Json {
    let requests = json!({"$": "dict", "v": requests});
    json!({"$": "tuple", "v": [buildset, requests]})
}
