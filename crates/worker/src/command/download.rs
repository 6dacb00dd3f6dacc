//! `downloadFile`: the master reads, the worker writes.

use std::collections::VecDeque;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Value};

use super::arguments::Arguments;
use super::failure;
use super::report::Called;
use super::transfer::{BLOCK_BYTES_MAX, Progress};
use super::upload::require_object;
use super::{Paths, RemoteFailure, Report, StartError};
use crate::process::reason;

/// `downloadFile`.
///
/// Differs: over PB blocks are asked for ahead, because a wait for each takes longer than the block.
pub(super) struct DownloadFile {
    path: PathBuf,
    max_size: Option<u64>,
    block_size: u64,
    mode: Option<u32>,
    /// How many blocks are asked for before the first of them has come.
    ahead: usize,
}

/// Bytes that are written together: going to the disk for each of a master's small blocks (16 KiB is usual)
/// costs more than writing them.
const WRITE_BYTES: usize = 1 << 20;

/// Bytes that are asked for together. A Python master answers requests that come together by one write, so that both
/// sides wake up once for all of them.
const AHEAD_BYTES: u64 = 512 << 10;

/// Requests that are made together at most, however small their blocks.
const AHEAD_BLOCKS_MAX: u64 = 32;

/// Permission bits, among all that a mode may have.
const MODE_BITS: i128 = 0o7777;

impl DownloadFile {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        require_object(arguments, "reader")?;
        let mode = arguments.required_count("mode")?;
        let block_size = arguments.block_size()?.min(BLOCK_BYTES_MAX);
        let ahead = match arguments.context.paths {
            Paths::Pb { .. } => AHEAD_BYTES / block_size.max(1),
            // The protocol does not say in which order requests are answered.
            Paths::Msgpack => 1,
        };
        Ok(Self {
            path: arguments.transfer_path("workerdest")?,
            max_size: arguments.required_count("maxsize")?,
            block_size,
            ahead: usize::try_from(ahead.clamp(1, AHEAD_BLOCKS_MAX)).unwrap_or(1),
            mode: mode.and_then(|mode| u32::try_from(i128::from(mode) & MODE_BITS).ok()),
        })
    }

    pub(super) async fn run(self, report: &mut Report) -> Result<(), Failure> {
        let mut progress = Progress::default();
        let path = self.path.clone();
        report.blocking(move || make_parents(&path)).await??;
        let (path, mode) = (self.path.clone(), self.mode);
        let opened = report
            .interruptible(move || {
                let file = File::create(&path)?;
                if let Some(mode) = mode {
                    file.set_permissions(Permissions::from_mode(mode))?;
                }
                Ok::<_, io::Error>(file)
            })
            .await?;
        match opened {
            None => progress.interrupt(),
            Some(Ok(file)) => self.receive(file, &mut progress, report).await?,
            Some(Err(error)) => {
                tracing::debug!(path = %self.path.display(), %error, "cannot open a file for download");
                progress.fail(format!(
                    "Cannot open file '{}' for download",
                    report.shown(&self.path)
                ));
            }
        }
        progress.close(TransferRequest::CloseReader, report).await;
        progress.conclude(report)
    }

    /// Writes blocks until the end, the limit, an interrupt or a refusal.
    async fn receive(
        &self,
        file: File,
        progress: &mut Progress,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut reads = Reads {
            block_size: self.block_size,
            ahead: self.ahead,
            left: self.max_size,
            asked: VecDeque::new(),
        };
        let outcome = self.write_blocks(file, &mut reads, progress, report).await;
        // The master is told that the download is over when it has answered everything.
        reads.drain(report).await;
        outcome
    }

    async fn write_blocks(
        &self,
        file: File,
        reads: &mut Reads,
        progress: &mut Progress,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut target = Target::new(file);
        loop {
            if report.is_interrupted() {
                progress.interrupt();
                break;
            }
            let block = match reads.next(report).await? {
                Block::Bytes(block) => block,
                Block::End => break,
                Block::Limit => {
                    progress.truncate(&self.path, report);
                    break;
                }
                Block::Refused(error) => {
                    progress.refused(error);
                    break;
                }
            };
            match target.take(block, report).await? {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    progress.fail(self.cannot_write(&error, report));
                    return Ok(());
                }
                None => {
                    progress.interrupt();
                    return Ok(());
                }
            }
        }
        if let Some(Err(error)) = target.write(report).await? {
            progress.fail(self.cannot_write(&error, report));
        }
        Ok(())
    }

    fn cannot_write(&self, error: &io::Error, report: &Report) -> String {
        let path = report.shown(&self.path);
        format!("Cannot write file '{path}': {}", reason(error))
    }
}

