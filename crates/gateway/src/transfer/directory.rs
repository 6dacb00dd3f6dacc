//! Uploaded directories: an archive that is unpacked where nothing of it can get out.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Archive, Entry, EntryType};

use super::{Compression, Room, TransferError, Transferred};

/// An archive may hold so many times the bytes that it has, which text does not reach; and so many bytes in any case.
///
/// Differs: an uploaded archive that holds far more than was sent is refused, because a small one could fill the disk
/// otherwise.
const UNPACKED_RATIO_MAX: u64 = 256;
const UNPACKED_BYTES_MIN: u64 = 256 << 20;

/// Bytes of one entry's headers: of long names and other extensions, which are in memory while it is unpacked.
const HEADERS_BYTES_MAX: u64 = 1 << 20;

/// Bytes of names of directories whose times are set at the end.
const DIRECTORIES_BYTES_MAX: usize = 64 << 20;

/// Keeps an archive beside its destination until it is complete.
#[derive(Debug)]
pub(super) struct DirectoryWriter {
    root: PathBuf,
    room: Room,
    compression: Compression,
    /// Without a name, so that nothing of it can be left behind.
    archive: File,
}

impl DirectoryWriter {
    pub(super) fn open(
        root: PathBuf,
        maxsize: Option<u64>,
        compression: Compression,
    ) -> Result<Self, TransferError> {
        let root = std::path::absolute(&root).map_err(TransferError::at(&root))?;
        let beside = root.parent().unwrap_or(&root);
        fs::create_dir_all(beside).map_err(TransferError::at(beside))?;
        let archive = tempfile::tempfile_in(beside).map_err(TransferError::at(beside))?;
        Ok(Self {
            root,
            room: Room::new(maxsize),
            compression,
            archive,
        })
    }

    pub(super) fn write(&mut self, block: &[u8]) -> Result<(), TransferError> {
        let block = self.room.take(block);
        self.archive
            .write_all(block)
            .map_err(TransferError::at(&self.root))
    }

    /// Unpacks the archive. A destination that did not exist before is removed if that fails.
    pub(super) fn unpack(mut self) -> Result<Transferred, TransferError> {
        let at_root = TransferError::at(&self.root);
        let is_new = !self.root.exists();
        self.archive.rewind().map_err(&at_root)?;
        fs::create_dir_all(&self.root).map_err(&at_root)?;
        let archive = BufReader::new(&self.archive);
        let bytes_max = unpacked_bytes_max(self.room.written);
        let root = &self.root;
        let unpacked = match self.compression {
            Compression::None => unpack(archive, root, bytes_max),
            Compression::Gzip => unpack(
                flate2::bufread::MultiGzDecoder::new(archive),
                root,
                bytes_max,
            ),
            Compression::Bzip2 => unpack(
                bzip2::bufread::MultiBzDecoder::new(archive),
                root,
                bytes_max,
            ),
        };
        match unpacked {
            Ok(()) => Ok(Transferred::Stored {
                bytes: self.room.written,
                truncated: self.room.is_exceeded,
            }),
            Err(reason) => {
                if is_new && let Err(error) = fs::remove_dir_all(&self.root) {
                    tracing::warn!("{} cannot be removed: {error}", self.root.display());
                }
                Err(TransferError::Archive {
                    root: self.root,
                    reason,
                })
            }
        }
    }
}

/// What may come out of an archive of so many bytes.
fn unpacked_bytes_max(archive: u64) -> u64 {
    archive
        .saturating_mul(UNPACKED_RATIO_MAX)
        .max(UNPACKED_BYTES_MIN)
}

/// Bytes that may still come out of an archive.
#[derive(Debug)]
struct Meter {
    left: Cell<u64>,
    /// Of headers, while the next entry is looked for.
    headers: Cell<Option<u64>>,
}

impl Meter {
    fn count(&self, bytes: u64) -> io::Result<()> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.ok_or_else(too_large)?);
        if let Some(headers) = self.headers.get() {
            let left = headers.checked_sub(bytes);
            let left = left.ok_or_else(|| io::Error::other("an entry has too many headers"))?;
            self.headers.set(Some(left));
        }
        Ok(())
    }
}

fn too_large() -> io::Error {
    io::Error::other("it unpacks to far more than was sent")
}

/// An archive whose bytes are counted.
struct Metered<'a, R> {
    archive: R,
    meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.archive.read(buffer)?;
        self.meter.count(length as u64)?;
        Ok(length)
    }
}

/// Unpacks what may be trusted not to: names and links stay inside, owners and dangerous permission bits are not
/// taken, devices and the like are refused.
///
/// Buildbot 4.3 has Python's filter `data` do this. Differs: names with `..`, and links that go up after having gone
/// down, are refused even if they end inside, because what is behind them may change later.
fn unpack(archive: impl Read, root: &Path, bytes_max: u64) -> Result<(), String> {
    let root = fs::canonicalize(root).map_err(|error| error.to_string())?;
    let meter = Meter {
        left: Cell::new(bytes_max),
        headers: Cell::new(None),
    };
    let mut archive = Archive::new(Metered {
        archive,
        meter: &meter,
    });
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    // The times of directories change while they are filled.
    let mut directories = Directories::default();
    // What a sparse file writes without its being in the archive.
    let mut content_left = bytes_max;
    loop {
        meter.headers.set(Some(HEADERS_BYTES_MAX));
        let entry = entries.next();
        meter.headers.set(None);
        let Some(entry) = entry else {
            break;
        };
        let mut entry = entry.map_err(|error| error.to_string())?;
        let name = entry
            .path()
            .map_err(|error| error.to_string())?
            .into_owned();
        let unpacked = unpack_entry(
            &mut entry,
            &name,
            &root,
            &mut directories,
            &mut content_left,
        );
        // What is left of it must not count as headers of the next one.
        let unpacked = unpacked.and_then(|()| Ok(io::copy(&mut entry, &mut io::sink())?));
        unpacked.map_err(|reason| format!("{}: {reason}", name.display()))?;
    }
    for (path, modified) in directories.found.into_iter().rev() {
        let set = File::open(&path).and_then(|directory| set_modified(&directory, modified));
        set.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Why an entry is refused.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("it would be outside of the destination")]
    Outside,
    #[error("the link would lead outside of the destination")]
    LinkOutside,
    #[error("it is neither file, directory nor link")]
    Special,
    #[error("there is something other than a directory on its way")]
    NoDirectory,
    #[error("there are too many directories")]
    TooManyDirectories,
}

