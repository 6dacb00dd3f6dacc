//! Which file is meant, and relative to which directory it is executed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use buildbot_tac::{Surroundings, read_master};

use crate::checkconfig::Failure;

/// The file that a directory's `buildbot.tac` names if it names none.
const DEFAULT_FILE: &str = "master.cfg";

/// A configuration file.
#[derive(Debug, PartialEq)]
pub(crate) struct ConfigFile {
    /// What relative names in it are relative to, as it was given.
    pub(crate) basedir: PathBuf,
    /// Relative to `basedir`, or absolute.
    pub(crate) file: PathBuf,
}

impl ConfigFile {
    /// The directory that names of files are shown relative to.
    pub(crate) fn shown_directory(&self) -> String {
        let directory = std::path::absolute(&self.basedir).unwrap_or_else(|_| self.basedir.clone());
        directory.to_string_lossy().into_owned()
    }
}

/// A directory stands for the file that its `buildbot.tac` names; a file is executed in the current directory.
pub(crate) fn locate(given: Option<&Path>) -> Result<ConfigFile, Failure> {
    let current = || {
        std::env::current_dir()
            .map_err(|error| Failure::new(format!("the current directory is gone: {error}")))
    };
    let given = match given {
        Some(given) => given.to_owned(),
        None => current()?,
    };
    if given.is_dir() {
        let file = file_of_directory(&given)?;
        return Ok(ConfigFile {
            basedir: given,
            file,
        });
    }
    Ok(ConfigFile {
        basedir: current()?,
        file: given,
    })
}

/// The file that the `buildbot.tac` of a directory names.
pub(crate) fn file_of_directory(directory: &Path) -> Result<PathBuf, Failure> {
    let tac = directory.join("buildbot.tac");
    let text = match fs::read(&tac) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DEFAULT_FILE.into()),
        Err(error) => {
            return Err(unable_to_load(
                directory,
                format!("error reading '{}': {error}", tac.display()),
            ));
        }
    };
    let surroundings = Surroundings::of_this_process(tac)
        .map_err(|error| unable_to_load(directory, error.to_string()))?;
    let tac = read_master(&text, &surroundings)
        .map_err(|errors| unable_to_load(directory, errors.to_string()))?;
    Ok(tac
        .config_file
        .map_or_else(|| DEFAULT_FILE.into(), PathBuf::from))
}

fn unable_to_load(directory: &Path, message: String) -> Failure {
    Failure {
        last_line: Some(format!(
            "Unable to load 'buildbot.tac' from '{}':",
            directory.display()
        )),
        ..Failure::new(message)
    }
}
