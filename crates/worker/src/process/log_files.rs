//! Log files that a program writes, read while it runs.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

/// Most bytes of one piece.
const PIECE_BYTES_MAX: usize = 65_536;

/// A log file that the master wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFileRequest {
    /// The name of the log in the step.
    pub(crate) name: String,
    /// The file; absolute.
    pub(crate) path: PathBuf,
    /// Leave out what the file held before the program started.
    pub(crate) follow: bool,
}

/// What tells that a file has changed: times with nanoseconds, and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
        }
    }
}

enum State {
    /// Not changed since the start of the program; what it was then, if it existed.
    Unchanged(Option<Mark>),
    /// Being read; never opened again.
    Open(File),
    /// Cannot be read; tried no more.
    Unreadable,
}

struct LogFile {
    request: LogFileRequest,
    state: State,
    /// Where `follow` begins: the size when the program started, while the file exists.
    start: u64,
    /// Bytes that may still be read, once the program has ended.
    left: Option<u64>,
}

/// The log files of one run.
///
/// All methods touch the disk, and may block on it.
pub(crate) struct LogFiles {
    files: Vec<LogFile>,
    /// The file that was looked at last.
    current: usize,
    buffer: Vec<u8>,
}

/// A piece of a log file.
pub(crate) struct Piece<'a> {
    /// The name of the log.
    pub(crate) name: &'a str,
    /// What the file holds, at most 64 KiB.
    pub(crate) bytes: &'a [u8],
}

impl LogFiles {
    /// Notes how the files are before the program starts.
    ///
    /// Differs: with `follow` the reading of a log file begins at its size when the program starts, not when a
    /// change is seen first, because what the program writes up to then belongs to the log.
    pub(crate) fn new(requests: &[LogFileRequest]) -> Self {
        let files = requests
            .iter()
            .map(|request| {
                let mark = std::fs::metadata(&request.path).ok().as_ref().map(Mark::of);
                LogFile {
                    request: request.clone(),
                    start: mark.map_or(0, |mark| mark.size),
                    state: State::Unchanged(mark),
                    left: None,
                }
            })
            .collect();
        Self {
            files,
            current: 0,
            buffer: Vec::new(),
        }
    }

    /// Whether there is nothing to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The program has ended: what the files hold now is read, but not what others go on writing.
    pub(crate) fn end_of_program(&mut self) {
        for file in &mut self.files {
            file.limit_to_present_size();
        }
    }

    /// Reads on, until there is a piece; the files take turns. False: all files have been looked at, and
    /// have no more for now.
    pub(crate) fn advance(&mut self) -> bool {
        for _ in 0..self.files.len() {
            self.current = (self.current + 1) % self.files.len();
            self.buffer.clear();
            let file = self.files.get_mut(self.current);
            if file.is_some_and(|file| file.read(&mut self.buffer)) {
                return true;
            }
        }
        self.buffer = Vec::new();
        false
    }

    /// The piece that [`advance`](Self::advance) has read.
    pub(crate) fn piece(&self) -> Option<Piece<'_>> {
        let file = self.files.get(self.current)?;
        Some(Piece {
            name: &file.request.name,
            bytes: &self.buffer,
        })
    }
}

impl LogFile {
    /// Reads a piece into the empty `buffer`, if there is one.
    fn read(&mut self, buffer: &mut Vec<u8>) -> bool {
        if let State::Unchanged(before) = self.state {
            self.state = self.look(before);
        }
        let State::Open(file) = &self.state else {
            return false;
        };
        let most = (PIECE_BYTES_MAX as u64).min(self.left.unwrap_or(u64::MAX));
        let outcome = file.take(most).read_to_end(buffer);
        self.left = self
            .left
            .map(|left| left.saturating_sub(buffer.len() as u64));
        match outcome {
            Ok(length) => length > 0,
            // Bytes that were read before the error count.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => !buffer.is_empty(),
            Err(error) => {
                tracing::warn!(path = %self.request.path.display(), %error, "cannot read a log file");
                self.state = State::Unreadable;
                !buffer.is_empty()
            }
        }
    }

    /// Lets no more be read than the file holds now, or one piece where a size says nothing.
    fn limit_to_present_size(&mut self) {
        if let State::Unchanged(before) = self.state {
            self.state = self.look(before);
        }
        if let State::Open(file) = &mut self.state {
            let size = file.metadata().map_or(0, |metadata| metadata.len());
            let read = file.stream_position().unwrap_or(0);
            let present = size.saturating_sub(read).max(PIECE_BYTES_MAX as u64);
            self.left = Some(present);
        }
    }

