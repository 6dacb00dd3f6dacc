//! Reads what is added to a log file.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// The most that is read at a time; a line that is longer is taken apart.
const READ_BYTES_MAX: u64 = 64 * 1024;

/// A log file that another process writes, and perhaps rotates.
#[derive(Debug)]
pub struct LogFollower {
    path: PathBuf,
    file: Option<File>,
    /// The last line, as long as its end is not there.
    partial: Vec<u8>,
}

impl LogFollower {
    /// Starts behind what the file holds now. It need not exist.
    pub fn from_end(path: PathBuf) -> Self {
        let mut file = File::open(&path).ok();
        if let Some(open) = &mut file
            && open.seek(SeekFrom::End(0)).is_err()
        {
            file = None;
        }
        Self {
            path,
            file,
            partial: Vec::new(),
        }
    }

    /// The complete lines since the last call, without their newlines.
    pub fn new_lines(&mut self) -> Vec<String> {
        let mut lines = self.read();
        if self.is_replaced() {
            // Rotated: the rest of the old file is read, the new one begins.
            lines.extend(self.read());
            self.file = File::open(&self.path).ok();
            lines.extend(self.read());
        }
        lines
    }

    fn is_replaced(&self) -> bool {
        let Ok(at_path) = fs::metadata(&self.path) else {
            return false;
        };
        let open = self.file.as_ref().and_then(|file| file.metadata().ok());
        open.is_none_or(|open| (open.dev(), open.ino()) != (at_path.dev(), at_path.ino()))
    }

    fn read(&mut self) -> Vec<String> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        // An error is like nothing new; the next call tries again.
        let _ = file.take(READ_BYTES_MAX).read_to_end(&mut self.partial);
        let end = match self.partial.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if self.partial.len() as u64 >= READ_BYTES_MAX => self.partial.len(),
            None => return Vec::new(),
        };
        let complete: Vec<u8> = self.partial.drain(..end).collect();
        String::from_utf8_lossy(&complete)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::LogFollower;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    #[test]
    fn only_new_and_complete_lines_are_seen_also_after_a_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("twistd.log");
        let append = |text: &str| {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("old\n");
        let mut log = LogFollower::from_end(path.clone());
        assert!(log.new_lines().is_empty());
        append("a\nb");
        assert_eq!(log.new_lines(), ["a"]);
        append("c\n");
        assert_eq!(log.new_lines(), ["bc"]);
        append("last\n");
        fs::rename(&path, directory.path().join("twistd.log.1")).unwrap();
        append("first\n");
        assert_eq!(log.new_lines(), ["last", "first"]);
        append("second\n");
        assert_eq!(log.new_lines(), ["second"]);
    }

    #[test]
    fn a_file_that_comes_later_is_read_from_its_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("twistd.log");
        let mut log = LogFollower::from_end(path.clone());
        assert!(log.new_lines().is_empty());
        fs::write(&path, "a\n").unwrap();
        assert_eq!(log.new_lines(), ["a"]);
    }
}
