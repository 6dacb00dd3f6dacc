//! The program under the name `twistd`: the part of its options that starts workers.
//!
//! People start workers with `twistd --pidfile= -ny buildbot.tac`, in containers and under
//! supervisors. Everything else that twistd can do is refused by name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{BUILDBOT_VERSION, our_version};
use crate::worker_process::{self, ProcessOptions};
use buildbot_daemon::Output;
use buildbot_daemon::launch::{self, Launcher};
use buildbot_daemon::log::{Rotation, Target};
use buildbot_options::{self, OptionSpec};

const USAGE: &str = "\
Usage: twistd [options]
Options:
  -d, --rundir=     Run in this directory.
      --help        Show this text.
  -l, --logfile=    Write the log to this file, - for standard output, unless
                    the worker's file says where.
  -n, --nodaemon    Stay in the foreground.
  -o, --no_save     Without effect.
      --pidfile=    Write the process id to this file, empty for none
                    [default: twistd.pid].
      --prefix=     The name for --syslog [default: twisted].
      --syslog      Write the log to the system's log.
      --umask=      The file mode creation mask, octal [default for daemons: 077].
      --version     Show the version.
  -y, --python=     The buildbot.tac of the worker.

Starts the worker that the file describes. The other options of twistd are not
available in this program.
";

/// All options of twistd, so that abbreviations mean the same and refusals are exact.
const OPTIONS: [OptionSpec; 28] = [
    OptionSpec::flag("debug", Some('b')),
    OptionSpec::value("chroot", None),
    OptionSpec::value("rundir", Some('d')),
    OptionSpec::flag("encrypted", Some('e')),
    OptionSpec::flag("euid", None),
    OptionSpec::value("file", Some('f')),
    OptionSpec::value("gid", Some('g')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("help-reactors", None),
    OptionSpec::value("logfile", Some('l')),
    OptionSpec::value("logger", None),
    OptionSpec::flag("nodaemon", Some('n')),
    OptionSpec::flag("no_save", Some('o')),
    OptionSpec::flag("originalname", None),
    OptionSpec::value("profile", Some('p')),
    OptionSpec::value("pidfile", None),
    OptionSpec::value("prefix", None),
    OptionSpec::value("profiler", None),
    OptionSpec::value("reactor", Some('r')),
    OptionSpec::value("source", Some('s')),
    OptionSpec::flag("savestats", None),
    OptionSpec::flag("spew", None),
    OptionSpec::flag("syslog", None),
    OptionSpec::value("uid", Some('u')),
    OptionSpec::value("umask", None),
    OptionSpec::flag("version", None),
    OptionSpec::value("python", Some('y')),
    // Twisted had it under this name for years; start scripts still have it.
    OptionSpec::flag("nosave", None),
];

/// What a command line of twistd asks for.
enum Request {
    Run {
        options: ProcessOptions,
        nodaemon: bool,
    },
    Help,
    Version,
}

/// Runs the program under the name `twistd`.
pub(super) fn run(program: &OsStr, arguments: &[OsString]) -> ExitCode {
    let output = Output::new(false);
    match parse(arguments) {
        Ok(Request::Run { options, nodaemon }) => start(&output, &options, nodaemon, arguments),
        Ok(Request::Help) => {
            output.line(USAGE);
            ExitCode::SUCCESS
        }
        Ok(Request::Version) => {
            output.line(format!(
                "twistd (the worker of Buildbot {BUILDBOT_VERSION} only)\n{}",
                our_version()
            ));
            ExitCode::SUCCESS
        }
        Err(message) => {
            output.line(format!("{USAGE}\n{}: {message}", program.display()));
            ExitCode::FAILURE
        }
    }
}

/// What the process of [`launch::PROCESS_COMMAND`] does.
pub(super) fn run_daemon_process(arguments: &[OsString]) -> ExitCode {
    let Ok(launcher) = Launcher::from_stdout() else {
        // Without the pipe there is nobody to tell.
        return ExitCode::FAILURE;
    };
    match parse(arguments) {
        Ok(Request::Run { options, .. }) => worker_process::run(&options, launcher),
        Ok(Request::Help | Request::Version) => ExitCode::FAILURE,
        Err(message) => {
            launcher.refuse(&message);
            ExitCode::FAILURE
        }
    }
}

/// Starts the worker, in the foreground or as a daemon with the same `arguments`.
pub(super) fn start(
    output: &Output,
    options: &ProcessOptions,
    nodaemon: bool,
    arguments: &[OsString],
) -> ExitCode {
    if let Some(path) = &options.pid_file {
        match worker_process::check_pid_file(path) {
            Ok(None) => {}
            Ok(Some(notice)) => output.error_line(notice),
            Err(error) => {
                output.error_line(format!("{error:#}"));
                return ExitCode::FAILURE;
            }
        }
    }
    if nodaemon {
        return worker_process::run(options, Launcher::Terminal);
    }
    match launch::launch("buildbot-worker", arguments) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            output.error_line(error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Request, String> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments).map_err(|error| error.to_string())?;
    let mut tac = None;
    let mut nodaemon = false;
    let mut pid_file = Some(PathBuf::from("twistd.pid"));
    let mut logfile: Option<OsString> = None;
    let mut syslog = false;
    let mut prefix = "twisted".to_owned();
    let mut umask = None;
    let mut rundir = None;
    for (option, value) in parsed.options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "nodaemon" => nodaemon = true,
            "no_save" | "nosave" | "originalname" => {}
            "python" => tac = Some(PathBuf::from(value)),
            "pidfile" => pid_file = (!value.is_empty()).then(|| PathBuf::from(value)),
            "logfile" => logfile = (!value.is_empty()).then_some(value),
            "syslog" => syslog = true,
            "prefix" => prefix = value.to_string_lossy().into_owned(),
            "umask" => umask = Some(octal(&value)?),
            "rundir" => rundir = Some(PathBuf::from(value)),
            other => return Err(format!("option --{other} is not available in this program")),
        }
    }
    if let Some(command) = parsed.arguments.first() {
        return Err(format!("Unknown command: {}", command.display()));
    }
    let Some(tac) = tac else {
        return Err("no worker given: name its file with --python=buildbot.tac".to_owned());
    };
    let log = match logfile {
        _ if syslog => Target::Syslog { prefix },
        Some(file) if file.as_bytes() == b"-" => {
            if !nodaemon {
                return Err(
                    "daemons cannot log to standard output; use --nodaemon as well".to_owned(),
                );
            }
            Target::Stdout
        }
        Some(file) => Target::File {
            path: file.into(),
            rotation: Rotation::TWISTD,
        },
        None if nodaemon => Target::Stdout,
        None => Target::File {
            path: "twistd.log".into(),
            rotation: Rotation::TWISTD,
        },
    };
    Ok(Request::Run {
        options: ProcessOptions {
            tac,
            pid_file,
            log,
            umask,
            rundir,
        },
        nodaemon,
    })
}

fn octal(value: &OsStr) -> Result<u32, String> {
    let text = value.to_string_lossy();
    let digits = text.strip_prefix("0o").unwrap_or(&text);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mask| *mask <= 0o777 && !digits.starts_with('+'))
        .ok_or_else(|| format!("--umask is {text:?}, but must be an octal number up to 777"))
}
