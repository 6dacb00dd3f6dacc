//! Which file is meant, and relative to which directory it is executed.

use std::path::{Path, PathBuf};

use crate::checkconfig::Failure;
use crate::directory;

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
    directory::config_file(directory).map_err(|error| Failure {
        last_line: Some(format!(
            "Unable to load 'buildbot.tac' from '{}':",
            directory.display()
        )),
        ..Failure::new(error.to_string())
    })
}
