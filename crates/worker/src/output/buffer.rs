//! The buffer of a command: joins updates, and cuts them into batches.

use std::collections::VecDeque;

use memchr::memchr_iter;

use super::{LineMarks, Stream, Update};

/// What a line counts beside its characters, for its position and its time.
const LINE_SIZE: usize = 16;
/// What an update counts that is not text.
const VALUE_SIZE: usize = 20;

/// Updates that wait, and the batches made of them.
#[derive(Debug)]
pub(super) struct Buffer {
    limit: usize,
    marks: bool,
    /// What a line counts beside its characters.
    line_size: usize,
    entries: Vec<Update>,
    /// Size of `entries` as the limit counts it.
    size: usize,
    /// Characters of the last entry, if it is text.
    last_chars: usize,
    /// Memory that `entries` take, in bytes.
    bytes: usize,
    batches: VecDeque<Batch>,
    /// Memory that `batches` take, in bytes.
    batches_bytes: usize,
}

#[derive(Debug)]
struct Batch {
    updates: Vec<Update>,
    bytes: usize,
}

impl Buffer {
    /// An empty buffer of this size; with `marks` its texts carry positions and times of lines.
    ///
    /// Differs: over PB, which carries neither, a line of the buffer counts no more than its characters, because
    /// a Python master stores a row for each update and keeps up the better the fuller they are.
    pub(super) fn new(limit: usize, marks: bool) -> Self {
        Self {
            limit,
            marks,
            line_size: if marks { LINE_SIZE } else { 0 },
            entries: Vec::new(),
            size: 0,
            last_chars: 0,
            bytes: 0,
            batches: VecDeque::new(),
            batches_bytes: 0,
        }
    }

    /// Takes whole lines; the first began at `first_at`, the others `now`.
    pub(super) fn text(&mut self, stream: &Stream, text: &str, first_at: f64, now: f64) {
        let (size, chars) = text_size(text, self.line_size);
        if size <= self.limit {
            if !self.fits(size) {
                self.flush();
            }
            return self.append(stream, text, chars, size, first_at, now);
        }
        self.flush();
        let is_ascii = chars == text.len();
        let mut begun_at = first_at;
        let (mut start, mut end, mut chars, mut size) = (0, 0, 0, 0);
        for newline in memchr_iter(b'\n', text.as_bytes()) {
            let line = &text[end..=newline];
            let line_chars = if is_ascii {
                line.len()
            } else {
                line.chars().count()
            };
            if end > start && size + line_chars + self.line_size > self.limit {
                self.append(stream, &text[start..end], chars, size, begun_at, now);
                self.flush();
                begun_at = now;
                (start, chars, size) = (end, 0, 0);
            }
            chars += line_chars;
            size += line_chars + self.line_size;
            end = newline + 1;
        }
        self.append(stream, &text[start..end], chars, size, begun_at, now);
        self.flush();
    }

    /// Takes an update as it is.
    pub(super) fn value(&mut self, update: Update) {
        let (size, chars) = match &update {
            Update::Text { text, .. } => text_size(text, self.line_size),
            Update::Rc(_)
            | Update::Elapsed(_)
            | Update::FailureReason(_)
            | Update::Files(_)
            | Update::Stat(_)
            | Update::Other { .. } => (VALUE_SIZE, 0),
        };
        if !self.fits(size) {
            self.flush();
        }
        self.last_chars = chars;
        self.size += size;
        self.bytes += update_bytes(&update);
        self.entries.push(update);
        if size > self.limit {
            self.flush();
        }
    }

    /// Makes a batch of what waits.
    pub(super) fn flush(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        let batch = Batch {
            updates: std::mem::take(&mut self.entries),
            bytes: self.bytes,
        };
        self.batches_bytes += batch.bytes;
        self.batches.push_back(batch);
        self.size = 0;
        self.bytes = 0;
        self.last_chars = 0;
    }

    /// Says whether something waits.
    pub(super) fn is_buffering(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Gives the oldest batch.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Update>> {
        let batch = self.batches.pop_front()?;
        self.batches_bytes -= batch.bytes;
        Some(batch.updates)
    }

    /// Memory that entries and batches take, in bytes.
    pub(super) fn pending_bytes(&self) -> usize {
        self.bytes + self.batches_bytes
    }

    /// Memory that batches take, in bytes.
    pub(super) fn ready_bytes(&self) -> usize {
        self.batches_bytes
    }

    fn fits(&self, size: usize) -> bool {
        self.size + size <= self.limit
    }

    /// Adds lines to the last entry if it is of the same stream, else as an entry.
    fn append(
        &mut self,
        stream: &Stream,
        lines: &str,
        chars: usize,
        size: usize,
        first_at: f64,
        now: f64,
    ) {
        self.size += size;
        if let Some(Update::Text {
            stream: last,
            text,
            marks,
        }) = self.entries.last_mut()
            && last == stream
        {
            text.push_str(lines);
            self.bytes += lines.len();
            if let Some(marks) = marks {
                self.bytes += mark_lines(marks, lines, chars, self.last_chars, first_at, now);
            }
            self.last_chars += chars;
            return;
        }
        let mut marks = self.marks.then(LineMarks::default);
        if let Some(marks) = &mut marks {
            self.bytes += mark_lines(marks, lines, chars, 0, first_at, now);
        }
        self.last_chars = chars;
        self.bytes += size_of::<Update>() + lines.len();
        self.entries.push(Update::Text {
            stream: stream.clone(),
            text: lines.to_owned(),
            marks,
        });
    }
}

/// What a text counts, of which each line counts `line_size` more than its characters; and its characters.
fn text_size(text: &str, line_size: usize) -> (usize, usize) {
    let chars = text.chars().count();
    (
        chars + line_size * memchr_iter(b'\n', text.as_bytes()).count(),
        chars,
    )
}

/// Appends the marks of `lines`, which follow `before` characters; returns the bytes they take.
fn mark_lines(
    marks: &mut LineMarks,
    lines: &str,
    chars: usize,
    before: usize,
    first_at: f64,
    now: f64,
) -> usize {
    let old = marks.newlines.len();
    let bytes = lines.as_bytes();
    if chars == bytes.len() {
        marks
            .newlines
            .extend(memchr_iter(b'\n', bytes).map(|newline| position(before + newline)));
    } else {
        let (mut line, mut position_chars) = (0, before);
        for newline in memchr_iter(b'\n', bytes) {
            position_chars += lines[line..newline].chars().count();
            marks.newlines.push(position(position_chars));
            position_chars += 1;
            line = newline + 1;
        }
    }
    marks.times.push(first_at);
    marks.times.resize(marks.newlines.len(), now);
    (marks.newlines.len() - old) * (size_of::<u32>() + size_of::<f64>())
}

/// A text is at most one line longer than the buffer, so this saturates only for absurd settings.
fn position(chars: usize) -> u32 {
    u32::try_from(chars).unwrap_or(u32::MAX)
}

/// Roughly the memory of an update, in bytes.
fn update_bytes(update: &Update) -> usize {
    let heap = match update {
        Update::Text { text, marks, .. } => {
            text.len()
                + marks
                    .as_ref()
                    .map_or(0, |marks| 4 * marks.newlines.len() + 8 * marks.times.len())
        }
        Update::FailureReason(reason) => reason.len(),
        Update::Files(files) => files
            .iter()
            .map(|file| size_of::<String>() + file.len())
            .sum(),
        Update::Rc(_) | Update::Elapsed(_) | Update::Stat(_) | Update::Other { .. } => 0,
    };
    size_of::<Update>() + heap
}
