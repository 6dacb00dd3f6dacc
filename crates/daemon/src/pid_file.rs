//! `twistd.pid`: the process id of a program that runs, in decimal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// The name of the file in the base directory.
pub const NAME: &str = "twistd.pid";

/// Why a pid file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Something else stands in it.
    #[error(
        "Pidfile {} contains non-numeric value\n\
         If nothing of this directory runs, remove the file and try again.", path.display()
    )]
    NotANumber {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read, removed or written.
    #[error("pid file {}: cannot {doing} it: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        reason: io::Error,
    },
}

/// What a pid file said before a start.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// It named a process that no longer exists, and was removed.
    Stale,
    /// It names a process that lives.
    Alive(i32),
}

/// Reads a pid file; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<Pid>, PidFileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(reason) => {
            return Err(PidFileError::Io {
                path: path.to_owned(),
                doing: "read",
                reason,
            });
        }
    };
    // Zero and negative numbers would name groups of processes.
    let number = text.trim().parse::<i32>().ok().filter(|number| *number > 0);
    match number.and_then(Pid::from_raw) {
        Some(pid) => Ok(Some(pid)),
        None => Err(PidFileError::NotANumber {
            path: path.to_owned(),
        }),
    }
}

/// Whether a process runs. A process of somebody else counts, one that has ended does not, also if its
/// parent has not asked for its exit code.
///
/// Differs: a process that has ended but was not reaped is not taken for a running one, because otherwise
/// a container without an `init` neither sees a worker stop nor starts one again, as with the reference.
pub fn is_alive(pid: Pid) -> bool {
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return false;
    }
    // The state follows the name of the program, which is in parentheses and may contain any.
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let state = stat
        .ok()
        .and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    !matches!(state, Some('Z' | 'X'))
}

/// Looks at a pid file before a start, and removes a stale one.
///
/// The id of this very process is stale as well: it is from before a container was started again.
pub fn check(path: &Path) -> Result<Found, PidFileError> {
    let Some(pid) = read(path)? else {
        return Ok(Found::Nothing);
    };
    let is_own = u32::try_from(pid.as_raw_nonzero().get()) == Ok(std::process::id());
    if !is_own && is_alive(pid) {
        return Ok(Found::Alive(pid.as_raw_nonzero().get()));
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(Found::Stale),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Stale),
        Err(reason) => Err(PidFileError::Io {
            path: path.to_owned(),
            doing: "remove",
            reason,
        }),
    }
}

/// The pid file of this process, removed when dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the id of this process to `path`, without a newline.
    pub fn write(path: &Path) -> Result<Self, PidFileError> {
        let fail = |reason| PidFileError::Io {
            path: path.to_owned(),
            doing: "write",
            reason,
        };
        let path = std::path::absolute(path).map_err(fail)?;
        if let Err(error) = fs::write(&path, std::process::id().to_string()) {
            // On a full disk it is there and empty, and the next start would stumble over it.
            let _ = fs::remove_file(&path);
            return Err(fail(error));
        }
        Ok(Self { path })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            // Somebody was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(
                "cannot remove the pid file {}: {error}",
                self.path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, PidFile, PidFileError, check, read};
    use std::fs;

    #[test]
    fn only_the_number_of_a_process_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("twistd.pid");
        let check = |text: &[u8], expected: Option<i32>| {
            fs::write(&path, text).unwrap();
            match (read(&path), expected) {
                (Ok(Some(pid)), Some(number)) => assert_eq!(pid.as_raw_nonzero().get(), number),
                (Err(PidFileError::NotANumber { .. }), None) => {}
                (result, _) => panic!("{text:?}: {result:?}"),
            }
        };
        check(b"12", Some(12));
        check(b" 12\n", Some(12));
        for garbage in [
            &b"abc"[..],
            b"",
            b"0",
            b"-1",
            b"12 13",
            b"99999999999",
            b"\xff",
        ] {
            check(garbage, None);
        }
    }

    #[test]
    fn a_living_process_is_told_from_a_dead_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("twistd.pid");
        assert_eq!(check(&path).unwrap(), Found::Nothing);
        let own = i32::try_from(std::process::id()).unwrap();
        {
            let _pid_file = PidFile::write(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), own.to_string());
        }
        assert!(!path.exists());
        fs::write(&path, own.to_string()).unwrap();
        assert_eq!(check(&path).unwrap(), Found::Stale, "of this process");
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let child_id = i32::try_from(child.id()).unwrap();
        fs::write(&path, child_id.to_string()).unwrap();
        assert_eq!(check(&path).unwrap(), Found::Alive(child_id));
        drop(child.stdin.take());
        let exited =
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        let id = rustix::process::WaitId::Pid(rustix::process::Pid::from_child(&child));
        rustix::process::waitid(id, exited).unwrap();
        assert_eq!(check(&path).unwrap(), Found::Stale, "a zombie");
        assert!(!path.exists());
        child.wait().unwrap();
        fs::write(&path, child_id.to_string()).unwrap();
        assert_eq!(check(&path).unwrap(), Found::Stale);
    }
}
