//! Writing the logs of running builds.

use std::path::PathBuf;
use std::sync::Arc;

use buildbot_db::tables::logs::LogKind;
use buildbot_model::{BuildId, LogId};

use crate::reader::Progress;
use crate::running::{Segment, Wish};

/// How many bytes of text are appended together; more is taken in pieces.
const PIECE_BYTES: usize = 128 * 1024;

/// How many bytes a line has at most.
///
/// Differs: a line of more than 65 535 bytes is kept, and what is longer than 1 MiB goes on in the next line, because
/// cutting it off, as the reference does unless it compresses well, loses output.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Where a line of an stdio log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output of a program.
    Stdout,
    /// Its standard error.
    Stderr,
    /// What master and worker say about it.
    Header,
}

impl Stream {
    /// The letter before each of its lines.
    pub fn letter(self) -> char {
        match self {
            Self::Stdout => 'o',
            Self::Stderr => 'e',
            Self::Header => 'h',
        }
    }
}

/// How much of an stdio or text log is kept: `logMaxSize` and `logMaxTailSize` of the configuration.
///
/// Differs: `logMaxSize` and `logMaxTailSize` have the effect that the manual promises, because the reference accepts both
/// and keeps everything. Whole lines of programs past the first are left out, the last ones within the second are added
/// when the log is finished, and header lines say so; headers and HTML are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How many bytes of lines are kept, `\n` included; all if not given.
    pub bytes_max: Option<u64>,
    /// How many of the bytes past that are kept, the last ones, in whole lines.
    pub tail_bytes: Option<u64>,
}

/// Why lines were not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The file cannot be written. What was durable stays; the segment takes nothing more.
    #[error("while writing {}: {source}", path.display())]
    File {
        /// The segment.
        path: PathBuf,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// The log was finished before.
    #[error("log {0} is finished")]
    Finished(LogId),
    /// The logs of the build are being written already.
    #[error("the logs of build {0} are being written already")]
    Running(BuildId),
    /// The store has ended, or the segment is sealed.
    #[error("the logs of build {0} are closed")]
    Closed(BuildId),
}

/// Writes the logs of one build. Dropping it without [`seal`](Self::seal) writes what is there, and leaves the segment
/// for [`recover`](crate::LogStore::recover).
#[derive(Debug)]
pub struct BuildLogs {
    segment: Arc<Segment>,
}

impl BuildLogs {
    pub(crate) fn new(segment: Arc<Segment>) -> Self {
        Self { segment }
    }

    /// Which build.
    pub fn build(&self) -> BuildId {
        self.segment.build
    }

    /// Adds a log, or gives another writer of one that is there.
    ///
    /// The row of the log comes first: a log without a row is read by nobody.
    pub fn add(&self, log: LogId, kind: LogKind, limits: Limits) -> Result<LogWriter, WriteError> {
        self.segment.add(log, kind, limits)?;
        Ok(LogWriter {
            segment: self.segment.clone(),
            log,
        })
    }

    /// Makes everything that was appended durable.
    pub async fn sync(&self) -> Result<(), WriteError> {
        self.segment.ask(Wish::Sync).await
    }

    /// Finishes what is not finished, makes all lines durable, and writes the index, which a crash of the system may lose:
    /// it is found again. It takes nothing more.
    ///
    /// Once asked for, it happens even if nobody waits for it.
    pub async fn seal(self) -> Result<(), WriteError> {
        self.segment.ask(Wish::Seal).await
    }
}

impl Drop for BuildLogs {
    fn drop(&mut self) {
        self.segment.abandon();
    }
}

/// Appends to one log.
#[derive(Debug, Clone)]
pub struct LogWriter {
    segment: Arc<Segment>,
    log: LogId,
}

impl LogWriter {
    /// Which log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Appends whole lines, and returns how many the log has then. Readers see them at once.
    ///
    /// `lines` is cut at `\n` only; the last line may lack it. Lines of more than [`LINE_BYTES_MAX`] bytes are
    /// continued on the next. In logs that are not stdio, `stream` says only what [`Limits`] apply to. Waits while too
    /// much is on its way to the disk; whoever drops the future then has appended a part, in whole lines.
    pub async fn append(&self, stream: Stream, lines: &str) -> Result<u64, WriteError> {
        let mut rest = lines;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_end(rest));
            self.segment.append(self.log, stream, piece).await?;
            rest = after;
        }
        self.segment.line_count(self.log)
    }

    /// How far the log is.
    pub fn progress(&self) -> Progress {
        self.segment.progress(self.log)
    }

    /// Ends the log, makes it durable, and returns how many lines it has: what its row may say from now on.
    pub async fn finish(&self) -> Result<u64, WriteError> {
        self.segment.finish(self.log)?;
        self.segment.ask(Wish::Sync).await?;
        Ok(self.progress().lines)
    }
}

/// How long the part of `text` is that is appended together: whole lines if there are any in reach.
fn piece_end(text: &str) -> usize {
    if text.len() <= PIECE_BYTES {
        return text.len();
    }
    let bytes = text.as_bytes();
    if let Some(end) = memchr::memrchr(b'\n', &bytes[..PIECE_BYTES]) {
        return end + 1;
    }
    match memchr::memchr(b'\n', bytes) {
        Some(end) if end < LINE_BYTES_MAX => end + 1,
        Some(_) | None => character_end(text, LINE_BYTES_MAX),
    }
}

/// The last end of a character in the first `bytes` bytes.
pub(crate) fn character_end(text: &str, bytes: usize) -> usize {
    let ends = (0..=bytes.min(text.len())).rev();
    ends.into_iter()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0)
}
