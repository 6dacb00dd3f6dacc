//! Which command is meant.
//!
//! Buildbot: manual, "buildbot". The names of commands and options, the first line of every error and the exit
//! codes are the reference's; the wording of the usage texts is ours.

use std::ffi::OsString;
use std::process::ExitCode;

use buildbot_daemon::launch;
use buildbot_options::{OptionError, OptionSpec, Parsed};

use crate::output::line;
use crate::{
    checkconfig, cleanup_db, copy_db, create_master, dataspec, dev_proxy, quickstart, reconfig,
    sendchange, start, stop, try_command, tryserver, upgrade_master, user, why,
};

/// The version of Buildbot whose commands these are.
const BUILDBOT_VERSION: &str = "4.3.0";

/// The version of this program.
const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");

const USAGE: &str = "\
Usage:    buildbot <command> [command options]
Options:
      --help     Show this text.
      --verbose  Say on standard error what is done.
      --version  Show the version.
Commands:
    checkconfig        Check a configuration file
    cleanupdb          Make a database smaller
    copy-db            Copy a database to another one
    create-master      Make the base directory of a new master
    dataspec           Write what the REST API gives
    dev-proxy          Serve the front end with the data of another master
    quickstart         Make a master, start it and build something
    reconfig           Have a master read its configuration again
    restart            Stop a master and start it again
    sendchange         Tell a master about a change
    sighup             The same as reconfig
    start              Start a master
    stop               Stop a master
    try                Have a master build changes of a working tree
    tryserver          Take a job of a distant 'buildbot try'
    upgrade-master     Bring a base directory to this version
    user               Manage the users that a master knows
    why                Tell why a build request waits
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::flag("help", None),
    OptionSpec::flag("verbose", None),
    OptionSpec::flag("version", None),
];

/// Why a command line cannot be carried out. Shown as one line, an empty line and the usage.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// An option is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What the command line asks for.
pub(crate) enum Request<T> {
    /// To carry out the command.
    Run(T),
    /// To show how it is used.
    Help,
    /// To show the version of this program.
    Version,
}

/// Runs the program with the arguments of this process.
pub(crate) fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments
        .next()
        .unwrap_or_else(|| OsString::from("buildbot"));
    let arguments: Vec<OsString> = arguments.collect();
    run(&program.to_string_lossy(), &arguments)
}

fn run(program: &str, arguments: &[OsString]) -> ExitCode {
    let usage_error = |error: UsageError, usage: &str| {
        line(format!("{program}:  {error}\n\n{usage}"));
        ExitCode::FAILURE
    };
    let Parsed { options, arguments } = match buildbot_options::parse(&OPTIONS, arguments) {
        Ok(parsed) => parsed,
        Err(error) => return usage_error(error.into(), USAGE),
    };
    let mut is_verbose = false;
    // The reference acts on these as it reads them.
    for (option, _) in &options {
        match *option {
            "help" => {
                line(USAGE);
                return ExitCode::SUCCESS;
            }
            "version" => {
                line(format!(
                    "Buildbot version: {BUILDBOT_VERSION}\n{}",
                    our_version()
                ));
                return ExitCode::SUCCESS;
            }
            _ => is_verbose = true,
        }
    }
    let Some((command, arguments)) = arguments.split_first() else {
        return usage_error(
            UsageError::Other("must specify a command".to_owned()),
            USAGE,
        );
    };
    let command = command.to_string_lossy();
    // Both come to the same: one says how a command is used, the other carries it out.
    macro_rules! command {
        ($parse:expr, $usage:expr, $run:expr) => {
            match $parse(arguments) {
                Ok(Request::Run(options)) => $run(&options),
                Ok(Request::Help) => {
                    line($usage);
                    ExitCode::SUCCESS
                }
                Ok(Request::Version) => {
                    line(our_version());
                    ExitCode::SUCCESS
                }
                Err(error) => usage_error(error, $usage),
            }
        };
    }
    match command.as_ref() {
        buildbot_master::LOCAL_WORKER => buildbot_master::run_local_worker(arguments),
        launch::SESSION_COMMAND => launch::lead_session("buildbot", arguments),
        launch::PROCESS_COMMAND => start::run_daemon_process(arguments),
        "checkconfig" => command!(checkconfig::parse, checkconfig::USAGE, |options| {
            checkconfig::run(options, is_verbose)
        }),
        "create-master" => command!(
            create_master::parse,
            create_master::USAGE,
            create_master::run
        ),
        "cleanupdb" => command!(cleanup_db::parse, cleanup_db::USAGE, cleanup_db::run),
        "copy-db" => command!(copy_db::parse, copy_db::USAGE, copy_db::run),
        "dataspec" => command!(dataspec::parse, dataspec::USAGE, dataspec::run),
        "dev-proxy" => command!(dev_proxy::parse, dev_proxy::USAGE, dev_proxy::run),
        "upgrade-master" => command!(
            upgrade_master::parse,
            upgrade_master::USAGE,
            upgrade_master::run
        ),
        "start" => command!(start::parse, start::USAGE, start::run),
        "restart" => command!(start::parse_restart, start::RESTART_USAGE, start::restart),
        "stop" => command!(stop::parse, stop::USAGE, stop::run),
        "reconfig" | "sighup" => command!(reconfig::parse, reconfig::USAGE, reconfig::run),
        "quickstart" => command!(quickstart::parse, quickstart::USAGE, quickstart::run),
        "why" => command!(why::parse, why::USAGE, why::run),
        "sendchange" => command!(sendchange::parse, sendchange::USAGE, sendchange::run),
        "try" => command!(try_command::parse, try_command::USAGE, try_command::run),
        "user" => command!(user::parse, user::USAGE, user::run),
        "tryserver" => command!(tryserver::parse, tryserver::USAGE, tryserver::run),
        other => usage_error(
            UsageError::Other(format!("Unknown command: {other}")),
            USAGE,
        ),
    }
}

/// The line that tells this program from the reference. It begins as scripts expect it.
///
/// Differs: `buildbot --version`, and `--version` of each command, says `Twisted version: none (buildbot-rs …)` with the
/// version of this program, because there is no Twisted in it, and scripts read such a line.
fn our_version() -> String {
    format!("Twisted version: none (buildbot-rs {OUR_VERSION})")
}
