//! State that outlives a master: of schedulers, pollers, and of the web server.

use buildbot_model::ObjectId;

use crate::connection::{Connection, StatementError, sql, values};
use crate::hash::fitting;

/// Characters of the name of an object.
const NAME_MAX: usize = 128;
/// Characters of the name of a value.
const KEY_MAX: usize = 255;

/// Finds an object by its name and class, or adds it.
pub fn find_or_add(
    connection: &Connection,
    name: &str,
    class: &str,
) -> Result<ObjectId, StatementError> {
    let name = &*fitting(name, NAME_MAX);
    connection.find_or_insert(
        (sql!("objects/by_name"), values![name, class]),
        (sql!("objects/insert"), values![name, class]),
    )
}

/// A value, as JSON.
pub fn state(
    connection: &Connection,
    id: ObjectId,
    name: &str,
) -> Result<Option<String>, StatementError> {
    let name = &*fitting(name, KEY_MAX);
    connection.first(sql!("object_state/get"), values![id, name], |row| {
        row.take()
    })
}

/// All values by name, as JSON.
pub fn states(
    connection: &Connection,
    id: ObjectId,
) -> Result<Vec<(String, String)>, StatementError> {
    connection.all(sql!("object_state/of_object"), values![id], |row| {
        Ok((row.take()?, row.take()?))
    })
}

/// Keeps a value, as JSON.
pub fn set_state(
    connection: &Connection,
    id: ObjectId,
    name: &str,
    json: &str,
) -> Result<(), StatementError> {
    let name = &*fitting(name, KEY_MAX);
    connection.execute(sql!("object_state/set"), values![id, name, json])?;
    Ok(())
}

/// Keeps a value unless there is one, and returns the one that there is: all masters have the same secret for sessions.
pub fn set_state_once(
    connection: &Connection,
    id: ObjectId,
    name: &str,
    json: &str,
) -> Result<String, StatementError> {
    let name = &*fitting(name, KEY_MAX);
    connection.execute(sql!("object_state/set_once"), values![id, name, json])?;
    Ok(state(connection, id, name)?.unwrap_or_else(|| json.to_owned()))
}
