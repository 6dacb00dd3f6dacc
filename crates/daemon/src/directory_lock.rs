//! A lock on a base directory: one program of a kind runs in it at a time, however it was started.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The file that a master has locked while it runs, and a command while it works on the files of one that does not. The pid
/// file says who, but not safely: two that start at once find none.
pub const OF_MASTER: &str = "twistd.lock";

/// A lock that ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: Option<File>,
}

impl DirectoryLock {
    /// Takes the lock of a file, which is made if it is not there and stays when the lock ends. `None` if another
    /// process has it.
    ///
    /// A file system that has no locks is worked in without one.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or opened.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error @ (Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP)) => {
                tracing::warn!(path = %path.display(), %error, "the file system has no locks");
                Ok(Some(Self { _file: None }))
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DirectoryLock;

    #[test]
    fn a_second_one_is_refused_until_the_first_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.lock");
        let first = DirectoryLock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(DirectoryLock::take(&path).unwrap().is_none());
        drop(first);
        assert!(DirectoryLock::take(&path).unwrap().is_some());
    }
}
