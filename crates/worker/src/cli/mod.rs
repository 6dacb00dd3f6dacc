//! The command line of `buildbot-worker`, and of `twistd` as far as workers use it.
//!
//! Buildbot: manual, "buildbot-worker". The names of commands and options, the first line of every
//! error and the exit codes are the reference's; the wording of the usage texts is ours.

mod create;
mod start;
mod stop;
mod twistd;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use buildbot_daemon::Output;
use buildbot_options::{OptionError, OptionSpec, Parsed};

/// The version of Buildbot whose worker this is: in the log, in `--version` and to the master.
pub const BUILDBOT_VERSION: &str = "4.3.0";

/// The version of this program.
pub const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");

const USAGE: &str = "\
Usage:    buildbot-worker <command> [command options]
Options:
      --help     Show this text.
      --verbose  Write what the command says to standard error, as log lines.
      --version  Show the version.
Commands:
    create-worker      Make a base directory for a new worker
    restart            Stop a worker and start it again
    start              Start a worker
    stop               Stop a worker
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::flag("help", None),
    OptionSpec::flag("verbose", None),
    OptionSpec::flag("version", None),
];

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments
        .next()
        .unwrap_or_else(|| OsString::from("buildbot-worker"));
    let arguments: Vec<OsString> = arguments.collect();
    if Path::new(&program)
        .file_name()
        .is_some_and(|name| name == "twistd")
    {
        return twistd::run(&program, &arguments);
    }
    match arguments.split_first() {
        Some((command, rest)) if command == buildbot_daemon::launch::SESSION_COMMAND => {
            buildbot_daemon::launch::lead_session("buildbot-worker", rest)
        }
        Some((command, rest)) if command == buildbot_daemon::launch::PROCESS_COMMAND => {
            twistd::run_daemon_process(rest)
        }
        Some(_) | None => run(&program.to_string_lossy(), &arguments),
    }
}

/// Why a command line cannot be carried out. Shown as one line, an empty line and the usage.
#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("{0}")]
    Other(String),
}

impl From<String> for UsageError {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

impl UsageError {
    fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }
}

/// What the command line asks for.
enum Request<T> {
    /// To carry out the command.
    Run(T),
    /// To show how it is used.
    Help,
    /// To show the version of what the command runs on.
    Version,
}

fn run(program: &str, arguments: &[OsString]) -> ExitCode {
    let usage_error = |output: &Output, error: UsageError, usage: &str| {
        output.line(format!("{program}:  {error}\n\n{usage}"));
        ExitCode::FAILURE
    };
    let Parsed { options, arguments } = match buildbot_options::parse(&OPTIONS, arguments) {
        Ok(parsed) => parsed,
        Err(error) => return usage_error(&Output::new(false), error.into(), USAGE),
    };
    let is_given = |name: &str| options.iter().any(|(option, _)| *option == name);
    // The reference acts on these as it reads them.
    for (option, _) in &options {
        match *option {
            "help" => {
                Output::new(false).line(USAGE);
                return ExitCode::SUCCESS;
            }
            "version" => {
                Output::new(false).line(format!(
                    "worker version: {BUILDBOT_VERSION}\n{}",
                    our_version()
                ));
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    let output = Output::new(is_given("verbose"));
    let Some((command, arguments)) = arguments.split_first() else {
        return usage_error(&output, UsageError::other("must specify a command"), USAGE);
    };
    macro_rules! command {
        ($module:ident :: $parse:ident, $usage:expr, $run:expr) => {
            match $module::$parse(arguments) {
                Ok(Request::Run(options)) => $run(&output, options),
                Ok(Request::Help) => {
                    output.line($usage);
                    ExitCode::SUCCESS
                }
                Ok(Request::Version) => {
                    output.line(our_version());
                    ExitCode::SUCCESS
                }
                Err(error) => usage_error(&output, error, $usage),
            }
        };
    }
    match command.to_string_lossy().as_ref() {
        "create-worker" => command!(create::parse, create::USAGE, create::run),
        "start" => command!(start::parse, start::USAGE, start::run),
        "restart" => command!(start::parse, start::RESTART_USAGE, start::restart),
        "stop" => command!(stop::parse, stop::USAGE, stop::run),
        other => usage_error(
            &output,
            UsageError::other(format!("Unknown command: {other}")),
            USAGE,
        ),
    }
}

/// The line that tells this program from the reference.
fn our_version() -> String {
    format!("buildbot-rs version: {OUR_VERSION}")
}
