//! One log of a running build: which of its lines are in the file, being written, waiting.

use std::sync::Arc;

use buildbot_db::tables::logs::LogKind;
use tokio::sync::watch;

use crate::limit::Limiter;
use crate::reader::Progress;
use crate::segment::LogIndex;
use crate::writer::{Limits, Stream};

/// How many bytes of lines one record has, unless a single line is longer. A reader unpacks at least as much.
pub(crate) const FRAME_BYTES: usize = 128 * 1024;

/// One log of a running build.
#[derive(Debug)]
pub(crate) struct Log {
    /// What is in the file.
    pub(crate) stored: LogIndex,
    /// What is being written: its lines follow those in the file.
    pub(crate) writing: Option<Arc<str>>,
    pub(crate) writing_lines: u64,
    /// What waits: its lines follow those that are being written.
    pub(crate) waiting: String,
    pub(crate) waiting_lines: u64,
    /// How many of the waiting bytes hold no room: what is said about a limit, and the tail.
    pub(crate) unpaid_bytes: usize,
    pub(crate) is_announced: bool,
    pub(crate) finish: Finish,
    limiter: Option<Limiter>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    No,
    Wanted,
    Stored,
}

impl Log {
    pub(crate) fn new(kind: LogKind, limits: Limits) -> Self {
        Self {
            stored: LogIndex::new(kind),
            writing: None,
            writing_lines: 0,
            waiting: String::new(),
            waiting_lines: 0,
            unpaid_bytes: 0,
            is_announced: false,
            finish: Finish::No,
            limiter: match kind {
                LogKind::Stdio | LogKind::Text => Limiter::new(limits),
                LogKind::Html | LogKind::Deleted => None,
            },
            progress: watch::Sender::default(),
        }
    }

    /// The first line that is not in the file.
    pub(crate) fn first_in_memory(&self) -> u64 {
        self.stored.lines
    }

    /// The first line that waits.
    pub(crate) fn first_waiting(&self) -> u64 {
        self.stored.lines + self.writing_lines
    }

    pub(crate) fn lines(&self) -> u64 {
        self.first_waiting() + self.waiting_lines
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            lines: self.lines(),
            stored: self.stored.lines,
            finished: self.finish != Finish::No,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(crate) fn announce(&self) {
        self.progress.send_replace(self.progress());
    }

    /// Adds lines in the form in which they are stored.
    fn push(&mut self, stream: Stream, text: &str) {
        let before = self.waiting.len();
        let mut lines = 0;
        if self.stored.kind == LogKind::Stdio {
            let letter = stream.letter();
            for line in text.split_inclusive('\n') {
                self.waiting.push(letter);
                self.waiting.push_str(line);
                lines += 1;
            }
        } else {
            self.waiting.push_str(text);
            lines += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
            lines += u64::from(!text.is_empty() && !text.ends_with('\n'));
        }
        if self.waiting.len() > before && !self.waiting.ends_with('\n') {
            self.waiting.push('\n');
        }
        self.waiting_lines += lines;
    }

    /// Adds lines as far as the limits let them.
    pub(crate) fn push_limited(&mut self, stream: Stream, text: &str) {
        let Some(mut limiter) = self.limiter.take() else {
            return self.push(stream, text);
        };
        limiter.pass(stream, text, |stream, kept| self.push(stream, kept));
        self.limiter = Some(limiter);
    }

    pub(crate) fn finish(&mut self) {
        let before = self.waiting.len();
        if let Some(limiter) = self.limiter.take() {
            limiter.finish(|stream, kept| self.push(stream, kept));
        }
        self.unpaid_bytes += self.waiting.len() - before;
        self.finish = Finish::Wanted;
    }

    /// Takes what is to be written now: everything, or what fills frames; and how much room it holds.
    pub(crate) fn take(&mut self, whole: bool) -> Option<(Arc<str>, usize)> {
        let whole = whole || self.finish == Finish::Wanted;
        let end = if whole {
            self.waiting.len()
        } else {
            full_frames(&self.waiting)
        };
        if end == 0 {
            return None;
        }
        let text = if end == self.waiting.len() {
            self.writing_lines = self.waiting_lines;
            std::mem::take(&mut self.waiting)
        } else {
            let rest = self.waiting.split_off(end);
            let text = std::mem::replace(&mut self.waiting, rest);
            self.writing_lines = count_lines(&text);
            text
        };
        self.waiting_lines -= self.writing_lines;
        let text: Arc<str> = text.into();
        self.writing = Some(text.clone());
        let unpaid = self.unpaid_bytes.min(text.len());
        self.unpaid_bytes -= unpaid;
        let paid = text.len() - unpaid;
        Some((text, paid))
    }
}

pub(crate) fn count_lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

/// Where the last of those frames of `text` ends that are full.
fn full_frames(text: &str) -> usize {
    let mut end = 0;
    while text.len() - end >= FRAME_BYTES {
        let next = end + frame_end(&text[end..]);
        if next == text.len() && next - end < FRAME_BYTES {
            break;
        }
        end = next;
    }
    end
}

/// Where the first frame of `text` ends: after the last line that fits, or after the first line.
pub(crate) fn frame_end(text: &str) -> usize {
    if text.len() <= FRAME_BYTES {
        return text.len();
    }
    let bytes = text.as_bytes();
    let fits = memchr::memrchr(b'\n', &bytes[..FRAME_BYTES]);
    let end = fits.or_else(|| memchr::memchr(b'\n', bytes));
    end.map_or(text.len(), |end| end + 1)
}
