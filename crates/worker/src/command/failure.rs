//! Failures in the terms of Python, in which masters understand them.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::process::reason;

/// Why a command, or a call to the master, broke: a copied failure over PB, a text over msgpack.
///
/// Class and ancestors are dotted Python names, because a master decides by them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {value}")]
pub struct CommandFailure {
    /// The class of the exception, such as `builtins.FileNotFoundError`.
    pub class: String,
    /// The class and all its ancestors, nearest first, `builtins.object` last.
    pub parents: Vec<String>,
    /// The text of the exception.
    pub value: String,
    /// Where it happened, as far as known; several lines.
    pub traceback: String,
}

/// Ancestors that every exception has.
const EVERY_EXCEPTION: &[&str] = &["Exception", "BaseException", "object"];

impl CommandFailure {
    /// An exception of Python's own: its class without `builtins.`, and the ancestors before `Exception`.
    fn builtin(class: &str, ancestors: &[&str], value: String) -> Self {
        let parents = std::iter::once(class)
            .chain(ancestors.iter().copied())
            .chain(EVERY_EXCEPTION.iter().copied())
            .map(|name| format!("builtins.{name}"))
            .collect();
        Self {
            class: format!("builtins.{class}"),
            traceback: format!("builtins.{class}: {value}\n"),
            parents,
            value,
        }
    }

    /// `RuntimeError`.
    pub fn runtime(value: impl Into<String>) -> Self {
        Self::builtin("RuntimeError", &[], value.into())
    }

    /// `ValueError`.
    pub fn value(value: impl Into<String>) -> Self {
        Self::builtin("ValueError", &[], value.into())
    }

    /// `KeyError`, whose text is the quoted key.
    pub fn key(key: &str) -> Self {
        Self::builtin(
            "KeyError",
            &["LookupError"],
            crate::python_text::repr_of_text(key),
        )
    }

    /// The exception for a command that does not exist.
    pub(crate) fn unknown_command(command_id: &str, text: &str) -> Self {
        let class = "buildbot_worker.base.UnknownCommand".to_owned();
        let value = format!("(command {command_id}): {text}");
        let mut failure = Self::builtin("Exception", &[], value);
        failure.parents = [class.as_str(), "twisted.spread.pb.Error"]
            .map(str::to_owned)
            .into_iter()
            .chain(
                EVERY_EXCEPTION
                    .iter()
                    .map(|name| format!("builtins.{name}")),
            )
            .collect();
        failure.traceback = format!("{class}: {}\n", failure.value);
        failure.class = class;
        failure
    }

    /// The `OSError`, or descendant, for a failed system call, with the path if one was concerned.
    pub fn os(error: &io::Error, path: Option<&Path>) -> Self {
        let value = os_error_text(error, path);
        let Some(errno) = Errno::from_io_error(error) else {
            return Self::builtin("OSError", &[], value);
        };
        let class = match errno {
            Errno::NOENT => "FileNotFoundError",
            Errno::EXIST => "FileExistsError",
            Errno::ACCESS | Errno::PERM => "PermissionError",
            Errno::NOTDIR => "NotADirectoryError",
            Errno::ISDIR => "IsADirectoryError",
            Errno::AGAIN => "BlockingIOError",
            Errno::SRCH => "ProcessLookupError",
            Errno::TIMEDOUT => "TimeoutError",
            _ => return Self::builtin("OSError", &[], value),
        };
        Self::builtin(class, &["OSError"], value)
    }
}

/// `[Errno 2] No such file or directory: '/path'`, as Python says it.
pub(crate) fn os_error_text(error: &io::Error, path: Option<&Path>) -> String {
    let mut text = match error.raw_os_error() {
        Some(number) => format!("[Errno {number}] {}", reason(error)),
        None => error.to_string(),
    };
    if let Some(path) = path {
        text.push_str(": ");
        text.push_str(&crate::python_text::repr_of_text(&path.to_string_lossy()));
    }
    text
}

impl From<CommandFailure> for buildbot_wire::Failure {
    fn from(failure: CommandFailure) -> Self {
        Self {
            parents: failure.parents,
            value: failure.value,
            traceback: failure.traceback,
        }
    }
}

impl From<buildbot_wire::Failure> for CommandFailure {
    fn from(failure: buildbot_wire::Failure) -> Self {
        Self {
            class: failure.class().to_owned(),
            parents: failure.parents,
            value: failure.value,
            traceback: failure.traceback,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_described_as_python_does() {
        let error = io::Error::from_raw_os_error(2);
        let failure = CommandFailure::os(&error, Some(Path::new("/proc/nope")));
        assert_eq!(failure.class, "builtins.FileNotFoundError");
        assert_eq!(
            failure.value,
            "[Errno 2] No such file or directory: '/proc/nope'"
        );
        assert_eq!(
            failure.parents,
            [
                "builtins.FileNotFoundError",
                "builtins.OSError",
                "builtins.Exception",
                "builtins.BaseException",
                "builtins.object"
            ]
        );
    }

    #[test]
    fn a_missing_argument_is_a_key_error() {
        let failure = CommandFailure::key("workdir");
        assert_eq!(failure.value, "'workdir'");
        assert_eq!(
            failure.parents[..2],
            ["builtins.KeyError", "builtins.LookupError"]
        );
    }
}
