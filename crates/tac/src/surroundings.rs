//! What a tac file may ask of the process and machine that read it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The part of the world that a tac file can see. Nothing else is ever consulted.
pub struct Surroundings<'a> {
    /// Path of the tac file as the program was given it: the value of `__file__`.
    pub file: PathBuf,
    /// Absolute working directory: `os.getcwd()`, and what `os.path.abspath` starts from.
    pub directory: PathBuf,
    /// The environment: `os.environ`.
    pub environ: BTreeMap<String, String>,
    /// The user's home according to the user database, for `expanduser('~')` without `HOME`.
    pub home: Option<PathBuf>,
    /// `os.uname()`.
    pub machine: MachineNames,
    /// `os.cpu_count()`.
    pub cpus: usize,
    /// How files are read.
    pub files: &'a dyn Files,
}

/// The names that the system gives to itself and to the machine, as in `uname`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineNames {
    /// The system, for instance `Linux`.
    pub system: String,
    /// The host name, also `socket.gethostname()` and `platform.node()`.
    pub node: String,
    /// The release of the system.
    pub release: String,
    /// The version of the system.
    pub version: String,
    /// The kind of processor, for instance `x86_64`.
    pub machine: String,
}

impl MachineNames {
    /// Asks the system.
    pub fn of_this_machine() -> Self {
        let uname = rustix::system::uname();
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        Self {
            system: text(uname.sysname()),
            node: text(uname.nodename()),
            release: text(uname.release()),
            version: text(uname.version()),
            machine: text(uname.machine()),
        }
    }
}

impl Surroundings<'static> {
    /// The surroundings of this process, for a tac file named `file`.
    ///
    /// Differs: an environment variable whose name or value is not UTF-8 is not visible to the tac
    /// file, because its texts are Unicode here; it stays in the environment.
    ///
    /// Differs: `os.cpu_count()` is the number of processors that this process may use, because in a
    /// container the number of all of them misleads.
    pub fn of_this_process(file: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file,
            directory: std::env::current_dir()?,
            environ: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            home: std::env::home_dir(),
            machine: MachineNames::of_this_machine(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            files: &Disk,
        })
    }
}

/// What kind of file a path leads to, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// The files that a tac file can ask about. Paths are absolute.
pub trait Files {
    /// The content of a text file in UTF-8, at most `bytes_max` long.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<String>;

    /// The kind of a file, `None` when there is none or it cannot be reached.
    fn kind(&self, path: &Path) -> Option<FileKind>;

    /// The target of a symbolic link, `None` when the path is no link.
    fn link_target(&self, path: &Path) -> Option<PathBuf>;
}

/// The real files.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<String> {
        use std::io::Read;

        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        let read = file
            .take(bytes_max.saturating_add(1))
            .read_to_string(&mut text)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > bytes_max {
            return Err(io::Error::other(format!(
                "the file is longer than {bytes_max} bytes"
            )));
        }
        Ok(text)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(if metadata.is_file() {
            FileKind::File
        } else if metadata.is_dir() {
            FileKind::Directory
        } else {
            FileKind::Other
        })
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        std::fs::read_link(path).ok()
    }
}

/// A machine without files, for tests and for fuzzing.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &Path, _bytes_max: u64) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn kind(&self, _path: &Path) -> Option<FileKind> {
        None
    }

    fn link_target(&self, _path: &Path) -> Option<PathBuf> {
        None
    }
}
