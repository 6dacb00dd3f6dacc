//! `buildbot stop`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use buildbot_daemon::pid_file;
use buildbot_options::OptionSpec;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::output::{error_line, line};

pub(crate) const USAGE: &str = "\
Usage:    buildbot stop [options] [<basedir>]
    Stops the master of a base directory, by default of the current directory.
Options:
  -c, --clean    Let running builds end first. There is no limit of time then.
      --no-wait  Do not wait for the end of the process.
  -q, --quiet    Say nothing about what is done.
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 5] = [
    OptionSpec::flag("clean", Some('c')),
    OptionSpec::flag("no-wait", None),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// How long a master may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the process is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What `stop` is to do.
pub(crate) struct Stop {
    basedir: PathBuf,
    clean: bool,
    no_wait: bool,
    quiet: bool,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Stop>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    if parsed.has("help") {
        return Ok(Request::Help);
    }
    if parsed.has("version") {
        return Ok(Request::Version);
    }
    Ok(Request::Run(Stop {
        basedir: directory::from_arguments(&parsed.arguments)?,
        clean: parsed.has("clean"),
        no_wait: parsed.has("no-wait"),
        quiet: parsed.has("quiet"),
    }))
}

pub(crate) fn run(options: &Stop) -> ExitCode {
    if !directory::is_of_master(&options.basedir) {
        return ExitCode::FAILURE;
    }
    let how = How {
        clean: options.clean,
        quiet: options.quiet,
    };
    if stop_master(&options.basedir, how, !options.no_wait) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How a master is stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Builds that run may end.
    pub(crate) clean: bool,
    pub(crate) quiet: bool,
}

/// Stops the master of a directory, and waits for it. Whether it does not run any more, as far as that was asked.
pub(crate) fn stop_master(basedir: &Path, how: How, waits: bool) -> bool {
    let say = |text: String| {
        if !how.quiet {
            line(text);
        }
    };
    let path = basedir.join(pid_file::NAME);
    // A file that cannot be read is like none for the reference as well.
    let Ok(Some(pid)) = pid_file::read(&path) else {
        say("buildmaster not running".to_owned());
        return true;
    };
    let (signal, name) = match how.clean {
        true => (Signal::USR1, "USR1"),
        false => (Signal::TERM, "TERM"),
    };
    match kill_process(pid, signal) {
        Ok(()) => {}
        Err(Errno::SRCH) => {
            say("buildmaster not running".to_owned());
            // It may be gone already.
            let _ = std::fs::remove_file(&path);
            return true;
        }
        Err(error) => {
            error_line(format!(
                "cannot stop the process {} that {} names: {error}",
                pid.as_raw_nonzero(),
                path.display()
            ));
            return false;
        }
    }
    if !waits {
        say(format!("sent SIG{name} to process"));
        return true;
    }
    let patience = (!how.clean).then_some(PATIENCE);
    if wait_until_gone(pid, patience) {
        say(format!("buildbot process {} is dead", pid.as_raw_nonzero()));
        return true;
    }
    say("never saw process go away".to_owned());
    false
}

/// Differs: `buildbot stop` looks at the process every few milliseconds, because it then needs no whole second to see
/// that it is gone; the limit is the same.
fn wait_until_gone(pid: Pid, patience: Option<Duration>) -> bool {
    let start = Instant::now();
    while pid_file::is_alive(pid) {
        if patience.is_some_and(|patience| start.elapsed() >= patience) {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}
