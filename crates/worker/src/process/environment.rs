//! The environment of a program: the worker's own, changed as the master asks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The variables of a program, sorted by name.
pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// What becomes of one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The variable is removed.
    Remove,
    /// The variable gets this value, in which `${NAME}` is replaced.
    Set(Vec<u8>),
    /// As [`Change::Set`], with the elements joined by `:`.
    Join(Vec<Vec<u8>>),
}

/// Applies `changes` in order to the worker's own environment, and sets `PWD`.
///
/// `PYTHONPATH` is put in front of the worker's own one. `${NAME}`, where NAME consists of ASCII letters,
/// digits and underscores, stands for the *worker's* variable NAME, or for nothing.
/// Buildbot: manual, "ShellCommand", `env`. Seen: pb-build, command 0 (`PYTHONPATH` with a trailing
/// separator).
pub(crate) fn child_environment(
    own: &[(OsString, OsString)],
    changes: &[(OsString, Change)],
    workdir: &Path,
) -> Environment {
    let own: Environment = own.iter().cloned().collect();
    let mut result = own.clone();
    for (name, change) in changes {
        let mut value = match change {
            Change::Remove => {
                result.remove(name);
                continue;
            }
            Change::Set(value) => value.clone(),
            Change::Join(values) => values.join(&b':'),
        };
        if name == "PYTHONPATH" {
            value.extend_from_slice(b":${PYTHONPATH}");
        }
        result.insert(name.clone(), OsString::from_vec(substitute(&value, &own)));
    }
    result.insert("PWD".into(), workdir.as_os_str().to_owned());
    result
}

/// Replaces every `${NAME}` in `value`.
fn substitute(value: &[u8], own: &Environment) -> Vec<u8> {
    let mut result = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        if let Some((name, after)) = reference(rest) {
            if let Some(replacement) = own.get(OsStr::from_bytes(name)) {
                result.extend_from_slice(replacement.as_bytes());
            }
            rest = after;
        } else {
            result.push(*first);
            rest = tail;
        }
    }
    result
}

/// The name, and what follows, if `text` begins with `${NAME}`.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"${")?;
    let length = inner
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let (name, after) = inner.split_at_checked(length)?;
    Some((name, after.strip_prefix(b"}")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what NAME is for a program, if the master changes it, and the worker has HOME and PP.
    fn check(name: &str, change: Change, expected: Option<&str>) {
        let own = [("HOME", "/home/ci"), ("EMPTY", ""), ("_x9", "u")]
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment =
            child_environment(&own, &[(OsString::from(name), change)], Path::new("/w"));
        assert_eq!(
            environment.get(OsStr::new(name)).map(OsString::as_os_str),
            expected.map(OsStr::new)
        );
        assert_eq!(environment.get(OsStr::new("PWD")), Some(&"/w".into()));
    }

    fn set(value: &str) -> Change {
        Change::Set(value.into())
    }

    #[test]
    fn values_are_taken_as_they_are() {
        check("A", set("b"), Some("b"));
        check("A", set(""), Some(""));
        check("HOME", set("other"), Some("other"));
    }

    #[test]
    fn null_removes_a_variable() {
        check("HOME", Change::Remove, None);
        check("NEVER_SET", Change::Remove, None);
    }

    #[test]
    fn lists_are_joined_with_colons() {
        check(
            "A",
            Change::Join(vec![b"x".to_vec(), b"y".to_vec()]),
            Some("x:y"),
        );
        check("A", Change::Join(vec![]), Some(""));
    }

    #[test]
    fn references_in_braces_are_replaced_from_the_worker_and_others_left_alone() {
        check("A", set("x-${HOME}-y"), Some("x-/home/ci-y"));
        check("A", set("${HOME}${_x9}${EMPTY}"), Some("/home/ciu"));
        check("A", set("${NOT_THERE}."), Some("."));
        check("A", set("${}."), Some("."));
        check("A", set("$HOME"), Some("$HOME"));
        check("A", set("${HO-ME}"), Some("${HO-ME}"));
        check("A", set("${HOME"), Some("${HOME"));
        check("A", set("$${HOME}"), Some("$/home/ci"));
        check("HOME", set("${HOME}/x"), Some("/home/ci/x"));
    }

    #[test]
    fn python_path_goes_before_the_workers_and_keeps_the_separator() {
        check(
            "PYTHONPATH",
            Change::Join(vec![b"/p/one".to_vec(), b"/p/two".to_vec()]),
            Some("/p/one:/p/two:"),
        );
        check("PYTHONPATH", set("/p"), Some("/p:"));
        let own = [("PYTHONPATH".into(), "/own".into())];
        let environment =
            child_environment(&own, &[("PYTHONPATH".into(), set("/p"))], Path::new("/w"));
        assert_eq!(
            environment.get(OsStr::new("PYTHONPATH")),
            Some(&"/p:/own".into())
        );
    }

    #[test]
    fn the_working_directory_overrides_what_the_master_says() {
        let environment =
            child_environment(&[], &[("PWD".into(), set("/elsewhere"))], Path::new("/w"));
        assert_eq!(environment.get(OsStr::new("PWD")), Some(&"/w".into()));
    }
}