/// What comes of a request for a block.
enum Block {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The file has no more.
    End,
    /// No more may be asked for.
    Limit,
    /// The master does not give it.
    Refused(RemoteFailure),
}

/// Requests for blocks, some of them ahead of their answers.
struct Reads {
    block_size: u64,
    /// Requests that are under way at most.
    ahead: usize,
    /// Bytes that may still be asked for.
    left: Option<u64>,
    /// What was asked for and has not come, with the lengths.
    asked: VecDeque<(u64, Called)>,
}

impl Reads {
    async fn next(&mut self, report: &mut Report) -> Result<Block, Failure> {
        // Asking again for many at a time keeps them together; asking at the half keeps the master busy.
        if self.asked.len() <= self.ahead / 2 {
            self.ask(report).await;
        }
        let Some((length, call)) = self.asked.pop_front() else {
            return Ok(Block::Limit);
        };
        let mut block = match report.answered(call).await {
            // Nothing at all stands for the end, too. Seen: mp-build.
            Ok(Value::None) => return Ok(Block::End),
            Ok(Value::Bytes(bytes)) => bytes,
            Ok(Value::Text(text)) => text.into_bytes(),
            Ok(other) => {
                let found = crate::python_text::repr_of(&other);
                return Err(failure::value(format!(
                    "the master answered a read with {found}, which is no byte string"
                )));
            }
            Err(error) => return Ok(Block::Refused(error)),
        };
        if block.is_empty() {
            return Ok(Block::End);
        }
        if let Some(left) = &mut self.left {
            // A master that answers with more than it was asked for does not get past the limit.
            block.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            // What a short block lacks can be asked for again.
            *left += length - block.len() as u64;
        }
        Ok(Block::Bytes(block))
    }

    async fn ask(&mut self, report: &mut Report) {
        let mut lengths = Vec::with_capacity(self.ahead);
        while self.asked.len() + lengths.len() < self.ahead {
            let length = self
                .left
                .map_or(self.block_size, |left| left.min(self.block_size));
            if length == 0 {
                break;
            }
            self.left = self.left.map(|left| left - length);
            lengths.push(length);
        }
        if lengths.is_empty() {
            return;
        }
        let requests = lengths
            .iter()
            .map(|&length| TransferRequest::Read { length });
        let calls = report.call_ahead(requests).await;
        self.asked.extend(lengths.into_iter().zip(calls));
    }

    /// Waits for the answers that are not needed.
    async fn drain(&mut self, report: &mut Report) {
        while let Some((_, call)) = self.asked.pop_front() {
            // The end, or a refusal that the first one told already.
            let _ = report.answered(call).await;
        }
    }
}

/// The file that is written, and the blocks that wait for it.
struct Target {
    /// Absent only while it is written, or after a panic there.
    file: Option<File>,
    waiting: Vec<u8>,
}

impl Target {
    fn new(file: File) -> Self {
        Self {
            file: Some(file),
            waiting: Vec::new(),
        }
    }

    /// Takes a block, and writes what waits if that is enough. `None`: interrupted.
    async fn take(
        &mut self,
        block: Vec<u8>,
        report: &mut Report,
    ) -> Result<Option<io::Result<()>>, Failure> {
        if self.waiting.capacity() == 0 {
            self.waiting = block;
        } else {
            self.waiting.extend_from_slice(&block);
        }
        if self.waiting.len() < WRITE_BYTES {
            return Ok(Some(Ok(())));
        }
        self.write(report).await
    }

    /// Writes what waits. `None`: interrupted; what waited is lost with the transfer.
    async fn write(&mut self, report: &mut Report) -> Result<Option<io::Result<()>>, Failure> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let Some(mut file) = self.file.take().filter(|_| !waiting.is_empty()) else {
            return Ok(Some(Ok(())));
        };
        let written = report.interruptible(move || {
            let outcome = file.write_all(&waiting);
            waiting.clear();
            (file, waiting, outcome)
        });
        let Some((file, room, outcome)) = written.await? else {
            return Ok(None);
        };
        self.file = Some(file);
        self.waiting = room;
        Ok(Some(outcome))
    }
}

/// Makes the missing directories above `path`; a failure names the one that could not be made.
fn make_parents(path: &Path) -> Result<(), Failure> {
    let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    super::directories::make_directories(parent)
        .map_err(|(error, path)| failure::os(&error, Some(&path)))
}
