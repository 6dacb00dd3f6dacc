//! The Python package of this program: embedded, and unpacked to where a Python can import it.
//!
//! It goes to the user's cache directory, once for each content, so that Python's compiled files are kept beside
//! it. The directory is private: who could write to it could run code as the user of the master. If the cache
//! cannot be used, a temporary directory serves, which is removed with the last [`Package`] that uses it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The variable that names a directory to use instead of the embedded package; for work on the package itself.
pub const OVERRIDE: &str = "BUILDBOT_PYTHON_PACKAGE";

/// The script that a Python is started with, below the package's directory.
const HOST: &str = "host.py";

/// Only its owner may read, write and enter.
const PRIVATE: u32 = 0o700;

/// A directory from which a Python can be started; cheap to clone.
#[derive(Debug, Clone)]
pub struct Package {
    directory: PathBuf,
    /// Removed when nobody needs it any more.
    _temporary: Option<Arc<TempDir>>,
}

/// The package is nowhere to be had.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Neither the cache nor a temporary directory can be written.
    #[error(
        "the Python package cannot be unpacked: {cache}; nor to a temporary directory: {temporary}"
    )]
    NoPlace {
        /// Why not to the cache.
        cache: CacheError,
        /// Why not to a temporary directory.
        temporary: io::Error,
    },
    /// The directory that the variable names is not a package.
    #[error("{OVERRIDE} is {}, where there is no {HOST}", directory.display())]
    NoHost {
        /// What the variable names.
        directory: PathBuf,
    },
}

/// Why the cache directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// There is no home.
    #[error("neither XDG_CACHE_HOME nor HOME names an absolute path")]
    NoHome,
    /// Somebody else could change what is executed.
    #[error("{} belongs to the user with the number {owner}, not to {me}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        me: u32,
    },
    /// A file, or a link to somewhere else.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

impl Package {
    /// Makes the package available; `environment` is asked for `BUILDBOT_PYTHON_PACKAGE`, `XDG_CACHE_HOME` and
    /// `HOME`.
    pub fn unpack(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, PackageError> {
        if let Some(directory) = environment(OVERRIDE).filter(|value| !value.is_empty()) {
            return Self::at(PathBuf::from(directory));
        }
        let unpacked = cache_directory(environment).and_then(|cache| unpack_to_cache(&cache));
        let cache = match unpacked {
            Ok(directory) => {
                return Ok(Self {
                    directory,
                    _temporary: None,
                });
            }
            Err(error) => error,
        };
        tracing::warn!(reason = %cache, "the Python package is unpacked to a temporary directory");
        match unpack_to_temporary() {
            Ok(temporary) => Ok(Self {
                directory: temporary.path().to_owned(),
                _temporary: Some(Arc::new(temporary)),
            }),
            Err(temporary) => Err(PackageError::NoPlace { cache, temporary }),
        }
    }

    /// Uses a directory as it is.
    pub fn at(directory: PathBuf) -> Result<Self, PackageError> {
        // Python is started elsewhere.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        if !directory.join(HOST).is_file() {
            return Err(PackageError::NoHost { directory });
        }
        Ok(Self {
            directory,
            _temporary: None,
        })
    }

    /// The directory, absolute.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The script that a Python is started with.
    pub fn host(&self) -> PathBuf {
        self.directory.join(HOST)
    }
}

