//! Where a scenario takes place.

use crate::Protocol;
use crate::master::{Master, MasterConfig};
use crate::outcome::{BuildOutcome, Outcome, assert_same_outcome};
use crate::processes::{kill_marked, marked};
use crate::programs::WorkerKind;
use crate::rest::Rest;
use crate::wait::{PATIENCE, wait_until};
use crate::worker::{Worker, WorkerOptions};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a run has changed of the master and must be put back.
#[derive(Default)]
enum Changed {
    #[default]
    Nothing,
    Configuration,
    Endpoint,
}

/// A running master, a directory, and the kind of worker that a scenario uses now.
pub struct Stage {
    /// The master; the same for both kinds.
    pub master: Master,
    /// The protocol of the workers.
    pub protocol: Protocol,
    /// The kind of worker in this run of the scenario.
    pub kind: WorkerKind,
    config: MasterConfig,
    changed: Changed,
    directory: PathBuf,
}

impl Stage {
    fn new(root: &Path, protocol: Protocol, config: MasterConfig) -> Result<Self> {
        let master = Master::start(&root.join("master"), &config)?;
        // The path is the same for both kinds, and it shows in outcomes.
        let directory = root.join("stage");
        Ok(Self {
            master,
            protocol,
            kind: WorkerKind::Python,
            config,
            changed: Changed::Nothing,
            directory,
        })
    }

    fn run(
        &mut self,
        kind: WorkerKind,
        scenario: impl Fn(&mut Self) -> Result<Outcome>,
    ) -> Result<Outcome> {
        self.kind = kind;
        fs::create_dir(&self.directory)?;
        let result = scenario(self).inspect_err(|_| self.show_logs());
        kill_marked(&self.directory)?;
        let outcome = result.with_context(|| {
            format!(
                "with the {} worker over {}",
                kind.name(),
                self.protocol.name()
            )
        })?;
        show(&format!(
            "----- outcome with the {} worker -----\n{outcome}",
            kind.name()
        ));
        fs::rename(&self.directory, self.directory.with_extension(kind.name()))?;
        Ok(outcome)
    }

    /// Makes the master ready for another run.
    ///
    /// For a master of 4.3.0 a worker that was killed in the middle of its attach may stay connected for ever;
    /// such a master is started anew.
    fn forget_run(&mut self) -> Result<()> {
        let is_free = self.rest().wait_nobody_attached().is_ok();
        match std::mem::take(&mut self.changed) {
            Changed::Nothing if is_free => Ok(()),
            Changed::Configuration if is_free => self.master.reconfigure(&self.config),
            Changed::Nothing | Changed::Configuration | Changed::Endpoint => {
                self.master.restart(&self.config)
            }
        }
    }

