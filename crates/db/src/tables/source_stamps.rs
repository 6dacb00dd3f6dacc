//! Source stamps and their patches.

use buildbot_model::{
    BuildsetId, NewPatch, NewSourceStamp, PatchId, SourceStamp, SourceStampId, Timestamp,
    WantedSource,
};
use data_encoding::BASE64;

use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `sourcestamps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSourceStamp {
    /// Its row.
    pub id: SourceStampId,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// The row of its patch.
    pub patch: Option<PatchId>,
    /// Where the sources are kept.
    pub repository: String,
    /// Which of the codebases of a buildset.
    pub codebase: String,
    /// The project that it belongs to.
    pub project: String,
    /// When it was first heard of.
    pub created_at: Timestamp,
}

fn read(row: &mut Row<'_>) -> Result<StoredSourceStamp, ColumnError> {
    Ok(StoredSourceStamp {
        id: row.take()?,
        branch: row.take()?,
        revision: row.take()?,
        patch: row.take()?,
        repository: row.take()?,
        codebase: row.take()?,
        project: row.take()?,
        created_at: row.take()?,
    })
}

/// A row of `patches`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Its row.
    pub id: PatchId,
    /// How many directories are cut from its paths.
    pub level: i64,
    /// The patch; empty if the row holds no base64.
    pub body: Vec<u8>,
    /// Who made it.
    pub author: String,
    /// What they say about it.
    pub comment: String,
    /// Where it is applied.
    pub subdir: Option<String>,
}

/// Finds the source stamp with the same data, or adds it.
pub fn find_or_add(
    connection: &Connection,
    stamp: &NewSourceStamp,
    now: Timestamp,
) -> Result<SourceStampId, StatementError> {
    let patch = match &stamp.patch {
        Some(patch) => Some(add_patch(connection, patch)?),
        None => None,
    };
    let NewSourceStamp {
        branch,
        revision,
        repository,
        project,
        codebase,
        patch: _,
    } = stamp;
    let ss_hash = hash::of_columns(values![
        branch, revision, repository, project, codebase, patch
    ]);
    connection.find_or_insert(
        (sql!("sourcestamps/by_hash"), values![&ss_hash]),
        (
            sql!("sourcestamps/insert"),
            values![
                &ss_hash, branch, revision, patch, repository, codebase, project, now
            ],
        ),
    )
}

fn add_patch(connection: &Connection, patch: &NewPatch) -> Result<PatchId, StatementError> {
    connection.insert(
        sql!("patches/insert"),
        values![
            patch.level,
            &BASE64.encode(&patch.body),
            &patch.author,
            &patch.comment,
            &patch.subdir
        ],
    )
}

/// One source stamp.
pub fn by_id(
    connection: &Connection,
    id: SourceStampId,
) -> Result<Option<StoredSourceStamp>, StatementError> {
    connection.first(sql!("sourcestamps/by_id"), values![id], read)
}

/// Those of a buildset, one for each codebase.
pub fn of_buildset(
    connection: &Connection,
    buildset: BuildsetId,
) -> Result<Vec<StoredSourceStamp>, StatementError> {
    connection.all(sql!("sourcestamps/of_buildset"), values![buildset], read)
}

/// Whether changes belong to it.
pub fn has_changes(connection: &Connection, id: SourceStampId) -> Result<bool, StatementError> {
    connection.has(sql!("sourcestamps/has_changes"), values![id])
}

/// One patch.
pub fn patch(connection: &Connection, id: PatchId) -> Result<Option<Patch>, StatementError> {
    connection.first(sql!("patches/by_id"), values![id], |row| {
        Ok(Patch {
            id: row.take()?,
            level: row.take()?,
            body: BASE64
                .decode(row.take::<String>()?.as_bytes())
                .unwrap_or_default(),
            author: row.take()?,
            comment: row.take()?,
            subdir: row.take()?,
        })
    })
}

/// A row of `sourcestamps` as the noun that decisions are made with.
pub fn known(
    connection: &Connection,
    stored: StoredSourceStamp,
) -> Result<SourceStamp, StatementError> {
    Ok(SourceStamp {
        has_changes: has_changes(connection, stored.id)?,
        id: stored.id,
        codebase: stored.codebase,
        repository: stored.repository,
        branch: stored.branch,
        revision: stored.revision,
        project: stored.project,
        has_patch: stored.patch.is_some(),
    })
}

/// The rows of the source stamps that a buildset wants, found or added.
pub fn find_or_add_wanted(
    connection: &Connection,
    wanted: &[WantedSource],
    now: Timestamp,
) -> Result<Vec<SourceStamp>, StatementError> {
    let find = |wanted: &WantedSource| {
        let id = match wanted {
            WantedSource::Stored(id) => *id,
            WantedSource::New(new) => find_or_add(connection, new, now)?,
        };
        let stored = by_id(connection, id)?.ok_or(StatementError::Missing {
            noun: "source stamp",
            id: id.0,
        })?;
        known(connection, stored)
    };
    wanted.iter().map(find).collect()
}
