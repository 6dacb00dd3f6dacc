//! `buildbot create-master`.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_model::python_text::repr_of_text;
use buildbot_options::{OptionSpec, Parsed};
use buildbot_tac::{MasterOptions, NumberOrNone, write_master};

use crate::command_line::{Request, UsageError};
use crate::directory::{self, DEFAULT_CONFIG};
use crate::output::{error_line, line};
use crate::sample::SAMPLE;

pub(crate) const USAGE: &str = "\
Usage:    buildbot create-master [options] [<basedir>]
    Makes the base directory of a master: buildbot.tac, a configuration to begin
    with (master.cfg.sample) and the database.
Options:
  -c, --config=        The configuration file. [default: master.cfg]
      --db=            The database. [default: sqlite:///state.sqlite]
  -d, --develop        Without effect.
  -f, --force          Without effect: an existing directory is reused.
  -l, --log-count=     How many old log files are kept, None for all.
                       [default: 10]
  -n, --no-logrotate   Leave the log to the defaults of the program.
  -q, --quiet          Say nothing about what is done.
  -r, --relocatable    Make a directory that can be moved.
  -s, --log-size=      Bytes at which the log is rotated. [default: 10000000]
      --help           Show this text.
      --version        Show the version of this program.
";

const OPTIONS: [OptionSpec; 11] = [
    OptionSpec::value("config", Some('c')),
    OptionSpec::value("db", None),
    OptionSpec::flag("develop", Some('d')),
    OptionSpec::flag("force", Some('f')),
    OptionSpec::value("log-count", Some('l')),
    OptionSpec::flag("no-logrotate", Some('n')),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("relocatable", Some('r')),
    OptionSpec::value("log-size", Some('s')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const DEFAULT_DB: &str = "sqlite:///state.sqlite";

/// What `create-master` is to make.
#[derive(Debug, PartialEq)]
pub(crate) struct CreateMaster {
    basedir: PathBuf,
    quiet: bool,
    relocatable: bool,
    config: String,
    db: String,
    rotation: Option<(i64, NumberOrNone)>,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<CreateMaster>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut made = CreateMaster::in_directory(directory::from_arguments(&arguments)?);
    let (mut size, mut count) = ("10000000".to_owned(), "10".to_owned());
    let mut rotates = true;
    for (option, value) in options {
        let value = || {
            value.into_string().map_err(|value| {
                UsageError::Other(format!("{option} is no UTF-8: {}", value.display()))
            })
        };
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "config" => made.config = value()?,
            "db" => made.db = value()?,
            "log-count" => count = value()?,
            "log-size" => size = value()?,
            "no-logrotate" => rotates = false,
            "quiet" => made.quiet = true,
            "relocatable" => made.relocatable = true,
            _ => {}
        }
    }
    let size = size.trim().parse().map_err(|_| {
        UsageError::Other(format!(
            "Parameter type enforcement failed: invalid literal for int() with base 10: {}",
            repr_of_text(&size)
        ))
    })?;
    let count = NumberOrNone::parse(&count).ok_or_else(|| {
        UsageError::Other("log-count parameter needs to be an int or None".to_owned())
    })?;
    if !made.db.contains("://") {
        let message = format!("could not parse database URL '{}'", made.db);
        return Err(UsageError::Other(message));
    }
    made.rotation = rotates.then_some((size, count));
    Ok(Request::Run(made))
}

impl CreateMaster {
    /// A master with the defaults.
    pub(crate) fn in_directory(basedir: PathBuf) -> Self {
        Self {
            basedir,
            quiet: false,
            relocatable: false,
            config: DEFAULT_CONFIG.to_owned(),
            db: DEFAULT_DB.to_owned(),
            rotation: NumberOrNone::parse("10").map(|count| (10_000_000, count)),
        }
    }

    /// The same, without a word about it.
    pub(crate) fn quietly(self) -> Self {
        Self {
            quiet: true,
            ..self
        }
    }
}

/// Carries out the command.
pub(crate) fn run(options: &CreateMaster) -> ExitCode {
    match create(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Makes the directory and what belongs into it. What is there already stays.
pub(crate) fn create(options: &CreateMaster) -> anyhow::Result<()> {
    let say = |text: String| {
        if !options.quiet {
            line(text);
        }
    };
    let basedir = &options.basedir;
    // Before anything is made.
    let database = buildbot_db::locate(&options.db, basedir)?;
    if basedir.is_dir() {
        say("updating existing installation".to_owned());
    } else {
        say(format!("mkdir {}", basedir.display()));
        fs::create_dir(basedir)
            .with_context(|| format!("cannot make the directory {}", basedir.display()))?;
    }
    make_tac(options, &say)?;
    make_sample(options, &say)?;
    say(format!("creating database ({})", options.db));
    if database.exists() {
        // It is looked at, so that a wrong one is told now.
        drop(buildbot_db::Database::open(&database)?);
    } else {
        buildbot_db::create(&database)?;
    }
    say(format!("buildmaster configured in {}", basedir.display()));
    Ok(())
}

fn make_tac(options: &CreateMaster, say: &dyn Fn(String)) -> anyhow::Result<()> {
    let shown = options.basedir.to_str().with_context(|| {
        format!(
            "buildbot.tac cannot name the directory {}, which is no UTF-8",
            options.basedir.display()
        )
    })?;
    let text = write_master(&MasterOptions {
        basedir: if options.relocatable { "." } else { shown }.to_owned(),
        config_file: options.config.clone(),
        rotation: options.rotation.clone(),
    });
    let mut path = options.basedir.join("buildbot.tac");
    match fs::read(&path) {
        Ok(existing) if existing == text.as_bytes() => {
            say("buildbot.tac already exists and is correct".to_owned());
            return Ok(());
        }
        Ok(_) => {
            say("not touching existing buildbot.tac".to_owned());
            say("creating buildbot.tac.new instead".to_owned());
            path.set_file_name("buildbot.tac.new");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    }
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Nobody else may read it: it has passwords.
fn make_sample(options: &CreateMaster, say: &dyn Fn(String)) -> anyhow::Result<()> {
    let path = options.basedir.join("master.cfg.sample");
    say(format!("creating {}", path.display()));
    let text = SAMPLE.replace(DEFAULT_DB, &options.db);
    write_private(&path, &text).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // One that was there keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
