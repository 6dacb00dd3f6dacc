//! Reading the lines of a log, wherever they are.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use buildbot_db::tables::logs::LogKind;
use buildbot_model::LogId;

/// A future that is sent between threads.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many bytes of text a block has at most, unless its first line alone is longer.
pub const BLOCK_BYTES_MAX: usize = 128 * 1024;

/// Why lines cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("while reading {}: {source}", path.display())]
    File {
        /// The segment.
        path: PathBuf,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// The file holds something else than was written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A row of `logchunks` holds something else than was written.
    #[error("the row of logchunks with line {first_line} of log {log} is damaged: {what}")]
    Chunk {
        /// The log.
        log: LogId,
        /// The first line of the row.
        first_line: i64,
        /// What is wrong with it.
        what: String,
    },
    /// The database gives no answer.
    #[error(transparent)]
    Database(Arc<buildbot_db::ReadError>),
    /// The store has ended.
    #[error("the readers of logs have ended")]
    Stopped,
}

/// How far a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many lines can be read.
    pub lines: u64,
    /// How many of them a killed process leaves behind. The others are at most one flush away.
    pub stored: u64,
    /// Nothing more is added.
    pub finished: bool,
}

/// Whole lines that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// The number of the first, from 0 on.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Each ends with `\n`. Those of an stdio log begin with the letter of their stream.
    pub text: String,
}

/// Where the lines of one log are.
pub trait LogSource: Send + Sync + fmt::Debug {
    /// How far the log is.
    fn progress(&self) -> Later<'_, Result<Progress, ReadError>>;

    /// Some lines from `first` on, at least one and about [`BLOCK_BYTES_MAX`] bytes; nothing at or past the end.
    fn block(&self, first: u64) -> Later<'_, Result<Option<Lines>, ReadError>>;

    /// Waits until there are more than `lines` lines, or the log is finished, and says how far it is.
    fn wait_beyond(&self, lines: u64) -> Later<'_, Result<Progress, ReadError>>;
}

/// What becomes of the letter before each line of an stdio log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `o`, `e` and `h` stay, as REST's `contents` shows them.
    Keep,
    /// They are taken away, as REST's `raw` shows it.
    Strip,
}

/// Reads one log, which may still be written.
#[derive(Debug, Clone)]
pub struct LogReader {
    log: LogId,
    kind: LogKind,
    source: Arc<dyn LogSource>,
}

impl LogReader {
    /// A reader of the log that `source` has.
    pub fn new(log: LogId, kind: LogKind, source: Arc<dyn LogSource>) -> Self {
        Self { log, kind, source }
    }

    /// Which log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// What its lines are.
    pub fn kind(&self) -> LogKind {
        self.kind
    }

    /// How far the log is.
    pub async fn progress(&self) -> Result<Progress, ReadError> {
        self.source.progress().await
    }

    /// The lines `first` to `last`, both included, as far as they exist.
    ///
    /// Holds all of them: use [`Self::pieces`] where nobody bounds how many are asked for.
    pub async fn read_lines(&self, first: u64, last: u64) -> Result<String, ReadError> {
        let mut pieces = self.pieces(first, last, Prefix::Keep);
        let mut text = String::new();
        while let Some(lines) = pieces.next().await? {
            text.push_str(&lines.text);
        }
        Ok(text)
    }

    /// The lines `first` to `last`, both included, in pieces, as far as they exist when they are reached.
    pub fn pieces(&self, first: u64, last: u64, prefix: Prefix) -> Pieces {
        Pieces {
            source: self.source.clone(),
            next: first,
            last,
            strips: prefix == Prefix::Strip && self.kind == LogKind::Stdio,
            follows: false,
        }
    }

    /// All lines without the letters of streams: the body of `raw` and `raw_inline`.
    pub fn raw(&self) -> Pieces {
        self.pieces(0, u64::MAX, Prefix::Strip)
    }

    /// The lines from `first` on, and waits for those to come until the log is finished.
    pub fn follow(&self, first: u64, prefix: Prefix) -> Pieces {
        Pieces {
            follows: true,
            ..self.pieces(first, u64::MAX, prefix)
        }
    }

    /// Waits until there are more than `lines` lines, or the log is finished.
    pub async fn wait_beyond(&self, lines: u64) -> Result<Progress, ReadError> {
        self.source.wait_beyond(lines).await
    }
}

/// The lines of a log, one piece after the other. Holds one piece at most.
#[derive(Debug)]
pub struct Pieces {
    source: Arc<dyn LogSource>,
    next: u64,
    last: u64,
    strips: bool,
    follows: bool,
}

impl Pieces {
    /// The next piece, or nothing at the end. May be dropped and called again: no line is lost.
    pub async fn next(&mut self) -> Result<Option<Lines>, ReadError> {
        loop {
            if self.next > self.last {
                return Ok(None);
            }
            if let Some(lines) = self.source.block(self.next).await? {
                return Ok(self.cut(lines));
            }
            if !self.follows {
                return Ok(None);
            }
            let progress = self.source.wait_beyond(self.next).await?;
            if progress.lines <= self.next {
                return Ok(None);
            }
        }
    }

    /// What of `lines` was asked for, in the form that was asked for.
    fn cut(&mut self, mut lines: Lines) -> Option<Lines> {
        let wanted = self.last.saturating_sub(lines.first).saturating_add(1);
        if wanted < lines.count {
            let end = memchr::memchr_iter(b'\n', lines.text.as_bytes())
                .nth(usize::try_from(wanted - 1).unwrap_or(usize::MAX));
            if let Some(end) = end {
                lines.text.truncate(end + 1);
                lines.count = wanted;
            }
        }
        self.next = lines.first.saturating_add(lines.count);
        if self.strips {
            lines.text = strip(&lines.text);
        }
        Some(lines)
    }
}

/// Takes the first character of each line away.
fn strip(text: &str) -> String {
    let mut stripped = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut characters = line.chars();
        // A damaged row may have an empty line, which has no letter.
        if line.starts_with('\n') || characters.next().is_none() {
            stripped.push_str(line);
        } else {
            stripped.push_str(characters.as_str());
        }
    }
    stripped
}
