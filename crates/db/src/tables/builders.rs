//! Builders, the masters that have them, and their tags.

use buildbot_model::{BuilderId, MasterId, ProjectId, TagId};

use super::properties::pair;
use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `builders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// Its row.
    pub id: BuilderId,
    /// Its name.
    pub name: String,
    /// What the configuration says about it.
    pub description: Description,
    /// The project that it belongs to.
    pub project: Option<ProjectId>,
}

/// A text about a builder or a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// As the configuration has it.
    pub text: Option<String>,
    /// `markdown`, or nothing.
    pub format: Option<String>,
    /// The text as HTML.
    pub html: Option<String>,
}

/// The three columns of a description.
pub(crate) fn read_description(row: &mut Row<'_>) -> Result<Description, ColumnError> {
    Ok(Description {
        text: row.take()?,
        format: row.take()?,
        html: row.take()?,
    })
}

fn read(row: &mut Row<'_>) -> Result<Builder, ColumnError> {
    Ok(Builder {
        id: row.take()?,
        name: row.take()?,
        description: read_description(row)?,
        project: row.take()?,
    })
}

/// Finds a builder by its name, or adds it.
pub fn find_or_add(connection: &Connection, name: &str) -> Result<BuilderId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("builders/by_hash"), values![&name_hash]),
        (sql!("builders/insert"), values![name, &name_hash]),
    )
}

/// Keeps what the configuration says about a builder.
pub fn describe(
    connection: &Connection,
    id: BuilderId,
    description: &Description,
    project: Option<ProjectId>,
    tags: &[String],
) -> Result<(), StatementError> {
    let Description { text, format, html } = description;
    connection.execute(
        sql!("builders/describe"),
        values![text, format, html, project, id],
    )?;
    connection.execute(sql!("builders_tags/delete_of_builder"), values![id])?;
    for tag in tags {
        let tag = find_or_add_tag(connection, tag)?;
        connection.execute(sql!("builders_tags/insert"), values![id, tag])?;
    }
    Ok(())
}

fn find_or_add_tag(connection: &Connection, name: &str) -> Result<TagId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("tags/by_hash"), values![&name_hash]),
        (sql!("tags/insert"), values![name, &name_hash]),
    )
}

/// Says that a master has this builder.
pub fn add_master(
    connection: &Connection,
    id: BuilderId,
    master: MasterId,
) -> Result<(), StatementError> {
    connection.execute(sql!("builder_masters/insert"), values![id, master])?;
    Ok(())
}

/// Says that a master does not have this builder.
pub fn remove_master(
    connection: &Connection,
    id: BuilderId,
    master: MasterId,
) -> Result<(), StatementError> {
    connection.execute(sql!("builder_masters/delete"), values![id, master])?;
    Ok(())
}

/// One builder.
pub fn by_id(connection: &Connection, id: BuilderId) -> Result<Option<Builder>, StatementError> {
    connection.first(sql!("builders/by_id"), values![id], read)
}

/// All builders, also those that no configuration has any more.
pub fn all(connection: &Connection) -> Result<Vec<Builder>, StatementError> {
    connection.all(sql!("builders/all"), values![], read)
}

/// The masters that have this builder.
pub fn masters(connection: &Connection, id: BuilderId) -> Result<Vec<MasterId>, StatementError> {
    connection.all(sql!("builder_masters/of_builder"), values![id], |row| {
        row.take()
    })
}

/// Which builders which masters have.
pub fn all_masters(connection: &Connection) -> Result<Vec<(BuilderId, MasterId)>, StatementError> {
    connection.all(sql!("builder_masters/all"), values![], pair)
}

/// The tags of a builder.
pub fn tags(connection: &Connection, id: BuilderId) -> Result<Vec<String>, StatementError> {
    connection.all(sql!("builders_tags/of_builder"), values![id], |row| {
        row.take()
    })
}

/// The tags of all builders.
pub fn all_tags(connection: &Connection) -> Result<Vec<(BuilderId, String)>, StatementError> {
    connection.all(sql!("builders_tags/all"), values![], pair)
}