    /// Opens the file if it has changed.
    fn look(&mut self, before: Option<Mark>) -> State {
        let Ok(metadata) = std::fs::metadata(&self.request.path) else {
            // Gone: whatever appears is new.
            self.start = 0;
            return State::Unchanged(None);
        };
        if before == Some(Mark::of(&metadata)) {
            return State::Unchanged(before);
        }
        // A pipe without a writer must not stop the worker.
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(&self.request.path)
            .and_then(|mut file| {
                // A file that became smaller was written anew.
                if self.request.follow && self.start <= metadata.size() && self.start > 0 {
                    file.seek(SeekFrom::Start(self.start))?;
                }
                Ok(file)
            });
        match opened {
            Ok(file) => State::Open(file),
            Err(error) => {
                tracing::debug!(path = %self.request.path.display(), %error, "cannot open a log file yet");
                State::Unchanged(before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Lets `change` happen to a file that held `before`, and gives what is read of it then.
    fn check(before: Option<&str>, follow: bool, change: impl FnOnce(&PathBuf), expected: &str) {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("log");
        if let Some(before) = before {
            std::fs::write(&path, before).expect("file");
        }
        let request = LogFileRequest {
            name: "log".to_owned(),
            path: path.clone(),
            follow,
        };
        let mut files = LogFiles::new(&[request]);
        assert!(!files.advance());
        change(&path);
        assert_eq!(read(&mut files), expected);
        assert!(!files.advance());
    }

    fn read(files: &mut LogFiles) -> String {
        let mut text = String::new();
        while files.advance() {
            let piece = files.piece().expect("a piece");
            assert!(piece.bytes.len() <= PIECE_BYTES_MAX);
            text.push_str(std::str::from_utf8(piece.bytes).expect("text"));
        }
        text
    }

    fn append(text: &str) -> impl FnOnce(&PathBuf) {
        let text = text.to_owned();
        move |path| {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .expect("open");
            file.write_all(text.as_bytes()).expect("write");
        }
    }

    #[test]
    fn an_untouched_file_is_not_read() {
        check(Some("old\n"), false, |_| {}, "");
        check(None, false, |_| {}, "");
    }

    #[test]
    fn a_changed_file_is_read_from_its_start() {
        check(Some("old\n"), false, append("new\n"), "old\nnew\n");
        check(None, false, append("new\n"), "new\n");
    }

    #[test]
    fn a_followed_file_is_read_from_where_it_was_before_the_program() {
        check(Some("old\n"), true, append("new\n"), "new\n");
        check(None, true, append("new\n"), "new\n");
        check(
            Some("long before\n"),
            true,
            |path| std::fs::write(path, "x\n").expect("write"),
            "x\n",
        );
    }

    #[test]
    fn a_file_that_disappeared_counts_as_new() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("log");
        std::fs::write(&path, "old").expect("file");
        let mut files = LogFiles::new(&[LogFileRequest {
            name: "log".to_owned(),
            path: path.clone(),
            follow: true,
        }]);
        std::fs::remove_file(&path).expect("remove");
        assert!(!files.advance());
        std::fs::write(&path, "brand new").expect("file");
        assert_eq!(read(&mut files), "brand new");
    }

    fn request(path: &std::path::Path) -> LogFileRequest {
        LogFileRequest {
            name: path.display().to_string(),
            path: path.to_owned(),
            follow: false,
        }
    }

    #[test]
    fn what_a_survivor_writes_after_the_end_of_the_program_is_left_out() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("log");
        let mut files = LogFiles::new(&[request(&path)]);
        let large = "0123456789".repeat(20_000);
        append(&large)(&path);
        files.end_of_program();
        append("too late")(&path);
        assert_eq!(read(&mut files), large);
    }

    #[test]
    fn files_take_turns() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let paths = ["one", "two"].map(|name| directory.path().join(name));
        let mut files = LogFiles::new(&paths.each_ref().map(|path| request(path)));
        for path in &paths {
            append(&"x".repeat(2 * PIECE_BYTES_MAX))(path);
        }
        let mut names = Vec::new();
        while files.advance() {
            names.push(files.piece().expect("a piece").name.to_owned());
        }
        let unique: std::collections::BTreeSet<_> = names.iter().take(2).collect();
        assert_eq!(names.len(), 4);
        assert_eq!(unique.len(), 2, "{names:?}");
    }

    #[test]
    fn reading_goes_on_where_it_stopped() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("log");
        let mut files = LogFiles::new(&[LogFileRequest {
            name: "log".to_owned(),
            path: path.clone(),
            follow: false,
        }]);
        append("one\n")(&path);
        assert_eq!(read(&mut files), "one\n");
        let large = "0123456789".repeat(20_000);
        append(&large)(&path);
        assert_eq!(read(&mut files), large);
    }
}
