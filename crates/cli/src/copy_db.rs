//! `buildbot copy-db`: the database of a master as another one.
//!
//! Buildbot: manual, "copy-db".

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_db::OpenError;
use buildbot_db::copy::{self, CopyError, Progress};
use buildbot_options::OptionSpec;

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::offline::{self, Offline};
use crate::output::line;

pub(crate) const USAGE: &str = "\
Usage:    buildbot copy-db [options] <destination_url> [<basedir>]
    Copies the database that the master.cfg of a base directory names, by
    default of the current one, to another URL, where nothing may be yet. Put
    that URL into master.cfg afterwards. Logs that this program keeps in files
    stay where they are and belong to both. The master must not run.
Options:
  -q, --quiet                 Say nothing about what is done.
      --ignore-fk-error-rows  Leave rows out that refer to what does not exist.
      --help                  Show this text.
      --version               Show the version of this program.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("ignore-fk-error-rows", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// What is copied where.
pub(crate) struct Copy {
    destination: String,
    basedir: PathBuf,
    quiet: bool,
    skips_dangling: bool,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Copy>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    if parsed.has("help") {
        return Ok(Request::Help);
    }
    if parsed.has("version") {
        return Ok(Request::Version);
    }
    let Some((destination, basedir)) = parsed.arguments.split_first() else {
        return Err(UsageError::Other(
            "incorrect number of arguments".to_owned(),
        ));
    };
    Ok(Request::Run(Copy {
        destination: destination.to_string_lossy().into_owned(),
        basedir: directory::from_arguments(basedir)?,
        quiet: parsed.has("quiet"),
        skips_dangling: parsed.has("ignore-fk-error-rows"),
    }))
}

pub(crate) fn run(options: &Copy) -> ExitCode {
    offline::run(&options.basedir, options.quiet, |master, say| {
        copy(options, master, say)
    })
}

/// Differs: `buildbot copy-db` ends with 1 when the copy fails, because the reference's 0 tells scripts that there is
/// one.
fn copy(options: &Copy, master: &Offline, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    // Before it is said: one that cannot be used may have a password in it.
    let destination = buildbot_db::locate(&options.destination, &options.basedir)
        .context("the destination cannot be used")?;
    say(&format!(
        "Copying database ({}) to ({})",
        master.url, options.destination
    ));
    let mut tell = |progress: Progress| match progress {
        Progress::Part {
            of,
            count,
            done,
            total,
        } => say(&format!("Copying {count} items ({done}/{total}) for {of}")),
        Progress::Ignored {
            table,
            column,
            value,
            row,
        } => say(&format!(
            "Ignoring row from {table} because {column}={value} foreign key constraint failed. Row: {row}"
        )),
    };
    let copied = copy::copy(
        &master.database,
        &destination,
        options.skips_dangling,
        &mut tell,
    );
    if let Err(CopyError::Open(OpenError::Revision { path, .. } | OpenError::Empty { path })) =
        &copied
        && *path == master.database
    {
        line(format!(
            "The Buildmaster database needs to be upgraded before this version of\n\
             buildbot can run. The command is\n\n    buildbot upgrade-master {}\n\n\
             It is good to have a backup of the database before.",
            options.basedir.display()
        ));
    }
    // What is wrong is in the text of the error already.
    copied.map_err(|error| anyhow::Error::msg(error.to_string()))?;
    say("Copy complete");
    Ok(())
}
