//! The sources of a build: its source stamps with their patches and changes, as the database has them.

use buildbot_db::tables::{changes, source_stamps};
use buildbot_db::{Connection, StatementError};
use buildbot_model::{Properties, SourceStampId, Timestamp};

/// A source stamp with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) id: SourceStampId,
    pub(crate) codebase: String,
    pub(crate) repository: String,
    pub(crate) project: String,
    pub(crate) branch: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) patch: Option<source_stamps::Patch>,
    pub(crate) changes: Vec<Change>,
    /// When it was first heard of.
    pub(crate) created_at: Timestamp,
}

/// A change with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) row: changes::Change,
    pub(crate) author: String,
    pub(crate) files: Vec<String>,
    pub(crate) properties: Properties,
}

/// Reads source stamps; those that do not exist are left out.
pub(crate) fn read(
    connection: &Connection,
    ids: &[SourceStampId],
) -> Result<Vec<Source>, StatementError> {
    let mut sources = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(stored) = source_stamps::by_id(connection, *id)? else {
            continue;
        };
        let patch = match stored.patch {
            Some(patch) => source_stamps::patch(connection, patch)?,
            None => None,
        };
        let change = changes::of_source_stamp(connection, *id)?;
        let change = change.map(|row| read_change(connection, row)).transpose()?;
        sources.push(Source {
            id: *id,
            codebase: stored.codebase,
            repository: stored.repository,
            project: stored.project,
            branch: stored.branch,
            revision: stored.revision,
            patch,
            changes: change.into_iter().collect(),
            created_at: stored.created_at,
        });
    }
    Ok(sources)
}

/// Reads what belongs to a change.
pub(crate) fn read_change(
    connection: &Connection,
    row: changes::Change,
) -> Result<Change, StatementError> {
    Ok(Change {
        author: row.author.clone(),
        files: changes::files(connection, row.id)?,
        properties: changes::properties(connection, row.id)?,
        row,
    })
}
