//! Fetching sources.

use buildbot_config::steps::source::{GitArguments, SourceArguments};
use buildbot_model::Results;
use buildbot_render::{Kind, Value};

use super::auth::{Auth, AuthArguments};
use super::describe::describe;
use super::program::Git;
use super::repository;
use super::version::Feature;
use crate::error::StepError;
use crate::facts::PatchFacts;
use crate::source::property;
use crate::source::wanted::Wanted;
use crate::source::words::words;
use crate::source::work::{Run, Settings, Work};
use crate::source::{patch, retry};
use crate::step::Step;
use crate::value::text_of as text;

/// Where mode `full` with method `copy` keeps the sources.
const SOURCE: &str = "source";
/// The branch that a repository says is its own.
const HEAD: &str = "HEAD";
/// How long the name of a commit is.
const COMMIT_CHARS: usize = 40;

/// A step that fetches sources.
pub(super) struct Checkout<'s> {
    pub git: Git<'s>,
    source: &'s SourceArguments,
    pub arguments: &'s GitArguments,
    /// The repository, as git gets it.
    repository: String,
    branch: String,
    revision: Option<String>,
    patch: Option<PatchFacts>,
    /// How often a clone is tried again.
    attempts: retry::Attempts,
}

/// What the worker has.
enum Found {
    /// Nothing; a clone can be made.
    Nothing,
    /// A clone.
    Clone,
    /// Something that must be removed first.
    Other,
}

/// How full sources are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// All is removed and cloned.
    Clobber,
    /// What git does not know is removed.
    Fresh,
    /// The same, but what git ignores stays.
    Clean,
    /// Another directory keeps the sources, which are copied.
    Copy,
}

/// How a fetch ended that may fall back to something else.
enum Fetched {
    /// As its exit code says.
    Code(Option<i64>),
    /// By falling back, of which the reference knows nothing afterwards.
    Otherwise,
}

impl<'s> Checkout<'s> {
    pub(crate) async fn begin(
        step: &'s Step<'s>,
        source: &'s SourceArguments,
        arguments: &'s GitArguments,
        repourl: &Value,
        wanted: Wanted,
    ) -> Result<Self, StepError> {
        let workdir = super::workdir(step)?;
        let repository = repository::address(repourl, &arguments.port)?;
        let auth_workdir = match (source.mode.as_text(), arguments.method.as_text()) {
            (Some("full"), Some("copy")) => SOURCE,
            _ => &workdir,
        };
        let auth = Auth::new(
            step,
            auth_workdir,
            AuthArguments {
                private_key: &arguments.ssh_private_key,
                host_key: &arguments.ssh_host_key,
                known_hosts: &arguments.ssh_known_hosts,
                user: &arguments.auth_credentials,
                credentials: &arguments.git_credentials,
                repourl: &arguments.repourl,
            },
        );
        let attempts = retry::Attempts::new(&source.retry)?;
        let work = Work::begin(step, workdir, Settings::of(source).gently()).await?;
        Ok(Self {
            git: Git::find(work, &arguments.config, auth).await?,
            source,
            arguments,
            repository,
            branch: wanted
                .branch
                .filter(|branch| !branch.is_empty())
                .unwrap_or_else(|| HEAD.to_owned()),
            revision: wanted.revision,
            patch: wanted.patch,
            attempts,
        })
    }

    pub(crate) async fn run(mut self) -> Result<Results, StepError> {
        if patch::is_patched(&self.git.work).await? {
            self.git.must(clean(true)).await?;
        }
        let done = match self.git.install_auth().await {
            Ok(()) => self.fetch_all().await,
            Err(error) => Err(error),
        };
        // Keys do not stay, whatever happened.
        let removed = self.git.remove_auth().await;
        removed.and(done)
    }

    async fn fetch_all(&mut self) -> Result<Results, StepError> {
        match self.source.mode.as_text() {
            Some("incremental") => self.incremental().await?,
            Some("full") => self.full().await?,
            _ => {
                let mode = text(&self.source.mode);
                let class = property::class_name(self.git.work.step);
                return Err(StepError::raise(
                    Kind::Attribute,
                    format!("'{class}' object has no attribute 'mode_{mode}'"),
                ));
            }
        }
        if let Some(patch) = self.patch.clone() {
            self.apply(&patch).await?;
        }
        self.tell_revision().await?;
        self.tell_description().await?;
        Ok(Results::Success)
    }

    // Modes and methods.

    async fn incremental(&mut self) -> Result<(), StepError> {
        match self.found().await? {
            Found::Other => self.clobber().await,
            Found::Nothing => self.clone_or_fall_back().await,
            Found::Clone => {
                self.fetch_or_fall_back().await?;
                self.sync_submodules().await?;
                self.update_submodules().await
            }
        }
    }

