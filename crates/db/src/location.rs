//! Where the database is: from the URL in a configuration to a file.

use std::path::{Path, PathBuf};

use data_encoding::HEXUPPER_PERMISSIVE;

/// Why there is no database at a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is no driver for it.
    #[error("the database of '{scheme}://…' is not supported yet; use sqlite:///state.sqlite")]
    Unsupported {
        /// What its URL begins with.
        scheme: String,
    },
    /// SQLite without a file: nothing would be left after a restart, and connections would not share it.
    #[error("a database in memory is not supported; use sqlite:///state.sqlite")]
    InMemory,
    /// Something else than a URL.
    #[error("the database needs a URL such as sqlite:///state.sqlite")]
    NoUrl,
}

/// The file of a SQLite URL. Relative paths are relative to the base directory, for which `%(basedir)s` stands as well.
///
/// Arguments after `?` are for the library of the reference, and not used.
/// Buildbot: manual, "Database Specification".
pub fn locate(url: &str, base_directory: &Path) -> Result<PathBuf, LocationError> {
    let (scheme, rest) = url.split_once("://").ok_or(LocationError::NoUrl)?;
    if scheme.split('+').next() != Some("sqlite") {
        return Err(LocationError::Unsupported {
            scheme: scheme.to_owned(),
        });
    }
    let path = rest.split('?').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Err(LocationError::InMemory);
    }
    let base = base_directory.to_string_lossy();
    Ok(base_directory.join(without_escapes(path).replace("%(basedir)s", &base)))
}

/// `%20` and the like as what they stand for; what is none stays.
fn without_escapes(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => HEXUPPER_PERMISSIVE.decode(&[*high, *low]).ok(),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{LocationError, locate};
    use std::path::Path;

    fn check(url: &str, expected: Result<&str, LocationError>) {
        let located = locate(url, Path::new("/var/bb"));
        assert_eq!(located, expected.map(Into::into), "{url}");
    }

    #[test]
    fn sqlite_urls_name_files() {
        check("sqlite:///state.sqlite", Ok("/var/bb/state.sqlite"));
        check("sqlite:///db/s.sqlite?timeout=3", Ok("/var/bb/db/s.sqlite"));
        check("sqlite:////srv/s.sqlite", Ok("/srv/s.sqlite"));
        check("sqlite:///%(basedir)s/s.sqlite", Ok("/var/bb/s.sqlite"));
        check("sqlite+pysqlite:///s", Ok("/var/bb/s"));
        check("sqlite:///a%20b%2", Ok("/var/bb/a b%2"));
        // Seen: the real one has a file of this name, too.
        check("sqlite:///:memory:", Ok("/var/bb/:memory:"));
    }

    #[test]
    fn other_urls_are_refused_by_name() {
        let scheme = "postgresql+psycopg2".to_owned();
        check(
            "postgresql+psycopg2://u:secret@h/db",
            Err(LocationError::Unsupported { scheme }),
        );
        check("sqlite://", Err(LocationError::InMemory));
        check("state.sqlite", Err(LocationError::NoUrl));
    }
}
