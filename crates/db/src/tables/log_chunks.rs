//! The lines of logs that Buildbot wrote, compressed in rows.

use buildbot_model::LogId;

use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// A row of `logchunks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The number of its first line in the log, from 0 on.
    pub first_line: i64,
    /// That of its last line.
    pub last_line: i64,
    /// Its lines with `\n` between them, compressed.
    pub content: Option<Vec<u8>>,
    /// How: 0 is not at all.
    pub compression: i64,
}

fn read(row: &mut Row<'_>) -> Result<LogChunk, ColumnError> {
    Ok(LogChunk {
        first_line: row.take()?,
        last_line: row.take()?,
        content: row.take()?,
        compression: row.take()?,
    })
}

/// Adds a row.
pub fn add(connection: &Connection, log: LogId, chunk: &LogChunk) -> Result<(), StatementError> {
    let content = chunk.content.as_deref();
    connection.execute(
        sql!("logchunks/insert"),
        values![
            log,
            chunk.first_line,
            chunk.last_line,
            content,
            chunk.compression
        ],
    )?;
    Ok(())
}

/// The row with a line, or the next one after it.
pub fn of_line(
    connection: &Connection,
    log: LogId,
    line: i64,
) -> Result<Option<LogChunk>, StatementError> {
    connection.first(sql!("logchunks/of_line"), values![log, line], read)
}

/// Deletes all rows of a log. Returns how many there were.
pub fn delete_of_log(connection: &Connection, log: LogId) -> Result<usize, StatementError> {
    connection.execute(sql!("logchunks/delete_of_log"), values![log])
}

/// Where a row is, and how large, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The number of its first line.
    pub first_line: i64,
    /// That of its last line.
    pub last_line: i64,
    /// How many bytes it has as it is stored.
    pub bytes: i64,
}

/// Where all rows of a log are, in their order.
pub fn extents(connection: &Connection, log: LogId) -> Result<Vec<Extent>, StatementError> {
    connection.all(sql!("logchunks/extents"), values![log], |row| {
        Ok(Extent {
            first_line: row.take()?,
            last_line: row.take()?,
            bytes: row.take::<Option<i64>>()?.unwrap_or(0),
        })
    })
}

/// The rows with these lines, in their order.
pub fn between(
    connection: &Connection,
    log: LogId,
    first_line: i64,
    last_line: i64,
) -> Result<Vec<LogChunk>, StatementError> {
    let lines = values![log, first_line, last_line];
    connection.all(sql!("logchunks/between"), lines, read)
}

/// Puts one row in the place of those that have its lines.
pub fn replace(
    connection: &Connection,
    log: LogId,
    chunk: &LogChunk,
) -> Result<(), StatementError> {
    let lines = values![log, chunk.first_line, chunk.last_line];
    connection.execute(sql!("logchunks/delete_between"), lines)?;
    add(connection, log, chunk)
}