    /// The master's REST interface.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.master.rest()
    }

    /// A directory for files of this run.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Changes the configuration of the master until the end of this run.
    pub fn reconfigure(&mut self, change: impl FnOnce(MasterConfig) -> MasterConfig) -> Result<()> {
        self.changed = Changed::Configuration;
        self.master.reconfigure(&change(self.config.clone()))
    }

    /// Starts the master again with another configuration until the end of this run: a reconfiguration does not
    /// change what the 4.3.0 master listens to.
    pub fn restart_master(
        &mut self,
        change: impl FnOnce(MasterConfig) -> MasterConfig,
    ) -> Result<()> {
        self.changed = Changed::Endpoint;
        self.master.restart(&change(self.config.clone()))
    }

    /// Creates a worker, does not start it.
    pub fn create_worker(&self, options: &WorkerOptions) -> Result<Worker> {
        self.create_worker_in("", options)
    }

    /// Creates a worker in a subdirectory of this run's directory, does not start it.
    pub fn create_worker_in(&self, directory: &str, options: &WorkerOptions) -> Result<Worker> {
        let port = self.master.port(self.protocol);
        let directory = self.directory.join(directory);
        Worker::create(
            self.kind,
            &self.directory,
            &directory,
            self.protocol,
            port,
            options,
        )
    }

    /// How many processes there are that this run has started: workers and their programs, also orphans.
    pub fn count_processes(&self) -> Result<usize> {
        Ok(marked(&self.directory)?.len())
    }

    /// Waits until only `count` processes are left of this run.
    pub fn wait_processes(&self, count: usize) -> Result<()> {
        wait_until(
            &format!("{count} processes of the worker are left"),
            PATIENCE,
            || Ok(self.count_processes()? == count),
        )
    }

    /// Creates and starts a worker.
    pub fn start_worker(&self, options: &WorkerOptions) -> Result<Worker> {
        let mut worker = self.create_worker(options)?;
        worker.start()?;
        Ok(worker)
    }

    /// Creates and starts a worker and waits until the master says that it is attached.
    pub fn attach_worker(&self, options: &WorkerOptions) -> Result<Worker> {
        let worker = self.start_worker(options)?;
        self.rest().wait_attached(worker.name())?;
        Ok(worker)
    }

    /// Runs one build of `builder` to its end.
    pub fn build(&self, builder: &str) -> Result<BuildOutcome> {
        let rest = self.rest();
        let builds = rest.finish(rest.force(builder)?, PATIENCE)?;
        builds
            .into_iter()
            .next()
            .with_context(|| format!("no build of {builder}"))
    }

    /// Runs one build of each builder, one after the other.
    pub fn builds(&self, builders: &[&str]) -> Result<Outcome> {
        Ok(Outcome::of_builds(
            builders
                .iter()
                .map(|builder| self.build(builder))
                .collect::<Result<_>>()?,
        ))
    }

    /// Prints the ends of all logs, for the reader of a test that failed.
    fn show_logs(&self) {
        let mut files = vec![
            self.master.basedir().join("twistd.log"),
            self.master.basedir().join("output.log"),
        ];
        let workers = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        for path in workers {
            if path.is_dir() {
                files.push(path.join("twistd.log"));
            } else {
                files.push(path);
            }
        }
        for file in files {
            let Ok(bytes) = fs::read(&file) else { continue };
            let log = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = log
                .lines()
                .map(|line| line.split_at_checked(400).map_or(line, |(start, _)| start))
                .collect();
            let start = lines.len().saturating_sub(LOG_LINES_SHOWN);
            show(&format!(
                "----- end of {} -----\n{}",
                file.display(),
                lines[start..].join("\n")
            ));
        }
    }
}

/// Prints for the reader of a failed test.
#[expect(
    clippy::print_stderr,
    reason = "the test runner keeps it with the test's other output"
)]
fn show(text: &str) {
    eprintln!("{text}");
}

/// How much of each log a failed test shows.
const LOG_LINES_SHOWN: usize = 60;

/// Runs `scenario` with the Python worker, then with ours, and fails unless the outcomes are equal.
///
/// `test` names the temporary directory. Between the runs the master gets its first configuration back.
pub fn same_outcome(
    test: &str,
    protocol: Protocol,
    config: MasterConfig,
    scenario: impl Fn(&mut Stage) -> Result<Outcome>,
) -> Result<()> {
    on_stage(test, protocol, config, |stage, root| {
        let python = stage.run(WorkerKind::Python, &scenario)?;
        stage.forget_run()?;
        let rust = stage.run(WorkerKind::Rust, &scenario)?;
        assert_same_outcome(&python, &rust, |text| text.replace(root, "<temp>"))
    })
}

/// Runs `scenario` with our worker only, where the Python worker has a known fault; the scenario itself checks.
pub fn ours_alone(
    test: &str,
    protocol: Protocol,
    config: MasterConfig,
    scenario: impl Fn(&mut Stage) -> Result<()>,
) -> Result<()> {
    on_stage(test, protocol, config, |stage, _| {
        stage.run(WorkerKind::Rust, |stage| {
            scenario(stage).map(|()| Outcome::default())
        })?;
        Ok(())
    })
}

fn on_stage(
    test: &str,
    protocol: Protocol,
    config: MasterConfig,
    act: impl FnOnce(&mut Stage, &str) -> Result<()>,
) -> Result<()> {
    let temp = TempDir::with_prefix(format!("compat-{test}-{}-", protocol.name()))?;
    let root = temp.path().to_owned();
    let result = Stage::new(&root, protocol, config)
        .context("while starting the master")
        .and_then(|mut stage| act(&mut stage, &root.to_string_lossy()));
    result.map_err(|error| {
        // Kept on purpose: the message names files in it.
        let kept = temp.keep();
        error.context(format!("all files of this test are in {}", kept.display()))
    })
}
