//! Workers, where they are connected, and which builders have them.

use buildbot_model::{BuilderId, MasterId, WorkerId};

use super::properties::pair;
use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// A row of `workers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its row.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// What it said about itself when it connected last, a JSON object.
    pub info: String,
    /// Whether it gets no more builds.
    pub paused: bool,
    /// Why.
    pub pause_reason: Option<String>,
    /// Whether it is to be shut down once it is idle.
    pub graceful: bool,
}

fn read(row: &mut Row<'_>) -> Result<Worker, ColumnError> {
    Ok(Worker {
        id: row.take()?,
        name: row.take()?,
        info: row.take()?,
        paused: row.take()?,
        pause_reason: row.take()?,
        graceful: row.take()?,
    })
}

/// Finds a worker by its name, or adds it.
pub fn find_or_add(connection: &Connection, name: &str) -> Result<WorkerId, StatementError> {
    connection.find_or_insert(
        (sql!("workers/by_name"), values![name]),
        (sql!("workers/insert"), values![name]),
    )
}

/// Says which builders of a master have this worker; those that it had before and are not named have it no more.
pub fn configure(
    connection: &Connection,
    id: WorkerId,
    master: MasterId,
    builders: &[BuilderId],
) -> Result<(), StatementError> {
    connection.execute(sql!("configured_workers/delete"), values![id, master])?;
    for builder in builders {
        let values = values![id, *builder, master];
        connection.execute(sql!("configured_workers/insert"), values)?;
    }
    Ok(())
}

/// Says that no builder of a master has a worker.
pub fn deconfigure_all(connection: &Connection, master: MasterId) -> Result<(), StatementError> {
    let statement = sql!("configured_workers/delete_of_master");
    connection.execute(statement, values![master])?;
    Ok(())
}

/// A worker is connected to a master, and says this about itself.
pub fn connect(
    connection: &Connection,
    id: WorkerId,
    master: MasterId,
    info: &str,
) -> Result<(), StatementError> {
    connection.execute(sql!("workers/set_info"), values![info, id])?;
    connection.execute(sql!("connected_workers/insert"), values![master, id])?;
    Ok(())
}

/// A worker is not connected to a master.
pub fn disconnect(
    connection: &Connection,
    id: WorkerId,
    master: MasterId,
) -> Result<(), StatementError> {
    connection.execute(sql!("connected_workers/delete"), values![master, id])?;
    Ok(())
}

/// Keeps what people said about a worker.
pub fn set_state(
    connection: &Connection,
    id: WorkerId,
    paused: bool,
    graceful: bool,
) -> Result<(), StatementError> {
    connection.execute(sql!("workers/set_state"), values![paused, graceful, id])?;
    Ok(())
}

/// Keeps why a worker is paused.
pub fn set_pause_reason(
    connection: &Connection,
    id: WorkerId,
    reason: Option<&str>,
) -> Result<(), StatementError> {
    connection.execute(sql!("workers/set_pause_reason"), values![reason, id])?;
    Ok(())
}

/// One worker.
pub fn by_id(connection: &Connection, id: WorkerId) -> Result<Option<Worker>, StatementError> {
    connection.first(sql!("workers/by_id"), values![id], read)
}

/// All workers.
pub fn all(connection: &Connection) -> Result<Vec<Worker>, StatementError> {
    connection.all(sql!("workers/all"), values![], read)
}

/// Which workers are connected to which masters.
pub fn connected(connection: &Connection) -> Result<Vec<(WorkerId, MasterId)>, StatementError> {
    connection.all(sql!("connected_workers/all"), values![], pair)
}

/// Which workers which builders of which masters have.
pub fn configured(
    connection: &Connection,
) -> Result<Vec<(WorkerId, BuilderId, MasterId)>, StatementError> {
    connection.all(sql!("configured_workers/all"), values![], |row| {
        Ok((row.take()?, row.take()?, row.take()?))
    })
}
