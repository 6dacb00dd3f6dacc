//! `buildbot tryserver`: takes a job of `buildbot try` from standard input.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use buildbot_options::{OptionSpec, Parsed};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

use crate::command_line::{Request, UsageError};
use crate::output::error_line;

pub(crate) const USAGE: &str = "\
Usage:    buildbot tryserver --jobdir=<directory>
    Puts what standard input gives into a directory that a Try_Jobdir scheduler
    looks at. `buildbot try` runs it over ssh.
Options:
      --jobdir=  The directory, with tmp/ and new/ in it.
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::value("jobdir", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// Where the job goes.
pub(crate) struct TryServer {
    jobdir: PathBuf,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<TryServer>, UsageError> {
    let Parsed { options, .. } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut jobdir = None;
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => jobdir = Some(PathBuf::from(value)),
        }
    }
    match jobdir {
        Some(jobdir) => Ok(Request::Run(TryServer { jobdir })),
        None => Err(UsageError::Other("jobdir is required".to_owned())),
    }
}

pub(crate) fn run(options: &TryServer) -> ExitCode {
    match take_job(&options.jobdir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The job appears under its name at once and whole, as in a maildir.
fn take_job(jobdir: &Path) -> anyhow::Result<()> {
    let mut job = Vec::new();
    io::stdin()
        .read_to_end(&mut job)
        .context("while reading the job from standard input")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let digest = HEXLOWER.encode(&Md5::digest(&job));
    let name = format!("{}.{:06}-{digest}", now.as_secs(), now.subsec_micros());
    let (written, final_path) = (
        jobdir.join("tmp").join(&name),
        jobdir.join("new").join(&name),
    );
    fs::write(&written, job)
        .with_context(|| format!("the job cannot be written to {}", written.display()))?;
    fs::rename(&written, &final_path)
        .with_context(|| format!("the job cannot be moved to {}", final_path.display()))
}
