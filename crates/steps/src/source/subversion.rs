//! Subversion.

mod address;
mod xml;

use buildbot_config::steps::source::{SourceArguments, SubversionArguments};
use buildbot_model::{Results, Secret};
use buildbot_render::{Kind, Value};

use super::patch;
use super::property;
use super::retry::Attempts;
use super::wanted::{self, Wanted, wanted};
use super::words::{argument, required, words};
use super::work::{Run, Settings, Work};
use crate::command::CommandEnd;
use crate::error::StepError;
use crate::port::Channel;
use crate::step::Step;
use crate::value::text_of;

/// Where methods `copy` and `export` keep the sources.
const SOURCE: &str = "source";

struct Subversion<'s> {
    work: Work<'s>,
    source: &'s SourceArguments,
    arguments: &'s SubversionArguments,
    password: Secret<Value>,
    repository: &'s str,
    revision: Option<String>,
    attempts: Attempts,
}

/// Fetches sources.
pub(super) async fn fetch<'a>(
    step: &'a Step<'a>,
    source: &'a SourceArguments,
    arguments: &'a SubversionArguments,
) -> Result<Results, StepError> {
    let Wanted {
        revision, patch, ..
    } = match wanted(step, source, None, wanted::greatest).await? {
        Ok(wanted) => wanted,
        Err(results) => return Ok(results),
    };
    let password = step.render(arguments.password.expose().clone()).await?;
    let workdir = argument(&step.workdir(), "workdir")?;
    let mut svn = Subversion {
        work: Work::begin(step, workdir, Settings::of(source)).await?,
        source,
        arguments,
        password: Secret::new(password),
        repository: required(&arguments.repourl, "startswith")?,
        revision,
        attempts: Attempts::new(&source.retry)?,
    };
    svn.find().await?;
    if patch::is_patched(&svn.work).await? {
        svn.purge(false).await?;
    }
    match source.mode.as_text() {
        Some("incremental") => svn.incremental().await?,
        Some("full") => svn.full().await?,
        _ => {
            let class = property::class_name(step);
            let mode = text_of(&source.mode);
            return Err(StepError::raise(
                Kind::Attribute,
                format!("'{class}' object has no attribute 'mode_{mode}'"),
            ));
        }
    }
    if let Some(patch) = &patch {
        patch::apply(&mut svn.work, patch).await?;
    }
    svn.tell_revision().await?;
    Ok(Results::Success)
}

