//! `buildbot start` and `restart`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use buildbot_daemon::Launcher;
use buildbot_daemon::launch;
use buildbot_daemon::pid_file::{self, Found};
use buildbot_options::{OptionSpec, Parsed};

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::follow::{End, Follower};
use crate::output::{error_line, line};
use crate::stop::{self, How};

/// The name under which the process of a master is shown.
const PROGRAM: &str = "buildbot";

pub(crate) const USAGE: &str = "\
Usage:    buildbot start [options] [<basedir>]
    Starts the master of a base directory, by default of the current directory.
Options:
  -q, --quiet           Do not wait for the start and do not show the log.
      --nodaemon        Stay in the foreground.
      --start_timeout=  Seconds without progress after which the start is not
                        waited for any more. [default: $START_TIMEOUT, or 10]
      --help            Show this text.
      --version         Show the version of this program.
";

pub(crate) const RESTART_USAGE: &str = "\
Usage:    buildbot restart [options] [<basedir>]
    Stops the master of a base directory, by default of the current directory,
    if it runs, and starts it again.
Options:
  -c, --clean           Let running builds end first.
  -q, --quiet           Do not wait for the start and do not show the log.
      --nodaemon        Stay in the foreground.
      --start_timeout=  Seconds without progress after which the start is not
                        waited for any more. [default: $START_TIMEOUT, or 10]
      --help            Show this text.
      --version         Show the version of this program.
";

const OPTIONS: [OptionSpec; 5] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("nodaemon", None),
    OptionSpec::value("start_timeout", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const RESTART_OPTIONS: [OptionSpec; 6] = [
    OPTIONS[0],
    OPTIONS[1],
    OPTIONS[2],
    OPTIONS[3],
    OPTIONS[4],
    OptionSpec::flag("clean", Some('c')),
];

const PATIENCE: &str = "10";

/// What is to be started.
pub(crate) struct Start {
    basedir: PathBuf,
    quiet: bool,
    nodaemon: bool,
    clean: bool,
    start_timeout: Option<OsString>,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Start>, UsageError> {
    parse_with(&OPTIONS, arguments)
}

pub(crate) fn parse_restart(arguments: &[OsString]) -> Result<Request<Start>, UsageError> {
    parse_with(&RESTART_OPTIONS, arguments)
}

fn parse_with(specs: &[OptionSpec], arguments: &[OsString]) -> Result<Request<Start>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(specs, arguments)?;
    let mut start = Start {
        basedir: PathBuf::new(),
        quiet: false,
        nodaemon: false,
        clean: false,
        start_timeout: None,
    };
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "nodaemon" => start.nodaemon = true,
            "quiet" => start.quiet = true,
            "clean" => start.clean = true,
            _ => start.start_timeout = Some(value),
        }
    }
    start.basedir = directory::from_arguments(&arguments)?;
    Ok(Request::Run(start))
}

/// Carries out `start`.
pub(crate) fn run(options: &Start) -> ExitCode {
    if !directory::is_of_master(&options.basedir) {
        return ExitCode::FAILURE;
    }
    start(options)
}

/// Carries out `restart`.
pub(crate) fn restart(options: &Start) -> ExitCode {
    if !directory::is_of_master(&options.basedir) {
        return ExitCode::FAILURE;
    }
    let how = How {
        clean: options.clean,
        quiet: options.quiet,
    };
    if !stop::stop_master(&options.basedir, how, true) {
        return ExitCode::FAILURE;
    }
    if !options.quiet {
        line("now restarting buildbot process..");
    }
    start(options)
}

/// What the process of [`launch::PROCESS_COMMAND`] does: its only argument is the base directory.
pub(crate) fn run_daemon_process(arguments: &[OsString]) -> ExitCode {
    let (Ok(launcher), [basedir]) = (Launcher::from_stdout(), arguments) else {
        // Without the pipe there is nobody to tell.
        return ExitCode::FAILURE;
    };
    buildbot_master::process::run(basedir.as_ref(), launcher)
}

fn start(options: &Start) -> ExitCode {
    if options.nodaemon {
        return buildbot_master::process::run(&options.basedir, Launcher::Terminal);
    }
    let given = options.start_timeout.clone();
    let given = given.or_else(|| std::env::var_os("START_TIMEOUT"));
    let given = given.unwrap_or_else(|| PATIENCE.into());
    let Some(patience) = seconds(&given) else {
        line("Start timeout must be a number");
        return ExitCode::FAILURE;
    };
    match pid_file::check(&options.basedir.join(pid_file::NAME)) {
        Ok(Found::Nothing | Found::Stale) => {}
        Ok(Found::Alive(pid)) => {
            error_line(format!(
                "Another twistd server is running, PID {pid}\n\
                 It is the master of {}. Stop it first, or use restart.",
                options.basedir.display()
            ));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            error_line(error.to_string());
            return ExitCode::FAILURE;
        }
    }
    // A master that logs somewhere else cannot be followed.
    let log = directory::log_file(&options.basedir).filter(|_| !options.quiet);
    let follower = log.map(|log| {
        line("Following twistd.log until startup finished..");
        Follower::new(log, "Log opened.", patience)
    });
    let pid = match launch::launch(PROGRAM, &[options.basedir.clone().into_os_string()]) {
        Ok(pid) => pid,
        Err(error) => {
            error_line(error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let Some(follower) = follower else {
        return ExitCode::SUCCESS;
    };
    match follower.wait(Some(pid)) {
        End::Good => {
            line("The buildmaster appears to have (re)started correctly.");
            return ExitCode::SUCCESS;
        }
        End::ConfigurationRefused => line(
            "The buildmaster appears to have encountered an error in the\n\
             master.cfg config file during startup.\n\
             Please correct what the log above names, and start it again.",
        ),
        End::StartupFailed => {
            line("The buildmaster startup failed. Please see 'twistd.log' for\npossible reason.");
        }
        End::Ended => {
            line("The buildmaster ended while it started. Please see 'twistd.log' for the reason.");
        }
        End::TimedOut => line(format!(
            "The buildmaster took more than {} seconds to start, so it is not known whether\n\
             it started correctly. It goes on: a line 'BuildMaster is running' in twistd.log tells\n\
             that it runs.",
            given.display()
        )),
    }
    ExitCode::FAILURE
}

/// A number of seconds, as Python reads one.
pub(crate) fn seconds(text: &OsString) -> Option<Duration> {
    let seconds: f64 = text.to_str()?.trim().parse().ok()?;
    // Without an end, or none at all.
    Some(
        Duration::try_from_secs_f64(seconds).unwrap_or(if seconds > 0.0 {
            Duration::MAX
        } else {
            Duration::ZERO
        }),
    )
}
