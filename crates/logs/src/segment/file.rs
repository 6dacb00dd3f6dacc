//! Reading a segment.

use std::io;

use super::bytes::Source;
use super::index::{Frame, Index};
use super::record::{
    self, FILE_HEADER_BYTES, HEADER_BYTES, Kind, Record, TRAILER_BYTES, decode_file_header,
    decode_trailer,
};
use super::scan::scan;

/// Why something cannot be read.
#[derive(Debug)]
pub(crate) enum Damage {
    /// The system failed.
    Io(io::Error),
    /// Something else is there than was written.
    Corrupt { offset: u64, what: &'static str },
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A segment that nobody writes any more, or another process does.
#[derive(Debug)]
pub(crate) struct SegmentFile<S> {
    pub(crate) source: S,
    pub(crate) build: i64,
    pub(crate) index: Index,
    /// Whether the index is its own, and final.
    pub(crate) is_sealed: bool,
}

impl<S: std::ops::Deref<Target: Source>> SegmentFile<S> {
    /// Reads the index, or finds out what would be in it.
    pub(crate) fn open(source: S) -> Result<Self, Damage> {
        let build = read_file_header(&*source)?;
        let (index, is_sealed) = match read_index(&*source)? {
            Some(index) => (index, true),
            None => (scan(&*source, false)?.index, false),
        };
        Ok(Self {
            source,
            build,
            index,
            is_sealed,
        })
    }
}

/// The build of a segment.
pub(crate) fn read_file_header(source: &(impl Source + ?Sized)) -> Result<i64, Damage> {
    let corrupt = |what| Damage::Corrupt { offset: 0, what };
    if source.len()? < FILE_HEADER_BYTES {
        return Err(corrupt("it is shorter than the header of a log segment"));
    }
    let mut header = [0; FILE_HEADER_BYTES as usize];
    source.read_exact_at(&mut header, 0)?;
    decode_file_header(&header).map_err(corrupt)
}

/// The index at the end; nothing if there is none, or it is damaged.
fn read_index(source: &(impl Source + ?Sized)) -> io::Result<Option<Index>> {
    let length = source.len()?;
    let Some(end) = length.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(None);
    };
    let mut trailer = [0; TRAILER_BYTES];
    source.read_exact_at(&mut trailer, end)?;
    let Some(at) = decode_trailer(&trailer) else {
        return Ok(None);
    };
    match read_record(source, at, end) {
        Ok((record, payload)) if record.kind == Kind::Index && at + record.bytes() == end => {
            Ok(Index::decode(&payload, at))
        }
        Ok(_) | Err(Damage::Corrupt { .. }) => Ok(None),
        Err(Damage::Io(error)) => Err(error),
    }
}

/// The record at `at`, which ends at `end` at the latest, with its payload.
fn read_record(
    source: &(impl Source + ?Sized),
    at: u64,
    end: u64,
) -> Result<(Record, Vec<u8>), Damage> {
    let corrupt = |what| Damage::Corrupt { offset: at, what };
    let room = end.saturating_sub(at);
    if room < HEADER_BYTES as u64 {
        return Err(corrupt("the file ends before a record"));
    }
    let mut header = [0; HEADER_BYTES];
    source.read_exact_at(&mut header, at)?;
    let record = Record::decode(&header).ok_or_else(|| corrupt("there is no record"))?;
    if room < record.bytes() {
        return Err(corrupt("the file ends inside of a record"));
    }
    let mut stored = vec![0; record.stored_bytes as usize];
    source.read_exact_at(&mut stored, at + HEADER_BYTES as u64)?;
    let payload = record::payload(&record, stored).map_err(corrupt)?;
    Ok((record, payload))
}

/// The text of the lines of `log` in `frame`. What is no UTF-8 is replaced.
pub(crate) fn read_frame(
    source: &(impl Source + ?Sized),
    log: i64,
    frame: &Frame,
) -> Result<String, Damage> {
    let corrupt = |what| Damage::Corrupt {
        offset: frame.offset,
        what,
    };
    let (record, payload) = read_record(source, frame.offset, source.len()?)?;
    let is_it = record.kind == Kind::Lines
        && record.log == log
        && Frame::new(frame.offset, &record) == *frame;
    if !is_it {
        return Err(corrupt("there is another record than the index says"));
    }
    let text = String::from_utf8(payload).map_err(|_| corrupt("the text is no UTF-8"))?;
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    if lines != frame.lines as usize || !text.ends_with('\n') {
        return Err(corrupt("a record has other lines than it says"));
    }
    Ok(text)
}
