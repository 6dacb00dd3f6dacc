//! `GitDiffInfo`: which lines differ from another branch, as data of the build.

use buildbot_config::steps::git::GitDiffInfoArguments;
use buildbot_model::Results;
use buildbot_render::Value;

use super::difference;
use crate::error::StepError;
use crate::shell::Shell;
use crate::source::property::class_name;
use crate::source::words::{argument, words};
use crate::step::Step;

/// Compares.
pub(in crate::source) async fn diff_info(
    step: &Step<'_>,
    arguments: &GitDiffInfoArguments,
) -> Result<Results, StepError> {
    let other = argument(&arguments.compare_to_ref, "compareToRef")?;
    let name = argument(&arguments.data_name, "dataName")?;
    let (results, base) = run(step, "stdio-merge-base", &["merge-base", "HEAD", &other]).await?;
    if results != Results::Success {
        return Ok(results);
    }
    let base = base.trim();
    let class = class_name(step);
    step.port
        .set_property("diffinfo-merge-base-commit", base.into(), class);
    let command = ["diff", "--no-prefix", "-U0", base, "HEAD"];
    let (results, output) = run(step, "stdio-diff", &command).await?;
    if results != Results::Success {
        return Ok(results);
    }
    let differences = difference::to_value(&difference::parse(&output)?);
    let differences = crate::json::dumps(&differences)?;
    step.port
        .set_build_data(&name, differences.into_bytes(), class)
        .await?;
    Ok(Results::Success)
}

async fn run(
    step: &Step<'_>,
    log: &str,
    arguments: &[&str],
) -> Result<(Results, String), StepError> {
    let command = words(["git"].into_iter().chain(arguments.iter().copied()));
    let shell = Shell {
        log: Some(log.to_owned()),
        collect_stdout: true,
        ..Shell::of(Value::List(command))
    };
    let end = step.run_shell(shell, None).await?;
    Ok((end.results, end.stdout))
}
