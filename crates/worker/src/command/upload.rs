//! `uploadFile` and `uploadDirectory`: the worker reads, the master writes.

use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use buildbot_wire::Failure;
use buildbot_wire::session::TransferRequest;
use rustix::io::ReadWriteFlags;

use super::archive::{Compression, pack};
use super::arguments::{Arguments, invalid};
use super::failure::os_error_text;
use super::transfer::{BLOCK_BYTES_MAX, Progress};
use super::{CommandContext, Paths, Report, StartError};
use crate::process::reason;

/// How much is sent, and in which pieces.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    /// Most bytes altogether.
    max_size: Option<u64>,
    /// Most bytes of a block.
    block_size: u64,
}

impl Blocks {
    fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            max_size: arguments.required_count("maxsize")?,
            block_size: arguments.block_size()?.min(BLOCK_BYTES_MAX),
        })
    }

    /// Sends `file` block by block, until its end, its limit, an interrupt or a refusal.
    async fn send(
        self,
        file: File,
        path: &std::path::Path,
        request: fn(Arc<Vec<u8>>) -> TransferRequest,
        progress: &mut Progress,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut file = Some(file);
        let mut left = self.max_size;
        // Shared with the session until the master has answered, and then used again.
        let mut room = Arc::new(Vec::new());
        while let Some(mut reader) = file.take() {
            if report.is_interrupted() {
                progress.interrupt();
                break;
            }
            let length = left.map_or(self.block_size, |left| left.min(self.block_size));
            if length == 0 {
                progress.truncate(path, report);
                break;
            }
            let mut block = Arc::try_unwrap(room).unwrap_or_default();
            read_at_once(
                &reader,
                usize::try_from(length).unwrap_or_default(),
                &mut block,
            );
            let missing = length.saturating_sub(block.len() as u64);
            let (reader, outcome) = if missing == 0 {
                (reader, Ok(block))
            } else {
                let read = report.interruptible(move || {
                    let outcome = reader.by_ref().take(missing).read_to_end(&mut block);
                    (reader, outcome.map(|_| block))
                });
                let Some(read) = read.await? else {
                    progress.interrupt();
                    break;
                };
                read
            };
            let block = match outcome {
                Ok(block) if block.is_empty() => break,
                Ok(block) => block,
                Err(error) => {
                    progress.fail(format!(
                        "Cannot read file '{}': {}",
                        report.shown(path),
                        reason(&error)
                    ));
                    break;
                }
            };
            left = left.map(|left| left.saturating_sub(block.len() as u64));
            room = Arc::new(block);
            if let Err(error) = report.call(request(Arc::clone(&room))).await {
                progress.refused(error);
                break;
            }
            file = Some(reader);
        }
        Ok(())
    }
}

/// Reads at most `length` bytes, as far as that takes no wait for a disk or for another program.
///
/// What the system holds in memory comes sooner than a thread that reads it. What is missing, and what goes
/// wrong, is left to such a thread.
#[cfg(target_os = "linux")]
fn read_at_once(file: &File, length: usize, block: &mut Vec<u8>) {
    /// Stands for the file's own position.
    const HERE: u64 = u64::MAX;
    block.resize(length, 0);
    let mut target = [IoSliceMut::new(block)];
    let read = rustix::io::preadv2(file, &mut target, HERE, ReadWriteFlags::NOWAIT);
    block.truncate(read.unwrap_or_default());
}

/// Elsewhere a thread reads everything.
#[cfg(not(target_os = "linux"))]
fn read_at_once(_: &File, length: usize, block: &mut Vec<u8>) {
    block.clear();
    block.reserve(length);
}

/// `uploadFile`.
pub(super) struct UploadFile {
    path: PathBuf,
    blocks: Blocks,
    keep_stamp: bool,
}

/// Last access and modification, in seconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Times {
    accessed: f64,
    modified: f64,
}