/// `$XDG_CACHE_HOME`, or `~/.cache`.
fn cache_directory(environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, CacheError> {
    let absolute = |name: &str| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .ok_or(CacheError::NoHome)
}

fn unpack_to_cache(cache: &Path) -> Result<PathBuf, CacheError> {
    let home = cache.join("buildbot-rs");
    create_private(&home)?;
    let target = home.join(format!("python-{HASH}"));
    match fs::symlink_metadata(&target) {
        Ok(_) => {
            make_private(&target)?;
            if is_whole(&target) {
                return Ok(target);
            }
            tracing::warn!(directory = %target.display(), "files are missing; it is unpacked again");
            set_aside(&home, &target)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(reason) => return Err(failed(&target, reason)),
    }
    let fresh = tempfile::Builder::new()
        .prefix(".unpacking-")
        .permissions(Permissions::from_mode(PRIVATE))
        .tempdir_in(&home)
        .map_err(|reason| failed(&home, reason))?;
    write_files(fresh.path()).map_err(|reason| failed(fresh.path(), reason))?;
    match fs::rename(fresh.path(), &target) {
        // Its name is gone; there is nothing to remove.
        Ok(()) => drop(fresh.keep()),
        // Another process was faster.
        Err(_) if is_whole(&target) => make_private(&target)?,
        Err(reason) => return Err(failed(&target, reason)),
    }
    Ok(target)
}

fn unpack_to_temporary() -> io::Result<TempDir> {
    let directory = tempfile::Builder::new()
        .prefix("buildbot-rs-")
        .permissions(Permissions::from_mode(PRIVATE))
        .tempdir()?;
    write_files(directory.path())?;
    Ok(directory)
}

fn write_files(directory: &Path) -> io::Result<()> {
    for (name, content) in FILES {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// Whether every file is there, with its length: programs that clean caches remove old files.
fn is_whole(directory: &Path) -> bool {
    FILES.iter().all(|(name, content)| {
        fs::metadata(directory.join(name))
            .is_ok_and(|found| found.is_file() && found.len() == content.len() as u64)
    })
}

/// Moves a damaged directory out of the way, and removes it.
fn set_aside(home: &Path, target: &Path) -> Result<(), CacheError> {
    let aside = tempfile::Builder::new()
        .prefix(".damaged-")
        .tempdir_in(home)
        .map_err(|reason| failed(home, reason))?;
    match fs::rename(target, aside.path().join("python")) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => Err(failed(target, reason)),
        _ => Ok(()),
    }
}

/// Creates a directory that only its owner can enter, unless it is there.
fn create_private(path: &Path) -> Result<(), CacheError> {
    let created = DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
    match created {
        Ok(()) => make_private(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => make_private(path),
        Err(reason) => Err(failed(path, reason)),
    }
}

/// Makes sure that a directory is ours alone.
fn make_private(path: &Path) -> Result<(), CacheError> {
    let found = fs::symlink_metadata(path).map_err(|reason| failed(path, reason))?;
    if !found.is_dir() {
        return Err(CacheError::NotADirectory {
            path: path.to_owned(),
        });
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Err(CacheError::Foreign {
            path: path.to_owned(),
            owner: found.uid(),
            me,
        });
    }
    if found.mode() & 0o777 != PRIVATE {
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))
            .map_err(|reason| failed(path, reason))?;
    }
    Ok(())
}

fn failed(path: &Path, reason: io::Error) -> CacheError {
    CacheError::Io {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(values: &[(&str, &Path)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let values: Vec<(String, OsString)> = values
            .iter()
            .map(|(name, path)| ((*name).to_owned(), path.as_os_str().to_owned()))
            .collect();
        move |asked| {
            let found = values.iter().find(|(name, _)| name == asked)?;
            Some(found.1.clone())
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("metadata").mode() & 0o777
    }

    #[test]
    fn the_package_is_unpacked_once_and_privately() {
        let cache = tempfile::tempdir().expect("directory");
        let surroundings = environment(&[("XDG_CACHE_HOME", cache.path())]);
        let first = Package::unpack(&surroundings).expect("unpacked");
        assert!(
            first
                .directory()
                .starts_with(cache.path().join("buildbot-rs"))
        );
        assert!(first.directory().join("buildbot/__init__.py").is_file());
        assert_eq!(mode(first.directory()), PRIVATE);
        assert_eq!(mode(&cache.path().join("buildbot-rs")), PRIVATE);

        let before = fs::metadata(first.directory()).expect("metadata").ino();
        let second = Package::unpack(&surroundings).expect("unpacked");
        assert_eq!(second.directory(), first.directory());
        assert_eq!(
            fs::metadata(first.directory()).expect("metadata").ino(),
            before
        );
        let entries = fs::read_dir(cache.path().join("buildbot-rs")).expect("directory");
        assert_eq!(entries.count(), 1, "nothing temporary stays");
    }

    #[test]
    fn without_a_cache_home_it_is_below_the_home() {
        let home = tempfile::tempdir().expect("directory");
        let package = Package::unpack(environment(&[("HOME", home.path())])).expect("unpacked");
        assert!(
            package
                .directory()
                .starts_with(home.path().join(".cache/buildbot-rs"))
        );
    }

    #[test]
    fn a_damaged_copy_is_replaced() {
        let cache = tempfile::tempdir().expect("directory");
        let surroundings = environment(&[("XDG_CACHE_HOME", cache.path())]);
        let package = Package::unpack(&surroundings).expect("unpacked");
        let lost = package.directory().join("buildbot/__init__.py");
        fs::remove_file(&lost).expect("remove");
        Package::unpack(&surroundings).expect("unpacked again");
        assert!(lost.is_file());
    }

    #[test]
    fn permissions_that_others_gained_are_taken_back() {
        let cache = tempfile::tempdir().expect("directory");
        let surroundings = environment(&[("XDG_CACHE_HOME", cache.path())]);
        let package = Package::unpack(&surroundings).expect("unpacked");
        fs::set_permissions(package.directory(), Permissions::from_mode(0o777)).expect("chmod");
        Package::unpack(&surroundings).expect("found");
        assert_eq!(mode(package.directory()), PRIVATE);
    }

    #[test]
    fn without_a_cache_a_temporary_directory_serves_and_is_removed() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let surroundings = environment(&[("XDG_CACHE_HOME", file.path())]);
        let package = Package::unpack(surroundings).expect("unpacked");
        let (copy, directory) = (package.clone(), package.directory().to_owned());
        assert_eq!(mode(&directory), PRIVATE);
        drop(package);
        assert!(directory.join("buildbot/__init__.py").is_file());
        drop(copy);
        assert!(!directory.exists());
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_is_not_followed() {
        let (cache, elsewhere) = (
            tempfile::tempdir().expect("directory"),
            tempfile::tempdir().expect("directory"),
        );
        std::os::unix::fs::symlink(elsewhere.path(), cache.path().join("buildbot-rs"))
            .expect("link");
        let error = unpack_to_cache(cache.path()).expect_err("refused");
        assert!(matches!(error, CacheError::NotADirectory { .. }), "{error}");
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        let me = rustix::process::geteuid().as_raw();
        // The root directory is root's; who runs as root gives one away.
        let (directory, path);
        if me == 0 {
            directory = tempfile::tempdir().expect("directory");
            std::os::unix::fs::chown(directory.path(), Some(65_534), None).expect("chown");
            path = directory.path();
        } else {
            path = Path::new("/");
        }
        let error = make_private(path).expect_err("refused");
        assert!(matches!(error, CacheError::Foreign { .. }), "{error}");
    }

    #[test]
    fn the_override_must_hold_a_host() {
        let directory = tempfile::tempdir().expect("directory");
        let surroundings = environment(&[(OVERRIDE, directory.path())]);
        let error = Package::unpack(&surroundings).expect_err("no host");
        assert!(
            error.to_string().contains("where there is no host.py"),
            "{error}"
        );
        fs::write(directory.path().join(HOST), "").expect("write");
        let package = Package::unpack(&surroundings).expect("a package");
        assert_eq!(package.directory(), directory.path());
    }
}
