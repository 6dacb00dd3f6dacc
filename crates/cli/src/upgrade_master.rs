//! `buildbot upgrade-master`: brings a base directory to this version.
//!
//! Buildbot: manual, "upgrade-master".

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_db::{Database, OpenError};
use buildbot_options::{OptionSpec, Parsed};
use tokio::signal::unix::{SignalKind, signal};

use crate::command_line::{Request, UsageError};
use crate::create_master::write_private;
use crate::directory;
use crate::offline::{self, Offline};
use crate::output::line;
use crate::sample::SAMPLE;

pub(crate) const USAGE: &str = "\
Usage:    buildbot upgrade-master [options] [<basedir>]
    Brings a base directory, by default the current one, to this version:
    master.cfg.sample is written anew, and the database that master.cfg names
    is made if there is none. The master must not run. Databases older than
    Buildbot 4.3 have to be upgraded by Buildbot 4.3 first.
Options:
  -q, --quiet    Say nothing about what is done.
  -d, --develop  Nothing.
  -r, --replace  Nothing: what is written anew never was yours.
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 5] = [
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("develop", Some('d')),
    OptionSpec::flag("replace", Some('r')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// Signals that do not end the work at the database.
const IGNORED: [SignalKind; 6] = [
    SignalKind::terminate(),
    SignalKind::interrupt(),
    SignalKind::quit(),
    SignalKind::hangup(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
];

/// What is to be upgraded.
pub(crate) struct Upgrade {
    basedir: PathBuf,
    quiet: bool,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Upgrade>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut quiet = false;
    for (option, _) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "quiet" => quiet = true,
            _ => {}
        }
    }
    Ok(Request::Run(Upgrade {
        basedir: directory::from_arguments(&arguments)?,
        quiet,
    }))
}

pub(crate) fn run(options: &Upgrade) -> ExitCode {
    offline::run(&options.basedir, options.quiet, |master, say| {
        let upgraded = upgrade(options, master, say);
        upgraded
            .map_err(|error| anyhow::Error::msg(format!("problem while upgrading!:\n{error:#}")))
    })
}

fn upgrade(options: &Upgrade, master: &Offline, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    upgrade_files(&options.basedir, say)?;
    say(&format!("upgrading database ({})", shown(&master.url)));
    say("Warning: Stopping this process might cause data loss");
    upgrade_database(master)?;
    say("upgrade complete");
    Ok(())
}

fn upgrade_files(basedir: &Path, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    say("upgrading basedir");
    if basedir.join("public_html").exists() {
        line(
            "Notice: public_html is not used by this master\n\
             \x20       another web server can serve its files",
        );
    }
    let path = basedir.join("master.cfg.sample");
    let shown = path.display();
    match fs::read(&path) {
        Ok(existing) if existing == SAMPLE.as_bytes() => return Ok(()),
        Ok(_) => {
            say(&format!("{shown} has old/modified contents"));
            say(" overwriting it with new contents");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => say(&format!("creating {shown}")),
        Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
    }
    write_private(&path, SAMPLE).with_context(|| format!("cannot write {shown}"))
}

/// Signals that ask for an end are told and not followed meanwhile.
fn upgrade_database(master: &Offline) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    runtime.block_on(async {
        let mut warnings = tokio::task::JoinSet::new();
        for kind in IGNORED {
            let mut signals = signal(kind).context("cannot wait for signals")?;
            warnings.spawn(async move {
                while signals.recv().await.is_some() {
                    line(format!(
                        "WARNING: ignoring signal {}. A database that is half upgraded cannot be used. \
                         Only SIGKILL ends this process now.",
                        kind.as_raw_value()
                    ));
                }
            });
        }
        let path = master.database.clone();
        let upgraded = tokio::task::spawn_blocking(move || change(&path)).await;
        upgraded.context("the work at the database ended")?
    })
}

fn change(path: &Path) -> anyhow::Result<()> {
    buildbot_db::create(path).map_err(|error| match error {
        OpenError::Revision { .. } => anyhow::Error::new(error).context(
            "the database has to be upgraded with Buildbot 4.3 first: this program does not change the schema of a \
             database",
        ),
        other => other.into(),
    })?;
    let database = Database::open(path)?;
    database.write(buildbot_db::tables::masters::set_all_stale)?;
    database.fold_log()?;
    Ok(())
}

/// The URL of a file as the reference shows it: `//` is left out where nothing follows it.
fn shown(url: &str) -> String {
    match url.split_once(":///") {
        Some((scheme, path)) if !path.starts_with('/') => format!("{scheme}:/{path}"),
        Some(_) | None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn urls_are_shown_as_the_reference_joins_them() {
        let check = |url: &str, expected: &str| assert_eq!(shown(url), expected);
        check("sqlite:///state.sqlite", "sqlite:/state.sqlite");
        check("sqlite:////srv/s.sqlite", "sqlite:////srv/s.sqlite");
    }
}
