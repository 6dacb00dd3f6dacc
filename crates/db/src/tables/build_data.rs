//! Data that steps keep with their build.

use buildbot_model::BuildId;

use crate::connection::{Connection, StatementError, sql, values};

/// Keeps data under a name; what was there is replaced.
pub fn set(
    connection: &Connection,
    build: BuildId,
    name: &str,
    value: &[u8],
    source: &str,
) -> Result<(), StatementError> {
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    connection.execute(
        sql!("build_data/set"),
        values![build, name, value, length, source],
    )?;
    Ok(())
}

/// The data under a name, and where it comes from.
pub fn get(
    connection: &Connection,
    build: BuildId,
    name: &str,
) -> Result<Option<(Vec<u8>, String)>, StatementError> {
    connection.first(sql!("build_data/get"), values![build, name], |row| {
        Ok((row.take()?, row.take()?))
    })
}
