//! Reading a log of a build that has ended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildbot_model::{BuildId, LogId};

use crate::pool::Pool;
use crate::reader::{BLOCK_BYTES_MAX, Later, Lines, LogSource, Progress, ReadError};
use crate::segment::{Damage, LogIndex, SegmentFile, read_frame};

/// An open segment that this process does not write. The file stays readable when it is deleted.
#[derive(Debug)]
pub(crate) struct Sealed {
    path: PathBuf,
    file: SegmentFile<Box<File>>,
}

impl Sealed {
    /// Nothing if there is none.
    pub(crate) fn open(path: &Path, build: BuildId) -> Result<Option<Self>, ReadError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read_error(path, error.into())),
        };
        let file = SegmentFile::open(Box::new(file)).map_err(|error| read_error(path, error))?;
        if file.build != build.0 {
            let what = "it is the segment of another build";
            return Err(read_error(path, Damage::Corrupt { offset: 16, what }));
        }
        Ok(Some(Self {
            path: path.to_owned(),
            file,
        }))
    }

    /// Whether what is known of it stays true.
    pub(crate) fn is_final(&self) -> bool {
        self.file.is_sealed
    }

    pub(crate) fn has(&self, log: LogId) -> bool {
        self.file.index.logs.contains_key(&log.0)
    }

    fn log(&self, log: LogId) -> Option<&LogIndex> {
        self.file.index.logs.get(&log.0)
    }

    fn read(&self, log: LogId, line: u64) -> Result<Option<Lines>, ReadError> {
        let Some(index) = self.log(log).filter(|index| line < index.lines) else {
            return Ok(None);
        };
        let lost = |offset| Damage::Corrupt {
            offset,
            what: "lines before or at this place are lost",
        };
        let Some(frame) = index.frame(line) else {
            let end = index.frames.last().map_or(0, |frame| frame.offset);
            return Err(read_error(&self.path, lost(end)));
        };
        if line < frame.first_line {
            return Err(read_error(&self.path, lost(frame.offset)));
        }
        let text = read_frame(&*self.file.source, log.0, frame)
            .map_err(|error| read_error(&self.path, error))?;
        Ok(cut(&text, frame.first_line, line))
    }
}

/// One of its logs.
#[derive(Debug)]
pub(crate) struct SealedLog {
    pub(crate) segment: Arc<Sealed>,
    pub(crate) log: LogId,
    pub(crate) pool: Pool,
}

impl SealedLog {
    fn now(&self) -> Progress {
        let lines = self.segment.log(self.log).map_or(0, |index| index.lines);
        // Without the process that wrote it, it is as finished as it will be.
        Progress {
            lines,
            stored: lines,
            finished: true,
        }
    }
}

impl LogSource for SealedLog {
    fn progress(&self) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(async { Ok(self.now()) })
    }

    fn block(&self, first: u64) -> Later<'_, Result<Option<Lines>, ReadError>> {
        Box::pin(async move {
            let (segment, log) = (self.segment.clone(), self.log);
            self.pool.run(move || segment.read(log, first)).await?
        })
    }

    fn wait_beyond(&self, _lines: u64) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(async { Ok(self.now()) })
    }
}

/// The error of a segment as its readers see it.
pub(crate) fn read_error(path: &Path, damage: Damage) -> ReadError {
    let path = path.to_owned();
    match damage {
        Damage::Io(source) => ReadError::File {
            path,
            source: Arc::new(source),
        },
        Damage::Corrupt { offset, what } => ReadError::Corrupt { path, offset, what },
    }
}

/// A block of the lines of `text`, whose first line is number `first`, from `line` on.
pub(crate) fn cut(text: &str, first: u64, line: u64) -> Option<Lines> {
    let skipped = usize::try_from(line.checked_sub(first)?).ok()?;
    let start = match skipped.checked_sub(1) {
        None => 0,
        Some(before) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(before)? + 1,
    };
    let rest = text.get(start..)?;
    if rest.is_empty() {
        return None;
    }
    let bytes = rest.as_bytes();
    let end = if rest.len() <= BLOCK_BYTES_MAX {
        rest.len()
    } else {
        let fits = memchr::memrchr(b'\n', &bytes[..BLOCK_BYTES_MAX]);
        let end = fits.or_else(|| memchr::memchr(b'\n', bytes));
        end.map_or(rest.len(), |end| end + 1)
    };
    let text = rest[..end].to_owned();
    Some(Lines {
        first: line,
        count: memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64,
        text,
    })
}
