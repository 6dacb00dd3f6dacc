//! Finding everything in a segment without its index: what a crash left, or what is written by another process.

use std::io;
use std::ops::Range;

use super::bytes::Source;
use super::index::{Index, kind_of};
use super::record::{
    FILE_HEADER_BYTES, HEADER_BYTES, Kind, MAGIC, Record, TRAILER_BYTES, decode_trailer,
};

/// How many bytes are looked at together.
const WINDOW_BYTES: usize = 256 * 1024;

/// What is in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Where everything is.
    pub(crate) index: Index,
    /// Where the last whole record ends. What follows was being written when the writer died.
    pub(crate) end: u64,
    /// What is neither a record nor the end, though records follow.
    pub(crate) damaged: Vec<Range<u64>>,
}

/// Looks at every record. With `verifies` also at their texts, so that a record counts only if it is whole.
pub(crate) fn scan(source: &(impl Source + ?Sized), verifies: bool) -> io::Result<Scan> {
    let length = source.len()?;
    let mut found = Scan {
        index: Index::default(),
        end: FILE_HEADER_BYTES.min(length),
        damaged: Vec::new(),
    };
    let mut at = found.end;
    while at < length {
        let Some((record, kind)) = record_at(source, at, length, verifies)? else {
            if is_trailer(source, at, length)? {
                at += TRAILER_BYTES as u64;
                found.end = at;
                continue;
            }
            match next_record(source, at + 1, length, verifies)? {
                Some(next) => {
                    found.damaged.push(at..next);
                    at = next;
                    continue;
                }
                None => break,
            }
        };
        let next = at + record.bytes();
        if !found.index.add(at, &record, kind) {
            found.damaged.push(at..next);
        }
        at = next;
        found.end = at;
    }
    Ok(found)
}

/// The record at `at`, with the kind of log that it opens.
fn record_at(
    source: &(impl Source + ?Sized),
    at: u64,
    length: u64,
    verifies: bool,
) -> io::Result<Option<(Record, Option<buildbot_db::tables::logs::LogKind>)>> {
    if length - at < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER_BYTES];
    source.read_exact_at(&mut header, at)?;
    let Some(record) = Record::decode(&header) else {
        return Ok(None);
    };
    if length - at < record.bytes() {
        return Ok(None);
    }
    if !verifies && record.kind != Kind::Opened {
        return Ok(Some((record, None)));
    }
    let mut stored = vec![0; record.stored_bytes as usize];
    source.read_exact_at(&mut stored, at + HEADER_BYTES as u64)?;
    if crc32fast::hash(&stored) != record.checksum {
        return Ok(None);
    }
    let kind = match (record.kind, stored.as_slice()) {
        (Kind::Opened, &[letter]) => kind_of(letter),
        _ => None,
    };
    Ok(Some((record, kind)))
}

fn is_trailer(source: &(impl Source + ?Sized), at: u64, length: u64) -> io::Result<bool> {
    if length - at < TRAILER_BYTES as u64 {
        return Ok(false);
    }
    let mut bytes = [0; TRAILER_BYTES];
    source.read_exact_at(&mut bytes, at)?;
    Ok(decode_trailer(&bytes).is_some())
}

/// Where the next whole record after `at` begins.
fn next_record(
    source: &(impl Source + ?Sized),
    mut at: u64,
    length: u64,
    verifies: bool,
) -> io::Result<Option<u64>> {
    let mut window = vec![0; WINDOW_BYTES];
    while at + HEADER_BYTES as u64 <= length {
        let size = usize::try_from(length - at).map_or(WINDOW_BYTES, |rest| rest.min(WINDOW_BYTES));
        let bytes = &mut window[..size];
        source.read_exact_at(bytes, at)?;
        for found in memchr::memmem::find_iter(bytes, &MAGIC) {
            let found = at + found as u64;
            if record_at(source, found, length, verifies)?.is_some() {
                return Ok(Some(found));
            }
        }
        if at + size as u64 == length {
            break;
        }
        // The magic may begin at the end of the window.
        at += (size - (MAGIC.len() - 1)) as u64;
    }
    Ok(None)
}