/// Directories of an archive, and when they were modified.
#[derive(Debug, Default)]
struct Directories {
    found: Vec<(PathBuf, u64)>,
    bytes: usize,
}

impl Directories {
    fn add(&mut self, path: PathBuf, modified: u64) -> Result<(), EntryError> {
        self.bytes += size_of::<(PathBuf, u64)>() + path.as_os_str().len();
        if self.bytes > DIRECTORIES_BYTES_MAX {
            return Err(EntryError::TooManyDirectories);
        }
        self.found.push((path, modified));
        Ok(())
    }
}

fn unpack_entry(
    entry: &mut Entry<'_, impl Read>,
    name: &Path,
    root: &Path,
    directories: &mut Directories,
    content_left: &mut u64,
) -> Result<(), EntryError> {
    let header = entry.header();
    let kind = header.entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    let mode = header.mode().unwrap_or(0o644);
    let modified = header.mtime().unwrap_or(0);
    let Some((parent, last)) = place(name)? else {
        // The directory itself.
        return Ok(());
    };
    let parent = directory_within(root, &parent)?;
    let path = parent.join(last);
    match kind {
        EntryType::Directory => {
            directory_within(
                root,
                path.strip_prefix(root).map_err(|_| EntryError::Outside)?,
            )?;
            directories.add(path, modified)?;
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            make_room(&path)?;
            // As Python's filter: no write permission for others, execution only if the owner has it.
            let mode = match mode & 0o100 {
                0 => (mode & 0o644) | 0o600,
                _ => (mode & 0o755) | 0o600,
            };
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            let written = io::copy(&mut entry.take(content_left.saturating_add(1)), &mut file)?;
            *content_left = content_left.checked_sub(written).ok_or_else(too_large)?;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            set_modified(&file, modified)?;
        }
        EntryType::Symlink => {
            let target = entry.link_name()?.ok_or(EntryError::LinkOutside)?;
            let depth = parent.strip_prefix(root).map_err(|_| EntryError::Outside)?;
            check_target(&target, depth.components().count())?;
            make_room(&path)?;
            std::os::unix::fs::symlink(&target, &path)?;
        }
        EntryType::Link => {
            let target = entry.link_name()?.ok_or(EntryError::LinkOutside)?;
            let (directory, last) = place(&target)?.ok_or(EntryError::LinkOutside)?;
            let target = directory_within(root, &directory)?.join(last);
            if !fs::symlink_metadata(&target)?.is_file() {
                return Err(EntryError::LinkOutside);
            }
            if target != path {
                make_room(&path)?;
                fs::hard_link(&target, &path)?;
            }
        }
        _ => return Err(EntryError::Special),
    }
    Ok(())
}

/// Directory and last part of a name, relative to the root. A leading `/` counts as none. `None`: the root itself.
fn place(name: &Path) -> Result<Option<(PathBuf, PathBuf)>, EntryError> {
    let mut inside = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(EntryError::Outside),
        }
    }
    let Some(last) = inside.file_name().map(PathBuf::from) else {
        return Ok(None);
    };
    inside.pop();
    Ok(Some((inside, last)))
}

/// The directory `inside` of the root, which is made if it is missing, without links in its path.
fn directory_within(root: &Path, inside: &Path) -> Result<PathBuf, EntryError> {
    let mut path = root.to_owned();
    for part in inside.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().mode(0o777).create(&path)?;
            }
            Err(error) => return Err(error.into()),
            Ok(metadata) if metadata.is_dir() => {}
            Ok(metadata) if metadata.is_symlink() => {
                path = fs::canonicalize(&path)?;
                if !path.starts_with(root) {
                    return Err(EntryError::Outside);
                }
                if !path.is_dir() {
                    return Err(EntryError::NoDirectory);
                }
            }
            Ok(_) => return Err(EntryError::NoDirectory),
        }
    }
    Ok(path)
}

/// A link in a directory so deep in the root may go up so far, and then down.
fn check_target(target: &Path, depth: usize) -> Result<(), EntryError> {
    let mut ups = 0;
    let mut is_down = false;
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => is_down = true,
            Component::ParentDir if is_down => return Err(EntryError::LinkOutside),
            Component::ParentDir => ups += 1,
            Component::RootDir | Component::Prefix(_) => return Err(EntryError::LinkOutside),
        }
    }
    match ups <= depth {
        true => Ok(()),
        false => Err(EntryError::LinkOutside),
    }
}

/// Removes a file or link that is in the way. A directory stays, and what follows fails.
fn make_room(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_dir() => fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn set_modified(file: &File, seconds: u64) -> io::Result<()> {
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        Some(modified) => file.set_times(FileTimes::new().set_modified(modified)),
        // No file system has such times.
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