impl UploadFile {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        require_object(arguments, "writer")?;
        Ok(Self {
            path: arguments.transfer_path("workersrc")?,
            blocks: Blocks::from_arguments(arguments)?,
            keep_stamp: arguments.flag("keepstamp", false),
        })
    }

    /// Differs: when a file to upload cannot be opened no times are sent, because there are none.
    pub(super) async fn run(
        self,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut progress = Progress::default();
        let path = self.path.clone();
        let opened = report
            .interruptible(move || {
                // The times before reading, which changes one of them.
                let metadata = std::fs::metadata(&path)?;
                if metadata.is_dir() {
                    return Err(rustix::io::Errno::ISDIR.into());
                }
                Ok::<_, std::io::Error>((File::open(&path)?, Times::of(&metadata)))
            })
            .await?;
        report.header(&format!("sending {}\n", report.shown(&self.path)));
        let mut times = None;
        match opened {
            None => progress.interrupt(),
            Some(Ok((file, read_times))) => {
                times = self.keep_stamp.then_some(read_times);
                let (blocks, path) = (self.blocks, &self.path);
                blocks
                    .send(file, path, TransferRequest::Write, &mut progress, report)
                    .await?;
            }
            Some(Err(error)) => {
                tracing::debug!(path = %self.path.display(), %error, "cannot open a file for upload");
                progress.fail(format!(
                    "Cannot open file '{}' for upload",
                    report.shown(&self.path)
                ));
            }
        }
        progress.close(TransferRequest::Close, report).await;
        if let Some(Times { accessed, modified }) = times {
            let request = TransferRequest::Utime { accessed, modified };
            match (&context.paths, report.call(request).await) {
                (_, Ok(_)) => {}
                // Seen: mp-build. Masters of version 4.3.0 answer each of these with a failure.
                (Paths::Msgpack, Err(error)) => {
                    tracing::warn!(path = %self.path.display(), %error, "the master does not keep the times of an upload");
                }
                (Paths::Pb { .. }, Err(error)) => progress.refused(error),
            }
        }
        progress.conclude(report)
    }
}

impl Times {
    fn of(metadata: &std::fs::Metadata) -> Self {
        let seconds = |whole: i64, nanos: i64| whole as f64 + nanos as f64 / 1e9;
        Self {
            accessed: seconds(metadata.atime(), metadata.atime_nsec()),
            modified: seconds(metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Checks that the object of a transfer is there, which msgpack does not have.
pub(super) fn require_object(arguments: &Arguments<'_>, name: &str) -> Result<(), StartError> {
    match &arguments.context.paths {
        Paths::Pb { .. } => arguments.required(name).map(|_| ()),
        Paths::Msgpack => Ok(()),
    }
}

/// `uploadDirectory`.
pub(super) struct UploadDirectory {
    path: PathBuf,
    blocks: Blocks,
    compression: Compression,
}

impl UploadDirectory {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        require_object(arguments, "writer")?;
        let name = "compress";
        let compression = match arguments.some(name) {
            None => Compression::None,
            Some(value) => match value.as_text() {
                Some("gz") => Compression::Gzip,
                Some("bz2") => Compression::Bzip2,
                _ => return Err(invalid(name, "'gz', 'bz2' or None", value)),
            },
        };
        Ok(Self {
            path: arguments.transfer_path("workersrc")?,
            blocks: Blocks::from_arguments(arguments)?,
            compression,
        })
    }

    pub(super) async fn run(self, report: &mut Report) -> Result<(), Failure> {
        let mut progress = Progress::default();
        let stop = Arc::new(AtomicBool::new(false));
        let packed = {
            let (path, compression, stop) =
                (self.path.clone(), self.compression, Arc::clone(&stop));
            let packing = report.interruptible(move || pack(&path, compression, &stop));
            packing.await?
        };
        stop.store(true, Ordering::Relaxed);
        match packed {
            None => progress.interrupt(),
            Some(Ok(file)) => {
                report.header(&format!("sending {}\n", report.shown(&self.path)));
                self.blocks
                    .send(
                        file,
                        &self.path,
                        TransferRequest::Write,
                        &mut progress,
                        report,
                    )
                    .await?;
                progress.close(TransferRequest::Unpack, report).await;
            }
            Some(Err(error)) => {
                let text = os_error_text(&error.error, error.path.as_deref());
                progress.fail(format!(
                    "Cannot read directory '{}' for upload: {text}",
                    report.shown(&self.path)
                ));
            }
        }
        progress.conclude(report)
    }
}
