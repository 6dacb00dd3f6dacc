//! The worker process from its `buildbot.tac` to its end.
//!
//! Order matters and is the reference's: the log is opened with the umask of who starts the worker,
//! the pid file is written with the daemon's, all else with the one of `buildbot.tac`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_tac::{AllowShutdown, LogTarget, Surroundings, WorkerTac};
use rustix::fs::Mode;

use crate::agent::{self, Settings};
use crate::cli::{BUILDBOT_VERSION, OUR_VERSION};
use crate::process::close_inherited_descriptors_on_exec;
use crate::signals::{self, Signals};
use buildbot_daemon::Launcher;
use buildbot_daemon::log::{self, LogLayer, Target};
use buildbot_daemon::pid_file::{self, Found, PidFile};
use buildbot_daemon::service_manager;

/// The umask of a daemon whose options name none: its files are nobody else's business.
const DAEMON_UMASK: u32 = 0o077;

/// How a worker process is to run; the options of twistd.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// The `buildbot.tac`.
    pub tac: PathBuf,
    /// Where the process id is written, if anywhere.
    pub pid_file: Option<PathBuf>,
    /// The log, where `buildbot.tac` leaves that open.
    pub log: Target,
    /// The umask to run with until the worker sets its own.
    pub umask: Option<u32>,
    /// The directory to run in.
    pub rundir: Option<PathBuf>,
}

/// Looks whether another process runs with this pid file. The text of `Ok` is worth telling.
pub fn check_pid_file(path: &Path) -> anyhow::Result<Option<String>> {
    let path = absolute(path)?;
    match pid_file::check(&path)? {
        Found::Nothing => Ok(None),
        Found::Stale => Ok(Some(format!("Removing stale pidfile {}", path.display()))),
        Found::Alive(pid) => anyhow::bail!(
            "Another twistd server is running, PID {pid}\n\
             It is named in {}. Stop it first, or give this one a pid file and a log of its own.",
            path.display()
        ),
    }
}

/// Runs the worker in this process until it ends.
///
/// If a signal stopped it, the process ends by that signal, and this function does not return unless
/// the process is the first of a container.
pub fn run(options: &ProcessOptions, launcher: Launcher) -> ExitCode {
    let prepared = match Prepared::new(options, launcher.is_daemon()) {
        Ok(prepared) => prepared,
        Err(error) => {
            launcher.refuse(&format!("{error:#}"));
            return ExitCode::FAILURE;
        }
    };
    launcher.ready();
    let Prepared {
        settings,
        signals,
        pid_file,
    } = prepared;
    service_manager::ready();
    let result = agent::run(settings, &signals);
    service_manager::stopping();
    if let Err(error) = &result {
        tracing::error!("the worker cannot go on: {error:#}");
    }
    if let Some(signal) = signals.stopped_by() {
        tracing::info!("Received {}, shutting down.", signals::name(signal));
    }
    tracing::info!("Main loop terminated.");
    drop(pid_file);
    tracing::info!("Server Shut Down.");
    if let Some(signal) = signals.stopped_by() {
        return ExitCode::from(signals::end_by(signal));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Everything that can go wrong before the worker runs is done.
struct Prepared {
    settings: Settings,
    signals: Signals,
    pid_file: Option<PidFile>,
}

impl Prepared {
    fn new(options: &ProcessOptions, is_daemon: bool) -> anyhow::Result<Self> {
        let tac = load(&options.tac)?;
        let basedir = absolute(&tac.worker.basedir)?;
        let environ = std::env::vars_os().collect();
        let settings = Settings::new(&tac, basedir.clone(), environ)
            .with_context(|| format!("Failed to load application: {}", options.tac.display()))?;
        let signals = Signals::install(tac.worker.allow_shutdown == Some(AllowShutdown::Signal))
            .context("while installing the handlers of signals")?;
        close_inherited_descriptors_on_exec();
        open_log(&tac.log, &options.log)?;
        tracing::info!("Log opened.");
        tracing::info!(
            "buildbot-rs {OUR_VERSION} as process {}",
            std::process::id()
        );

        if tac.worker.usepty == Some(true) {
            tracing::warn!("usepty has no effect: the master decides it for each command");
        }

        // Relative names in the options are seen from where the process was started.
        let pid_path = options.pid_file.as_deref().map(absolute).transpose()?;
        if let Some(rundir) = &options.rundir {
            std::env::set_current_dir(rundir)
                .with_context(|| format!("while changing to the directory {}", rundir.display()))?;
        }
        if let Some(umask) = options.umask.or(is_daemon.then_some(DAEMON_UMASK)) {
            set_umask(umask);
        }
        let pid_file = pid_path.as_deref().map(PidFile::write).transpose()?;
        if let Some(umask) = tac.worker.umask {
            set_umask(umask);
        }
        tracing::info!("Starting Worker -- version: {BUILDBOT_VERSION}");
        record_host_name(&basedir);
        Ok(Self {
            settings,
            signals,
            pid_file,
        })
    }
}

/// Reads and checks what the administrator wrote.
fn load(path: &Path) -> anyhow::Result<WorkerTac> {
    let text = fs::read(path)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| String::from_utf8(bytes).context("it is not UTF-8; save it as UTF-8"))
        .with_context(|| format!("Failed to load application: cannot read {}", path.display()))?;
    let surroundings = Surroundings::of_this_process(path.to_owned())
        .context("Failed to load application: the current directory cannot be found")?;
    let tac = buildbot_tac::read_worker(&text, &surroundings)
        .with_context(|| format!("Failed to load application: {} has errors", path.display()))?;
    for line in &tac.printed {
        // Standard output may be closed, as anywhere.
        let _ = writeln!(io::stdout(), "{line}");
    }

    let basedir = &tac.worker.basedir;
    anyhow::ensure!(
        basedir.is_dir(),
        "Failed to load application: basedir in {}: {} is no directory; make it, or correct basedir",
        path.display(),
        basedir.display()
    );
    Ok(tac)
}

fn open_log(of_tac: &LogTarget, of_options: &Target) -> anyhow::Result<()> {
    let (target, date_style) = log::target_of(of_tac, of_options.clone());
    let layer = LogLayer::open(&target, date_style).with_context(|| match &target {
        Target::File { path, .. } => format!("cannot open the log file {}", path.display()),
        Target::Stdout | Target::Stderr | Target::Syslog { .. } => "cannot open the log".to_owned(),
    })?;
    log::install(layer);
    Ok(())
}

fn record_host_name(basedir: &Path) {
    tracing::info!("recording hostname in twistd.hostname");
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if let Err(error) = fs::write(basedir.join("twistd.hostname"), format!("{name}\n")) {
        tracing::info!("failed - ignoring: {error}");
    }
}

fn set_umask(umask: u32) {
    rustix::process::umask(Mode::from_raw_mode(umask as _));
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("while making {} absolute", path.display()))
}
