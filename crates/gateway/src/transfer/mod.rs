//! The master's end of file transfers.

mod directory;
mod file;
mod reader;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildbot_wire::Value;
use buildbot_wire::session::{TransferEnd, TransferRequest};

use crate::Budget;
use directory::DirectoryWriter;
use file::FileWriter;
use reader::{BytesReader, FileReader};

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
    /// An uploaded file that is kept in memory, as far as the command's budget goes.
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
    /// More was uploaded into memory than the command may have the master keep.
    #[error("more was sent than the master keeps in memory")]
    TooMuch,
    /// The command ended without the transfer having been closed, or has failed; nothing was stored.
    #[error("the transfer was not finished")]
    Unfinished,
}

impl TransferError {
    fn at(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File {
            path: path.clone(),
            is_missing: error.kind() == io::ErrorKind::NotFound,
            reason: error.to_string(),
        }
    }
}

/// The master's end of a transfer that is under way.
#[derive(Debug)]
pub(crate) struct End {
    state: State,
}

#[derive(Debug)]
enum State {
    File(FileWriter),
    Memory(MemoryWriter),
    Directory(DirectoryWriter),
    FileReader(FileReader),
    BytesReader(BytesReader),
    /// It is over, one way or the other. Whatever the worker still wants is answered and ignored: some workers never
    /// end a command whose transfer is answered with a failure.
    Over(Result<Transferred, TransferError>, TransferEnd),
}

impl End {
    /// Opens or makes what the transfer needs.
    pub(crate) async fn open(transfer: Transfer, budget: Budget) -> Result<Self, TransferError> {
        let state = on_disk(move || {
            Ok(match transfer {
                Transfer::ToFile {
                    path,
                    maxsize,
                    mode,
                } => State::File(FileWriter::open(path, maxsize, mode)?),
                Transfer::ToMemory { maxsize } => State::Memory(MemoryWriter {
                    content: Vec::new(),
                    room: Room::new(maxsize),
                    budget,
                }),
                Transfer::ToDirectory {
                    root,
                    maxsize,
                    compression,
                } => State::Directory(DirectoryWriter::open(root, maxsize, compression)?),
                Transfer::FromFile { path } => State::FileReader(FileReader::open(path)?),
                Transfer::FromBytes(content) => State::BytesReader(BytesReader::new(content)),
            })
        })
        .await?;
        Ok(Self { state })
    }

    /// Which object the worker needs for it.
    pub(crate) fn kind(&self) -> TransferEnd {
        match &self.state {
            State::File(_) | State::Memory(_) | State::Directory(_) => TransferEnd::Writer,
            State::FileReader(_) | State::BytesReader(_) => TransferEnd::Reader,
            State::Over(_, kind) => *kind,
        }
    }

    /// Whether it has failed, so that the command had better be stopped.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state, State::Over(Err(_), _))
    }

    /// Does what the worker asks for, and gives the answer.
    pub(crate) async fn handle(&mut self, request: TransferRequest) -> Value {
        let kind = self.kind();
        // Replaced below; if the work is lost with its thread, that is what remains.
        let lost = State::Over(Err(TransferError::Unfinished), kind);
        let state = std::mem::replace(&mut self.state, lost);
        let is_read = matches!(request, TransferRequest::Read { .. });
        let done = match state {
            // Nothing of this waits for a disk.
            State::Memory(_) | State::BytesReader(_) | State::Over(..) => state.handle(request),
            State::File(_) | State::Directory(_) | State::FileReader(_) => {
                on_disk(move || state.handle(request)).await
            }
        };
        match done {
            Ok((state, answer)) => {
                self.state = state;
                answer
            }
            Err(error) => {
                tracing::warn!("a transfer fails: {error}");
                self.state = State::Over(Err(error), kind);
                match is_read {
                    true => Value::Bytes(Vec::new()),
                    false => Value::None,
                }
            }
        }
    }

    /// What has become of it; `went_well` is what the worker says. What does not get its place is removed.
    pub(crate) async fn finish(self, went_well: bool) -> Result<Transferred, TransferError> {
        match self.state {
            State::Over(outcome, _) => outcome,
            State::Memory(_) => Err(TransferError::Unfinished),
            State::BytesReader(reader) => Ok(reader.finish()),
            State::FileReader(reader) => Ok(reader.finish()),
            state @ (State::File(_) | State::Directory(_)) => {
                on_disk(move || state.finish(went_well)).await
            }
        }
    }
}

