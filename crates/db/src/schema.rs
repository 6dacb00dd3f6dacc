//! Buildbot 4.3's own schema: made in an empty file, expected in every other.

use std::path::{Path, PathBuf};

use crate::connection::{Connection, Statement, StatementError, sql, values};

/// The Alembic revision of Buildbot 4.3. Databases of other revisions are refused.
pub const REVISION: &str = "067";

const SCHEMA: &str = include_str!("../migrations/sqlite/0001_buildbot_4_3.sql");

const TABLE: Statement<'_> = sql!("schema/table");
const ANY_TABLE: Statement<'_> = sql!("schema/any_table");
const REVISIONS: Statement<'_> = sql!("schema/revisions");

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file.
    #[error(
        "there is no database {}: `buildbot create-master` makes one, and so does `buildbot upgrade-master`",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file without tables.
    #[error("the database {} is empty: `buildbot upgrade-master` fills it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A database of another version of Buildbot.
    #[error(
        "the database {} has schema revision {found}, and this program works with {REVISION}: {}",
        path.display(), advice(found)
    )]
    Revision {
        /// The file.
        path: PathBuf,
        /// What it says about itself.
        found: String,
    },
    /// A database of something else.
    #[error(
        "{} is a database, but not one of Buildbot: it has no table alembic_version; check c['db']",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or read.
    #[error("while opening the database {}: {reason}", path.display())]
    Driver {
        /// The file.
        path: PathBuf,
        /// What the driver says.
        reason: rusqlite::Error,
    },
    /// The file cannot be asked what it is.
    #[error("while opening the database {}: {reason}", path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// Which question failed.
        reason: StatementError,
    },
    /// There is no thread to work with it.
    #[error("while starting a thread for the database: {0}")]
    Thread(std::io::Error),
}

fn advice(found: &str) -> String {
    let is_older = match found.parse::<u32>() {
        Ok(number) => REVISION
            .parse::<u32>()
            .is_ok_and(|expected| number < expected),
        // Those before Alembic have names of tables in them.
        Err(_) => found.contains("version"),
    };
    if is_older {
        format!(
            "back it up and bring it to {REVISION} with `buildbot upgrade-master` of Buildbot 4.3"
        )
    } else {
        "start the version of Buildbot that wrote it, or restore the backup from before its upgrade"
            .to_owned()
    }
}

/// Makes the schema, all of it or nothing, unless the file has it already.
pub fn create(path: &Path) -> Result<(), OpenError> {
    let connection = Connection::create(path).map_err(driver(path))?;
    connection.keep_write_ahead_log().map_err(driver(path))?;
    connection.run("BEGIN IMMEDIATE").map_err(driver(path))?;
    match check(&connection, path) {
        Ok(()) => return connection.run("ROLLBACK").map_err(driver(path)),
        Err(OpenError::Empty { .. }) => {}
        Err(other) => return Err(other),
    }
    connection.run(SCHEMA).map_err(driver(path))?;
    connection.run("COMMIT").map_err(driver(path))
}

/// Opens a database of this revision for a writer.
pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing {
            path: path.to_owned(),
        });
    }
    let connection = Connection::open(path).map_err(driver(path))?;
    check(&connection, path)?;
    // Only now: nothing is changed in a database that is not ours.
    connection.keep_write_ahead_log().map_err(driver(path))?;
    Ok(connection)
}

pub(crate) fn driver(path: &Path) -> impl FnOnce(rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    move |reason| OpenError::Driver { path, reason }
}

fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let path = path.to_owned();
    let found = match state(connection) {
        Ok(state) => state,
        Err(reason) => return Err(OpenError::Statement { path, reason }),
    };
    match found {
        State::Revisions(found) if found == [REVISION] => Ok(()),
        State::Revisions(found) if found.is_empty() => Err(OpenError::Foreign { path }),
        State::Revisions(found) => Err(OpenError::Revision {
            path,
            found: found.join(", "),
        }),
        State::BeforeAlembic(table) => Err(OpenError::Revision {
            path,
            found: format!("before 059 (table {table})"),
        }),
        State::Foreign => Err(OpenError::Foreign { path }),
        State::Empty => Err(OpenError::Empty { path }),
    }
}

/// What a file says about itself.
enum State {
    Empty,
    /// One, unless something went wrong in an upgrade.
    Revisions(Vec<String>),
    /// The table in which Buildbot kept its version before.
    BeforeAlembic(&'static str),
    Foreign,
}

fn state(connection: &Connection) -> Result<State, StatementError> {
    let has = |table: &str| connection.has(TABLE, values![table]);
    if has("alembic_version")? {
        let revisions = connection.all(REVISIONS, values![], |row| row.take())?;
        return Ok(State::Revisions(revisions));
    }
    for table in ["migrate_version", "version"] {
        if has(table)? {
            return Ok(State::BeforeAlembic(table));
        }
    }
    Ok(if connection.has(ANY_TABLE, values![])? {
        State::Foreign
    } else {
        State::Empty
    })
}
