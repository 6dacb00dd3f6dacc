//! The master's end of file transfers.

use std::path::PathBuf;
use std::sync::Arc;

/// How an archive of a directory is compressed; the argument `compress` of `uploadDirectory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `gz`
    Gzip,
    /// `bz2`
    Bzip2,
}

/// The master's end of a transfer. Paths are the master's and come from its configuration, never from the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Transfer {
    /// An uploaded file. Missing directories are made; the file appears under its name when it is complete, with the
    /// times that the worker sends, if it does.
    ToFile {
        /// Where it goes.
        path: PathBuf,
        /// What exceeds so many bytes is cut off.
        maxsize: Option<u64>,
        /// Its permission bits.
        mode: Option<u32>,
    },
    /// An uploaded file that is kept in memory.
    ToMemory {
        /// What exceeds so many bytes is cut off.
        maxsize: Option<u64>,
    },
    /// An uploaded directory. Its archive is unpacked when it is complete; nothing of it gets outside of `root`.
    ToDirectory {
        /// Where it goes. Made if it is missing.
        root: PathBuf,
        /// What exceeds so many bytes of the archive is cut off.
        maxsize: Option<u64>,
        /// What the worker was told.
        compression: Compression,
    },
    /// A file for the worker.
    FromFile {
        /// The file.
        path: PathBuf,
    },
    /// Bytes for the worker.
    FromBytes(Arc<Vec<u8>>),
}

/// What a transfer has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transferred {
    /// A file or directory is in its place.
    Stored {
        /// Bytes of the file or archive.
        bytes: u64,
        /// Whether something was cut off. A worker that keeps to `maxsize` itself reports that by its `rc`.
        truncated: bool,
    },
    /// What was uploaded into memory.
    Collected {
        /// The content.
        content: Vec<u8>,
        /// Whether something was cut off.
        truncated: bool,
    },
    /// Something was downloaded.
    Sent {
        /// Bytes that the worker has read.
        bytes: u64,
    },
}

/// What went wrong on the master's side of a transfer. The worker is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The system refuses.
    #[error("{path}: {reason}")]
    File {
        /// File or directory.
        path: PathBuf,
        /// What the system says.
        reason: String,
        /// Whether it does not exist.
        is_missing: bool,
    },
    /// The archive is none, or wants something that is not allowed.
    #[error("the archive for {root} is refused: {reason}")]
    Archive {
        /// Where it should have gone.
        root: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The command ended without the transfer having been closed; nothing was stored.
    #[error("the transfer was not finished")]
    Unfinished,
}

/// The master's end of a transfer that is under way.
#[derive(Debug)]
pub(crate) struct End;

impl End {
    /// Opens or makes what the transfer needs.
    pub(crate) async fn open(_: Transfer) -> Result<Self, TransferError> {
        Ok(Self)
    }
}
