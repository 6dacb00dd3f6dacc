//! `buildbot why`: why a build request is not being built.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_options::{OptionSpec, Parsed};

use crate::api::{Api, texts};
use crate::command_line::{Request, UsageError};
use crate::output::{error_line, line};

pub(crate) const USAGE: &str = "\
Usage:    buildbot why [options] <buildrequestid>
    Tells why a build request is not being built at this moment.
Options:
      --url=     Address of the master's web pages.
                 [default: $BUILDBOT_URL, or http://127.0.0.1:8010/]
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::value("url", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const URL: &str = "http://127.0.0.1:8010/";

/// Which request, of which master.
pub(crate) struct Why {
    url: String,
    request: i64,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Why>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut url = std::env::var("BUILDBOT_URL").unwrap_or_else(|_| URL.to_owned());
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => url = value.to_string_lossy().into_owned(),
        }
    }
    let [request] = arguments.as_slice() else {
        return Err(UsageError::Other(
            "exactly one number of a build request is needed".to_owned(),
        ));
    };
    let request = request.to_string_lossy();
    let request = request
        .parse()
        .map_err(|_| UsageError::Other(format!("'{request}' is no number of a build request")))?;
    Ok(Request::Run(Why { url, request }))
}

pub(crate) fn run(options: &Why) -> ExitCode {
    let answer = Api::new(&options.url)
        .get(&format!("buildrequests/{}/why", options.request))
        .context("the master does not say");
    match answer {
        Ok(answer) => {
            line(texts(&answer["why"][0]["text"]));
            ExitCode::SUCCESS
        }
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
