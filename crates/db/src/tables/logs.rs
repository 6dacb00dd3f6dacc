//! What is known about logs. Their lines are not here.

use buildbot_model::{BuildId, LogId, StepId};

use crate::connection::{Connection, StatementError, sql, values};
use crate::identifier;
use crate::value::{Column, ColumnError, Row, Value};

/// A row of `logs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its row.
    pub id: LogId,
    /// Its name.
    pub name: String,
    /// Its name in paths, unique in the step.
    pub slug: String,
    /// Its step.
    pub step: StepId,
    /// Whether nothing more is added to it.
    pub complete: bool,
    /// How many lines it has.
    pub line_count: i64,
    /// What its lines are.
    pub kind: LogKind,
}

/// What the lines of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Output of programs: each line says from which stream it is.
    Stdio,
    /// Text.
    Text,
    /// HTML.
    Html,
    /// Gone: it was older than logs are kept.
    Deleted,
}

impl LogKind {
    /// The letter in database and REST API.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Stdio => "s",
            Self::Text => "t",
            Self::Html => "h",
            Self::Deleted => "d",
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        [Self::Stdio, Self::Text, Self::Html, Self::Deleted]
            .into_iter()
            .find(|kind| kind.letter() == letter)
    }
}

impl Column for LogKind {
    const NAME: &'static str = "one of s, t, h, d";

    fn from_value(value: Value<'_>) -> Option<Self> {
        Self::from_letter(&String::from_value(value)?)
    }
}

fn read(row: &mut Row<'_>) -> Result<Log, ColumnError> {
    Ok(Log {
        id: row.take()?,
        name: row.take()?,
        slug: row.take()?,
        step: row.take()?,
        complete: row.take()?,
        line_count: row.take()?,
        kind: row.take()?,
    })
}

/// Adds a log without lines. Returns it with its name in paths, which comes from its name.
pub fn add(
    connection: &Connection,
    step: StepId,
    name: &str,
    kind: LogKind,
) -> Result<(LogId, String), StatementError> {
    let mut slug = identifier::of_name(name);
    while connection.has(sql!("logs/has_slug"), values![step, &slug])? {
        slug = identifier::next(&slug);
    }
    let values = values![name, &slug, step, kind.letter()];
    let id = connection.insert(sql!("logs/insert"), values)?;
    Ok((id, slug))
}

/// Says how many lines a log has by now.
pub fn set_line_count(
    connection: &Connection,
    id: LogId,
    line_count: i64,
) -> Result<(), StatementError> {
    connection.execute(sql!("logs/set_lines"), values![line_count, id])?;
    Ok(())
}

/// Says that nothing more is added to a log.
pub fn finish(connection: &Connection, id: LogId, line_count: i64) -> Result<(), StatementError> {
    connection.execute(sql!("logs/finish"), values![line_count, id])?;
    Ok(())
}

/// Says what the lines of a log are: that they are gone.
pub fn set_kind(connection: &Connection, id: LogId, kind: LogKind) -> Result<(), StatementError> {
    connection.execute(sql!("logs/set_type"), values![kind.letter(), id])?;
    Ok(())
}

/// One log.
pub fn by_id(connection: &Connection, id: LogId) -> Result<Option<Log>, StatementError> {
    connection.first(sql!("logs/by_id"), values![id], read)
}

/// One log, and the build in which its step is.
pub fn with_build(
    connection: &Connection,
    id: LogId,
) -> Result<Option<(Log, BuildId)>, StatementError> {
    connection.first(sql!("logs/with_build"), values![id], |row| {
        Ok((read(row)?, row.take()?))
    })
}

/// One log of a step, by its name in paths.
pub fn by_slug(
    connection: &Connection,
    step: StepId,
    slug: &str,
) -> Result<Option<Log>, StatementError> {
    connection.first(sql!("logs/by_slug"), values![step, slug], read)
}

/// Those of a step.
pub fn of_step(connection: &Connection, step: StepId) -> Result<Vec<Log>, StatementError> {
    connection.all(sql!("logs/of_step"), values![step], read)
}

/// Those of a build to which something may be added.
pub fn unfinished(connection: &Connection, build: BuildId) -> Result<Vec<Log>, StatementError> {
    connection.all(sql!("logs/unfinished"), values![build], read)
}

/// How many logs there are. It looks at all of them.
pub fn count(connection: &Connection) -> Result<i64, StatementError> {
    let count = connection.first(sql!("logs/count"), values![], |row| row.take())?;
    Ok(count.unwrap_or(0))
}

/// So many logs that come after another one.
pub fn ids_after(
    connection: &Connection,
    after: LogId,
    limit: i64,
) -> Result<Vec<LogId>, StatementError> {
    connection.all(sql!("logs/ids_after"), values![after, limit], |row| {
        row.take()
    })
}
