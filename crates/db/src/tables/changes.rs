//! Changes, with their files, properties and people.

use buildbot_model::{ChangeId, NewSourceStamp, Properties, SourceStampId, Timestamp, UserId};

use super::properties;
use super::source_stamps;
use crate::connection::{Connection, Statement, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// A change that is about to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewChange {
    /// Who made it.
    pub author: String,
    /// Who put it there.
    pub committer: Option<String>,
    /// What they say about it.
    pub comments: String,
    /// Where it is; without a patch.
    pub source: NewSourceStamp,
    /// A page about it.
    pub revlink: Option<String>,
    /// When it was made.
    pub when: Timestamp,
    /// What kind of change it is.
    pub category: Option<String>,
    /// The files that it changes.
    pub files: Vec<String>,
    /// What it carries.
    pub properties: Properties,
    /// Who it is by, as far as that is known.
    pub user: Option<UserId>,
}

/// A row of `changes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its row.
    pub id: ChangeId,
    /// Who made it.
    pub author: String,
    /// Who put it there.
    pub committer: Option<String>,
    /// What they say about it.
    pub comments: String,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// A page about it.
    pub revlink: Option<String>,
    /// When it was made.
    pub when: Timestamp,
    /// What kind of change it is.
    pub category: Option<String>,
    /// Where the sources are kept.
    pub repository: String,
    /// The codebase that it belongs to.
    pub codebase: String,
    /// The project that it belongs to.
    pub project: String,
    /// The source stamp with its data.
    pub source_stamp: SourceStampId,
    /// The change before it.
    pub parent: Option<ChangeId>,
}

fn read(row: &mut Row<'_>) -> Result<Change, ColumnError> {
    Ok(Change {
        id: row.take()?,
        author: row.take()?,
        committer: row.take()?,
        comments: row.take()?,
        branch: row.take()?,
        revision: row.take()?,
        revlink: row.take()?,
        when: row.take()?,
        category: row.take()?,
        repository: row.take()?,
        codebase: row.take()?,
        project: row.take()?,
        source_stamp: row.take()?,
        parent: row.take()?,
    })
}

/// Adds a change, and the source stamp that it makes. Its parent is the newest one at the same place.
pub fn add(
    connection: &Connection,
    change: &NewChange,
    now: Timestamp,
) -> Result<ChangeId, StatementError> {
    let source = &change.source;
    let parent = connection.first(
        sql!("changes/parent"),
        values![
            &source.branch,
            &source.repository,
            &source.project,
            &source.codebase
        ],
        |row| row.take::<ChangeId>(),
    )?;
    let source_stamp = source_stamps::find_or_add(connection, source, now)?;
    let id: ChangeId = connection.insert(
        sql!("changes/insert"),
        values![
            &change.author,
            &change.committer,
            &change.comments,
            &source.branch,
            &source.revision,
            &change.revlink,
            change.when,
            &change.category,
            &source.repository,
            &source.codebase,
            &source.project,
            source_stamp,
            parent
        ],
    )?;
    for file in &change.files {
        connection.execute(sql!("change_files/insert"), values![id, file])?;
    }
    for (name, property) in &change.properties {
        let text = properties::encode(property);
        connection.execute(sql!("change_properties/insert"), values![id, name, &text])?;
    }
    if let Some(user) = change.user {
        connection.execute(sql!("change_users/insert"), values![id, user])?;
    }
    Ok(id)
}

/// One change.
pub fn by_id(connection: &Connection, id: ChangeId) -> Result<Option<Change>, StatementError> {
    connection.first(sql!("changes/by_id"), values![id], read)
}

/// The newest change of a source stamp.
pub fn of_source_stamp(
    connection: &Connection,
    id: SourceStampId,
) -> Result<Option<Change>, StatementError> {
    connection.first(sql!("changes/of_source_stamp"), values![id], read)
}

/// So many of the newest changes, the newest first.
pub fn newest(connection: &Connection, count: i64) -> Result<Vec<Change>, StatementError> {
    connection.all(sql!("changes/newest"), values![count], read)
}

/// The files of a change.
pub fn files(connection: &Connection, id: ChangeId) -> Result<Vec<String>, StatementError> {
    connection.all(sql!("change_files/of_change"), values![id], |row| {
        row.take()
    })
}

/// What a change carries.
pub fn properties(connection: &Connection, id: ChangeId) -> Result<Properties, StatementError> {
    let statement = sql!("change_properties/of_change");
    let read = connection.all(statement, values![id], properties::read)?;
    Ok(read.into_iter().collect())
}

/// Who a change is by.
pub fn users(connection: &Connection, id: ChangeId) -> Result<Vec<UserId>, StatementError> {
    connection.all(sql!("change_users/of_change"), values![id], |row| {
        row.take()
    })
}

/// Deletes all changes but so many of the newest. Returns how many those were.
pub fn prune(connection: &Connection, keep: i64) -> Result<usize, StatementError> {
    const BELONGING: [Statement<'_>; 4] = [
        sql!("change_files/delete_up_to"),
        sql!("change_properties/delete_up_to"),
        sql!("change_users/delete_up_to"),
        sql!("scheduler_changes/delete_up_to"),
    ];
    let newest_to_go = connection.first(sql!("changes/horizon"), values![keep], |row| {
        row.take::<ChangeId>()
    })?;
    let Some(newest_to_go) = newest_to_go else {
        return Ok(0);
    };
    for statement in BELONGING {
        connection.execute(statement, values![newest_to_go])?;
    }
    connection.execute(sql!("changes/delete_up_to"), values![newest_to_go])
}
