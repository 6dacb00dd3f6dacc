//! Log files that are rotated by size, with the names that twistd gives them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// When a log file is rotated, and how many old ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes that the file must have reached; `None` for never.
    pub size: Option<u64>,
    /// How many old files are kept; `None` for all.
    pub keep: Option<u64>,
}

impl Rotation {
    /// The file grows for ever.
    pub const NEVER: Self = Self {
        size: None,
        keep: None,
    };

    /// What twistd does on its own.
    pub const TWISTD: Self = Self {
        size: Some(1_000_000),
        keep: None,
    };
}

/// An open log file.
///
/// Before a write, a file that has reached its size becomes `NAME.1`, where `NAME.1` becomes `NAME.2`
/// and so on; files with a number from `keep` on are deleted. The new file gets the permissions of the
/// old one. A rotation that is not possible (a directory that cannot be written) is tried again after
/// as many bytes, so that the old files are not moved, and at last deleted, at each write. A file that
/// somebody has moved away is begun anew when the old one would have been rotated.
#[derive(Debug)]
pub struct RotatedFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    size: u64,
    /// The size at which to rotate.
    rotate_at: Option<u64>,
    /// Writes that were lost since the last one that worked.
    lost: u64,
    /// The last write ended in the middle of a line.
    torn: bool,
}

