//! The base directory of a master, as a command names it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use buildbot_daemon::Output;
use buildbot_daemon::basedir::{self, Role};
use buildbot_tac::{LogTarget, MasterTac, Surroundings, read_master};

use crate::command_line::UsageError;

/// The file that a `buildbot.tac` names if it names none.
pub(crate) const DEFAULT_CONFIG: &str = "master.cfg";

/// The optional argument of many commands; `~` and `~name` stand for a home where the shell left them.
pub(crate) fn from_arguments(arguments: &[OsString]) -> Result<PathBuf, UsageError> {
    let expanded: Vec<OsString> = arguments.iter().map(expand).collect();
    basedir::from_arguments(&expanded).map_err(UsageError::Other)
}

fn expand(given: &OsString) -> OsString {
    let Some(rest) = given.to_str().and_then(|given| given.strip_prefix('~')) else {
        return given.clone();
    };
    match (rest, std::env::var_os("HOME")) {
        ("", Some(home)) => home,
        (rest, Some(home)) if rest.starts_with('/') => {
            let mut path = home;
            path.push(rest);
            path
        }
        _ => given.clone(),
    }
}

/// Whether it is a directory of a master whose `buildbot.tac` can be used; says what is wrong if not.
pub(crate) fn is_of_master(directory: &Path) -> bool {
    has_master(directory) && has_numbers(directory)
}

/// Whether it is a directory of a master; says what is wrong if not.
pub(crate) fn has_master(directory: &Path) -> bool {
    basedir::is_directory_of(Role::Master, &Output::new(false), directory)
}

/// Whether numbers in its `buildbot.tac` are numbers; says what is wrong if not.
pub(crate) fn has_numbers(directory: &Path) -> bool {
    let output = Output::new(false);
    // What cannot be read does not matter here: it is told where it is needed.
    let Ok(tac) = read_tac(directory) else {
        return true;
    };
    for name in &tac.texts_for_numbers {
        output.line(format!(
            "ERROR: {name} is a string, it should be a number\n\
             ERROR: Please, edit your buildbot.tac file and run again: leave the quotes out"
        ));
    }
    tac.texts_for_numbers.is_empty()
}

/// Why a `buildbot.tac` says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TacError {
    /// There is none.
    #[error("there is no '{}'", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("error reading '{}': {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The name of the configuration file cannot be found out.
    #[error("{0}")]
    Unclear(String),
}

/// What its `buildbot.tac` says.
pub(crate) fn read_tac(directory: &Path) -> Result<MasterTac, TacError> {
    let path = directory.join("buildbot.tac");
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TacError::Missing(path));
        }
        Err(reason) => return Err(TacError::Unreadable { path, reason }),
    };
    let surroundings = Surroundings::of_this_process(path)
        .map_err(|error| TacError::Unclear(error.to_string()))?;
    read_master(&text, &surroundings).map_err(|errors| TacError::Unclear(errors.to_string()))
}

/// The configuration file of a directory: what its `buildbot.tac` names, or what it is without one.
pub(crate) fn config_file(directory: &Path) -> Result<PathBuf, TacError> {
    let named = match read_tac(directory) {
        Ok(tac) => tac.config_file,
        Err(TacError::Missing(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(named.unwrap_or_else(|| DEFAULT_CONFIG.to_owned()).into())
}

/// The file that a master of this directory logs to; `None` if it logs somewhere else.
pub(crate) fn log_file(directory: &Path) -> Option<PathBuf> {
    match read_tac(directory).ok()?.log {
        LogTarget::RotatedFile { path, .. } => Some(directory.join(path)),
        LogTarget::TwistdDefault => Some(directory.join("twistd.log")),
        LogTarget::StandardOutput | LogTarget::StandardError => None,
    }
}
