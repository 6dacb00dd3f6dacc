//! `buildbot cleanupdb`: makes a database smaller.
//!
//! Buildbot: manual, "cleanupdb".

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_db::Database;
use buildbot_db::tables::logs;
use buildbot_logs::Compression;
use buildbot_model::LogId;
use buildbot_options::OptionSpec;

use crate::command_line::{Request, UsageError};
use crate::directory;
use crate::offline::{self, Offline};

pub(crate) const USAGE: &str = "\
Usage:    buildbot cleanupdb [options] [<basedir>]
    Makes the database of a base directory, by default of the current one,
    smaller: logs that Buildbot wrote into it are compressed in larger parts, by
    the method of master.cfg, and what is free is given back. Logs of this
    program are in files of their own, and compressed already. The master must
    not run.
Options:
  -q, --quiet    Say nothing about what is done.
  -f, --force    Compress all logs of the database anew.
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 4] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("force", Some('f')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// How many logs are looked up together.
const PART: i64 = 1000;

/// What is to be made smaller.
pub(crate) struct CleanUp {
    basedir: PathBuf,
    quiet: bool,
    force: bool,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<CleanUp>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    if parsed.has("help") {
        return Ok(Request::Help);
    }
    if parsed.has("version") {
        return Ok(Request::Version);
    }
    Ok(Request::Run(CleanUp {
        basedir: directory::from_arguments(&parsed.arguments)?,
        quiet: parsed.has("quiet"),
        force: parsed.has("force"),
    }))
}

pub(crate) fn run(options: &CleanUp) -> ExitCode {
    offline::run(&options.basedir, options.quiet, |master, say| {
        clean_up(options, master, say).context("while cleaning up the database")
    })
}

/// Differs: `buildbot cleanupdb` compresses logs, because the command of 4.3.0 waits for ever, for threads that nobody has
/// started, as soon as there is something to compress.
///
/// Differs: `buildbot cleanupdb` ends with 1 when the database cannot be worked with, because the reference's 0 tells
/// scripts that it was cleaned.
fn clean_up(options: &CleanUp, master: &Offline, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    say(&format!("cleaning database ({})", master.url));
    let name = &master.config.globals.log_compression_method;
    let way = Compression::from_name(name)
        .with_context(|| format!("logCompressionMethod '{name}' is not known"))?;
    let database = Database::open(&master.database)?;
    let total = database.read(logs::count)?;
    let mut percent = 0;
    let mut saved = 0;
    let mut done = 0;
    let mut last = LogId(0);
    loop {
        let part = database.read(move |connection| logs::ids_after(connection, last, PART))?;
        for log in &part {
            saved += buildbot_logs::recompress(&database, *log, way, options.force)?;
            done += 1;
            let now = done * 100 / total.max(done);
            if percent != now {
                percent = now;
                say(&format!(" {percent}%  {saved} saved"));
                saved = 0;
            }
        }
        match part.last() {
            Some(log) => last = *log,
            None => break,
        }
    }
    drop(database);
    say("executing vacuum operation 'vacuum;'...");
    buildbot_db::vacuum(&master.database)?;
    say("cleanup complete");
    Ok(())
}