impl State {
    fn handle(self, request: TransferRequest) -> Result<(Self, Value), TransferError> {
        match (self, request) {
            (Self::File(mut writer), TransferRequest::Write(block)) => {
                writer.write(&block)?;
                Ok((Self::File(writer), Value::None))
            }
            (Self::File(mut writer), TransferRequest::Close) => {
                writer.close()?;
                Ok((Self::File(writer), Value::None))
            }
            (Self::File(mut writer), TransferRequest::Utime { accessed, modified }) => {
                writer.set_times(accessed, modified)?;
                Ok((Self::File(writer), Value::None))
            }
            (Self::Memory(mut writer), TransferRequest::Write(block)) => {
                let block = writer.room.take(&block);
                if !writer.budget.take(block.len()) {
                    return Err(TransferError::TooMuch);
                }
                writer.content.extend_from_slice(block);
                Ok((Self::Memory(writer), Value::None))
            }
            (Self::Memory(writer), TransferRequest::Close) => {
                let collected = Transferred::Collected {
                    content: writer.content,
                    truncated: writer.room.is_exceeded,
                };
                Ok((Self::Over(Ok(collected), TransferEnd::Writer), Value::None))
            }
            (Self::Directory(mut writer), TransferRequest::Write(block)) => {
                writer.write(&block)?;
                Ok((Self::Directory(writer), Value::None))
            }
            (Self::Directory(writer), TransferRequest::Unpack) => {
                let stored = writer.unpack()?;
                Ok((Self::Over(Ok(stored), TransferEnd::Writer), Value::None))
            }
            (Self::FileReader(mut reader), TransferRequest::Read { length }) => {
                let block = reader.read(length)?;
                Ok((Self::FileReader(reader), Value::Bytes(block)))
            }
            (Self::BytesReader(mut reader), TransferRequest::Read { length }) => {
                let block = reader.read(length);
                Ok((Self::BytesReader(reader), Value::Bytes(block)))
            }
            (Self::FileReader(reader), TransferRequest::CloseReader) => {
                let sent = reader.finish();
                Ok((Self::Over(Ok(sent), TransferEnd::Reader), Value::None))
            }
            (Self::BytesReader(reader), TransferRequest::CloseReader) => {
                let sent = reader.finish();
                Ok((Self::Over(Ok(sent), TransferEnd::Reader), Value::None))
            }
            // What does not belong to this transfer does nothing.
            (state, TransferRequest::Read { .. }) => Ok((state, Value::Bytes(Vec::new()))),
            (
                state,
                TransferRequest::Write(_)
                | TransferRequest::Close
                | TransferRequest::Utime { .. }
                | TransferRequest::Unpack
                | TransferRequest::CloseReader,
            ) => Ok((state, Value::None)),
        }
    }

    /// Ends what works on a disk.
    fn finish(self, went_well: bool) -> Result<Transferred, TransferError> {
        match self {
            Self::File(writer) => writer.finish(went_well),
            Self::Directory(_) | Self::Memory(_) => Err(TransferError::Unfinished),
            Self::FileReader(reader) => Ok(reader.finish()),
            Self::BytesReader(reader) => Ok(reader.finish()),
            Self::Over(outcome, _) => outcome,
        }
    }
}

#[derive(Debug)]
struct MemoryWriter {
    content: Vec<u8>,
    room: Room,
    budget: Budget,
}

/// How much may still be written.
#[derive(Debug)]
struct Room {
    left: Option<u64>,
    written: u64,
    is_exceeded: bool,
}

impl Room {
    fn new(maxsize: Option<u64>) -> Self {
        Self {
            left: maxsize,
            written: 0,
            is_exceeded: false,
        }
    }

    /// The part of a block that there is room for.
    fn take<'a>(&mut self, block: &'a [u8]) -> &'a [u8] {
        let room = match self.left {
            None => block.len(),
            Some(left) => usize::try_from(left).map_or(block.len(), |left| left.min(block.len())),
        };
        self.is_exceeded |= room < block.len();
        self.left = self.left.map(|left| left.saturating_sub(room as u64));
        self.written += room as u64;
        block.get(..room).unwrap_or_default()
    }
}

/// Does work that waits for a disk on a thread of its own.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down.
            Err(_) => Err(TransferError::Unfinished),
        },
    }
}
