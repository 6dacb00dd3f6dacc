//! Starting a program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;

use super::environment::Environment;
use super::pty::Pty;

/// Where programs are searched if the environment has no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A program to be started.
pub(crate) struct Launch<'a> {
    /// The program, as the user wrote it; becomes the first argument unchanged.
    pub(crate) program: &'a OsStr,
    /// The program as messages show it: it may be an obfuscated argument.
    pub(crate) shown: &'a str,
    /// The arguments after it.
    pub(crate) arguments: &'a [OsString],
    /// The whole environment, in whose `PATH` the program is searched.
    pub(crate) environment: &'a Environment,
    /// The working directory; absolute, and existing.
    pub(crate) workdir: &'a Path,
    /// Whether the program gets a terminal, instead of pipes.
    pub(crate) terminal: bool,
    /// Whether standard input stays open for the worker to write; else it is at its end from the start.
    /// Has no meaning with a terminal.
    pub(crate) stdin: bool,
}

/// A program that runs, and the worker's ends of its streams.
pub(crate) struct Launched {
    /// The leader of a process group (with a terminal: of a session).
    pub(crate) child: Child,
    /// Standard input, if asked for.
    pub(crate) stdin: Option<OwnedFd>,
    /// Standard output, or the terminal.
    pub(crate) stdout: Option<OwnedFd>,
    /// Standard error; absent with a terminal.
    pub(crate) stderr: Option<OwnedFd>,
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// The program cannot be executed: the user's matter.
    #[error("cannot execute '{program}': {}{}", reason(error), searched(path.as_deref()))]
    Program {
        /// The program as messages show it.
        program: String,
        /// The directories that were searched, if any were.
        path: Option<OsString>,
        /// What the system says.
        error: io::Error,
    },
    /// The worker cannot create a process, pipe or terminal: the machine's matter.
    #[error("cannot create a process for '{program}': {}", reason(error))]
    System {
        /// The program as messages show it.
        program: String,
        /// What the system says.
        error: io::Error,
    },
}

/// The system's text for an error, without Rust's addition of the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

fn searched(path: Option<&OsStr>) -> String {
    path.map_or_else(String::new, |path| {
        format!(" (searched in PATH={})", path.to_string_lossy())
    })
}

