//! Downloads.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::{TransferError, Transferred};

/// The most bytes of one answer, whatever the worker asks for: a longer string ends a PB connection.
const BLOCK_BYTES_MAX: u64 = 512 << 10;

/// A file for a worker.
#[derive(Debug)]
pub(super) struct FileReader {
    path: PathBuf,
    file: File,
    sent: u64,
}

impl FileReader {
    pub(super) fn open(path: PathBuf) -> Result<Self, TransferError> {
        let file = File::open(&path).map_err(TransferError::at(&path))?;
        Ok(Self {
            path,
            file,
            sent: 0,
        })
    }

    /// At most so many bytes; none at the end.
    pub(super) fn read(&mut self, length: u64) -> Result<Vec<u8>, TransferError> {
        let mut block = Vec::new();
        Read::by_ref(&mut self.file)
            .take(length.min(BLOCK_BYTES_MAX))
            .read_to_end(&mut block)
            .map_err(TransferError::at(&self.path))?;
        self.sent += block.len() as u64;
        Ok(block)
    }

    pub(super) fn finish(self) -> Transferred {
        Transferred::Sent { bytes: self.sent }
    }
}

/// Bytes for a worker.
#[derive(Debug)]
pub(super) struct BytesReader {
    content: Arc<Vec<u8>>,
    sent: usize,
}

impl BytesReader {
    pub(super) fn new(content: Arc<Vec<u8>>) -> Self {
        Self { content, sent: 0 }
    }

    pub(super) fn read(&mut self, length: u64) -> Vec<u8> {
        let rest = self.content.get(self.sent..).unwrap_or_default();
        let length = usize::try_from(length.min(BLOCK_BYTES_MAX)).unwrap_or(rest.len());
        let block = rest.get(..length).unwrap_or(rest).to_vec();
        self.sent += block.len();
        block
    }

    pub(super) fn finish(self) -> Transferred {
        Transferred::Sent {
            bytes: self.sent as u64,
        }
    }
}