impl RotatedFile {
    /// Opens `path` for appending, and creates it if needed.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let file = append_to(&path)?;
        let size = file.metadata()?.len();
        let mut log = Self {
            path,
            rotation,
            file,
            size,
            rotate_at: None,
            lost: 0,
            torn: false,
        };
        log.rotate_at = log.limit();
        Ok(log)
    }

    /// Appends `lines`, which end with a newline. What cannot be written is lost, and counted.
    pub fn write(&mut self, lines: &[u8]) {
        if self.rotate_at.is_some_and(|limit| self.size >= limit) {
            self.rotate_at = self.limit();
            if self.rotate().is_err() {
                self.rotate_at = self.limit().map(|limit| self.size.saturating_add(limit));
            }
        }
        if self.torn {
            self.torn = self.append(b"\n").is_err();
        }
        if self.lost > 0 {
            let note = format!("\t({} log messages could not be written)\n", self.lost);
            if self.append(note.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        if self.append(lines).is_err() {
            self.lost += 1;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.size += count as u64;
                    rest = rest.get(count..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Bytes between two rotations; 0 means never, as in Python.
    fn limit(&self) -> Option<u64> {
        self.rotation.size.filter(|size| *size > 0)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let permissions = self.file.metadata()?.permissions();
        self.move_old_files()?;
        match fs::rename(&self.path, self.numbered(1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = append_to(&self.path)?;
        // Where that is not allowed, the new file has the permissions that any new file has.
        let _ = file.set_permissions(permissions);
        self.file = file;
        self.size = 0;
        self.torn = false;
        Ok(())
    }

    fn move_old_files(&self) -> io::Result<()> {
        for number in self.old_files()?.into_iter().rev() {
            let path = self.numbered(number);
            if self.rotation.keep.is_some_and(|keep| number >= keep) {
                fs::remove_file(path)?;
            } else {
                fs::rename(path, self.numbered(number.saturating_add(1)))?;
            }
        }
        Ok(())
    }

    /// The numbers of the rotated files, in order.
    fn old_files(&self) -> io::Result<Vec<u64>> {
        let (Some(directory), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(Vec::new());
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry_name = entry?.file_name();
            let number = entry_name
                .as_encoded_bytes()
                .strip_prefix(name.as_encoded_bytes())
                .and_then(|rest| rest.strip_prefix(b"."))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| {
                    digits
                        .parse::<u64>()
                        .ok()
                        .filter(|number| number.to_string() == digits)
                });
            numbers.extend(number.filter(|number| *number > 0));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    // A log that belongs to others (a pipe, a terminal, /dev/null) is written to like a file.
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::{RotatedFile, Rotation};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// The names in `directory` and the text of each file, sorted by name.
    fn listing(directory: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        files.sort();
        files
    }

    /// Writes `lines` of five bytes with a rotation at ten, and compares what is left.
    fn check(keep: Option<u64>, lines: &[&str], expected: &[(&str, &str)]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        let rotation = Rotation {
            size: Some(10),
            keep,
        };
        let mut log = RotatedFile::open(&path, rotation).unwrap();
        for line in lines {
            log.write(format!("{line}\n").as_bytes());
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        assert_eq!(listing(directory.path()), expected);
    }

    #[test]
    fn a_file_is_rotated_before_the_write_after_it_has_reached_its_size() {
        check(None, &["aaaa", "bbbb"], &[("t.log", "aaaa\nbbbb\n")]);
        check(
            None,
            &["aaaa", "bbbb", "cccc"],
            &[("t.log", "cccc\n"), ("t.log.1", "aaaa\nbbbb\n")],
        );
        check(
            None,
            &["aaaaaaaaaaaaaa", "b"],
            &[("t.log", "b\n"), ("t.log.1", "aaaaaaaaaaaaaa\n")],
        );
    }

    #[test]
    fn old_files_move_up_and_the_oldest_are_deleted() {
        let lines = ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"];
        check(
            None,
            &lines,
            &[
                ("t.log", "dddddddddd\n"),
                ("t.log.1", "cccccccccc\n"),
                ("t.log.2", "bbbbbbbbbb\n"),
                ("t.log.3", "aaaaaaaaaa\n"),
            ],
        );
        let two = [
            ("t.log", "dddddddddd\n"),
            ("t.log.1", "cccccccccc\n"),
            ("t.log.2", "bbbbbbbbbb\n"),
        ];
        check(Some(2), &lines, &two);
        check(Some(1), &lines, &two[..2]);
        check(Some(0), &lines, &two[..2]);
    }

    #[test]
    fn more_than_nine_old_files_keep_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        let rotation = Rotation {
            size: Some(1),
            keep: Some(12),
        };
        let mut log = RotatedFile::open(&path, rotation).unwrap();
        for line in 0..20 {
            log.write(format!("{line}\n").as_bytes());
        }
        let files = listing(directory.path());
        assert_eq!(files.len(), 13);
        for (name, text) in files {
            let age: u32 = name
                .strip_prefix("t.log.")
                .map_or(0, |number| number.parse().unwrap());
            assert_eq!(text, format!("{}\n", 19 - age));
        }
    }

    #[test]
    fn names_that_only_look_alike_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        for name in ["t.log.01", "t.log.x", "t.log.0", "t.log.1.gz", "t.log1"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let mut log = RotatedFile::open(
            &path,
            Rotation {
                size: Some(1),
                keep: Some(1),
            },
        )
        .unwrap();
        for line in ["a\n", "b\n", "c\n"] {
            log.write(line.as_bytes());
        }
        let names: Vec<_> = listing(directory.path())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "t.log",
                "t.log.0",
                "t.log.01",
                "t.log.1",
                "t.log.1.gz",
                "t.log.x",
                "t.log1"
            ]
        );
    }

    #[test]
    fn an_existing_file_is_continued_and_its_permissions_carry_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        fs::write(&path, "old old old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let mut log = RotatedFile::open(
            &path,
            Rotation {
                size: Some(5),
                keep: None,
            },
        )
        .unwrap();
        log.write(b"new\n");
        let old = directory.path().join("t.log.1");
        assert_eq!(fs::read_to_string(&old).unwrap(), "old old old\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!((mode(&old), mode(&path)), (0o604, 0o604));
    }

    #[test]
    fn a_log_without_rotation_grows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        for rotation in [
            Rotation::NEVER,
            Rotation {
                size: Some(0),
                keep: None,
            },
        ] {
            let mut log = RotatedFile::open(&path, rotation).unwrap();
            log.write(b"a\n");
            log.write(b"b\n");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\na\nb\n");
        assert_eq!(listing(directory.path()).len(), 1);
    }

    #[test]
    fn a_removed_directory_stops_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let mut log = RotatedFile::open(
            &inner.join("t.log"),
            Rotation {
                size: Some(1),
                keep: None,
            },
        )
        .unwrap();
        log.write(b"a\n");
        fs::remove_dir_all(&inner).unwrap();
        log.write(b"b\n");
        log.write(b"c\n");
        assert!(!inner.exists());
    }

    #[test]
    fn a_file_that_cannot_be_rotated_goes_on_and_old_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        let rotation = Rotation {
            size: Some(4),
            keep: Some(3),
        };
        let mut log = RotatedFile::open(&path, rotation).unwrap();
        // A directory that is not empty cannot be replaced by a file, nor be deleted as one.
        let in_the_way = directory.path().join("t.log.3");
        fs::create_dir_all(in_the_way.join("x")).unwrap();
        for line in ["a\n", "b\n", "c\n", "d\n", "e\n"] {
            log.write(line.as_bytes());
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\nd\ne\n");
        fs::remove_dir_all(in_the_way).unwrap();
        log.write(b"f\n");
        log.write(b"g\n");
        let files = listing(directory.path());
        let expected = [("t.log", "g\n"), ("t.log.1", "a\nb\nc\nd\ne\nf\n")];
        assert_eq!(files.len(), expected.len());
        for ((name, text), expected) in files.iter().zip(expected) {
            assert_eq!((name.as_str(), text.as_str()), expected);
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        let rotation = Rotation {
            size: Some(4),
            keep: None,
        };
        let mut log = RotatedFile::open(&path, rotation).unwrap();
        log.write(b"a\n");
        fs::rename(&path, directory.path().join("moved")).unwrap();
        log.write(b"b\n");
        log.write(b"c\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "c\n");
    }

    #[test]
    fn a_full_disk_stops_nothing_and_is_reported_when_it_has_space_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.log");
        let mut log = RotatedFile::open(&path, Rotation::NEVER).unwrap();
        log.write(b"a\n");
        let on_disk = std::mem::replace(
            &mut log.file,
            super::append_to(Path::new("/dev/full")).unwrap(),
        );
        log.write(b"b\n");
        log.write(b"c\n");
        log.file = on_disk;
        log.write(b"d\n");
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text, "a\n\t(2 log messages could not be written)\nd\n");
    }
}
