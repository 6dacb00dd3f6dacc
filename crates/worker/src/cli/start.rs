//! `buildbot-worker start` and `restart`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::stop::{Stopped, stop_worker};
use super::{Request, UsageError};
use crate::worker_process::{self, ProcessOptions};
use buildbot_daemon::LogFollower;
use buildbot_daemon::Output;
use buildbot_daemon::basedir::{self, Role};
use buildbot_daemon::launch::{self, Launcher};
use buildbot_daemon::log::{Rotation, Target};
use buildbot_daemon::pid_file;
use buildbot_options::{self, OptionSpec};

pub(super) const USAGE: &str = "\
Usage:    buildbot-worker start [<basedir>]
Options:
  -h, --help      Show this text.
      --nodaemon  Stay in the foreground.
  -q, --quiet     Do not wait for the worker and do not show its log.
      --version   Show the version.

Starts the worker of <basedir>, by default of the current directory.
";

pub(super) const RESTART_USAGE: &str = "\
Usage:    buildbot-worker restart [<basedir>]
Options:
  -h, --help      Show this text.
      --nodaemon  Stay in the foreground.
  -q, --quiet     Do not wait for the worker and do not show its log.
      --version   Show the version.

Stops the worker of <basedir>, by default of the current directory, and starts it
again.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::flag("help", Some('h')),
    OptionSpec::flag("nodaemon", None),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("version", None),
];

/// The log file of a worker without a log section, and the one that `start` follows.
const LOG: &str = "twistd.log";

/// How long a worker may take to attach.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(5);

/// By this the log says that the master has accepted the worker.
const ATTACHED: &str = "message from master: attached";

/// What `start` or `restart` is to do.
pub(super) struct StartOptions {
    basedir: PathBuf,
    quiet: bool,
    nodaemon: bool,
}

pub(super) fn parse(arguments: &[OsString]) -> Result<Request<StartOptions>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut quiet = false;
    let mut nodaemon = false;
    for (option, _) in parsed.options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "nodaemon" => nodaemon = true,
            _ => quiet = true,
        }
    }
    let basedir = basedir::from_arguments(&parsed.arguments)?;
    Ok(Request::Run(StartOptions {
        basedir,
        quiet,
        nodaemon,
    }))
}

pub(super) fn run(output: &Output, options: StartOptions) -> ExitCode {
    if !basedir::is_directory_of(Role::Worker, output, &options.basedir) {
        return ExitCode::FAILURE;
    }
    start(output, &options)
}

pub(super) fn restart(output: &Output, options: StartOptions) -> ExitCode {
    if !basedir::is_directory_of(Role::Worker, output, &options.basedir) {
        return ExitCode::FAILURE;
    }
    match stop_worker(output, &options.basedir, options.quiet) {
        Stopped::NotRunning if !options.quiet => output.line("no old worker process found to stop"),
        Stopped::NotRunning | Stopped::Gone | Stopped::StillThere => {}
        Stopped::Failed => return ExitCode::FAILURE,
    }
    if !options.quiet {
        output.line("now restarting worker process..");
    }
    start(output, &options)
}

fn start(output: &Output, options: &StartOptions) -> ExitCode {
    if let Err(error) = std::env::set_current_dir(&options.basedir) {
        output.error_line(format!(
            "cannot change to '{}': {}",
            options.basedir.display(),
            basedir::reason(&error)
        ));
        return ExitCode::FAILURE;
    }
    if options.nodaemon {
        let process = ProcessOptions {
            tac: "buildbot.tac".into(),
            pid_file: None,
            log: Target::File {
                path: LOG.into(),
                rotation: Rotation::TWISTD,
            },
            umask: None,
            rundir: None,
        };
        return worker_process::run(&process, Launcher::Terminal);
    }
    if options.quiet {
        return match launch(output) {
            Some(_) => ExitCode::SUCCESS,
            None => ExitCode::FAILURE,
        };
    }
    output.line(format!("Following {LOG} until startup finished.."));
    let log = LogFollower::from_end(LOG.into());
    match launch(output) {
        Some(pid) => wait_until_attached(output, log, pid),
        None => ExitCode::FAILURE,
    }
}

/// Starts the daemon; says why if that does not work.
///
/// Differs: a worker that cannot start ends `start` at once, because nothing is left to wait for.
fn launch(output: &Output) -> Option<Pid> {
    match worker_process::check_pid_file(pid_file::NAME.as_ref()) {
        Ok(None) => {}
        Ok(Some(notice)) => output.error_line(notice),
        Err(error) => {
            output.error_line(format!("{error:#}"));
            return None;
        }
    }
    let arguments = [
        "--no_save",
        "--pidfile=twistd.pid",
        "--logfile=twistd.log",
        "--python=buildbot.tac",
    ];
    match launch::launch("buildbot-worker", &arguments.map(OsString::from)) {
        Ok(pid) => Some(pid),
        Err(error) => {
            output.error_line(error.to_string());
            None
        }
    }
}

/// Shows the log until the worker is attached.
///
/// Differs: a worker that ends before it is attached (its name is taken, say) is not waited for, because
/// it cannot attach any more; the exit code is the same.
fn wait_until_attached(output: &Output, mut log: LogFollower, pid: Pid) -> ExitCode {
    let deadline = Instant::now() + PATIENCE;
    let mut shows = false;
    loop {
        // Asked before the log is read, so that its last lines are seen.
        let has_ended = !pid_file::is_alive(pid);
        let is_late = Instant::now() >= deadline;
        for line in log.new_lines() {
            shows |= line.contains("Log opened.");
            if shows {
                output.line(&line);
            }
            if line.contains(ATTACHED) {
                output.line("The buildbot-worker appears to have (re)started correctly.");
                return ExitCode::SUCCESS;
            }
        }
        if has_ended {
            output.line(format!(
                "The worker ended before it was attached to its master. The end of {LOG} says why:\n\
                 the master may know it by another name or password, or have it already."
            ));
            return ExitCode::FAILURE;
        }
        if is_late {
            output.line(format!(
                "The worker was not attached to its master within {} seconds. It goes on running and\n\
                 trying: look into {LOG} for a line with '{ATTACHED}'. If there\n\
                 are connection attempts instead, check host and port in buildbot.tac, and that the\n\
                 master runs; if there is 'UnauthorizedLogin', check name and password, then restart\n\
                 the worker.",
                PATIENCE.as_secs()
            ));
            return ExitCode::FAILURE;
        }
        std::thread::sleep(POLL);
    }
}
