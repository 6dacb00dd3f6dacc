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