    async fn full(&mut self) -> Result<(), StepError> {
        match self.method() {
            Some(Method::Clobber) => return self.clobber().await,
            Some(Method::Copy) => return self.copy().await,
            Some(Method::Fresh | Method::Clean) | None => {}
        }
        match (self.found().await?, self.method()) {
            (Found::Other, _) => self.clobber().await,
            (Found::Nothing, _) => self.clone_or_fall_back().await,
            (Found::Clone, Some(Method::Clean)) => self.clean().await,
            (Found::Clone, Some(Method::Fresh)) => self.fresh().await,
            (Found::Clone, _) => {
                let method = text(&self.arguments.method);
                Err(StepError::raise(
                    Kind::Value,
                    format!("Unknown method, check your configuration: {method}"),
                ))
            }
        }
    }

    async fn clean(&mut self) -> Result<(), StepError> {
        self.git.must(clean(false)).await?;
        match self.fetch_or_fall_back().await? {
            Fetched::Code(Some(0)) => {}
            // What the fallback did is not looked at: the step fails, as in the reference.
            Fetched::Code(_) | Fetched::Otherwise => return Err(StepError::Failed),
        }
        self.sync_submodules().await?;
        self.update_submodules().await?;
        self.clean_submodules(false).await?;
        if self.arguments.submodules {
            self.git.must(clean(false)).await?;
        }
        Ok(())
    }

    async fn fresh(&mut self) -> Result<(), StepError> {
        if self.git.succeeds(clean(true)).await? {
            self.fetch_or_fall_back().await?;
        } else {
            self.remove_sources().await?;
            self.clone_or_fall_back().await?;
        }
        self.sync_submodules().await?;
        self.update_submodules().await?;
        self.clean_submodules(true).await?;
        if self.arguments.submodules {
            self.git.must(clean(true)).await?;
        }
        Ok(())
    }

    async fn copy(&mut self) -> Result<(), StepError> {
        let workdir = self.git.work.workdir.clone();
        self.git.work.remove_tree(workdir.as_str()).await?;
        self.git.work.workdir = SOURCE.to_owned();
        self.incremental().await?;
        let timeout = Some(self.git.work.settings.timeout.clone());
        self.git.work.copy(SOURCE, &workdir, timeout).await?;
        self.git.work.workdir = workdir;
        Ok(())
    }

    async fn clobber(&mut self) -> Result<(), StepError> {
        self.remove_sources().await?;
        match self.clone_all().await? {
            Some(0) => Ok(()),
            _ => Err(StepError::Failed),
        }
    }

    async fn remove_sources(&self) -> Result<(), StepError> {
        let work = &self.git.work;
        if work.remove_tree(work.workdir.as_str()).await? {
            Ok(())
        } else {
            Err(StepError::Failed)
        }
    }

    fn method(&self) -> Option<Method> {
        match &self.arguments.method {
            Value::None => Some(Method::Fresh),
            method => match method.as_text()? {
                "clobber" => Some(Method::Clobber),
                "fresh" => Some(Method::Fresh),
                "clean" => Some(Method::Clean),
                "copy" => Some(Method::Copy),
                _ => None,
            },
        }
    }

    pub(crate) fn is_shallow(&self) -> bool {
        self.arguments.shallow.is_true()
    }

    /// How many commits a shallow clone has.
    pub(crate) fn depth(&self) -> Value {
        match &self.arguments.shallow {
            Value::Bool(_) => "1".into(),
            depth => text(depth).into(),
        }
    }

    /// Looks at what the worker has. Workers that cannot list directories are asked for `.git`.
    async fn found(&self) -> Result<Found, StepError> {
        let work = &self.git.work;
        if work.step.port.worker().is_older_than("listdir", "2.16") {
            return Ok(if work.exists(&work.path(".git")).await? {
                Found::Clone
            } else {
                Found::Nothing
            });
        }
        Ok(match work.list(&work.workdir).await? {
            None => Found::Nothing,
            Some(names) if names.is_empty() => Found::Nothing,
            Some(names) if names.iter().any(|name| name == ".git") => Found::Clone,
            Some(_) => Found::Other,
        })
    }

    // Clones.

    async fn clone_or_fall_back(&mut self) -> Result<(), StepError> {
        match self.clone_all().await? {
            Some(0) => Ok(()),
            _ if self.arguments.clobber_on_failure => Box::pin(self.clobber()).await,
            _ => Err(StepError::Failed),
        }
    }

    /// Clones, and checks out what is wanted. The exit code is that of the last command.
    async fn clone_all(&mut self) -> Result<Option<i64>, StepError> {
        let shallow = self.is_shallow();
        let mut rc = self.clone().await?;
        if rc != Some(0) {
            return Ok(rc);
        }
        if let Some(revision) = &self.revision {
            let checkout = words(["checkout", "-f", revision]);
            rc = self.git.status(checkout, !shallow).await?;
        }
        if self.arguments.submodules {
            rc = self.init_submodules().await?;
        }
        Ok(rc)
    }

