//! Mercurial.

use buildbot_config::steps::source::{MercurialArguments, SourceArguments};
use buildbot_model::Results;
use buildbot_render::{Kind, Value};

use super::patch;
use super::property;
use super::retry::Attempts;
use super::wanted::{self, Wanted, wanted};
use super::words::{argument, required, words};
use super::work::{Run, Settings, Work};
use crate::error::StepError;
use crate::step::Step;
use crate::value::text_of;

/// How long the name of a changeset is.
const NODE_CHARS: usize = 40;

struct Mercurial<'s> {
    work: Work<'s>,
    arguments: &'s MercurialArguments,
    repository: String,
    /// Whether branches are in the repository; else each has a repository of its own.
    is_in_repository: bool,
    /// The branch that the sources are to have.
    branch: Option<String>,
    revision: Option<String>,
    attempts: Attempts,
}

/// Fetches sources.
pub(super) async fn fetch<'a>(
    step: &'a Step<'a>,
    source: &'a SourceArguments,
    arguments: &'a MercurialArguments,
) -> Result<Results, StepError> {
    let own_branch = arguments.default_branch.as_text();
    let Wanted {
        branch,
        revision,
        patch,
        ..
    } = match wanted(step, source, own_branch, wanted::last).await? {
        Ok(wanted) => wanted,
        Err(results) => return Ok(results),
    };
    let is_in_repository = arguments.branch_type.as_text() == Some("inrepo");
    let mut repository = required(&arguments.repourl, "startswith")?.to_owned();
    let workdir = argument(&step.workdir(), "workdir")?;
    let mut hg = Mercurial {
        work: Work::begin(step, workdir, Settings::of(source)).await?,
        arguments,
        repository: String::new(),
        is_in_repository,
        branch: None,
        revision,
        attempts: Attempts::new(&source.retry)?,
    };
    hg.must(words(["--version"])).await?;
    // What an earlier patch left is removed by the update, whatever the answer is.
    patch::is_patched(&hg.work).await?;
    if is_in_repository {
        hg.branch = Some(branch.unwrap_or_else(|| "default".to_owned()));
    } else {
        repository.push_str(branch.as_deref().unwrap_or_default());
        hg.branch = branch;
    }
    hg.repository = repository;
    match source.mode.as_text() {
        Some("incremental") => hg.incremental().await?,
        Some("full") => hg.full().await?,
        _ => {
            let mode = text_of(&source.mode);
            return Err(StepError::raise(
                Kind::Value,
                format!("mode {mode} is not in ('incremental', 'full')"),
            ));
        }
    }
    if let Some(patch) = &patch {
        patch::bring(&mut hg.work, patch).await?;
        let level = patch.level.to_string();
        let run = Run {
            stdin: Some(patch::as_input(patch)),
            ..Run::default()
        };
        hg.call(words(["import", "--no-commit", "-p", &level, "-"]), run)
            .await?;
        patch::remove(&hg.work).await?;
    }
    let output = hg
        .output(words(["parents", "--template", "{node}\\n"]))
        .await?;
    let node = output.trim();
    if node.chars().count() != NODE_CHARS {
        return Err(StepError::raise(Kind::Value, "Incorrect revision id"));
    }
    property::set(step, source, "got_revision", node.into())?;
    Ok(Results::Success)
}

impl Mercurial<'_> {
    async fn call(
        &self,
        arguments: Vec<Value>,
        run: Run,
    ) -> Result<crate::command::CommandEnd, StepError> {
        let mut command = words(["hg", "--verbose"]);
        command.extend(arguments);
        self.work.program(command, run).await
    }

    async fn must(&self, arguments: Vec<Value>) -> Result<(), StepError> {
        self.call(arguments, Run::default()).await.map(drop)
    }

    async fn output(&self, arguments: Vec<Value>) -> Result<String, StepError> {
        let run = Run {
            collect: true,
            ..Run::default()
        };
        Ok(self.call(arguments, run).await?.stdout)
    }

    async fn is_clone(&self) -> Result<bool, StepError> {
        self.work.exists(&self.work.path(".hg")).await
    }

    async fn incremental(&mut self) -> Result<(), StepError> {
        if self.is_clone().await? {
            self.pull().await?;
        } else {
            self.clone().await?;
        }
        self.update_branch().await
    }

    async fn full(&mut self) -> Result<(), StepError> {
        let method = self.arguments.method.as_text().unwrap_or("fresh");
        if method == "clobber" {
            return self.clobber().await;
        }
        if !self.is_clone().await? {
            self.clone().await?;
            return self.update().await;
        }
        let mut purge = words(["--config", "extensions.purge=", "purge"]);
        match method {
            "clean" => {}
            "fresh" => purge.push("--all".into()),
            other => {
                return Err(StepError::raise(
                    Kind::Value,
                    format!("Unknown method, check your configuration: {other}"),
                ));
            }
        }
        self.must(purge).await?;
        self.pull().await?;
        self.update_branch().await
    }

    async fn clobber(&mut self) -> Result<(), StepError> {
        self.remove_sources().await?;
        self.clone().await?;
        self.update().await
    }

    /// What cannot be removed is found by the clone that follows.
    async fn remove_sources(&self) -> Result<(), StepError> {
        let work = &self.work;
        work.remove(work.workdir.as_str()).await.map(drop)
    }

    async fn clone(&mut self) -> Result<(), StepError> {
        let clone = words(["clone", "--noupdate", &self.repository, "."]);
        loop {
            let run = Run {
                may_fail: self.attempts.is_left(),
                ..Run::default()
            };
            let end = self.call(clone.clone(), run).await?;
            let step = self.work.step;
            if end.rc == Some(0) || step.is_stopped() || !self.attempts.wait(step).await {
                return Ok(());
            }
            self.remove_sources().await?;
        }
    }

    /// What is pulled, and what is updated to.
    fn wanted(&self) -> Vec<Value> {
        match (&self.revision, &self.branch) {
            (Some(revision), _) => words(["--rev", revision]),
            (None, Some(branch)) if self.is_in_repository => words(["--rev", branch]),
            (None, _) => Vec::new(),
        }
    }

    async fn pull(&self) -> Result<(), StepError> {
        let mut pull = words(["pull", &self.repository]);
        pull.extend(self.wanted());
        self.must(pull).await
    }

    async fn update(&self) -> Result<(), StepError> {
        let mut update = words(["update", "--clean"]);
        update.extend(self.wanted());
        self.must(update).await
    }

    /// Updates; sources of another branch may have to be cloned anew.
    async fn update_branch(&mut self) -> Result<(), StepError> {
        let current = if self.is_in_repository {
            let output = self.output(words(["identify", "--branch"])).await?;
            Some(output.trim().to_owned())
        } else {
            self.arguments.default_branch.as_text().map(str::to_owned)
        };
        if current != self.branch && self.arguments.clobber_on_branch_change {
            return self.clobber().await;
        }
        self.remove_added().await?;
        self.update().await
    }

    /// Removes files that were added and are in no changeset, such as those of a patch.
    async fn remove_added(&self) -> Result<(), StepError> {
        let run = Run {
            may_fail: true,
            collect: true,
            ..Run::default()
        };
        let end = self.call(words(["locate", "set:added()"]), run).await?;
        if !matches!(end.rc, Some(0 | 1)) {
            return Err(StepError::Failed);
        }
        let files: Vec<Value> = end
            .stdout
            .lines()
            .filter(|file| !file.is_empty())
            .map(|file| self.work.path(file).into())
            .collect();
        if !files.is_empty() {
            self.work.remove(Value::List(files)).await?;
        }
        Ok(())
    }
}
