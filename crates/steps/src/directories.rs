//! Steps about files and directories of the worker.

use buildbot_config::steps::worker::{
    CopyDirectoryArguments, DirectoryArguments, FileExistsArguments,
};
use buildbot_model::Results;
use buildbot_render::{Kind, Value};

use crate::error::StepError;
use crate::step::Step;
use crate::value::text_of;
use crate::worker_files::{FileKind, stat_of};

/// `FileExists`.
pub(crate) async fn file_exists(
    step: &Step<'_>,
    arguments: &FileExistsArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("stat")?;
    let end = step
        .run_simple("stat", [("file", arguments.file.clone())], None)
        .await?;
    let (text, results) = if end.did_fail() {
        ("File not found.", Results::Failure)
    } else {
        match stat_of(&end) {
            Some((FileKind::File, _)) => ("File found.", Results::Success),
            Some(_) => ("Not a file.", Results::Failure),
            // It was interrupted.
            None => return Err(StepError::raise(Kind::Index, "list index out of range")),
        }
    };
    step.set_description_done(Value::List(vec![text.into()]));
    Ok(results)
}

/// `CopyDirectory`.
pub(crate) async fn copy(
    step: &Step<'_>,
    arguments: &CopyDirectoryArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("cpdir")?;
    let seconds = |seconds: Option<buildbot_config::Seconds>| match seconds {
        None => Value::None,
        Some(seconds) if seconds.0.fract() == 0.0 => Value::Int(seconds.0 as i64),
        Some(seconds) => Value::Float(seconds.0),
    };
    let mut args = vec![
        ("fromdir", arguments.src.clone()),
        ("todir", arguments.dest.clone()),
        ("timeout", seconds(arguments.timeout)),
    ];
    if arguments.max_time.is_some_and(|time| time.0 != 0.0) {
        args.push(("maxTime", seconds(arguments.max_time)));
    }
    let end = step.run_simple("cpdir", args, None).await?;
    let words = if end.did_fail() {
        let text = format!(
            "Copying {} to {} failed.",
            text_of(&arguments.src),
            text_of(&arguments.dest)
        );
        vec![text]
    } else {
        let text = format!(
            "Copied {} to {}",
            text_of(&arguments.src),
            text_of(&arguments.dest)
        );
        vec![text]
    };
    step.set_description_done(Value::List(words.into_iter().map(Value::from).collect()));
    Ok(failed_or_not(end.did_fail()))
}

/// `RemoveDirectory`.
pub(crate) async fn remove(
    step: &Step<'_>,
    arguments: &DirectoryArguments,
) -> Result<Results, StepError> {
    directory(step, arguments, "rmdir", "Delete failed.").await
}

/// `MakeDirectory`.
pub(crate) async fn make(
    step: &Step<'_>,
    arguments: &DirectoryArguments,
) -> Result<Results, StepError> {
    directory(step, arguments, "mkdir", "Create failed.").await
}

async fn directory(
    step: &Step<'_>,
    arguments: &DirectoryArguments,
    command: &str,
    failed: &str,
) -> Result<Results, StepError> {
    step.check_worker_has(command)?;
    let args = [("dir", arguments.dir.clone())];
    let end = step.run_simple(command, args, None).await?;
    if end.did_fail() {
        step.set_description_done(Value::List(vec![failed.into()]));
    }
    Ok(failed_or_not(end.did_fail()))
}

fn failed_or_not(failed: bool) -> Results {
    if failed {
        Results::Failure
    } else {
        Results::Success
    }
}
