//! Steps that change a repository: `GitPush`, `GitTag`, `GitCommit`.

use buildbot_config::steps::git::{GitCommitArguments, GitPushArguments, GitTagArguments};
use buildbot_model::Results;
use buildbot_render::Value;

use super::auth::{Auth, AuthArguments};
use super::program::Git;
use super::repository;
use crate::error::StepError;
use crate::port::Channel;
use crate::source::words::words;
use crate::source::work::{Run, Settings, Work};
use crate::step::Step;
use crate::value::text_of as text;

/// Pushes a branch.
pub(in crate::source) async fn push<'a>(
    step: &'a Step<'a>,
    push: &GitPushArguments,
) -> Result<Results, StepError> {
    let workdir = super::workdir(step)?;
    let auth = Auth::new(
        step,
        &workdir,
        AuthArguments {
            private_key: &push.ssh_private_key,
            host_key: &push.ssh_host_key,
            known_hosts: &push.ssh_known_hosts,
            user: &push.auth_credentials,
            credentials: &push.git_credentials,
            repourl: &push.repourl,
        },
    );
    let settings = Settings::new(&push.env, push.timeout, push.log_environ).gently();
    let mut work = Work::begin(step, workdir, settings).await?;
    work.log_of_files = None;
    let repository = repository::address(&push.repourl, &push.port)?;
    let mut git = Git::find(work, &push.config, auth).await?;
    let mut command = words(["push", &repository]);
    command.push(push.branch.clone());
    if push.force {
        command.push("--force".into());
    }
    let done = match git.install_auth().await {
        Ok(()) => git.must(command).await,
        Err(error) => Err(error),
    };
    git.remove_auth().await.and(done)?;
    Ok(Results::Success)
}

/// Makes a tag.
pub(in crate::source) async fn tag<'a>(
    step: &'a Step<'a>,
    tag: &GitTagArguments,
) -> Result<Results, StepError> {
    let settings = Settings::new(&tag.env, tag.timeout, tag.log_environ).gently();
    let work = Work::begin(step, super::workdir(step)?, settings).await?;
    let git = Git::find(work, &tag.config, Auth::none()).await?;
    let mut command = words(["tag"]);
    if tag.annotated {
        command.push("-a".into());
    }
    command.push(tag.tag_name.clone());
    command.extend(messages(&tag.messages));
    if tag.force {
        command.push("--force".into());
    }
    git.must(command).await?;
    Ok(Results::Success)
}

/// Commits files.
pub(in crate::source) async fn commit<'a>(
    step: &'a Step<'a>,
    commit: &GitCommitArguments,
) -> Result<Results, StepError> {
    let settings = Settings::new(&commit.env, commit.timeout, commit.log_environ).gently();
    let work = Work::begin(step, super::workdir(step)?, settings).await?;
    let git = Git::find(work, &commit.config, Auth::none()).await?;
    require_branch(&git).await?;
    let mut add = words(["add"]);
    add.extend(commit.paths.as_sequence().unwrap_or_default().to_vec());
    git.must(add).await?;
    let when_empty = text(&commit.empty_commits);
    if when_empty == "ignore" && !has_staged(&git).await? {
        return Ok(Results::Success);
    }
    let mut command = words(["commit"]);
    command.extend(messages(&commit.messages));
    if when_empty == "create-empty-commit" {
        command.push("--allow-empty".into());
    }
    if commit.no_verify {
        command.push("--no-verify".into());
    }
    git.must(command).await?;
    Ok(Results::Success)
}

/// A commit without a branch would be lost.
async fn require_branch(git: &Git<'_>) -> Result<(), StepError> {
    let run = Run {
        may_fail: true,
        ..Run::default()
    };
    let end = git.call(words(["symbolic-ref", "HEAD"]), run).await?;
    if end.rc == Some(0) {
        return Ok(());
    }
    let work = &git.work;
    work.step
        .port
        .append(work.log, Channel::Stderr, "You are in detached HEAD")
        .await?;
    Err(StepError::Failed)
}

/// Whether something would be committed.
async fn has_staged(git: &Git<'_>) -> Result<bool, StepError> {
    let run = Run {
        collect: true,
        ..Run::default()
    };
    let end = git.call(words(["status", "--porcelain=v1"]), run).await?;
    let is_staged = |line: &str| line.starts_with(['M', 'A', 'D', 'R', 'C', 'U']);
    Ok(end.stdout.lines().any(is_staged))
}

fn messages(messages: &Value) -> Vec<Value> {
    messages
        .as_sequence()
        .unwrap_or_default()
        .iter()
        .flat_map(|message| ["-m".into(), message.clone()])
        .collect()
}
