//! The argument `<basedir>` and the check whose directory it is.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::Output;

/// Whose directory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A master's.
    Master,
    /// A worker's.
    Worker,
}

impl Role {
    /// The text by which a `buildbot.tac` is known.
    fn marker(self) -> &'static [u8] {
        match self {
            Self::Master => b"Application('buildmaster')",
            Self::Worker => b"Application('buildbot-worker')",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Master => "buildmaster",
            Self::Worker => "worker",
        }
    }
}

/// Reads the optional argument `<basedir>`, the current directory by default.
pub fn from_arguments(arguments: &[OsString]) -> Result<PathBuf, String> {
    match arguments {
        [] => absolute(Path::new(".")),
        [basedir] => absolute(Path::new(basedir)),
        _ => Err("I wasn't expecting so many arguments".to_owned()),
    }
}

/// Makes `path` absolute without asking the disk: `.` and `..` are resolved by their names alone.
pub fn absolute(path: &Path) -> Result<PathBuf, String> {
    let start = std::env::current_dir()
        .map_err(|error| format!("the current directory cannot be found: {error}"))?;
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

/// Whether `basedir` has a `buildbot.tac` of that role; says what is wrong if not.
pub fn is_directory_of(role: Role, output: &Output, basedir: &Path) -> bool {
    let tac = basedir.join("buildbot.tac");
    match fs::read(&tac) {
        Ok(text)
            if text
                .windows(role.marker().len())
                .any(|window| window == role.marker()) =>
        {
            return true;
        }
        Ok(_) => output.line(format!("unexpected content in '{}'", tac.display())),
        Err(error) => output.line(format!(
            "error reading '{}': {}",
            tac.display(),
            reason(&error)
        )),
    }
    output.line(format!(
        "invalid {} directory '{}'",
        role.name(),
        basedir.display()
    ));
    false
}

/// The system's words for `error`, without the number that Rust adds.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}
