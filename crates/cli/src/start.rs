//! `buildbot start --nodaemon`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use buildbot_options::{OptionSpec, Parsed};

use crate::command_line::{Request, UsageError};

pub(crate) const USAGE: &str = "\
Usage:    buildbot start [options] [<basedir>]
Options:
  -q, --quiet      Say nothing about the log.
      --nodaemon   Do not leave the terminal.
      --help       Show this text.
      --version    Show the version.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("nodaemon", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// What is to be started.
pub(crate) struct Start {
    basedir: PathBuf,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Start>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut is_daemon = true;
    for (option, _) in &options {
        match *option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "nodaemon" => is_daemon = false,
            _ => {}
        }
    }
    if is_daemon {
        let message = "start without --nodaemon is not supported yet";
        return Err(UsageError::Other(message.to_owned()));
    }
    match arguments.as_slice() {
        [] => Ok(Request::Run(Start {
            basedir: ".".into(),
        })),
        [basedir] => Ok(Request::Run(Start {
            basedir: basedir.into(),
        })),
        _ => Err(UsageError::Other(
            "I wasn't expecting so many arguments".to_owned(),
        )),
    }
}

pub(crate) fn run(start: &Start) -> ExitCode {
    buildbot_master::process::run(&start.basedir, false)
}
