//! A connection to the database, as narrow as the tables need it: named statements, values by position, rows.
//!
//! Nothing of the driver leaves this file, so that another database is another connection and not other tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::value::{Column, ColumnError, Row, Value};

/// Statements that stay prepared. There are fewer; those that `data` makes of filters share what is left.
const PREPARED_MAX: usize = 512;

/// How long SQLite itself waits for a lock of another process before it says that the database is busy.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// One SQL statement and the name by which errors call it.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// `<table>/<verb>`, the file below `sql`.
    pub name: &'a str,
    /// Its text. Parameters are `$1`, `$2` … and first occur in this order.
    pub text: &'a str,
}

/// The statement in `sql/<name>.sql`.
macro_rules! sql {
    ($name:literal) => {
        crate::connection::Statement {
            name: $name,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql")),
        }
    };
}
pub(crate) use sql;

/// The values of a statement, in the order of its parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(crate::value::Value::from($value)),*] };
}
pub(crate) use values;

/// Why a statement did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Another process holds the lock; the same may work later.
    #[error("statement {statement}: the database is locked by another process")]
    Busy {
        /// Its name.
        statement: String,
    },
    /// The database refused it.
    #[error("statement {statement}: {source}")]
    Failed {
        /// Its name.
        statement: String,
        /// What the driver says.
        source: rusqlite::Error,
    },
    /// A row that nobody can have written as it is.
    #[error("statement {statement}: {source}")]
    Row {
        /// Its name.
        statement: String,
        /// Which column.
        source: ColumnError,
    },
    /// A fault of ours: the code of the transaction panicked.
    #[error("a transaction broke")]
    Broke,
    /// What a write refers to is not there.
    #[error("there is no {noun} {id}")]
    Missing {
        /// What kind of thing.
        noun: &'static str,
        /// Which one.
        id: i64,
    },
}

impl StatementError {
    /// Whether the same statement may succeed later: when there is room on the disk, when the lock is free.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Failed { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                        | ErrorCode::CannotOpen
                )
            ),
            Self::Row { .. } | Self::Broke | Self::Missing { .. } => false,
        }
    }

    fn of(statement: Statement<'_>) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| {
            let statement = statement.name.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    Self::Busy { statement }
                }
                _ => Self::Failed { statement, source },
            }
        }
    }
}

/// An open database.
#[derive(Debug)]
pub struct Connection {
    driver: rusqlite::Connection,
}

