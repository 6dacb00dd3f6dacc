//! Which Python executes the configuration.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// The oldest Python that can execute the package.
pub const OLDEST: (u32, u32) = (3, 9);

/// The variable that names a Python.
pub const VARIABLE: &str = "BUILDBOT_PYTHON";

/// A Python that was chosen; whether it is new enough is known when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    path: PathBuf,
    source: Source,
}

/// Who chose a Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The argument of the command line.
    Argument,
    /// `$BUILDBOT_PYTHON`.
    Variable,
    /// The active virtual environment.
    VirtualEnvironment,
    /// The first `python3` on `PATH`.
    Path,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argument => "--python",
            Self::Variable => "$BUILDBOT_PYTHON",
            Self::VirtualEnvironment => "$VIRTUAL_ENV",
            Self::Path => "PATH",
        })
    }
}

/// What to do when there is no fit Python.
const WAY_OUT: &str =
    "install Python 3.9 or newer, or name one in the environment variable BUILDBOT_PYTHON";

/// There is no Python to start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PythonError {
    /// What was named explicitly is not there.
    #[error("{python}, from {origin}, {problem}; {WAY_OUT}")]
    Unfit {
        /// As it was named.
        python: String,
        /// Where it was named.
        origin: Source,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing was named, and nothing found.
    #[error("no Python was found: $VIRTUAL_ENV is {}, and there is no python3 in PATH={path}; {WAY_OUT}",
        virtual_environment.as_deref().map_or("not set".to_owned(), |it| format!("{it}, which has no bin/python")))]
    NotFound {
        /// The virtual environment, if one is active.
        virtual_environment: Option<String>,
        /// Where else was searched.
        path: String,
    },
}

impl Python {
    /// Chooses: the argument, `$BUILDBOT_PYTHON`, the active virtual environment, `python3` on `PATH`.
    ///
    /// Who names one by argument or variable gets that one or an error; a virtual environment that is gone is
    /// passed over.
    pub fn choose(
        argument: Option<&OsStr>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, PythonError> {
        let value = |name: &str| environment(name).filter(|value| !value.is_empty());
        let path = value("PATH");
        let named = argument
            .map(|argument| (argument.to_owned(), Source::Argument))
            .or_else(|| Some((value(VARIABLE)?, Source::Variable)));
        if let Some((name, source)) = named {
            return named_python(&name, source, path.as_deref());
        }
        let virtual_environment = value("VIRTUAL_ENV");
        if let Some(directory) = &virtual_environment {
            let python = Path::new(directory).join("bin/python");
            if problem(&python).is_none() {
                return Ok(Self::new(python, Source::VirtualEnvironment));
            }
            tracing::warn!(python = %python.display(), "the virtual environment has no Python");
        }
        if let Some(python) = search(OsStr::new("python3"), path.as_deref()) {
            return Ok(Self::new(python, Source::Path));
        }
        let shown = |value: &OsString| value.to_string_lossy().into_owned();
        Err(PythonError::NotFound {
            virtual_environment: virtual_environment.as_ref().map(shown),
            path: path.as_ref().map(shown).unwrap_or_default(),
        })
    }

    fn new(path: PathBuf, source: Source) -> Self {
        // It may be started in another directory. Links stay: a virtual environment is known by its path.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self { path, source }
    }

    /// The program, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who chose it.
    pub fn source(&self) -> Source {
        self.source
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from {})", self.path.display(), self.source)
    }
}

/// A Python that was named: a path, or a name to be searched.
fn named_python(name: &OsStr, source: Source, path: Option<&OsStr>) -> Result<Python, PythonError> {
    let unfit = |problem| PythonError::Unfit {
        python: name.to_string_lossy().into_owned(),
        origin: source,
        problem,
    };
    if Path::new(name).components().count() > 1 || Path::new(name).is_absolute() {
        return match problem(Path::new(name)) {
            None => Ok(Python::new(PathBuf::from(name), source)),
            Some(problem) => Err(unfit(problem)),
        };
    }
    let found = search(name, path).ok_or_else(|| unfit("is not on PATH"))?;
    Ok(Python::new(found, source))
}

/// The first program with this name in the directories of `PATH`.
fn search(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?)
        .map(|directory| directory.join(name))
        .find(|candidate| problem(candidate).is_none())
}

