//! Steps that fetch sources, and steps that change a repository of Git.
//!
//! What is to be fetched comes from the source stamp of the step's codebase: [`wanted`]. A version control system is
//! then a sequence of programs and file commands on the worker.

mod git;
mod patch;
mod property;
mod retry;
mod wanted;
mod words;
mod work;

use buildbot_config::StepArguments;
use buildbot_config::steps::kind::StepKind;
use buildbot_model::Results;

use crate::error::StepError;
use crate::step::Step;

/// Whether steps of this kind are carried out here.
pub(crate) fn is_known(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Git(_)
            | StepKind::GitHub(_)
            | StepKind::GitLab(_)
            | StepKind::Gerrit(_)
            | StepKind::GitPush(_)
            | StepKind::GitTag(_)
            | StepKind::GitCommit(_)
    )
}

/// Runs a step, if its kind [is known](is_known).
pub(crate) async fn run(step: &Step<'_>) -> Option<Result<Results, StepError>> {
    let StepArguments { kind, source, .. } = &step.arguments;
    Some(match (kind, source) {
        (
            StepKind::Git(git)
            | StepKind::GitHub(git)
            | StepKind::GitLab(git)
            | StepKind::Gerrit(git),
            Some(source),
        ) => git::fetch(step, source, git).await,
        (StepKind::GitPush(push), _) => git::push(step, push).await,
        (StepKind::GitTag(tag), _) => git::tag(step, tag).await,
        (StepKind::GitCommit(commit), _) => git::commit(step, commit).await,
        _ => return None,
    })
}
