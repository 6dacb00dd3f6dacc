//! People who make changes, and people who log in.

use buildbot_model::{Secret, UserId};

use crate::connection::{Connection, StatementError, sql, values};
use crate::identifier;

/// A row of `users` with those of `users_info`.
#[derive(Debug)]
pub struct User {
    /// Its row.
    pub id: UserId,
    /// What they are called.
    pub identifier: String,
    /// The name with which they log in.
    pub login: Option<String>,
    /// The password of it, encrypted.
    pub password: Option<Secret<String>>,
    /// What is known of them: kinds and values.
    pub attributes: Vec<(String, String)>,
}

/// Finds somebody by something that only they have, such as (`git`, `Ann <ann@example.org>`), or adds them.
///
/// A new one is called by the value, with a number behind it if somebody else is called so.
pub fn find_or_add(
    connection: &Connection,
    kind: &str,
    value: &str,
) -> Result<UserId, StatementError> {
    find_or_add_called(connection, value, kind, value)
}

/// The same for somebody who is called in another way.
pub fn find_or_add_called(
    connection: &Connection,
    identifier: &str,
    kind: &str,
    value: &str,
) -> Result<UserId, StatementError> {
    if let Some(id) = with_attribute(connection, kind, value)? {
        return Ok(id);
    }
    let mut called = identifier.to_owned();
    while id_of(connection, &called)?.is_some() {
        called = identifier::next_of(&called, IDENTIFIER_MAX);
    }
    let id: UserId = connection.insert(sql!("users/insert"), values![&called])?;
    connection.execute(sql!("users_info/insert"), values![id, kind, value])?;
    Ok(id)
}

/// Who is called so.
pub fn id_of(connection: &Connection, identifier: &str) -> Result<Option<UserId>, StatementError> {
    connection.first(sql!("users/by_identifier"), values![identifier], |row| {
        row.take()
    })
}

/// Somebody with all that is known.
pub fn by_id(connection: &Connection, id: UserId) -> Result<Option<User>, StatementError> {
    let user = connection.first(sql!("users/by_id"), values![id], |row| {
        Ok(User {
            id: row.take()?,
            identifier: row.take()?,
            login: row.take()?,
            password: row.take::<Option<String>>()?.map(Secret::new),
            attributes: Vec::new(),
        })
    })?;
    let Some(mut user) = user else {
        return Ok(None);
    };
    user.attributes = connection.all(sql!("users_info/of_user"), values![id], |row| {
        Ok((row.take()?, row.take()?))
    })?;
    Ok(Some(user))
}

/// How somebody logs in. The password is encrypted already.
pub fn set_login(
    connection: &Connection,
    id: UserId,
    login: &str,
    password: &Secret<String>,
) -> Result<(), StatementError> {
    let values = values![login, password.expose(), id];
    connection.execute(sql!("users/set_login"), values)?;
    Ok(())
}

/// Something that is known of somebody, in the place of what was known of this kind.
///
/// Fails if somebody else has it.
pub fn set_attribute(
    connection: &Connection,
    id: UserId,
    kind: &str,
    value: &str,
) -> Result<(), StatementError> {
    connection.execute(sql!("users_info/set"), values![id, kind, value])?;
    Ok(())
}

/// Whose it is.
pub fn with_attribute(
    connection: &Connection,
    kind: &str,
    value: &str,
) -> Result<Option<UserId>, StatementError> {
    connection.first(sql!("users/by_attribute"), values![kind, value], |row| {
        row.take()
    })
}

/// Forgets somebody. Their changes stay.
pub fn remove(connection: &Connection, id: UserId) -> Result<(), StatementError> {
    for statement in [
        sql!("change_users/delete_of_user"),
        sql!("users_info/delete_of_user"),
        sql!("users/delete"),
    ] {
        connection.execute(statement, values![id])?;
    }
    Ok(())
}

/// How long `users.identifier` is, in characters.
const IDENTIFIER_MAX: usize = 255;
