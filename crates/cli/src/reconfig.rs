//! `buildbot reconfig` and `sighup`, which are the same.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use buildbot_daemon::pid_file;
use buildbot_options::{OptionSpec, Parsed};
use rustix::process::{Signal, kill_process};

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::follow::{End, Follower};
use crate::output::{error_line, line};
use crate::start::seconds;

pub(crate) const USAGE: &str = "\
Usage:    buildbot reconfig [options] [<basedir>]
    Has the master of a base directory, by default of the current directory, read
    its configuration again. If that is wrong the master goes on as it is.
Options:
  -q, --quiet              Do not wait, and do not show the log.
      --progress_timeout=  Seconds without progress after which it is not waited
                           for any more. [default: 10]
      --help               Show this text.
      --version            Show the version of this program.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::value("progress_timeout", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// What `reconfig` is to do.
pub(crate) struct Reconfig {
    basedir: PathBuf,
    quiet: bool,
    progress_timeout: OsString,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Reconfig>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut quiet = false;
    let mut progress_timeout = OsString::from("10");
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "quiet" => quiet = true,
            _ => progress_timeout = value,
        }
    }
    Ok(Request::Run(Reconfig {
        basedir: directory::from_arguments(&arguments)?,
        quiet,
        progress_timeout,
    }))
}

/// Differs: `buildbot reconfig` exits with 1 when no master runs, because the reference's stack trace and exit code 0 tell
/// scripts that all is well.
pub(crate) fn run(options: &Reconfig) -> ExitCode {
    let Some(patience) = seconds(&options.progress_timeout) else {
        line("Progress timeout must be a number");
        return ExitCode::FAILURE;
    };
    let path = options.basedir.join(pid_file::NAME);
    let pid = match pid_file::read(&path) {
        Ok(Some(pid)) => pid,
        Ok(None) => {
            error_line(format!(
                "no master runs in '{}': there is no {}",
                options.basedir.display(),
                pid_file::NAME
            ));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            error_line(error.to_string());
            return ExitCode::FAILURE;
        }
    };
    // A master that logs somewhere else cannot be followed.
    let log = directory::log_file(&options.basedir).filter(|_| !options.quiet);
    let follower = log.map(|log| Follower::new(log, "beginning configuration update", patience));
    if !options.quiet {
        line(format!(
            "sending SIGHUP to process {}",
            pid.as_raw_nonzero()
        ));
    }
    if let Err(error) = kill_process(pid, Signal::HUP) {
        error_line(format!(
            "no signal can be sent to the process {} that {} names: {error}",
            pid.as_raw_nonzero(),
            path.display()
        ));
        return ExitCode::FAILURE;
    }
    let Some(follower) = follower else {
        return ExitCode::SUCCESS;
    };
    match follower.wait(Some(pid)) {
        End::Good => {
            line("Reconfiguration appears to have completed successfully");
            return ExitCode::SUCCESS;
        }
        End::ConfigurationRefused | End::StartupFailed => line(
            "Reconfiguration failed. Please inspect the master.cfg file for errors, correct them, then try \
             'buildbot reconfig' again. Until then the master works with the configuration that it had.",
        ),
        End::Ended => line("The master ended. Please see 'twistd.log' for the reason."),
        End::TimedOut => line("Never saw reconfiguration finish."),
    }
    ExitCode::FAILURE
}
