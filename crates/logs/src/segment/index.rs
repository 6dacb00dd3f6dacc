//! Which lines of which log are where in a segment.

use std::collections::BTreeMap;

use buildbot_db::tables::logs::LogKind;

use super::record::{FILE_HEADER_BYTES, HEADER_BYTES, Kind, Record, put_signed, unzigzag};
use super::varint;

/// Where some lines of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Of their record in the file.
    pub(crate) offset: u64,
    pub(crate) first_line: u64,
    pub(crate) lines: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) text_bytes: u32,
}

impl Frame {
    /// Of a record of lines.
    pub(crate) fn new(offset: u64, record: &Record) -> Self {
        Self {
            offset,
            first_line: record.first_line,
            lines: record.lines,
            stored_bytes: record.stored_bytes,
            text_bytes: record.text_bytes,
        }
    }

    /// The line after its last one.
    pub(crate) fn end(&self) -> u64 {
        self.first_line.saturating_add(self.lines.into())
    }
}

/// Where the lines of a log are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIndex {
    pub(crate) kind: LogKind,
    /// How many lines there are.
    pub(crate) lines: u64,
    pub(crate) is_finished: bool,
    /// By line, without overlap. What is between two is lost.
    pub(crate) frames: Vec<Frame>,
}

impl LogIndex {
    pub(crate) fn new(kind: LogKind) -> Self {
        Self {
            kind,
            lines: 0,
            is_finished: false,
            frames: Vec::new(),
        }
    }

    /// Adds lines that follow those that are there. Returns false, and changes nothing, if they do not.
    pub(crate) fn push(&mut self, frame: Frame) -> bool {
        if frame.first_line < self.lines {
            return false;
        }
        self.lines = frame.end();
        self.frames.push(frame);
        true
    }

    /// The frame with this line, or the next one after it where it is lost.
    pub(crate) fn frame(&self, line: u64) -> Option<&Frame> {
        let at = self.frames.partition_point(|frame| frame.end() <= line);
        self.frames.get(at)
    }
}

/// Where everything in a segment is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Index {
    pub(crate) logs: BTreeMap<i64, LogIndex>,
}

impl Index {
    /// What a record at `offset` adds. Returns false if it contradicts those before.
    pub(crate) fn add(&mut self, offset: u64, record: &Record, kind: Option<LogKind>) -> bool {
        match record.kind {
            Kind::Opened => {
                let Some(kind) = kind else { return false };
                self.logs
                    .entry(record.log)
                    .or_insert_with(|| LogIndex::new(kind));
                true
            }
            Kind::Lines => self
                .log_or_unknown(record.log)
                .push(Frame::new(offset, record)),
            Kind::Finished => {
                let log = self.log_or_unknown(record.log);
                log.is_finished = true;
                log.lines = log.lines.max(record.first_line);
                true
            }
            Kind::Index => true,
        }
    }

    /// A log whose beginning is damaged is taken for text: its lines are shown as they are stored.
    fn log_or_unknown(&mut self, log: i64) -> &mut LogIndex {
        self.logs
            .entry(log)
            .or_insert_with(|| LogIndex::new(LogKind::Text))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put(&mut out, self.logs.len() as u64);
        for (&log, index) in &self.logs {
            put_signed(&mut out, log);
            out.extend_from_slice(index.kind.letter().as_bytes());
            out.push(index.is_finished.into());
            varint::put(&mut out, index.lines);
            varint::put(&mut out, index.frames.len() as u64);
            let (mut offset, mut line) = (0, 0);
            for frame in &index.frames {
                varint::put(&mut out, frame.offset - offset);
                varint::put(&mut out, frame.first_line - line);
                varint::put(&mut out, frame.lines.into());
                varint::put(&mut out, frame.stored_bytes.into());
                varint::put(&mut out, frame.text_bytes.into());
                offset = frame.offset;
                line = frame.end();
            }
        }
        out
    }

    /// Nothing if these bytes say what no writer says, or point behind `end`.
    pub(crate) fn decode(mut bytes: &[u8], end: u64) -> Option<Self> {
        let bytes = &mut bytes;
        let mut logs = BTreeMap::new();
        for _ in 0..varint::take(bytes)? {
            let log = unzigzag(varint::take(bytes)?);
            let (&[letter, finished], rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            let mut index = LogIndex::new(kind_of(letter)?);
            index.is_finished = match finished {
                0 => false,
                1 => true,
                _ => return None,
            };
            let lines = varint::take(bytes)?;
            let (mut offset, mut line) = (0u64, 0u64);
            for _ in 0..varint::take(bytes)? {
                let frame = Frame {
                    offset: offset.checked_add(varint::take(bytes)?)?,
                    first_line: line.checked_add(varint::take(bytes)?)?,
                    lines: varint::take(bytes)?.try_into().ok()?,
                    stored_bytes: varint::take(bytes)?.try_into().ok()?,
                    text_bytes: varint::take(bytes)?.try_into().ok()?,
                };
                let frame_end = frame
                    .offset
                    .checked_add(HEADER_BYTES as u64 + u64::from(frame.stored_bytes))?;
                let line_end = frame.first_line.checked_add(frame.lines.into())?;
                let is_right = frame.offset >= FILE_HEADER_BYTES
                    && frame_end <= end
                    && frame.lines > 0
                    && frame.lines <= frame.text_bytes;
                if !is_right || !index.push(frame) {
                    return None;
                }
                (offset, line) = (frame.offset, line_end);
            }
            if lines < index.lines || logs.contains_key(&log) {
                return None;
            }
            index.lines = lines;
            logs.insert(log, index);
        }
        bytes.is_empty().then_some(Self { logs })
    }
}

/// The kind of a log by its letter; nothing else is written.
pub(super) fn kind_of(letter: u8) -> Option<LogKind> {
    match letter {
        b's' => Some(LogKind::Stdio),
        b't' => Some(LogKind::Text),
        b'h' => Some(LogKind::Html),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut log = LogIndex::new(LogKind::Stdio);
        for (offset, first_line, lines) in [(32, 0, 10), (500, 10, 1), (9000, 20, 7)] {
            assert!(log.push(Frame {
                offset,
                first_line,
                lines,
                stored_bytes: 20,
                text_bytes: 100,
            }));
        }
        let empty = LogIndex::new(LogKind::Html);
        Index {
            logs: BTreeMap::from([(7, log), (-1, empty)]),
        }
    }

    #[test]
    fn an_index_comes_back() {
        let index = index();
        assert_eq!(Index::decode(&index.encode(), 20_000), Some(index));
    }

    #[test]
    fn an_index_that_points_behind_the_end_is_refused() {
        assert_eq!(Index::decode(&index().encode(), 9000), None);
    }

    #[test]
    fn a_line_is_found_in_its_frame() {
        let index = index();
        let check = |line: u64, offset: Option<u64>| {
            let found = index.logs[&7].frame(line).map(|frame| frame.offset);
            assert_eq!(found, offset, "{line}");
        };
        check(0, Some(32));
        check(9, Some(32));
        check(10, Some(500));
        // Lost: the next one says so.
        check(11, Some(9000));
        check(26, Some(9000));
        check(27, None);
    }

    #[test]
    fn lines_that_are_there_already_contradict() {
        let mut index = index();
        let log = index.logs.get_mut(&7).unwrap();
        let again = log.frames[1];
        assert!(!log.push(again));
    }
}
