//! `buildbot-worker stop`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{Request, UsageError};
use buildbot_daemon::Output;
use buildbot_daemon::basedir::{self, Role};
use buildbot_daemon::pid_file::{self, PidFileError};
use buildbot_options::{self, OptionSpec};

pub(super) const USAGE: &str = "\
Usage:    buildbot-worker stop [<basedir>]
Options:
  -h, --help     Show this text.
  -q, --quiet    Say nothing about what is done.
      --version  Show the version.

Stops the worker of <basedir>, by default of the current directory.
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::flag("help", Some('h')),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("version", None),
];

/// How long a worker may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the process is looked at. Workers end within milliseconds.
const POLL: Duration = Duration::from_millis(5);

/// What `stop` is to do.
pub(super) struct StopOptions {
    basedir: PathBuf,
    quiet: bool,
}

/// How an attempt to stop a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The process is gone.
    Gone,
    /// There is no pid file.
    NotRunning,
    /// The process is still there.
    StillThere,
    /// The pid file or the process is not ours to use; already said.
    Failed,
}

pub(super) fn parse(arguments: &[OsString]) -> Result<Request<StopOptions>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut quiet = false;
    for (option, _) in parsed.options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => quiet = true,
        }
    }
    Ok(Request::Run(StopOptions {
        basedir: basedir::from_arguments(&parsed.arguments)?,
        quiet,
    }))
}

pub(super) fn run(output: &Output, options: StopOptions) -> ExitCode {
    if !basedir::is_directory_of(Role::Worker, output, &options.basedir) {
        return ExitCode::FAILURE;
    }
    match stop_worker(output, &options.basedir, options.quiet) {
        Stopped::Gone => ExitCode::SUCCESS,
        Stopped::NotRunning => {
            if !options.quiet {
                output.line("worker not running");
            }
            ExitCode::SUCCESS
        }
        Stopped::StillThere | Stopped::Failed => ExitCode::FAILURE,
    }
}

/// Asks the worker of `basedir` to end and waits until it has.
pub(super) fn stop_worker(output: &Output, basedir: &Path, quiet: bool) -> Stopped {
    let path = basedir.join(pid_file::NAME);
    let pid = match pid_file::read(&path) {
        Ok(Some(pid)) => pid,
        Ok(None) => return Stopped::NotRunning,
        Err(error @ (PidFileError::NotANumber { .. } | PidFileError::Io { .. })) => {
            output.error_line(error.to_string());
            return Stopped::Failed;
        }
    };
    let number = pid.as_raw_nonzero();
    match kill_process(pid, Signal::TERM) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => {
            output.error_line(format!(
                "cannot stop the process {number} of {}: {}",
                path.display(),
                basedir::reason(&error.into())
            ));
            return Stopped::Failed;
        }
    }
    if wait_until_gone(pid) {
        if !quiet {
            output.line(format!("worker process {number} is dead"));
        }
        return Stopped::Gone;
    }
    if !quiet {
        output.line("never saw process go away");
    }
    Stopped::StillThere
}

/// Differs: `stop` looks at the process every few milliseconds, because it then needs no whole second to
/// see that it is gone; the limit is the same.
fn wait_until_gone(pid: Pid) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while pid_file::is_alive(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}
