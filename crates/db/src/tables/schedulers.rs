//! Schedulers, the master that runs each, and the changes that wait for their timers.

use buildbot_model::{ChangeId, MasterId, SchedulerId};

use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `schedulers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduler {
    /// Its row.
    pub id: SchedulerId,
    /// Its name.
    pub name: String,
    /// Whether it does anything.
    pub enabled: bool,
    /// The master that runs it.
    pub master: Option<MasterId>,
}

fn read(row: &mut Row<'_>) -> Result<Scheduler, ColumnError> {
    Ok(Scheduler {
        id: row.take()?,
        name: row.take()?,
        enabled: row.take::<Option<bool>>()?.unwrap_or(true),
        master: row.take()?,
    })
}

/// Finds a scheduler by its name, or adds it.
pub fn find_or_add(connection: &Connection, name: &str) -> Result<SchedulerId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("schedulers/by_hash"), values![&name_hash]),
        (sql!("schedulers/insert"), values![name, &name_hash]),
    )
}

/// Enables or disables a scheduler.
pub fn set_enabled(
    connection: &Connection,
    id: SchedulerId,
    enabled: bool,
) -> Result<(), StatementError> {
    connection.execute(sql!("schedulers/set_enabled"), values![enabled, id])?;
    Ok(())
}

/// Has a master run a scheduler, unless another one does. Returns the one that does.
pub fn claim(
    connection: &Connection,
    id: SchedulerId,
    master: MasterId,
) -> Result<MasterId, StatementError> {
    let statement = sql!("scheduler_masters/insert");
    if connection.execute(statement, values![id, master])? > 0 {
        return Ok(master);
    }
    let statement = sql!("scheduler_masters/holder");
    let holder = connection.first(statement, values![id], |row| row.take())?;
    Ok(holder.unwrap_or(master))
}

/// Has a master run a scheduler no more.
pub fn unclaim(
    connection: &Connection,
    id: SchedulerId,
    master: MasterId,
) -> Result<(), StatementError> {
    connection.execute(sql!("scheduler_masters/delete"), values![id, master])?;
    Ok(())
}

/// One scheduler.
pub fn by_id(
    connection: &Connection,
    id: SchedulerId,
) -> Result<Option<Scheduler>, StatementError> {
    connection.first(sql!("schedulers/by_id"), values![id], read)
}

/// All schedulers.
pub fn all(connection: &Connection) -> Result<Vec<Scheduler>, StatementError> {
    connection.all(sql!("schedulers/all"), values![], read)
}

/// Keeps that a change waits for the timer of a scheduler, and whether it alone makes a build necessary.
pub fn classify_change(
    connection: &Connection,
    id: SchedulerId,
    change: ChangeId,
    important: bool,
) -> Result<(), StatementError> {
    let values = values![id, change, important];
    connection.execute(sql!("scheduler_changes/set"), values)?;
    Ok(())
}

/// The changes that wait for the timer of a scheduler, and whether they are important.
pub fn classified_changes(
    connection: &Connection,
    id: SchedulerId,
) -> Result<Vec<(ChangeId, bool)>, StatementError> {
    connection.all(sql!("scheduler_changes/of_scheduler"), values![id], |row| {
        let change = row.take()?;
        Ok((change, row.take::<Option<bool>>()?.unwrap_or(false)))
    })
}

/// Forgets that these changes wait for the timer of a scheduler.
pub fn forget_changes(
    connection: &Connection,
    id: SchedulerId,
    changes: &[ChangeId],
) -> Result<(), StatementError> {
    for change in changes {
        connection.execute(sql!("scheduler_changes/forget"), values![id, *change])?;
    }
    Ok(())
}

/// Forgets the changes of a scheduler that wait, those before `before` if that is given.
pub fn flush_changes(
    connection: &Connection,
    id: SchedulerId,
    before: Option<ChangeId>,
) -> Result<(), StatementError> {
    connection.execute(sql!("scheduler_changes/flush"), values![id, before])?;
    Ok(())
}
