//! Projects and their codebases.

use buildbot_model::{CodebaseId, ProjectId};

use super::builders::{Description, read_description};
use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `projects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its row.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its name in paths.
    pub slug: String,
    /// What the configuration says about it.
    pub description: Description,
}

/// A row of `codebases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codebase {
    /// Its row.
    pub id: CodebaseId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its name in paths.
    pub slug: String,
}

fn read(row: &mut Row<'_>) -> Result<Project, ColumnError> {
    Ok(Project {
        id: row.take()?,
        name: row.take()?,
        slug: row.take()?,
        description: read_description(row)?,
    })
}

fn read_codebase(row: &mut Row<'_>) -> Result<Codebase, ColumnError> {
    Ok(Codebase {
        id: row.take()?,
        project: row.take()?,
        name: row.take()?,
        slug: row.take()?,
    })
}

/// Finds a project by its name, or adds it. Its name in paths is its name until it is described.
pub fn find_or_add(connection: &Connection, name: &str) -> Result<ProjectId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("projects/by_hash"), values![&name_hash]),
        (sql!("projects/insert"), values![name, &name_hash, name]),
    )
}

/// Keeps what the configuration says about a project.
pub fn describe(
    connection: &Connection,
    id: ProjectId,
    slug: &str,
    description: &Description,
) -> Result<(), StatementError> {
    let Description { text, format, html } = description;
    let values = values![slug, text, format, html, id];
    connection.execute(sql!("projects/describe"), values)?;
    Ok(())
}

/// One project.
pub fn by_id(connection: &Connection, id: ProjectId) -> Result<Option<Project>, StatementError> {
    connection.first(sql!("projects/by_id"), values![id], read)
}

/// All projects, by name.
pub fn all(connection: &Connection) -> Result<Vec<Project>, StatementError> {
    connection.all(sql!("projects/all"), values![], read)
}

/// Finds a codebase of a project by its name, or adds it. Its name in paths is its name until it is changed.
pub fn find_or_add_codebase(
    connection: &Connection,
    project: ProjectId,
    name: &str,
) -> Result<CodebaseId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("codebases/by_hash"), values![project, &name_hash]),
        (
            sql!("codebases/insert"),
            values![project, name, &name_hash, name],
        ),
    )
}

/// Changes the name in paths of a codebase.
pub fn set_codebase_slug(
    connection: &Connection,
    id: CodebaseId,
    slug: &str,
) -> Result<(), StatementError> {
    connection.execute(sql!("codebases/set_slug"), values![slug, id])?;
    Ok(())
}

/// One codebase.
pub fn codebase_by_id(
    connection: &Connection,
    id: CodebaseId,
) -> Result<Option<Codebase>, StatementError> {
    connection.first(sql!("codebases/by_id"), values![id], read_codebase)
}

/// All codebases.
pub fn codebases(connection: &Connection) -> Result<Vec<Codebase>, StatementError> {
    connection.all(sql!("codebases/all"), values![], read_codebase)
}