/// Why a path cannot be started, if so.
fn problem(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Some("cannot be reached: permission denied")
        }
        Err(_) => Some("does not exist"),
        Ok(found) if found.is_dir() => Some("is a directory"),
        Ok(_) => rustix::fs::access(path, rustix::fs::Access::EXEC_OK)
            .is_err()
            .then_some("is not executable"),
    }
}

/// The first two numbers of a version such as `3.13.0rc1`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor.len() - minor.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    Some((major, minor.get(..digits)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A directory with the programs `bin/python3`, `bin/python3.12`, `venv/bin/python` and the file `bin/text`.
    fn programs() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("directory");
        for (name, mode) in [
            ("bin/python3", 0o755),
            ("bin/python3.12", 0o755),
            ("venv/bin/python", 0o755),
            ("bin/text", 0o644),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
            std::fs::write(&path, "").expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        }
        root
    }

    /// `@` stands for the directory of the programs, in arguments and outcomes.
    fn check(argument: Option<&str>, variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let root = programs();
        let root_text = root.path().to_str().expect("text");
        let expand = |text: &str| text.replace('@', root_text);
        let environment = |asked: &str| {
            let (_, value) = variables.iter().find(|(name, _)| *name == asked)?;
            Some(OsString::from(expand(value)))
        };
        let argument = argument.map(|text| OsString::from(expand(text)));
        let found = Python::choose(argument.as_deref(), environment);
        match (found, expected) {
            (Ok(python), Ok(expected)) => assert_eq!(python.to_string(), expand(expected)),
            (Err(error), Err(expected)) => {
                let error = error.to_string();
                assert!(error.starts_with(&expand(expected)), "{error}");
                assert!(error.ends_with(WAY_OUT), "{error}");
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn the_argument_is_stronger_than_the_variable_than_the_virtual_environment_than_path() {
        let path = ("PATH", "/nonexistent:@/bin");
        let venv = ("VIRTUAL_ENV", "@/venv");
        let variable = ("BUILDBOT_PYTHON", "python3.12");
        check(
            Some("@/bin/python3"),
            &[path, venv, variable],
            Ok("@/bin/python3 (from --python)"),
        );
        check(
            None,
            &[path, venv, variable],
            Ok("@/bin/python3.12 (from $BUILDBOT_PYTHON)"),
        );
        check(
            None,
            &[path, venv],
            Ok("@/venv/bin/python (from $VIRTUAL_ENV)"),
        );
        check(None, &[path], Ok("@/bin/python3 (from PATH)"));
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let variables = [
            ("PATH", "@/bin"),
            ("BUILDBOT_PYTHON", ""),
            ("VIRTUAL_ENV", ""),
        ];
        check(None, &variables, Ok("@/bin/python3 (from PATH)"));
    }

    #[test]
    fn a_virtual_environment_that_is_gone_is_passed_over() {
        let variables = [("PATH", "@/bin"), ("VIRTUAL_ENV", "@/gone")];
        check(None, &variables, Ok("@/bin/python3 (from PATH)"));
    }

    #[test]
    fn what_is_named_but_unfit_is_an_error_that_says_where() {
        check(
            Some("@/nothing"),
            &[],
            Err("@/nothing, from --python, does not exist; "),
        );
        check(
            Some("@/bin"),
            &[],
            Err("@/bin, from --python, is a directory; "),
        );
        check(
            None,
            &[("BUILDBOT_PYTHON", "@/bin/text")],
            Err("@/bin/text, from $BUILDBOT_PYTHON, is not executable; "),
        );
        check(
            None,
            &[("BUILDBOT_PYTHON", "text"), ("PATH", "@/bin")],
            Err("text, from $BUILDBOT_PYTHON, is not on PATH; "),
        );
    }

    #[test]
    fn nothing_at_all_is_an_error_that_lists_where_was_searched() {
        check(
            None,
            &[("PATH", "/nonexistent")],
            Err(
                "no Python was found: $VIRTUAL_ENV is not set, and there is no python3 in PATH=/nonexistent; ",
            ),
        );
        check(
            None,
            &[("VIRTUAL_ENV", "/gone")],
            Err(
                "no Python was found: $VIRTUAL_ENV is /gone, which has no bin/python, and there is no python3 in PATH=; ",
            ),
        );
    }

    #[test]
    fn versions_are_understood() {
        for (text, expected) in [
            ("3.11.7", Some((3, 11))),
            ("3.13.0rc1", Some((3, 13))),
            ("3.14+", Some((3, 14))),
            ("2.7.18\n", Some((2, 7))),
            ("three", None),
            ("3", None),
            ("3.x", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }
}