    async fn clone(&mut self) -> Result<Option<i64>, StepError> {
        let shallow = self.is_shallow();
        let mut command = words(["clone"]);
        // The branch is fetched by itself if the clone cannot name it.
        let mut fetches_branch = false;
        if self.branch != HEAD {
            if !self.git.has(Feature::CloneBranch) {
                fetches_branch = true;
            } else if self.branch.starts_with("refs/") {
                command.push("--no-checkout".into());
                fetches_branch = true;
            } else {
                command.extend(words(["--branch", &self.branch]));
            }
        }
        if shallow {
            command.extend(["--depth".into(), self.depth()]);
        }
        if self.arguments.reference.is_true() {
            command.extend(["--reference".into(), self.arguments.reference.clone()]);
        }
        if self.arguments.origin.is_true() {
            command.extend(["--origin".into(), self.arguments.origin.clone()]);
        }
        if self.git.has(Feature::Filter) {
            let filters = self.arguments.filters.as_sequence().unwrap_or_default();
            command.extend(
                filters
                    .iter()
                    .flat_map(|filter| ["--filter".into(), filter.clone()]),
            );
        }
        command.extend(words([self.repository.as_str(), "."]));
        self.add_progress(&mut command);
        let rc = loop {
            let may_fail = !shallow || self.attempts.is_left();
            let rc = self.git.status(command.clone(), may_fail).await?;
            let step = self.git.work.step;
            if rc == Some(0) || step.is_stopped() || !self.attempts.wait(step).await {
                break rc;
            }
            self.remove_sources().await?;
        };
        if rc == Some(0) && fetches_branch {
            return self.fetch(true).await;
        }
        Ok(rc)
    }

    fn add_progress(&self, command: &mut Vec<Value>) {
        if self.arguments.progress && self.git.has(Feature::Progress) {
            command.push("--progress".into());
        }
    }

    // Updates.

    /// Fetches and checks out what is wanted, or tries something else as far as the step allows it.
    async fn fetch_or_fall_back(&mut self) -> Result<Fetched, StepError> {
        let GitArguments {
            retry_fetch,
            clobber_on_failure,
            ..
        } = *self.arguments;
        let rc = self.fetch(!retry_fetch && !clobber_on_failure).await?;
        if rc == Some(0) {
            return Ok(Fetched::Code(rc));
        }
        if retry_fetch {
            self.fetch(true).await?;
        } else if clobber_on_failure {
            Box::pin(self.clobber()).await?;
        } else {
            return Err(StepError::Failed);
        }
        Ok(Fetched::Otherwise)
    }

    /// Fetches, unless the revision is there, and checks out. The exit code is that of the command that failed.
    async fn fetch(&self, must: bool) -> Result<Option<i64>, StepError> {
        if !self.has_revision().await? {
            let mut command = words(["fetch", "-f"]);
            if self.is_shallow() {
                command.extend(["--depth".into(), self.depth()]);
            }
            if self.arguments.tags {
                command.push("--tags".into());
            }
            self.add_progress(&mut command);
            command.extend(words([self.repository.as_str(), self.branch.as_str()]));
            let rc = self.git.status(command, !must).await?;
            if rc != Some(0) {
                return Ok(rc);
            }
        }
        let wanted = self.revision.as_deref().unwrap_or("FETCH_HEAD");
        let checkout = words(["checkout", "-f", wanted]);
        let rc = self.git.status(checkout, !must).await?;
        if rc == Some(0) && self.branch != HEAD {
            // A local branch of that name is nice to have.
            let branch = words(["checkout", "-B", &self.branch]);
            self.git.status(branch, true).await?;
        }
        Ok(rc)
    }

    /// Whether the revision is there already. With tags there may be new ones.
    async fn has_revision(&self) -> Result<bool, StepError> {
        match &self.revision {
            Some(revision) if !self.arguments.tags => {
                self.git.succeeds(words(["cat-file", "-e", revision])).await
            }
            Some(_) | None => Ok(false),
        }
    }

    // What comes afterwards.

    async fn apply(&mut self, patch: &PatchFacts) -> Result<(), StepError> {
        patch::bring(&mut self.git.work, patch).await?;
        self.git.must(words(["update-index", "--refresh"])).await?;
        let level = patch.level.to_string();
        let run = Run {
            stdin: Some(patch::as_input(patch)),
            ..Run::default()
        };
        self.git
            .call(words(["apply", "--index", "-p", &level]), run)
            .await?;
        patch::remove(&self.git.work).await
    }

    async fn tell_revision(&self) -> Result<(), StepError> {
        let run = Run {
            collect: true,
            ..Run::default()
        };
        let end = self.git.call(words(["rev-parse", HEAD]), run).await?;
        let revision = end.stdout.trim();
        if revision.chars().count() != COMMIT_CHARS {
            return Err(StepError::Failed);
        }
        let step = self.git.work.step;
        property::set(step, self.source, "got_revision", revision.into())
    }

    async fn tell_description(&self) -> Result<(), StepError> {
        let how = &self.arguments.get_description;
        if matches!(how, Value::None | Value::Bool(false)) {
            return Ok(());
        }
        let Some(description) = describe(&self.git, how).await? else {
            return Ok(());
        };
        let step = self.git.work.step;
        property::set(step, self.source, "commit-description", description.into())
    }
}

/// Removes what git does not know, and perhaps what it ignores.
fn clean(ignored: bool) -> Vec<Value> {
    let mut command = words(["clean", "-f", "-f", "-d"]);
    if ignored {
        command.push("-x".into());
    }
    command
}
