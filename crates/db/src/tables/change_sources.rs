//! Change sources, and the master that runs each.

use buildbot_model::{ChangeSourceId, MasterId};

use crate::connection::{Connection, StatementError, sql, values};
use crate::hash;
use crate::value::{ColumnError, Row};

/// A row of `changesources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSource {
    /// Its row.
    pub id: ChangeSourceId,
    /// Its name.
    pub name: String,
    /// The master that runs it.
    pub master: Option<MasterId>,
}

fn read(row: &mut Row<'_>) -> Result<ChangeSource, ColumnError> {
    Ok(ChangeSource {
        id: row.take()?,
        name: row.take()?,
        master: row.take()?,
    })
}

/// Finds a change source by its name, or adds it.
pub fn find_or_add(connection: &Connection, name: &str) -> Result<ChangeSourceId, StatementError> {
    let name_hash = hash::of_columns(values![name]);
    connection.find_or_insert(
        (sql!("changesources/by_hash"), values![&name_hash]),
        (sql!("changesources/insert"), values![name, &name_hash]),
    )
}

/// Has a master run a change source, unless another one does. Returns the one that does.
pub fn claim(
    connection: &Connection,
    id: ChangeSourceId,
    master: MasterId,
) -> Result<MasterId, StatementError> {
    let statement = sql!("changesource_masters/insert");
    if connection.execute(statement, values![id, master])? > 0 {
        return Ok(master);
    }
    let statement = sql!("changesource_masters/holder");
    let holder = connection.first(statement, values![id], |row| row.take())?;
    Ok(holder.unwrap_or(master))
}

/// Has a master run a change source no more.
pub fn unclaim(
    connection: &Connection,
    id: ChangeSourceId,
    master: MasterId,
) -> Result<(), StatementError> {
    connection.execute(sql!("changesource_masters/delete"), values![id, master])?;
    Ok(())
}

/// One change source.
pub fn by_id(
    connection: &Connection,
    id: ChangeSourceId,
) -> Result<Option<ChangeSource>, StatementError> {
    connection.first(sql!("changesources/by_id"), values![id], read)
}

/// All change sources.
pub fn all(connection: &Connection) -> Result<Vec<ChangeSource>, StatementError> {
    connection.all(sql!("changesources/all"), values![], read)
}
