//! People who make changes.

use buildbot_model::UserId;

use crate::connection::{Connection, StatementError, sql, values};
use crate::identifier;

/// Finds somebody by something that only they have, such as (`git`, `Ann <ann@example.org>`), or adds them.
///
/// A new one is called by the value, with a number behind it if somebody else is called so.
pub fn find_or_add(
    connection: &Connection,
    kind: &str,
    value: &str,
) -> Result<UserId, StatementError> {
    let found = connection.first(sql!("users/by_attribute"), values![kind, value], |row| {
        row.take()
    })?;
    if let Some(id) = found {
        return Ok(id);
    }
    let mut called = value.to_owned();
    while connection.has(sql!("users/by_identifier"), values![&called])? {
        called = identifier::next_of(&called, IDENTIFIER_MAX);
    }
    let id: UserId = connection.insert(sql!("users/insert"), values![&called])?;
    connection.execute(sql!("users_info/insert"), values![id, kind, value])?;
    Ok(id)
}

/// How long `users.identifier` is, in characters.
const IDENTIFIER_MAX: usize = 255;
