//! What goes into the file of a running build, and the file itself.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildbot_db::tables::logs::LogKind;
use buildbot_model::LogId;

use crate::log::{count_lines, frame_end};
use crate::segment::{Codec, Frame, Index, Kind, Record, encode_trailer};

/// What is written of one log.
pub(crate) struct Part {
    pub(crate) log: LogId,
    pub(crate) announce: Option<LogKind>,
    pub(crate) first_line: u64,
    pub(crate) text: Option<Arc<str>>,
    pub(crate) paid_bytes: usize,
    pub(crate) finishes: bool,
}

/// What was written of one log.
pub(crate) struct Written {
    pub(crate) log: LogId,
    pub(crate) frames: Vec<Frame>,
    pub(crate) paid_bytes: usize,
    pub(crate) announced: bool,
    pub(crate) finished: bool,
}

/// The index at `end` of a file, and what follows it. Nothing if there are so many frames that no record holds them: a
/// reader then finds them by itself.
pub(crate) fn encode_seal(index: &Index, end: u64, codec: &mut Codec) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let payload = index.encode();
    if payload.len() <= crate::segment::TEXT_BYTES_MAX {
        codec.append(&mut out, record(Kind::Index, 0, 0, 0), &payload)?;
        out.extend_from_slice(&encode_trailer(end));
    }
    Ok(out)
}

pub(crate) fn record(kind: Kind, log: i64, first_line: u64, lines: u32) -> Record {
    Record {
        kind,
        is_compressed: false,
        log,
        first_line,
        lines,
        stored_bytes: 0,
        text_bytes: 0,
        checksum: 0,
    }
}

/// Appends to `out`, which goes to `start` of the file, what is written of one log.
pub(crate) fn encode_part(
    part: &Part,
    start: u64,
    codec: &mut Codec,
    out: &mut Vec<u8>,
) -> io::Result<Written> {
    let mut written = Written {
        log: part.log,
        frames: Vec::new(),
        paid_bytes: part.paid_bytes,
        announced: part.announce.is_some(),
        finished: part.finishes,
    };
    if let Some(kind) = part.announce {
        let letter = kind.letter().as_bytes();
        codec.append(out, record(Kind::Opened, part.log.0, 0, 0), letter)?;
    }
    let mut first_line = part.first_line;
    let mut rest = part.text.as_deref().unwrap_or_default();
    while !rest.is_empty() {
        let (text, after) = rest.split_at(frame_end(rest));
        let lines = count_lines(text);
        let count = u32::try_from(lines).map_err(io::Error::other)?;
        let offset = start + out.len() as u64;
        let header = record(Kind::Lines, part.log.0, first_line, count);
        let header = codec.append(out, header, text.as_bytes())?;
        written.frames.push(Frame::new(offset, &header));
        first_line += lines;
        rest = after;
    }
    if part.finishes {
        codec.append(out, record(Kind::Finished, part.log.0, first_line, 0), b"")?;
    }
    Ok(written)
}

/// Makes the file of a segment. One that is there already belongs to a build that the database has forgotten: it is
/// put aside.
pub(crate) fn create(path: &Path, links: &mut Links) -> io::Result<File> {
    let new = || OpenOptions::new().write(true).create_new(true).open(path);
    let made = match (new(), path.parent()) {
        (Err(error), Some(directory)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory)?;
            links.directory = None;
            new()
        }
        (made, _) => made,
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let aside = aside(path);
            tracing::warn!(path = %path.display(), aside = %aside.display(), "a segment of an unknown build is put aside");
            fs::rename(path, aside)?;
            new()
        }
        made => made,
    }
}

/// Where a segment is put whose build the database has forgotten.
pub(crate) fn aside(path: &Path) -> PathBuf {
    path.with_extension("replaced")
}

/// Makes it durable that the file is in its directory, and that in the one above, and so on up to that of all segments.
pub(crate) fn sync_directories(path: &Path) -> io::Result<()> {
    for directory in path.ancestors().skip(1).take(4) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Which directory's place is known to be durable: most segments go where the one before went.
#[derive(Debug, Default)]
pub(crate) struct Links {
    directory: Option<PathBuf>,
}

impl Links {
    /// Makes it durable where a new file is.
    pub(crate) fn sync(&mut self, path: &Path) -> io::Result<()> {
        let directory = path.parent();
        if directory.is_some() && directory == self.directory.as_deref() {
            return directory.map_or(Ok(()), |directory| File::open(directory)?.sync_all());
        }
        sync_directories(path)?;
        self.directory = directory.map(Path::to_owned);
        Ok(())
    }
}
