//! How a program leaves its terminal.
//!
//! No process forks here, which would need unsafe code; the program starts itself again instead:
//!
//! ```text
//! launcher (start, twistd) ── SESSION_COMMAND: leads a new session ── PROCESS_COMMAND: the program
//!     ◄──────────────── pipe: "ready <pid>", or why it could not start ────────────────┘
//! ```
//!
//! The leader of the session ends at once, so that the program can never get a controlling terminal.
//! The pipe is the standard output of the two, until the program puts `/dev/null` there.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::Pid;

/// First argument of the process that leads the session. Not for users.
pub const SESSION_COMMAND: &str = "__session";

/// First argument of the process of a daemon. Not for users.
pub const PROCESS_COMMAND: &str = "__process";

/// Begins the report of a program that runs; its process id follows.
const READY: &str = "ready ";

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// This machine did not let us start a process.
    #[error("cannot start the process: {0}")]
    Start(#[from] io::Error),
    /// The process says why it cannot run.
    #[error("{0}")]
    Refused(String),
    /// The process ended without a word.
    #[error("the process ended before it was ready; its log may say why")]
    Died,
}

/// Starts this program as a daemon with these options of twistd, in the current directory, and waits
/// until it is ready. Gives its process id.
pub fn launch(name: &str, twistd_options: &[OsString]) -> Result<Pid, LaunchError> {
    let mut leader = spawn_self(name, SESSION_COMMAND, twistd_options, Stdio::piped())?;
    let mut report = Vec::new();
    if let Some(mut pipe) = leader.stdout.take() {
        pipe.read_to_end(&mut report)?;
    }
    leader.wait()?;
    let report = String::from_utf8_lossy(&report);
    let pid = report
        .strip_prefix(READY)
        .and_then(|pid| pid.trim().parse().ok())
        .and_then(Pid::from_raw);
    match pid {
        Some(pid) => Ok(pid),
        None if report.trim_end().is_empty() => Err(LaunchError::Died),
        None => Err(LaunchError::Refused(report.trim_end().to_owned())),
    }
}

/// What the process of [`SESSION_COMMAND`] does.
pub fn lead_session(name: &str, twistd_options: &[OsString]) -> ExitCode {
    let started = rustix::process::setsid()
        .map_err(io::Error::from)
        .and_then(|_| spawn_self(name, PROCESS_COMMAND, twistd_options, Stdio::inherit()));
    match started {
        // Not waited for: the system gives the program another parent when this process ends.
        Ok(worker) => {
            drop(worker);
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The launcher reads this.
            let _ = write!(io::stdout(), "{}", LaunchError::Start(error));
            ExitCode::FAILURE
        }
    }
}

fn spawn_self(
    name: &str,
    command: &str,
    twistd_options: &[OsString],
    stdout: Stdio,
) -> io::Result<Child> {
    // Under its own name, as the file may be called `twistd`.
    Command::new(std::env::current_exe()?)
        .arg0(name)
        .arg(command)
        .args(twistd_options)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
}

/// To whom the process tells whether it could start.
#[derive(Debug)]
pub enum Launcher {
    /// Somebody at a terminal, or a supervisor: errors go to standard error.
    Terminal,
    /// The process that runs [`launch`].
    Pipe(File),
}

impl Launcher {
    /// Takes the pipe over that is standard output of a daemon's process.
    pub fn from_stdout() -> io::Result<Self> {
        let pipe = io::stdout().as_fd().try_clone_to_owned()?;
        let null = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
        Ok(Self::Pipe(pipe.into()))
    }

    /// Whether the program has left its terminal.
    pub fn is_daemon(&self) -> bool {
        matches!(self, Self::Pipe(_))
    }

    /// Says that the program runs.
    pub fn ready(self) {
        match self {
            Self::Terminal => {}
            Self::Pipe(mut pipe) => {
                // In one piece, as this process may be killed at any moment. A launcher that is gone
                // needs to know nothing.
                let report = format!("{READY}{}", std::process::id());
                let _ = pipe.write_all(report.as_bytes());
            }
        }
    }

    /// Says why the program does not run.
    pub fn refuse(self, reason: &str) {
        let _ = match self {
            Self::Terminal => writeln!(io::stderr(), "{reason}"),
            Self::Pipe(mut pipe) => write!(pipe, "{reason}"),
        };
    }
}
