//! `buildbot dataspec`: what the REST API gives, as JSON.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_options::{OptionSpec, Parsed};

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::output::error_line;

pub(crate) const USAGE: &str = "\
Usage:    buildbot dataspec [options] [<basedir>]
    Writes what every path of the REST API gives, as JSON. No master is needed.
Options:
  -o, --out=     The file; -- is standard output. [default: dataspec.json]
  -g, --global=  Write JavaScript that puts it into this variable of the window.
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::value("out", Some('o')),
    OptionSpec::value("global", Some('g')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// Where it goes, and how.
pub(crate) struct DataSpec {
    out: PathBuf,
    global: Option<String>,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<DataSpec>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut spec = DataSpec {
        out: "dataspec.json".into(),
        global: None,
    };
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "out" => spec.out = value.into(),
            _ => spec.global = Some(value.to_string_lossy().into_owned()),
        }
    }
    // It names a directory like those of other commands, and nothing of it matters.
    directory::from_arguments(&arguments)?;
    Ok(Request::Run(spec))
}

pub(crate) fn run(options: &DataSpec) -> ExitCode {
    let mut text = String::new();
    if let Some(global) = &options.global {
        text = format!("window.{global}=");
    }
    text.push_str(&buildbot_data::specification());
    match write(&options.out, &text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Differs: `buildbot dataspec` ends with 1 when it cannot write, because the reference's 0 tells scripts that there is a
/// file.
fn write(out: &Path, text: &str) -> anyhow::Result<()> {
    if out == Path::new("--") {
        return io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write to standard output");
    }
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    }
    fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))
}