impl Subversion<'_> {
    async fn find(&self) -> Result<(), StepError> {
        let run = Run {
            may_fail: true,
            ..Run::default()
        };
        let end = self.work.program(words(["svn", "--version"]), run).await?;
        if end.rc == Some(0) {
            return Ok(());
        }
        Err(StepError::of_class(
            "buildbot.interfaces.WorkerSetupError",
            "SVN is not installed on worker",
        ))
    }

    /// Who asks.
    fn user(&self) -> Vec<Value> {
        let mut options = Vec::new();
        if self.arguments.username.is_true() {
            options.extend(["--username".into(), self.arguments.username.clone()]);
        }
        let password = self.password.expose();
        if password.is_true() {
            options.extend(["--password".into(), self.work.hidden(password)]);
        }
        options
    }

    fn more(&self) -> Vec<Value> {
        let more = self.arguments.extra_args.as_sequence();
        more.unwrap_or_default().to_vec()
    }

    fn wanted(&self) -> Vec<Value> {
        match &self.revision {
            Some(revision) => words(["--revision", revision]),
            None => Vec::new(),
        }
    }

    async fn call(&self, arguments: Vec<Value>, run: Run) -> Result<CommandEnd, StepError> {
        let mut command = words(["svn"]);
        command.extend(arguments);
        command.extend(words(["--non-interactive", "--no-auth-cache"]));
        command.extend(self.user());
        if self.arguments.depth.is_true() {
            command.extend(["--depth".into(), self.arguments.depth.clone()]);
        }
        command.extend(self.more());
        self.work.program(command, run).await
    }

    async fn incremental(&mut self) -> Result<(), StepError> {
        if self.is_updatable().await? {
            self.update().await
        } else {
            self.clobber().await
        }
    }

    async fn full(&mut self) -> Result<(), StepError> {
        let method = match &self.arguments.method {
            Value::None => "fresh".to_owned(),
            method => text_of(method),
        };
        match method.as_str() {
            "clobber" => return self.clobber().await,
            "copy" | "export" => return self.copy(method == "export").await,
            _ => {}
        }
        if !self.is_updatable().await? {
            return self.clobber().await;
        }
        match method.as_str() {
            "clean" => self.purge(false).await?,
            "fresh" => self.purge(true).await?,
            other => {
                return Err(StepError::raise(
                    Kind::Value,
                    format!("Unknown method, check your configuration: {other}"),
                ));
            }
        }
        self.update().await
    }

    async fn update(&self) -> Result<(), StepError> {
        let mut update = words(["update"]);
        update.extend(self.wanted());
        self.call(update, Run::default()).await.map(drop)
    }

    async fn clobber(&mut self) -> Result<(), StepError> {
        self.remove_sources().await?;
        self.checkout().await
    }

    async fn remove_sources(&self) -> Result<(), StepError> {
        if self.work.remove_tree(self.work.workdir.as_str()).await? {
            Ok(())
        } else {
            Err(StepError::Failed)
        }
    }

    async fn checkout(&mut self) -> Result<(), StepError> {
        let mut checkout = words(["checkout", self.repository, "."]);
        checkout.extend(self.wanted());
        loop {
            let run = Run {
                may_fail: self.attempts.is_left(),
                ..Run::default()
            };
            let end = self.call(checkout.clone(), run).await?;
            let step = self.work.step;
            if end.rc == Some(0) || step.is_stopped() || !self.attempts.wait(step).await {
                return Ok(());
            }
            self.remove_sources().await?;
        }
    }

    /// Keeps the sources in one directory, and makes the step's of it.
    async fn copy(&mut self, exports: bool) -> Result<(), StepError> {
        self.remove_sources().await?;
        let codebase = wanted::codebase(self.source);
        let kept = match codebase {
            "" => SOURCE.to_owned(),
            codebase => self.work.step.port.worker().join(SOURCE, codebase),
        };
        let workdir = std::mem::replace(&mut self.work.workdir, kept.clone());
        self.incremental().await?;
        self.work.workdir = workdir;
        if !exports {
            return self.work.copy(&kept, &self.work.workdir, None).await;
        }
        let mut export = words(["svn", "export"]);
        export.extend(self.wanted());
        export.extend(self.user());
        export.extend(self.more());
        export.extend(words([kept.as_str(), self.work.workdir.as_str()]));
        let run = Run {
            workdir: Some(String::new()),
            ..Run::default()
        };
        self.work.program(export, run).await.map(drop)
    }

    /// Whether the worker has sources of this repository that can be updated.
    async fn is_updatable(&self) -> Result<bool, StepError> {
        if !self.work.exists(&self.work.path(".svn")).await? {
            return Ok(false);
        }
        let run = Run {
            may_fail: true,
            collect: true,
            collect_stderr: true,
            ..Run::default()
        };
        let end = self.call(words(["info", "--xml"]), run).await?;
        // An operation was interrupted, and the working copy is locked.
        if end.stderr.contains("E155037:") {
            return Ok(false);
        }
        let Some(info) = xml::Info::parse(&end.stdout) else {
            return self.corrupted().await;
        };
        let Some(url) = info.url else {
            return Err(StepError::raise(Kind::Index, "list index out of range"));
        };
        Ok(url == address::canonical(self.repository))
    }

    async fn corrupted<T>(&self) -> Result<T, StepError> {
        self.note("Corrupted xml, aborting step").await?;
        Err(StepError::Failed)
    }

    async fn note(&self, text: &str) -> Result<(), StepError> {
        let port = self.work.step.port;
        port.append(self.work.log, Channel::Header, text).await
    }

    /// Removes what is not in the repository, and perhaps what svn ignores.
    async fn purge(&self, ignored: bool) -> Result<(), StepError> {
        let mut status = words(["status", "--xml"]);
        if ignored {
            status.push("--no-ignore".into());
        }
        let run = Run {
            collect: true,
            ..Run::default()
        };
        let end = self.call(status, run).await?;
        let Some(entries) = xml::status(&end.stdout) else {
            return Err(StepError::Failed);
        };
        let kept = self.arguments.keep_on_purge.as_sequence();
        let kept = kept.unwrap_or_default();
        let mut files = Vec::new();
        for xml::Entry { path, item } in entries {
            let Some(item) = item else {
                return Err(StepError::raise(
                    Kind::Value,
                    "not enough values to unpack (expected 1, got 0)",
                ));
            };
            let is_kept = kept.iter().any(|name| name.as_text() == Some(&path));
            if !path.is_empty() && !is_kept && item != "external" && item != "missing" {
                files.push(self.work.path(&path).into());
            }
        }
        if files.is_empty() || self.work.remove_tree(Value::List(files)).await? {
            Ok(())
        } else {
            Err(StepError::Failed)
        }
    }

    async fn tell_revision(&self) -> Result<(), StepError> {
        let exports = self.source.mode.as_text() == Some("full")
            && self.arguments.method.as_text() == Some("export");
        let run = Run {
            may_fail: true,
            collect: true,
            workdir: exports.then(|| SOURCE.to_owned()),
            ..Run::default()
        };
        let command = words(["svn", "info", "--xml"]);
        let end = self.work.program(command, run).await?;
        let Some(info) = xml::Info::parse(&end.stdout) else {
            return self.corrupted().await;
        };
        let last_change = self.arguments.prefer_last_changed_rev;
        let revision = info
            .commit
            .filter(|_| last_change)
            .filter(|revision| !revision.is_empty())
            .or(info.revision)
            .filter(|revision| !revision.is_empty());
        let Some(revision) = revision else {
            return Err(StepError::Failed);
        };
        self.note(&format!("Got SVN revision {revision}")).await?;
        let step = self.work.step;
        property::set(step, self.source, "got_revision", revision.into())
    }
}
