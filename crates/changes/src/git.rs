//! A Git repository that is polled: `GitPoller`.

mod auth;
mod program;
mod refs;
mod revision;
mod tracker;

use std::collections::{BTreeMap, BTreeSet};

use buildbot_config::ChangeSource;
use buildbot_config::changes::repositories::GitArguments;
use buildbot_render::Value;
use buildbot_schedulers::NewChange;
use serde_json::{Map, Value as Json};

use crate::encoding::Codec;
use crate::port::{PollError, Port, StateObject};
use program::{Git, text};

/// The key of the state: heads by branch, as the last poll saw them.
const STATE: &str = "lastRev";

/// The directory of the repository if none is given. Pollers may share it.
const WORKDIR: &str = "gitpoller-work";

/// The exit code of git for a fault of its own or of the disk.
const FATAL: i32 = 128;

const HEADS: &str = "refs/heads/";

type Heads = BTreeMap<String, String>;

/// Looks for changes once.
pub(crate) async fn poll(
    source: &ChangeSource,
    arguments: &GitArguments,
    port: &dyn Port,
) -> Result<(), PollError> {
    let given = port.render(vec![arguments.repourl.clone(), arguments.project.clone()]);
    let given = given.await?;
    let repourl = given.first().map(text).unwrap_or_default();
    let project = given.get(1).map(text).unwrap_or_default();
    let directory = arguments.workdir.as_deref().unwrap_or(WORKDIR);
    let directory = port.basedir().join(directory);
    let mut git = Git::new(port, arguments, directory).await?;
    let made = git.make_repository().await?;
    if made == FATAL {
        tracing::warn!(
            "gitpoller: cannot make a repository in {}; will retry",
            git.directory.display()
        );
        return Ok(());
    }
    git.authenticate(arguments, &repourl).await?;
    let refs = refs::wanted(&git, arguments, &repourl).await?;
    if refs.is_empty() {
        return Ok(());
    }
    let mut fetch = vec!["fetch".to_owned(), "--progress".to_owned(), repourl.clone()];
    for name in &refs {
        fetch.push(format!("+{name}:{}", tracker::of(&repourl, name)));
    }
    fetch.push("--".to_owned());
    git.must(fetch).await?;

    let object = StateObject {
        name: source.name().to_owned(),
        class: class_of(source),
    };
    let stored = port.state(object.clone(), STATE).await?;
    let known = stored.as_ref().map(heads_of);
    let mut poll = Poll {
        git: &git,
        arguments,
        codec: Codec::find(&arguments.encoding).unwrap_or(Codec::Utf8),
        repourl: &repourl,
        project: &project,
        is_first: known.is_none(),
        known: known.unwrap_or_default(),
    };
    let has_list = arguments.branch.is_some() || arguments.branches.as_sequence().is_some();
    let mut seen = Heads::new();
    for name in &refs {
        let key = match has_list {
            true => name.strip_prefix(HEADS).unwrap_or(name),
            false => name,
        };
        let head = match git.head_of(&tracker::of(&repourl, name)).await {
            Ok(head) => head,
            Err(error) => {
                tracing::error!("trying to poll branch {name} of {repourl}: {error}");
                let old = poll.known.get(key).cloned();
                seen.extend(old.map(|old| (key.to_owned(), old)));
                continue;
            }
        };
        if let Err(error) = poll.add_changes(name, key, &head).await {
            tracing::error!("trying to poll branch {name} of {repourl}: {error}");
        }
        let reached = poll.known.get(key).cloned();
        seen.extend(reached.map(|reached| (key.to_owned(), reached)));
    }
    if seen.is_empty() {
        return Ok(());
    }
    let state: Map<String, Json> = seen
        .into_iter()
        .map(|(branch, head)| (branch, head.into()))
        .collect();
    port.set_state(object, STATE, Json::Object(state)).await
}

/// The name of the class under which the state is kept.
fn class_of(source: &ChangeSource) -> String {
    let class = source.service.object.own_class();
    class.rsplit('.').next().unwrap_or(class).to_owned()
}

fn heads_of(state: &Json) -> Heads {
    let branches = state.as_object().into_iter().flatten();
    branches
        .filter_map(|(branch, head)| Some((branch.clone(), head.as_str()?.to_owned())))
        .collect()
}

/// A poll whose commits are here.
struct Poll<'a> {
    git: &'a Git<'a>,
    arguments: &'a GitArguments,
    codec: Codec,
    repourl: &'a str,
    project: &'a str,
    /// Nothing is known yet, and what is there is nothing new.
    is_first: bool,
    /// Heads whose history is known.
    known: Heads,
}

impl Poll<'_> {
    /// Adds what is new on a branch; its head is known as far as that went.
    ///
    /// Differs: a poll that cannot add a commit goes on with that commit the next time, because the reference goes on
    /// with what comes after it, and never builds it.
    async fn add_changes(&mut self, name: &str, key: &str, head: &str) -> Result<(), PollError> {
        if self.is_first {
            self.known.insert(key.to_owned(), head.to_owned());
            return Ok(());
        }
        let before: BTreeSet<&String> = self.known.values().collect();
        let mut log = ["log", "--ignore-missing", "--first-parent", "--format=%H"]
            .map(str::to_owned)
            .to_vec();
        log.push(head.to_owned());
        log.extend(before.iter().map(|old| format!("^{old}")));
        log.push("--".to_owned());
        let revisions = self.git.must(log).await?;
        let revisions = String::from_utf8_lossy(&revisions).into_owned();
        let mut revisions: Vec<&str> = revisions.split_whitespace().rev().collect();
        let is_moved = self.known.get(key).is_none_or(|old| old != head);
        if revisions.is_empty() && self.arguments.build_pushes_with_no_commits && is_moved {
            revisions.push(head);
        }
        if !revisions.is_empty() {
            tracing::info!(
                "gitpoller: processing {} changes from \"{}\" branch \"{name}\"",
                revisions.len(),
                self.repourl
            );
        }
        let branch = name.strip_prefix(HEADS).unwrap_or(name);
        for revision in revisions {
            let change = self.change(branch, revision).await?;
            self.git.port.add_change(change).await?;
            self.known.insert(key.to_owned(), revision.to_owned());
        }
        self.known.insert(key.to_owned(), head.to_owned());
        Ok(())
    }

    async fn change(&self, branch: &str, revision: &str) -> Result<NewChange, PollError> {
        let read = revision::read(self.git, self.codec, revision).await?;
        let category = match &self.arguments.category {
            Value::Bytes(bytes) => self.codec.decode(bytes).into(),
            other => other.clone(),
        };
        Ok(NewChange {
            author: Some(read.author),
            committer: Some(read.committer),
            files: Some(read.files),
            comments: Some(read.comments),
            revision: Some(revision.to_owned()),
            when: self.arguments.usetimestamps.then_some(read.timestamp),
            branch: Some(branch.to_owned()),
            category,
            revlink: Some(String::new()),
            properties: Vec::new(),
            repository: Some(self.repourl.to_owned()),
            project: Some(self.project.to_owned()),
            codebase: None,
            source: Some("git".to_owned()),
        })
    }
}
