//! A fresh database in a directory of its own.

use std::path::{Path, PathBuf};

use buildbot_db::tables::{builders, masters, source_stamps, workers};
use buildbot_db::{Connection, Database, StatementError};
use buildbot_model::{BuilderId, MasterId, SourceStampId, Timestamp, WorkerId};

/// The time of everything that happens.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) struct Place {
    pub(crate) database: Database,
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        buildbot_db::create(&path).unwrap();
        let database = Database::open(&path).unwrap();
        Self {
            database,
            directory,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        file(self.directory.path())
    }

    /// Closes the database and keeps its directory.
    pub(crate) fn close(self) -> tempfile::TempDir {
        drop(self.database);
        self.directory
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> T {
        self.database.write(work).unwrap()
    }

    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> T {
        self.database.read(work).unwrap()
    }
}

pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join("state.sqlite")
}

/// What nearly every test needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nouns {
    pub(crate) master: MasterId,
    pub(crate) builder: BuilderId,
    pub(crate) worker: WorkerId,
    pub(crate) source_stamp: SourceStampId,
}

pub(crate) fn add_nouns(connection: &Connection) -> Result<Nouns, StatementError> {
    Ok(Nouns {
        master: masters::find_or_add(connection, "host:/base", NOW)?,
        builder: builders::find_or_add(connection, "linux")?,
        worker: workers::find_or_add(connection, "w1")?,
        source_stamp: source_stamps::find_or_add(connection, &<_>::default(), NOW)?,
    })
}
