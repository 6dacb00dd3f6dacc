//! Failures in the terms of Python, in which masters understand them.

use std::io;
use std::path::Path;

use buildbot_wire::Failure;
use rustix::io::Errno;

use crate::process::reason;

/// An exception of Python's own: its class without `builtins.`, and the ancestors before `Exception`.
fn builtin(class: &str, ancestors: &[&str], value: String) -> Failure {
    let dotted = |name: &str| format!("builtins.{name}");
    let class = dotted(class);
    let ancestors: Vec<String> = ancestors.iter().map(|name| dotted(name)).collect();
    let ancestors: Vec<&str> = ancestors.iter().map(String::as_str).collect();
    traced(Failure::new(&class, &ancestors, value))
}

/// Gives a failure a traceback of one line: there are no frames of Python to tell of.
fn traced(mut failure: Failure) -> Failure {
    failure.traceback = format!("{failure}\n");
    failure
}

/// `RuntimeError`.
pub(crate) fn runtime(value: impl Into<String>) -> Failure {
    builtin("RuntimeError", &[], value.into())
}

/// `ValueError`.
pub(crate) fn value(value: impl Into<String>) -> Failure {
    builtin("ValueError", &[], value.into())
}

/// `KeyError`, whose text is the quoted key.
pub(crate) fn key(key: &str) -> Failure {
    builtin(
        "KeyError",
        &["LookupError"],
        crate::python_text::repr_of_text(key),
    )
}

/// The exception for a command that does not exist.
pub(crate) fn unknown_command(command_id: &str, text: &str) -> Failure {
    let class = "buildbot_worker.base.UnknownCommand";
    let value = format!("(command {command_id}): {text}");
    traced(Failure::new(class, &["twisted.spread.pb.Error"], value))
}

/// The `OSError`, or descendant, for a failed system call, with the path if one was concerned.
pub(crate) fn os(error: &io::Error, path: Option<&Path>) -> Failure {
    let value = os_error_text(error, path);
    let Some(errno) = Errno::from_io_error(error) else {
        return builtin("OSError", &[], value);
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
        _ => return builtin("OSError", &[], value),
    };
    builtin(class, &["OSError"], value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_described_as_python_does() {
        let error = io::Error::from_raw_os_error(2);
        let failure = os(&error, Some(Path::new("/proc/nope")));
        assert_eq!(failure.class(), "builtins.FileNotFoundError");
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
        let failure = key("workdir");
        assert_eq!(failure.value, "'workdir'");
        assert_eq!(
            failure.parents[..2],
            ["builtins.KeyError", "builtins.LookupError"]
        );
    }
}
