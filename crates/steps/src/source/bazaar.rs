//! Bazaar.

use buildbot_config::steps::source::{BzrArguments, SourceArguments};
use buildbot_model::Results;
use buildbot_render::{Kind, Value};

use super::patch;
use super::property;
use super::retry::Attempts;
use super::wanted::{self, Wanted, wanted};
use super::words::{argument, words};
use super::work::{Run, Settings, Work};
use crate::error::StepError;
use crate::step::Step;
use crate::value::text_of;

/// Where method `copy` keeps the sources, and works from then on.
const SOURCE: &str = "source";
/// Where method `copy` copies them to, whatever directory the step has.
const BUILD: &str = "build";

struct Bazaar<'s> {
    work: Work<'s>,
    repository: String,
    revision: Option<Value>,
    attempts: Attempts,
}

/// Fetches sources.
pub(super) async fn fetch<'a>(
    step: &'a Step<'a>,
    source: &'a SourceArguments,
    arguments: &'a BzrArguments,
) -> Result<Results, StepError> {
    let own_branch = arguments.default_branch.as_text();
    let Wanted {
        branch,
        revision,
        is_number,
        patch,
    } = match wanted(step, source, own_branch, wanted::greatest_number).await? {
        Ok(wanted) => wanted,
        Err(results) => return Ok(results),
    };
    let repository = if arguments.repourl.is_none() {
        let base = text_of(&arguments.base_url);
        let slash = if base.ends_with('/') { "" } else { "/" };
        format!("{base}{slash}{}", branch.unwrap_or_default())
    } else {
        text_of(&arguments.repourl)
    };
    let workdir = argument(&step.workdir(), "workdir")?;
    let mut bzr = Bazaar {
        work: Work::begin(step, workdir, Settings::of(source)).await?,
        repository,
        revision: revision.map(|text| match text.parse() {
            Ok(number) if is_number => Value::Int(number),
            _ => text.into(),
        }),
        attempts: Attempts::new(&source.retry)?,
    };
    bzr.must(words(["--version"])).await?;
    if patch::is_patched(&bzr.work).await? {
        bzr.clean(true).await?;
    }
    match source.mode.as_text() {
        Some("incremental") => bzr.incremental().await?,
        Some("full") => bzr.full(&arguments.method).await?,
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
        patch::apply(&mut bzr.work, patch).await?;
    }
    let revision = bzr.got_revision().await?;
    property::set(step, source, "got_revision", revision.into())?;
    Ok(Results::Success)
}

impl Bazaar<'_> {
    async fn must(&self, arguments: Vec<Value>) -> Result<(), StepError> {
        let mut command = words(["bzr"]);
        command.extend(arguments);
        self.work.program(command, Run::default()).await.map(drop)
    }

    fn wanted(&self) -> Vec<Value> {
        match &self.revision {
            Some(revision) => vec!["-r".into(), revision.clone()],
            None => Vec::new(),
        }
    }

    async fn incremental(&mut self) -> Result<(), StepError> {
        if self.is_checkout().await? {
            self.update().await
        } else {
            self.checkout().await
        }
    }

    async fn full(&mut self, method: &Value) -> Result<(), StepError> {
        match method.as_text() {
            Some("clobber") => {
                self.remove_sources().await?;
                return self.checkout().await;
            }
            Some("copy") => return self.copy().await,
            _ => {}
        }
        // As in the reference the answer does not count.
        self.is_checkout().await?;
        self.clean(method.as_text() == Some("clean")).await?;
        self.update().await
    }

    async fn copy(&mut self) -> Result<(), StepError> {
        self.work.remove(BUILD).await?;
        self.work.workdir = SOURCE.to_owned();
        self.incremental().await?;
        match self.work.copy(SOURCE, BUILD, None).await {
            // As in the reference the step goes on in the directory that was copied.
            Ok(()) | Err(StepError::Failed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn is_checkout(&self) -> Result<bool, StepError> {
        self.work.exists(&self.work.path(".bzr")).await
    }

    /// Removes what is not versioned. With `ignored` that is less, as the names of the reference have it.
    async fn clean(&self, ignored: bool) -> Result<(), StepError> {
        let mut command = words(["clean-tree"]);
        if ignored {
            command.push("--ignored".into());
        }
        command.push("--force".into());
        self.must(command).await
    }

    async fn update(&self) -> Result<(), StepError> {
        let mut command = words(["update"]);
        command.extend(self.wanted());
        self.must(command).await
    }

    async fn checkout(&mut self) -> Result<(), StepError> {
        let mut command = words(["bzr", "checkout", &self.repository, "."]);
        command.extend(self.wanted());
        loop {
            let run = Run {
                may_fail: self.attempts.is_left(),
                ..Run::default()
            };
            let end = self.work.program(command.clone(), run).await?;
            let step = self.work.step;
            if end.rc == Some(0) || step.is_stopped() || !self.attempts.wait(step).await {
                return Ok(());
            }
            self.remove_sources().await?;
        }
    }

    async fn remove_sources(&self) -> Result<(), StepError> {
        if self.work.remove(self.work.workdir.as_str()).await? {
            return Ok(());
        }
        Err(StepError::raise(
            Kind::Runtime,
            "Failed to delete directory",
        ))
    }

    async fn got_revision(&self) -> Result<String, StepError> {
        let run = Run {
            collect: true,
            ..Run::default()
        };
        let command = words(["bzr", "version-info", "--custom", "--template='{revno}"]);
        let end = self.work.program(command, run).await?;
        let revision = end.stdout.trim_matches('\'').to_owned();
        match revision.trim().parse::<i64>() {
            Ok(_) => Ok(revision),
            Err(_) => Err(StepError::Failed),
        }
    }
}