impl Connection {
    /// Opens the database in an existing file for a writer.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::configure(rusqlite::Connection::open_with_flags(path, flags)?)
    }

    /// The same, and makes the file if there is none.
    pub(crate) fn create(path: &Path) -> rusqlite::Result<Self> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::configure(rusqlite::Connection::open_with_flags(path, flags)?)
    }

    /// Opens the database for a reader, which can change nothing.
    pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let connection = Self::open(path)?;
        connection.driver.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// The settings of every connection.
    ///
    /// A commit is on the disk before it is answered (`synchronous=FULL`). Foreign keys are not enforced, as Buildbot
    /// has it on SQLite: an existing database may hold rows that break them.
    fn configure(driver: rusqlite::Connection) -> rusqlite::Result<Self> {
        driver.busy_timeout(BUSY_WAIT)?;
        driver.set_prepared_statement_cache_capacity(PREPARED_MAX);
        driver.pragma_update(None, "synchronous", "FULL")?;
        driver.pragma_update(None, "foreign_keys", false)?;
        driver.pragma_update(None, "cache_size", -CACHE_KIB)?;
        driver.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
        driver.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        Ok(Self { driver })
    }

    /// Turns the write-ahead log on, which the file remembers.
    pub(crate) fn keep_write_ahead_log(&self) -> rusqlite::Result<()> {
        self.driver
            .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
    }

    /// Runs a text of several statements without values, which is not kept prepared.
    pub(crate) fn run(&self, text: &str) -> rusqlite::Result<()> {
        self.driver.execute_batch(text)
    }

    /// Runs one statement without values, which is kept prepared.
    pub(crate) fn run_prepared(&self, text: &'static str) -> rusqlite::Result<()> {
        self.driver.prepare_cached(text)?.raw_execute().map(|_| ())
    }

    /// Begins or ends a transaction of a reader.
    pub(crate) fn boundary(&self, text: &'static str) -> Result<(), StatementError> {
        let statement = Statement { name: text, text };
        self.execute(statement, &[]).map(|_| ())
    }

    /// Whether the driver is inside of a transaction: some errors end it without being asked.
    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.driver.is_autocommit()
    }

    /// Runs a statement that gives no rows. Returns how many rows it changed.
    pub fn execute(
        &self,
        statement: Statement<'_>,
        values: &[Value<'_>],
    ) -> Result<usize, StatementError> {
        let failed = StatementError::of(statement);
        let run = || {
            let mut prepared = self.driver.prepare_cached(statement.text)?;
            bind(&mut prepared, values)?;
            prepared.raw_execute()
        };
        run().map_err(failed)
    }

    /// The first row, if there is one.
    pub fn first<T>(
        &self,
        statement: Statement<'_>,
        values: &[Value<'_>],
        read: impl FnOnce(&mut Row<'_>) -> Result<T, ColumnError>,
    ) -> Result<Option<T>, StatementError> {
        let mut prepared = self
            .driver
            .prepare_cached(statement.text)
            .map_err(StatementError::of(statement))?;
        bind(&mut prepared, values).map_err(StatementError::of(statement))?;
        let mut rows = prepared.raw_query();
        let row = rows.next().map_err(StatementError::of(statement))?;
        row.map(|row| read_row(statement, row, read)).transpose()
    }

    /// Whether there is a row.
    pub fn has(
        &self,
        statement: Statement<'_>,
        values: &[Value<'_>],
    ) -> Result<bool, StatementError> {
        Ok(self.first(statement, values, |_| Ok(()))?.is_some())
    }

    /// The id of the row that an insert has made, which it must return.
    pub(crate) fn insert<T: Column>(
        &self,
        statement: Statement<'_>,
        values: &[Value<'_>],
    ) -> Result<T, StatementError> {
        let id = self.first(statement, values, |row| row.take())?;
        id.ok_or_else(|| StatementError::of(statement)(rusqlite::Error::QueryReturnedNoRows))
    }

    /// The id of a row that is made if it cannot be found.
    pub(crate) fn find_or_insert<T: Column>(
        &self,
        find: (Statement<'_>, &[Value<'_>]),
        insert: (Statement<'_>, &[Value<'_>]),
    ) -> Result<T, StatementError> {
        match self.first(find.0, find.1, |row| row.take())? {
            Some(id) => Ok(id),
            None => self.insert(insert.0, insert.1),
        }
    }

    /// All rows.
    pub fn all<T>(
        &self,
        statement: Statement<'_>,
        values: &[Value<'_>],
        mut read: impl FnMut(&mut Row<'_>) -> Result<T, ColumnError>,
    ) -> Result<Vec<T>, StatementError> {
        let mut prepared = self
            .driver
            .prepare_cached(statement.text)
            .map_err(StatementError::of(statement))?;
        bind(&mut prepared, values).map_err(StatementError::of(statement))?;
        let mut rows = prepared.raw_query();
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(StatementError::of(statement))? {
            all.push(read_row(statement, row, &mut read)?);
        }
        Ok(all)
    }
}

/// The memory of one connection for pages, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// How many pages the write-ahead log holds before they go to their places: 16 MiB, since a group of 512 builds fills
/// the usual 4 MiB alone, and then every commit would wait for two files.
const WAL_PAGES: i64 = 4000;

/// A write-ahead log that has grown past this is cut when it is used again from its start.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

fn read_row<T>(
    statement: Statement<'_>,
    row: &rusqlite::Row<'_>,
    read: impl FnOnce(&mut Row<'_>) -> Result<T, ColumnError>,
) -> Result<T, StatementError> {
    read(&mut Row::new(row)).map_err(|source| StatementError::Row {
        statement: statement.name.to_owned(),
        source,
    })
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    let expected = statement.parameter_count();
    if expected != values.len() {
        return Err(rusqlite::Error::InvalidParameterCount(
            values.len(),
            expected,
        ));
    }
    for (index, value) in (1..).zip(values) {
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}
