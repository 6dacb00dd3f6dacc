//! Uploaded files.

use std::fs::{self, FileTimes, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::{Room, TransferError, Transferred};

/// Writes beside the destination. What is complete moves into its place when the worker has said that all went well:
/// some workers end an upload in the same way when there was nothing to send.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    mode: Option<u32>,
    room: Room,
    file: Place,
}

#[derive(Debug)]
enum Place {
    /// Beside the destination; removed when it is dropped.
    Beside(NamedTempFile),
    /// The same, and nothing more comes.
    Complete(NamedTempFile),
    /// Something has failed.
    Nowhere,
}

impl FileWriter {
    /// Makes missing directories and an empty file beside `path`.
    ///
    /// Without `mode` the file is for its owner only, as that of the reference.
    ///
    /// Differs: an upload that fails leaves a former file at the destination as it was; the reference removes it.
    pub(super) fn open(
        path: PathBuf,
        maxsize: Option<u64>,
        mode: Option<u32>,
    ) -> Result<Self, TransferError> {
        let path = std::path::absolute(&path).map_err(TransferError::at(&path))?;
        let directory = path.parent().unwrap_or(&path);
        fs::create_dir_all(directory).map_err(TransferError::at(directory))?;
        let file = tempfile::Builder::new()
            .prefix("buildbot-transfer-")
            .tempfile_in(directory)
            .map_err(TransferError::at(directory))?;
        Ok(Self {
            path,
            mode,
            room: Room::new(maxsize),
            file: Place::Beside(file),
        })
    }

    /// Appends a block. After the end nothing is appended.
    pub(super) fn write(&mut self, block: &[u8]) -> Result<(), TransferError> {
        match &mut self.file {
            Place::Beside(file) => {
                let block = self.room.take(block);
                file.as_file_mut()
                    .write_all(block)
                    .map_err(TransferError::at(&self.path))
            }
            Place::Complete(_) | Place::Nowhere => Ok(()),
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self) -> Result<(), TransferError> {
        self.file = match std::mem::replace(&mut self.file, Place::Nowhere) {
            Place::Beside(file) => {
                if let Some(mode) = self.mode {
                    file.as_file()
                        .set_permissions(Permissions::from_mode(mode & 0o7777))
                        .map_err(TransferError::at(&self.path))?;
                }
                if self.path.is_dir() {
                    let error = io::Error::from(io::ErrorKind::IsADirectory);
                    return Err(TransferError::at(&self.path)(error));
                }
                Place::Complete(file)
            }
            other => other,
        };
        Ok(())
    }

    /// Sets the times of a complete file, in seconds since the epoch.
    pub(super) fn set_times(&mut self, accessed: f64, modified: f64) -> Result<(), TransferError> {
        let Place::Complete(file) = &self.file else {
            return Ok(());
        };
        let Some((accessed, modified)) = instant(accessed).zip(instant(modified)) else {
            // A worker sends nonsense; the file is there all the same.
            return Ok(());
        };
        let times = FileTimes::new()
            .set_accessed(accessed)
            .set_modified(modified);
        file.as_file()
            .set_times(times)
            .map_err(TransferError::at(&self.path))
    }

    /// Moves it into its place, if all went well.
    pub(super) fn finish(self, went_well: bool) -> Result<Transferred, TransferError> {
        match self.file {
            Place::Complete(file) if went_well => {
                file.persist(&self.path)
                    .map_err(|error| TransferError::at(&self.path)(error.error))?;
                Ok(Transferred::Stored {
                    bytes: self.room.written,
                    truncated: self.room.is_exceeded,
                })
            }
            Place::Complete(_) | Place::Beside(_) | Place::Nowhere => {
                Err(TransferError::Unfinished)
            }
        }
    }
}

fn instant(seconds: f64) -> Option<SystemTime> {
    let length = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    if seconds < 0.0 {
        SystemTime::UNIX_EPOCH.checked_sub(length)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(length)
    }
}
