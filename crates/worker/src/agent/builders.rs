//! The builders of this worker and their directories.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The directory that is never a leftover.
const INFO_DIRECTORY: &str = "info";

/// Builders by name, with their absolute directories. They outlive connections.
pub(super) type Builders = BTreeMap<String, PathBuf>;

/// Makes the directories of `wanted` builders, and deals with the ones that belong to none.
///
/// Leftover directories are removed if `delete` is set, else named in the log. What is no directory
/// itself is left alone, symbolic links too: what they point to is not ours.
pub(super) fn prepare(
    basedir: &Path,
    wanted: &[(String, String)],
    delete: bool,
) -> io::Result<Builders> {
    let mut builders = Builders::new();
    for (name, directory) in wanted {
        let path = basedir.join(directory);
        if !path.is_dir() {
            tracing::info!("making directory {} for builder {name}", path.display());
            fs::create_dir_all(&path).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot make {}: {error}", path.display()),
                )
            })?;
        }
        builders.insert(name.clone(), path);
    }
    for leftover in leftovers(basedir, wanted)? {
        if !delete {
            tracing::info!(
                "directory {:?} belongs to none of this worker's builders and can be deleted",
                leftover
            );
            continue;
        }
        let path = basedir.join(&leftover);
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::info!("deleted leftover directory {leftover:?}"),
            Err(error) => tracing::warn!("cannot delete leftover directory {leftover:?}: {error}"),
        }
    }
    Ok(builders)
}

/// Differs: a builder whose directory is several levels deep keeps the outermost one, which the
/// reference takes for a leftover.
fn leftovers(basedir: &Path, wanted: &[(String, String)]) -> io::Result<Vec<PathBuf>> {
    let used: BTreeSet<OsString> = wanted
        .iter()
        .filter_map(|(_, directory)| first_below(basedir, Path::new(directory)))
        .collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(basedir)? {
        let entry = entry?;
        let name = entry.file_name();
        // An entry that has vanished meanwhile is none.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && name != INFO_DIRECTORY && !used.contains(&name) {
            found.push(name.into());
        }
    }
    found.sort();
    Ok(found)
}

/// The name directly below `basedir` under which `directory` lies.
fn first_below(basedir: &Path, directory: &Path) -> Option<OsString> {
    let path = basedir.join(directory);
    let below = path.strip_prefix(basedir).ok()?;
    below.components().find_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(delete: bool, remaining: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "").unwrap();
        let basedir = directory.path();
        for name in ["info", "old/deep", "nested/kept", "one"] {
            fs::create_dir_all(basedir.join(name)).unwrap();
        }
        fs::write(basedir.join("file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), basedir.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), basedir.join("old/link")).unwrap();
        let wanted = [("a", "one"), ("b", "nested/kept"), ("c", "new")]
            .map(|(name, directory)| (name.to_owned(), directory.to_owned()));
        let builders = prepare(basedir, &wanted, delete).unwrap();
        assert_eq!(builders["c"], basedir.join("new"));
        let mut names: Vec<String> = fs::read_dir(basedir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, remaining);
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn leftovers_are_named_unless_they_are_to_be_deleted() {
        check(
            false,
            &["file", "info", "link", "nested", "new", "old", "one"],
        );
        check(true, &["file", "info", "link", "nested", "new", "one"]);
    }
}
