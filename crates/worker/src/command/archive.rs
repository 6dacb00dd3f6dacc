//! Tar archives of directories.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tar::{Builder, EntryType, Header, HeaderMode};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
}

/// What went wrong, and with which file.
#[derive(Debug)]
pub(super) struct PackError {
    pub(super) error: io::Error,
    pub(super) path: Option<PathBuf>,
}

impl PackError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self {
            error,
            path: Some(path),
        }
    }
}

impl From<io::Error> for PackError {
    fn from(error: io::Error) -> Self {
        Self { error, path: None }
    }
}

/// Packs `directory` into a temporary file without a name, and gives it at its beginning.
///
/// Member names are relative to the directory, which itself is the first member, as `./`. Entries of a
/// directory are sorted. Links are stored as links, sockets left out. Gives up when `stop` becomes true.
pub(super) fn pack(
    directory: &Path,
    compression: Compression,
    stop: &AtomicBool,
) -> Result<File, PackError> {
    // Before anything is made.
    std::fs::read_dir(directory).map_err(PackError::at(directory))?;
    let file = tempfile::tempfile()?;
    let mut file = match compression {
        Compression::None => {
            let writer = pack_into(BufWriter::new(file), directory, stop)?;
            writer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?
        }
        Compression::Gzip => {
            let encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            pack_into(encoder, directory, stop)?.finish()?
        }
        Compression::Bzip2 => {
            let encoder = bzip2::write::BzEncoder::new(file, bzip2::Compression::best());
            pack_into(encoder, directory, stop)?.finish()?
        }
    };
    file.rewind()?;
    Ok(file)
}

fn pack_into<W: Write>(writer: W, directory: &Path, stop: &AtomicBool) -> Result<W, PackError> {
    let mut packer = Packer {
        archive: Builder::new(writer),
        stop,
    };
    packer.directory(directory, Path::new("."))?;
    Ok(packer.archive.into_inner()?)
}

struct Packer<'a, W: Write> {
    archive: Builder<W>,
    stop: &'a AtomicBool,
}

impl<W: Write> Packer<'_, W> {
    /// Adds a directory with everything in it, without recursion: a deep tree must not overflow the stack.
    fn directory(&mut self, root: &Path, root_name: &Path) -> Result<(), PackError> {
        let mut waiting = vec![(root.to_owned(), root_name.to_owned())];
        while let Some((path, name)) = waiting.pop() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(interrupted().into());
            }
            // The root may be a link to a directory.
            let metadata = if path == root {
                std::fs::metadata(&path)
            } else {
                std::fs::symlink_metadata(&path)
            };
            let metadata = metadata.map_err(PackError::at(&path))?;
            self.member(&path, &name, &metadata)?;
            if metadata.is_dir() {
                let mut names = Vec::new();
                for entry in std::fs::read_dir(&path).map_err(PackError::at(&path))? {
                    names.push(entry.map_err(PackError::at(&path))?.file_name());
                }
                // The last one is taken first.
                names.sort_by(|one, other| other.cmp(one));
                let inside = if path == root { Path::new("") } else { &name };
                waiting.extend(
                    names
                        .iter()
                        .map(|entry| (path.join(entry), inside.join(entry))),
                );
            }
        }
        Ok(())
    }

    fn member(&mut self, path: &Path, name: &Path, metadata: &Metadata) -> Result<(), PackError> {
        let mut header = Header::new_gnu();
        header.set_metadata_in_mode(metadata, HeaderMode::Complete);
        let kind = metadata.file_type();
        if kind.is_file() {
            let file = File::open(path).map_err(PackError::at(path))?;
            let content = Content {
                file,
                left: metadata.len(),
                stop: self.stop,
            };
            return self
                .archive
                .append_data(&mut header, name, content)
                .map_err(PackError::at(path));
        }
        header.set_size(0);
        if kind.is_symlink() {
            let target = std::fs::read_link(path).map_err(PackError::at(path))?;
            return self
                .archive
                .append_link(&mut header, name, target)
                .map_err(PackError::at(path));
        }
        if kind.is_socket() {
            return Ok(());
        }
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
        } else if kind.is_fifo() {
            header.set_entry_type(EntryType::Fifo);
        } else {
            let device = std::os::unix::fs::MetadataExt::rdev(metadata);
            let entry_type = if kind.is_char_device() {
                EntryType::Char
            } else {
                EntryType::Block
            };
            header.set_entry_type(entry_type);
            header.set_device_major(rustix::fs::major(device))?;
            header.set_device_minor(rustix::fs::minor(device))?;
        }
        self.archive
            .append_data(&mut header, name, io::empty())
            .map_err(PackError::at(path))
    }
}

/// A file with exactly the length that its header says, even if it grows meanwhile.
struct Content<'a> {
    file: File,
    left: u64,
    stop: &'a AtomicBool,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        let length = Read::by_ref(&mut self.file).take(self.left).read(buffer)?;
        if length == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

fn interrupted() -> io::Error {
    // Not `Interrupted`, after which reading is tried again.
    io::Error::other("interrupted")
}
