//! Masters, and what is left to do for one that ended without saying so.

use buildbot_model::{BuildId, MasterId, Results, Timestamp};

use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `masters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Its row.
    pub id: MasterId,
    /// `<host>:<base directory>`.
    pub name: String,
    /// Whether it says that it runs.
    pub active: bool,
    /// When it said so last.
    pub last_active: Timestamp,
}

fn read(row: &mut Row<'_>) -> Result<Master, ColumnError> {
    Ok(Master {
        id: row.take()?,
        name: row.take()?,
        active: row.take()?,
        last_active: row.take()?,
    })
}

/// Finds a master by its name, or adds it as one that does not run.
pub fn find_or_add(
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> Result<MasterId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("masters/by_hash"), values![&name_hash]),
        (sql!("masters/insert"), values![name, &name_hash, now]),
    )
}

/// Says that a master runs. Returns whether that is news.
pub fn set_active(
    connection: &Connection,
    id: MasterId,
    now: Timestamp,
) -> Result<bool, StatementError> {
    let was_active = by_id(connection, id)?.is_some_and(|master| master.active);
    connection.execute(sql!("masters/set_active"), values![true, now, id])?;
    Ok(!was_active)
}

/// Says that a master does not run. Returns whether that is news.
pub fn set_inactive(connection: &Connection, id: MasterId) -> Result<bool, StatementError> {
    let was_active = by_id(connection, id)?.is_some_and(|master| master.active);
    connection.execute(sql!("masters/set_inactive"), values![id])?;
    Ok(was_active)
}

/// Says of all masters that they ran long ago, so that the next one that starts cleans up after them.
///
/// Differs: `buildbot upgrade-master` says in the database that no master runs, because 4.3.0 means to, and only does not
/// commit it.
pub fn set_all_stale(connection: &Connection) -> Result<(), StatementError> {
    connection.execute(sql!("masters/set_all_stale"), values![])?;
    Ok(())
}

/// One master.
pub fn by_id(connection: &Connection, id: MasterId) -> Result<Option<Master>, StatementError> {
    connection.first(sql!("masters/by_id"), values![id], read)
}

/// All masters.
pub fn all(connection: &Connection) -> Result<Vec<Master>, StatementError> {
    connection.all(sql!("masters/all"), values![], read)
}

/// Those that say they run, and have said nothing since `before`.
pub fn stale(connection: &Connection, before: Timestamp) -> Result<Vec<Master>, StatementError> {
    connection.all(sql!("masters/stale"), values![before], read)
}

/// Ends what a master that does not run left behind, and returns the builds that it had not ended.
///
/// It has no builders, workers, schedulers and change sources then. Its builds, their steps and logs are complete, to
/// be retried, and its claims of requests that are not complete are gone. Its builds are found through such requests,
/// so that this costs what was running and not what there is.
///
/// Differs: build requests that a master had claimed which has died are given up by the master that finds it dead,
/// because 4.3.0 gives up its own ones then, and those of the dead one wait until that starts again.
///
/// Differs: `connected_to` of a worker has no master that has ended, because the worker is not connected there any
/// more.
pub fn clean_up(
    connection: &Connection,
    id: MasterId,
    now: Timestamp,
) -> Result<Vec<BuildId>, StatementError> {
    for statement in [
        sql!("configured_workers/delete_of_master"),
        sql!("connected_workers/delete_of_master"),
        sql!("builder_masters/delete_of_master"),
        sql!("scheduler_masters/delete_of_master"),
        sql!("changesource_masters/delete_of_master"),
    ] {
        connection.execute(statement, values![id])?;
    }
    let builds = connection.all(sql!("builds/interrupted"), values![id], |row| {
        row.take::<BuildId>()
    })?;
    for build in &builds {
        connection.execute(sql!("logs/give_up"), values![*build])?;
        let end = values![Results::Retry, now, *build];
        connection.execute(sql!("steps/give_up"), end)?;
        connection.execute(sql!("builds/give_up"), end)?;
    }
    connection.execute(sql!("buildrequest_claims/delete_of_master"), values![id])?;
    Ok(builds)
}
