//! Reading: `master.data.get`, and what the database alone knows.

use buildbot_data::{GetError, PythonAnswer, ReadError, Wanted};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, NoAnswer};
use crate::shell::Shell;

#[derive(Deserialize)]
pub(super) struct Get {
    path: Vec<String>,
    #[serde(default)]
    wanted: Wanted,
}

/// One object, or `{"items", "total", "tells_page"}`, or null.
pub(super) async fn get(shell: &Shell, Get { path, wanted }: Get) -> Answer {
    match shell.data.get(&path, wanted).await {
        Ok(PythonAnswer::Nothing) => Ok(Json::Null),
        Ok(PythonAnswer::One(object)) => Ok(json!({ "one": object })),
        Ok(PythonAnswer::Many {
            items,
            total,
            tells_page,
        }) => Ok(json!({ "items": items, "total": total, "tells_page": tells_page })),
        Err(error) => Err(match error {
            GetError::NoKey(name) => NoAnswer::raised("builtins.KeyError", name),
            GetError::Read(error) => of_read_error(&error),
            GetError::Value(_) | GetError::TooLarge => {
                NoAnswer::raised("builtins.ValueError", error.to_string())
            }
        }),
    }
}

pub(super) fn of_read_error(error: &ReadError) -> NoAnswer {
    let class = match error {
        ReadError::NoPath(_) => "buildbot.data.exceptions.InvalidPathError",
        ReadError::NotFound(_) => "buildbot.data.exceptions.DataException",
        ReadError::Query(_) => "buildbot.data.exceptions.InvalidQueryParameter",
        ReadError::Busy | ReadError::TooLong | ReadError::Database(_) | ReadError::Log(_) => {
            return NoAnswer::failed(error);
        }
    };
    NoAnswer::raised(class, error.to_string())
}

#[derive(Deserialize)]
pub(super) struct PreviousSuccess {
    builder: i64,
    number: i64,
    /// Repository, branch and codebase of each source stamp.
    stamps: Vec<(String, Option<String>, String)>,
}

/// The newest successful build of a builder before one, with the same repositories, branches and codebases: its id.
pub(super) async fn previous_success(shell: &Shell, wanted: PreviousSuccess) -> Answer {
    let PreviousSuccess {
        builder,
        number,
        stamps,
    } = wanted;
    let found = shell.data.previous_success(builder, number, stamps).await;
    found
        .map(|build| json!(build))
        .map_err(|error| of_read_error(&error))
}
