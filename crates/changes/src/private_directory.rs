//! A directory of keys and credentials that exists while a poll runs.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::port::PollError;

/// A directory that only this user can read, and that is removed when it is dropped.
#[derive(Debug)]
pub struct PrivateDirectory(TempDir);

impl PrivateDirectory {
    /// Makes one below `parent`.
    ///
    /// # Errors
    ///
    /// When the disk does not let it.
    pub async fn new(parent: PathBuf, prefix: &'static str) -> Result<Self, PollError> {
        let made = tokio::task::spawn_blocking(move || {
            tempfile::Builder::new().prefix(prefix).tempdir_in(&parent)
        });
        match made.await {
            Ok(Ok(directory)) => Ok(Self(directory)),
            Ok(Err(error)) => Err(PollError::new(format!(
                "cannot make a directory of keys: {error}"
            ))),
            Err(error) => Err(PollError::new(error.to_string())),
        }
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a small file.
    ///
    /// # Errors
    ///
    /// When the disk does not let it.
    pub fn write(&self, name: &str, mode: u32, text: &str) -> Result<(), PollError> {
        let path = self.path(name);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| PollError::new(format!("{}: {error}", path.display())))
    }
}
