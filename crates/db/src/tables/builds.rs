//! Builds and their properties.

use std::time::Duration;

use buildbot_model::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, MasterId, Properties, Property, Results,
    Timestamp, WorkerId,
};

use super::properties;
use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// What the state string of a build says before it has done anything.
const STATE_CREATED: &str = "created";

/// A row of `builds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its row.
    pub id: BuildId,
    /// Its number among those of its builder.
    pub number: BuildNumber,
    /// Its builder.
    pub builder: BuilderId,
    /// The request that it builds.
    pub request: BuildRequestId,
    /// Where it runs.
    pub worker: Option<WorkerId>,
    /// The master that runs it.
    pub master: MasterId,
    /// When it was made.
    pub started_at: Timestamp,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
    /// How long it and its steps waited for locks.
    pub waited_for_locks: Duration,
    /// What people read about it.
    pub state_string: String,
    /// How it ended.
    pub results: Option<Results>,
}

/// A build that is about to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewBuild {
    /// Its builder.
    pub builder: BuilderId,
    /// The request that it builds.
    pub request: BuildRequestId,
    /// Where it runs.
    pub worker: Option<WorkerId>,
    /// The master that runs it.
    pub master: MasterId,
    /// When.
    pub at: Timestamp,
}

fn read(row: &mut Row<'_>) -> Result<Build, ColumnError> {
    Ok(Build {
        id: row.take()?,
        number: row.take()?,
        builder: row.take()?,
        request: row.take()?,
        worker: row.take()?,
        master: row.take()?,
        started_at: row.take()?,
        complete_at: row.take()?,
        waited_for_locks: Duration::from_secs(u64::try_from(row.take::<i64>()?).unwrap_or(0)),
        state_string: row.take()?,
        results: row.results()?,
    })
}

/// Adds a build with the next number of its builder, which has done nothing.
pub fn add(
    connection: &Connection,
    build: NewBuild,
) -> Result<(BuildId, BuildNumber), StatementError> {
    add_with_state(connection, build, STATE_CREATED)
}

/// The same, with something else for people to read.
pub fn add_with_state(
    connection: &Connection,
    build: NewBuild,
    state_string: &str,
) -> Result<(BuildId, BuildNumber), StatementError> {
    let NewBuild {
        builder,
        request,
        worker,
        master,
        at,
    } = build;
    let made = connection.first(
        sql!("builds/insert"),
        values![builder, request, worker, master, at, state_string],
        |row| Ok((row.take()?, row.take()?)),
    )?;
    made.ok_or(StatementError::Missing {
        noun: "builder",
        id: builder.0,
    })
}

/// Ends a build. Returns whether there is such a one.
pub fn finish(
    connection: &Connection,
    id: BuildId,
    results: Results,
    waited_for_locks: Duration,
    now: Timestamp,
) -> Result<bool, StatementError> {
    finish_with_state(connection, id, results, waited_for_locks, None, now)
}

/// The same, with its last state string.
pub fn finish_with_state(
    connection: &Connection,
    id: BuildId,
    results: Results,
    waited_for_locks: Duration,
    state_string: Option<&str>,
    now: Timestamp,
) -> Result<bool, StatementError> {
    let seconds = i64::try_from(waited_for_locks.as_secs()).unwrap_or(i64::MAX);
    let values = values![results, now, seconds, state_string, id];
    Ok(connection.execute(sql!("builds/finish"), values)? > 0)
}

/// Changes what people read about a build.
pub fn set_state_string(
    connection: &Connection,
    id: BuildId,
    text: &str,
) -> Result<(), StatementError> {
    connection.execute(sql!("builds/set_state_string"), values![text, id])?;
    Ok(())
}

/// Says where a build runs.
pub fn set_worker(
    connection: &Connection,
    id: BuildId,
    worker: WorkerId,
) -> Result<(), StatementError> {
    connection.execute(sql!("builds/set_worker"), values![worker, id])?;
    Ok(())
}

/// Adds a property to a build, or changes it.
pub fn set_property(
    connection: &Connection,
    id: BuildId,
    name: &str,
    property: &Property,
) -> Result<(), StatementError> {
    let Property { value, source } = property;
    let changed = connection.execute(
        sql!("build_properties/update"),
        values![value, source, id, name],
    )?;
    if changed == 0 {
        let values = values![id, name, value, source];
        connection.execute(sql!("build_properties/insert"), values)?;
    }
    Ok(())
}

/// Adds the properties that a build without any starts with.
pub fn add_properties(
    connection: &Connection,
    id: BuildId,
    properties: &Properties,
) -> Result<(), StatementError> {
    for (name, Property { value, source }) in properties {
        let values = values![id, name, value, source];
        connection.execute(sql!("build_properties/insert"), values)?;
    }
    Ok(())
}

/// One build.
pub fn by_id(connection: &Connection, id: BuildId) -> Result<Option<Build>, StatementError> {
    connection.first(sql!("builds/by_id"), values![id], read)
}

/// One build of a builder.
pub fn by_number(
    connection: &Connection,
    builder: BuilderId,
    number: BuildNumber,
) -> Result<Option<Build>, StatementError> {
    connection.first(sql!("builds/by_number"), values![builder, number], read)
}

/// The builds of a request: more than one only if it was retried.
pub fn of_request(
    connection: &Connection,
    request: BuildRequestId,
) -> Result<Vec<Build>, StatementError> {
    connection.all(sql!("builds/of_request"), values![request], read)
}

/// So many of the newest builds of a builder, the newest first.
pub fn newest_of_builder(
    connection: &Connection,
    builder: BuilderId,
    count: i64,
) -> Result<Vec<Build>, StatementError> {
    connection.all(
        sql!("builds/newest_of_builder"),
        values![builder, count],
        read,
    )
}

/// Those that have not ended.
pub fn running(connection: &Connection) -> Result<Vec<Build>, StatementError> {
    connection.all(sql!("builds/running"), values![], read)
}

/// The properties of a build.
pub fn properties(connection: &Connection, id: BuildId) -> Result<Properties, StatementError> {
    let read = connection.all(sql!("build_properties/of_build"), values![id], |row| {
        let name: String = row.take()?;
        let property = Property {
            value: properties::canonical(&row.take::<String>()?),
            source: row.take()?,
        };
        Ok((name, property))
    })?;
    Ok(read.into_iter().collect())
}