impl Launch<'_> {
    /// Starts the program.
    ///
    /// It leads a new process group, has all signals at their default, and no descriptors beyond the three
    /// streams, together with [`Signals::install`](crate::signals::Signals::install) and
    /// [`close_inherited_descriptors_on_exec`](super::close_inherited_descriptors_on_exec).
    pub(crate) fn start(&self) -> Result<Launched, LaunchError> {
        let (candidates, path) = self.candidates();
        let mut first_error = None;
        for candidate in candidates {
            match self.execute(&candidate) {
                Ok(launched) => return Ok(launched),
                Err(error) if is_lack_of_resources(&error) => {
                    return Err(LaunchError::System {
                        program: self.shown.to_owned(),
                        error,
                    });
                }
                // As a shell does: what exists but must not be executed does not end the search.
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(LaunchError::Program {
            program: self.shown.to_owned(),
            path,
            error: first_error.unwrap_or_else(|| Errno::NOENT.into()),
        })
    }

    /// What to try to execute, each with a slash in it, and the `PATH` in which it was found.
    fn candidates(&self) -> (Vec<PathBuf>, Option<OsString>) {
        if self.program.as_bytes().contains(&b'/') {
            // A relative one counts from the working directory, which the child enters first.
            return (vec![self.program.into()], None);
        }
        let path = self
            .environment
            .get(OsStr::new("PATH"))
            .cloned()
            .unwrap_or_else(|| DEFAULT_PATH.into());
        let candidates = path
            .as_bytes()
            .split(|byte| *byte == b':')
            .map(|directory| candidate(directory, self.program))
            .filter(|candidate| exists(&self.workdir.join(candidate)))
            .collect();
        (candidates, Some(path))
    }

    fn execute(&self, candidate: &Path) -> io::Result<Launched> {
        let mut command = Command::new(candidate);
        command
            .arg0(self.program)
            .args(self.arguments)
            .env_clear()
            .envs(self.environment)
            .current_dir(self.workdir);
        if self.terminal {
            let pty = Pty::open()?;
            pty.attach(&mut command)?;
            let child = command.spawn()?;
            return Ok(Launched {
                child,
                stdin: None,
                stdout: Some(pty.controller),
                stderr: None,
            });
        }
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // A pipe whose other end is closed, rather than /dev/null: programs that look see what the
        // reference gives them.
        let stdin = child.stdin.take().filter(|_| self.stdin).map(OwnedFd::from);
        Ok(Launched {
            stdin,
            stdout: child.stdout.take().map(OwnedFd::from),
            stderr: child.stderr.take().map(OwnedFd::from),
            child,
        })
    }
}

/// `program` in a directory of `PATH`; an empty one is the working directory.
fn candidate(directory: &[u8], program: &OsStr) -> PathBuf {
    let mut path = match directory {
        b"" => b".".to_vec(),
        other => other.to_vec(),
    };
    path.push(b'/');
    path.extend_from_slice(program.as_bytes());
    OsString::from_vec(path).into()
}

fn exists(path: &Path) -> bool {
    rustix::fs::accessat(rustix::fs::CWD, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Whether the error says something about the machine, and nothing about the program.
fn is_lack_of_resources(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::NOSPC)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    /// Runs `program` with this `PATH` in a directory with an executable `bin/tool`, and gives what it
    /// prints: how it was called.
    fn check(program: &str, path: Option<&str>, expected: Result<&str, &str>) {
        let directory = tempfile::tempdir().expect("temporary directory");
        let workdir = directory.path().join("work");
        std::fs::create_dir_all(workdir.join("bin")).expect("directory");
        std::fs::create_dir_all(workdir.join("blocked")).expect("directory");
        let tool = workdir.join("bin/tool");
        std::fs::write(&tool, "#!/bin/sh\necho $0\n").expect("script");
        std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).expect("mode");
        std::fs::write(workdir.join("blocked/tool"), "").expect("file");
        let environment = path
            .map(|path| ("PATH".into(), path.into()))
            .into_iter()
            .collect();
        let launch = Launch {
            program: OsStr::new(program),
            shown: program,
            arguments: &[],
            environment: &environment,
            workdir: &workdir,
            terminal: false,
            stdin: false,
        };
        let answer = match launch.start() {
            Ok(mut launched) => {
                let mut text = String::new();
                let stdout = launched.stdout.take().expect("stdout");
                File::from(stdout).read_to_string(&mut text).expect("read");
                launched.child.wait().expect("wait");
                Ok(text)
            }
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(
            answer,
            expected
                .map(|text| format!("{text}\n"))
                .map_err(str::to_owned)
        );
    }
    use std::fs::File;

    #[test]
    fn a_name_with_a_slash_counts_from_the_working_directory() {
        check("./bin/tool", None, Ok("./bin/tool"));
        check("bin/tool", Some("/bin"), Ok("bin/tool"));
    }

    #[test]
    fn a_name_is_searched_in_the_path_of_the_program() {
        check("tool", Some("/bin:bin"), Ok("bin/tool"));
        check("tool", Some("blocked:bin"), Ok("bin/tool"));
    }

    #[test]
    fn what_cannot_be_executed_says_why() {
        check(
            "tool",
            Some("/bin"),
            Err("cannot execute 'tool': No such file or directory (searched in PATH=/bin)"),
        );
        check(
            "tool",
            Some("blocked"),
            Err("cannot execute 'tool': Permission denied (searched in PATH=blocked)"),
        );
        check(
            "tool",
            None,
            Err(
                "cannot execute 'tool': No such file or directory (searched in PATH=/bin:/usr/bin)",
            ),
        );
        check(
            "/nonexistent/prog",
            None,
            Err("cannot execute '/nonexistent/prog': No such file or directory"),
        );
        check(
            "./bin",
            None,
            Err("cannot execute './bin': Permission denied"),
        );
        check(
            "",
            Some("/bin"),
            Err("cannot execute '': Permission denied (searched in PATH=/bin)"),
        );
    }
}
