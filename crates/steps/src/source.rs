//! Steps that fetch sources, and steps that change a repository of Git.
//!
//! What is to be fetched comes from the source stamp of the step's codebase: [`wanted`]. A version control system is
//! then a sequence of programs and file commands on the worker.

mod bazaar;
mod git;
mod mercurial;
mod patch;
mod perforce;
mod property;
mod retry;
mod subversion;
mod wanted;
mod words;
mod work;

use buildbot_config::StepArguments;
use buildbot_config::steps::kind::StepKind;
use buildbot_model::Results;
use buildbot_render::{Format, RenderableKind, Value};

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
            | StepKind::GitDiffInfo(_)
            | StepKind::Mercurial(_)
            | StepKind::Subversion(_)
            | StepKind::Perforce(_)
            | StepKind::Bzr(_)
    )
}

/// The name of a step: with a codebase it ends with that.
pub(crate) fn name(arguments: &StepArguments) -> Value {
    let name = &arguments.common.name;
    match &arguments.source {
        Some(source) if source.codebase.is_true() => {
            let kwargs = vec![
                ("name".to_owned(), name.clone()),
                ("codebase".to_owned(), source.codebase.clone()),
            ];
            let format = Format::new("%(kw:name)s-%(kw:codebase)s", Vec::new(), kwargs);
            RenderableKind::Interpolate(format).into()
        }
        Some(_) | None => name.clone(),
    }
}

/// What a step that fetches sources says of itself, as far as its arguments do not.
pub(crate) fn describe(arguments: &mut StepArguments) {
    let Some(source) = &arguments.source else {
        return;
    };
    if let StepKind::Perforce(p4) = &mut arguments.kind
        && p4.p4client.is_none()
    {
        p4.p4client = perforce::default_client();
    }
    let common = &mut arguments.common;
    if !common.description.is_true() {
        common.description = "updating".into();
    }
    if !common.description_done.is_true() {
        common.description_done = "update".into();
    }
    if !common.description_suffix.is_true() {
        common.description_suffix = source.codebase.clone();
    }
}

/// The arguments that are evaluated before the step runs.
pub(crate) fn renderables(kind: &mut StepKind) -> Vec<&mut Value> {
    match kind {
        StepKind::Git(git)
        | StepKind::GitHub(git)
        | StepKind::GitLab(git)
        | StepKind::Gerrit(git) => vec![
            &mut git.repourl,
            &mut git.reference,
            &mut git.branch,
            &mut git.method,
            &mut git.origin,
        ],
        StepKind::Mercurial(hg) => vec![&mut hg.repourl],
        StepKind::Subversion(svn) => vec![&mut svn.repourl],
        StepKind::Bzr(bzr) => vec![&mut bzr.repourl, &mut bzr.base_url],
        StepKind::Perforce(p4) => vec![
            &mut p4.p4base,
            &mut p4.p4client,
            &mut p4.p4viewspec,
            &mut p4.p4branch,
            &mut p4.p4port,
            &mut p4.p4user,
        ],
        StepKind::GitPush(push) => vec![&mut push.repourl, &mut push.branch],
        StepKind::GitTag(tag) => vec![&mut tag.tag_name, &mut tag.messages],
        StepKind::GitCommit(commit) => vec![&mut commit.paths, &mut commit.messages],
        _ => Vec::new(),
    }
}

/// Runs a step whose kind [is known](is_known).
pub(crate) async fn run<'a>(step: &'a Step<'a>) -> Result<Results, StepError> {
    let StepArguments { kind, source, .. } = &step.arguments;
    match (kind, source) {
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
        (StepKind::Mercurial(hg), Some(source)) => mercurial::fetch(step, source, hg).await,
        (StepKind::Subversion(svn), Some(source)) => subversion::fetch(step, source, svn).await,
        (StepKind::Perforce(p4), Some(source)) => perforce::fetch(step, source, p4).await,
        (StepKind::Bzr(bzr), Some(source)) => bazaar::fetch(step, source, bzr).await,
        (StepKind::GitDiffInfo(info), _) => git::diff_info(step, info).await,
        _ => Err(crate::step::type_error("it fetches no sources")),
    }
}
