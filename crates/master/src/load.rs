//! Loading a configuration: a Python executes the file, and everything that it says is checked, before anything changes.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use buildbot_config::{Description, MasterConfig, Problem, Sources};
use buildbot_confighost::{
    ConfigFile, Generation, LoadError, Options, Owner, Package, Python, Request, Stream,
};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::task::TaskTracker;

use crate::refused;

/// Loads the configuration of a base directory, as often as it is asked to.
#[derive(Debug)]
pub(crate) struct Loader {
    options: Options,
    basedir: PathBuf,
    file: PathBuf,
    /// Pass on what configurations print. Each ends with its process, and the end of the master does not wait for them:
    /// the last configuration is held until then.
    lines: TaskTracker,
}

/// A configuration without errors.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The process that executed it.
    pub(crate) host: Generation,
    /// What it said.
    pub(crate) description: Description,
    /// That, typed.
    pub(crate) config: MasterConfig,
    /// What user code asks of the master.
    pub(crate) requests: mpsc::Receiver<Request>,
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum LoadFailure {
    /// These are wrong, or not there yet.
    Problems {
        /// In the order of the reference.
        problems: Vec<Problem>,
        /// What file names are shown relative to.
        directory: String,
    },
    /// It could not be found out.
    Other(anyhow::Error),
}

impl LoadFailure {
    /// The lines below `Configuration Errors:`.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Problems {
                problems,
                directory,
            } => problems
                .iter()
                .map(|problem| problem.shown(directory))
                .collect(),
            Self::Other(error) => vec![format!("  {error:#}")],
        }
    }
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Configuration Errors:")?;
        for line in self.lines() {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadFailure {}

impl Loader {
    pub(crate) fn new(basedir: PathBuf, file: PathBuf) -> anyhow::Result<Self> {
        let environment = |name: &str| -> Option<OsString> { std::env::var_os(name) };
        let python = Python::choose(None, environment)?;
        let package = Package::unpack(environment)?;
        let mut options = Options::new(python, package);
        options.arguments = std::env::args_os().skip(1).collect();
        Ok(Self {
            options,
            basedir,
            file,
            lines: TaskTracker::new(),
        })
    }

    /// The file as the log names it.
    pub(crate) fn path(&self) -> PathBuf {
        self.basedir.join(&self.file)
    }

    /// Executes the file and checks all of it.
    pub(crate) async fn load(&self) -> Result<Loaded, LoadFailure> {
        let path = self.path();
        tracing::info!("Loading configuration from '{}'", path.display());
        let (owner, mut inbox) = Owner::channel();
        self.lines.spawn(pass_lines_on(inbox.lines));
        let file = ConfigFile {
            basedir: self.basedir.clone(),
            file: self.file.clone(),
            front: true,
        };
        let loading = Generation::load(self.options.clone(), owner, file);
        tokio::pin!(loading);
        let host = loop {
            tokio::select! {
                host = &mut loading => break host,
                // There is nothing to be asked of a master that has no configuration.
                Some(request) = inbox.requests.recv() => drop(request),
            }
        };
        let host = host.map_err(|error| self.failure(error))?;
        let text = host.description().clone();
        let file = path.to_string_lossy().into_owned();
        let checked = tokio::task::spawn_blocking(move || check(text.text(), &file)).await;
        let (description, outcome) = match checked {
            Ok(checked) => checked.map_err(LoadFailure::Other)?,
            Err(error) => return Err(LoadFailure::Other(error.into())),
        };
        for warning in &outcome.problems.warnings {
            let directory = self.basedir.to_string_lossy();
            tracing::warn!("{}", warning.shown(&directory).trim_start());
        }
        let mut problems = outcome.problems.errors;
        problems.extend(outcome.problems.refused_at_start);
        if problems.is_empty() {
            problems = refused::find(&description, &outcome.config);
        }
        if !problems.is_empty() {
            host.stop().await;
            return Err(LoadFailure::Problems {
                problems,
                directory: self.basedir.to_string_lossy().into_owned(),
            });
        }
        Ok(Loaded {
            host,
            description,
            config: outcome.config,
            requests: inbox.requests,
        })
    }

    fn failure(&self, error: LoadError) -> LoadFailure {
        let file = self.path();
        LoadFailure::Other(
            anyhow::Error::new(error).context(format!("while loading '{}'", file.display())),
        )
    }
}

fn check(text: &str, file: &str) -> anyhow::Result<(Description, buildbot_config::Outcome)> {
    let description = Description::from_json(text.as_bytes())?;
    let sources = Sources {
        file,
        text_of: &|file| {
            let bytes = std::fs::read(file).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        },
    };
    let outcome = buildbot_config::read(&description, sources);
    Ok((description, outcome))
}

/// What user code prints stands in the log of the master.
async fn pass_lines_on(mut lines: broadcast::Receiver<buildbot_confighost::Line>) {
    loop {
        match lines.recv().await {
            Ok(line) => match line.stream {
                Stream::Stdout => tracing::info!("{}", line.text),
                Stream::Stderr => tracing::warn!("{}", line.text),
            },
            Err(RecvError::Lagged(count)) => {
                tracing::warn!("({count} lines of the configuration's output were dropped)");
            }
            Err(RecvError::Closed) => return,
        }
    }
}
