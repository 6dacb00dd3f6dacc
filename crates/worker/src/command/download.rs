//! `downloadFile`: the master reads, the worker writes.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Value};

use super::arguments::Arguments;
use super::failure;
use super::transfer::{BLOCK_BYTES_MAX, Progress};
use super::upload::require_object;
use super::{Report, StartError};
use crate::process::reason;

/// `downloadFile`.
pub(super) struct DownloadFile {
    path: PathBuf,
    max_size: Option<u64>,
    block_size: u64,
    mode: Option<u32>,
}

/// Bytes that are written together: going to the disk for each of a master's small blocks (16 KiB is usual)
/// costs more than writing them.
const WRITE_BYTES: usize = 256 << 10;

/// Permission bits, among all that a mode may have.
const MODE_BITS: i128 = 0o7777;

impl DownloadFile {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        require_object(arguments, "reader")?;
        let mode = arguments.required_count("mode")?;
        Ok(Self {
            path: arguments.transfer_path("workerdest")?,
            max_size: arguments.required_count("maxsize")?,
            block_size: arguments.block_size()?.min(BLOCK_BYTES_MAX),
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
        let mut target = Target::new(file);
        let mut left = self.max_size;
        loop {
            if report.is_interrupted() {
                progress.interrupt();
                break;
            }
            let length = left.map_or(self.block_size, |left| left.min(self.block_size));
            if length == 0 {
                progress.truncate(&self.path, report);
                break;
            }
            let block = match report.call(TransferRequest::Read { length }).await {
                // Nothing at all stands for the end, too. Seen: mp-build.
                Ok(Value::None) => break,
                Ok(Value::Bytes(bytes)) => bytes,
                Ok(Value::Text(text)) => text.into_bytes(),
                Ok(other) => {
                    let found = crate::python_text::repr_of(&other);
                    return Err(failure::value(format!(
                        "the master answered a read with {found}, which is no byte string"
                    )));
                }
                Err(error) => {
                    progress.refused(error);
                    break;
                }
            };
            if block.is_empty() {
                break;
            }
            let mut block = block;
            if let Some(left) = &mut left {
                // A master that answers with more than it was asked for does not get past the limit.
                block.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= block.len() as u64;
            }
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
