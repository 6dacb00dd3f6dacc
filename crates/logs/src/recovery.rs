//! What a crash left, made whole.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use buildbot_db::tables::logs::LogKind;
use buildbot_model::{BuildId, LogId};

use crate::parts::{encode_seal, record, sync_directories};
use crate::segment::{Codec, Damage, Kind, SegmentFile, TRAILER_BYTES, read_file_header, scan};

/// What was in a segment, which is sealed now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Its logs, by id.
    pub logs: Vec<RecoveredLog>,
    /// How many bytes at the end were cut off: a record that was being written.
    pub cut_bytes: u64,
    /// Where in the file neither records nor its end are. The lines in it are lost.
    pub damaged: Vec<Range<u64>>,
}

/// One log of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveredLog {
    /// Which.
    pub log: LogId,
    /// What its lines are.
    pub kind: LogKind,
    /// How many lines it has: what its row is to say.
    pub lines: u64,
    /// Whether it was finished before.
    pub was_finished: bool,
}

/// Cuts off what was being written, finishes what was not finished, and seals the segment. Nothing if there is none.
pub(crate) fn recover(path: &Path, build: BuildId) -> Result<Option<Recovery>, Damage> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.len() < crate::segment::FILE_HEADER_BYTES {
        // It ended while it was made: nothing is in it.
        std::fs::remove_file(path)?;
        return Ok(None);
    }
    if read_file_header(&file)? != build.0 {
        let what = "it is the segment of another build";
        return Err(Damage::Corrupt { offset: 16, what });
    }
    let sealed = SegmentFile::open(Box::new(file.try_clone()?))?;
    if sealed.is_sealed {
        // Once more: it may have been killed before this was durable.
        file.sync_data()?;
        return Ok(Some(recovery(&sealed.index, 0, Vec::new())));
    }
    seal(&file, path).map(Some)
}

fn seal(file: &File, path: &Path) -> Result<Recovery, Damage> {
    let length = file.metadata()?.len();
    let found = scan(file, true)?;
    let recovery = recovery(&found.index, length - found.end, found.damaged);
    let mut codec = Codec::new()?;
    let mut out = Vec::new();
    let mut index = found.index;
    for (&log, index) in &mut index.logs {
        if !index.is_finished {
            index.is_finished = true;
            codec.append(&mut out, record(Kind::Finished, log, index.lines, 0), b"")?;
        }
    }
    let end = found.end + out.len() as u64;
    out.extend_from_slice(&encode_seal(&index, end, &mut codec)?);
    file.set_len(found.end)?;
    file.write_all_at(&out, found.end)?;
    file.sync_all()?;
    sync_directories(path)?;
    debug_assert!(out.len() > TRAILER_BYTES);
    Ok(recovery)
}

fn recovery(index: &crate::segment::Index, cut_bytes: u64, damaged: Vec<Range<u64>>) -> Recovery {
    let logs = index.logs.iter().map(|(&log, index)| RecoveredLog {
        log: LogId(log),
        kind: index.kind,
        lines: index.lines,
        was_finished: index.is_finished,
    });
    Recovery {
        logs: logs.collect(),
        cut_bytes,
        damaged,
    }
}
