//! Git.

mod auth;
mod checkout;
mod describe;
mod diff_info;
mod difference;
mod gerrit;
mod program;
mod repository;
mod submodules;
mod variants;
mod version;

pub(super) mod change;

use buildbot_config::steps::kind::StepKind;
use buildbot_config::steps::source::{GitArguments, SourceArguments};
use buildbot_model::Results;

use super::wanted::{self, wanted};
use super::words::argument;
use crate::error::StepError;
use crate::step::Step;
pub(super) use change::{commit, push, tag};
use checkout::Checkout;
pub(super) use diff_info::diff_info;

/// Where a step works.
fn workdir(step: &Step<'_>) -> Result<String, StepError> {
    argument(&step.workdir(), "workdir")
}

/// Fetches sources: the steps `Git`, `GitHub`, `GitLab` and `Gerrit`.
pub(super) async fn fetch<'a>(
    step: &'a Step<'a>,
    source: &'a SourceArguments,
    git: &'a GitArguments,
) -> Result<Results, StepError> {
    let mut wanted = match wanted(step, source, git.branch.as_text(), wanted::last).await? {
        Ok(wanted) => wanted,
        Err(results) => return Ok(results),
    };
    let mut repourl = git.repourl.clone();
    match step.arguments.kind {
        StepKind::GitHub(_) => variants::github(&mut wanted)?,
        StepKind::GitLab(_) => variants::gitlab(step, &mut wanted, &mut repourl),
        StepKind::Gerrit(_) => {
            let stamp = wanted::source_stamp(step, source);
            gerrit::gerrit(step, source, stamp, &mut wanted)?;
        }
        _ => {}
    }
    Checkout::begin(step, source, git, &repourl, wanted)
        .await?
        .run()
        .await
}
