//! The argument `<basedir>` and the check that it is a worker's directory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::UsageError;
use super::output::Output;

/// The text by which a `buildbot.tac` is known to be a worker's.
const MARKER: &[u8] = b"Application('buildbot-worker')";

/// Reads the optional argument `<basedir>`, the current directory by default.
pub(super) fn from_arguments(arguments: &[OsString]) -> Result<PathBuf, UsageError> {
    match arguments {
        [] => absolute(Path::new(".")),
        [basedir] => absolute(Path::new(basedir)),
        _ => Err(UsageError::other("I wasn't expecting so many arguments")),
    }
}

/// Makes `path` absolute without asking the disk: `.` and `..` are resolved by their names alone.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, UsageError> {
    let start = std::env::current_dir().map_err(|error| {
        UsageError::other(format!("the current directory cannot be found: {error}"))
    })?;
    let mut absolute = PathBuf::new();
    for component in start.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(absolute.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                absolute.push(component);
            }
        }
    }
    Ok(absolute)
}

/// Whether `basedir` has a `buildbot.tac` of a worker; says what is wrong if not.
pub(super) fn is_worker_directory(output: &Output, basedir: &Path) -> bool {
    let tac = basedir.join("buildbot.tac");
    match fs::read(&tac) {
        Ok(text) if text.windows(MARKER.len()).any(|window| window == MARKER) => return true,
        Ok(_) => output.line(format!("unexpected content in '{}'", tac.display())),
        Err(error) => output.line(format!(
            "error reading '{}': {}",
            tac.display(),
            reason(&error)
        )),
    }
    output.line(format!("invalid worker directory '{}'", basedir.display()));
    false
}

/// The system's words for `error`, without the number that Rust adds.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}
