//! Buildsets, with their properties and source stamps.

use buildbot_model::{
    BuildId, BuildRequestId, BuilderId, BuildsetId, Properties, Property, Results, SourceStampId,
    Timestamp,
};

use super::{build_requests, properties};
use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// A row of `buildsets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buildset {
    /// Its row.
    pub id: BuildsetId,
    /// What a client calls it.
    pub external_id: Option<String>,
    /// Why it is wanted.
    pub reason: Option<String>,
    /// When somebody asked for it.
    pub submitted_at: Timestamp,
    /// Whether all of its requests are complete.
    pub complete: bool,
    /// Since when.
    pub complete_at: Option<Timestamp>,
    /// The worst of its requests.
    pub results: Option<Results>,
    /// The build that asked for it.
    pub parent_build: Option<BuildId>,
    /// How that build calls it.
    pub parent_relationship: Option<String>,
    /// The build that it does again.
    pub rebuilt_build: Option<BuildId>,
}

/// A buildset that is about to be added, without its requests.
#[derive(Debug, Clone, Copy)]
pub struct NewBuildset<'a> {
    /// What a client calls it.
    pub external_id: Option<&'a str>,
    /// Why it is wanted.
    pub reason: &'a str,
    /// When somebody asked for it.
    pub submitted_at: Timestamp,
    /// The build that asked for it.
    pub parent_build: Option<BuildId>,
    /// How that build calls it.
    pub parent_relationship: Option<&'a str>,
    /// The build that it does again.
    pub rebuilt_build: Option<BuildId>,
    /// What every request of it carries.
    pub properties: &'a Properties,
}

/// What each request of a new buildset has.
#[derive(Debug, Clone, Copy)]
pub struct NewRequests {
    /// A higher one is built earlier.
    pub priority: i64,
    /// Whether the build that asked for them waits for their end.
    pub waited_for: bool,
}

fn read(row: &mut Row<'_>) -> Result<Buildset, ColumnError> {
    Ok(Buildset {
        id: row.take()?,
        external_id: row.take()?,
        reason: row.take()?,
        submitted_at: row.take()?,
        complete: row.take()?,
        complete_at: row.take()?,
        results: row.results()?,
        parent_build: row.take()?,
        parent_relationship: row.take()?,
        rebuilt_build: row.take()?,
    })
}

/// Adds a buildset, and a request for each builder. Returns the requests in the order of the builders.
pub fn add(
    connection: &Connection,
    buildset: &NewBuildset<'_>,
    source_stamps: impl IntoIterator<Item = SourceStampId>,
    requests: NewRequests,
    builders: impl IntoIterator<Item = BuilderId>,
) -> Result<(BuildsetId, Vec<BuildRequestId>), StatementError> {
    let id: BuildsetId = connection.insert(
        sql!("buildsets/insert"),
        values![
            buildset.external_id,
            buildset.reason,
            buildset.submitted_at,
            buildset.parent_build,
            buildset.parent_relationship,
            buildset.rebuilt_build
        ],
    )?;
    for source_stamp in source_stamps {
        let statement = sql!("buildset_sourcestamps/insert");
        connection.execute(statement, values![id, source_stamp])?;
    }
    for (name, property) in buildset.properties {
        let text = properties::encode(property);
        connection.execute(sql!("buildset_properties/insert"), values![id, name, &text])?;
    }
    let requests = builders
        .into_iter()
        .map(|builder| {
            build_requests::add(connection, id, builder, requests, buildset.submitted_at)
        })
        .collect::<Result<_, _>>()?;
    Ok((id, requests))
}

/// Ends a buildset all of whose requests are complete, unless it has ended. Returns how it ended, if this did it: the
/// worst of its requests, and success at least.
pub fn complete(
    connection: &Connection,
    id: BuildsetId,
    now: Timestamp,
) -> Result<Option<Results>, StatementError> {
    let requests = connection.all(
        sql!("buildrequests/results_of_buildset"),
        values![id],
        |row| Ok((row.take::<bool>()?, row.results()?)),
    )?;
    if !requests.iter().all(|(is_complete, _)| *is_complete) {
        return Ok(None);
    }
    let worst = requests
        .into_iter()
        .filter_map(|(_, results)| results)
        .fold(Results::Success, Results::worst);
    let changed = connection.execute(sql!("buildsets/complete"), values![worst, now, id])?;
    Ok((changed > 0).then_some(worst))
}

/// One buildset.
pub fn by_id(connection: &Connection, id: BuildsetId) -> Result<Option<Buildset>, StatementError> {
    connection.first(sql!("buildsets/by_id"), values![id], read)
}

/// Those that are not complete.
pub fn incomplete(connection: &Connection) -> Result<Vec<Buildset>, StatementError> {
    connection.all(sql!("buildsets/incomplete"), values![], read)
}

/// Those of a scheduler that are not complete.
pub fn incomplete_of(
    connection: &Connection,
    scheduler: &str,
) -> Result<Vec<BuildsetId>, StatementError> {
    let property = properties::encode(&Property {
        value: serde_json::Value::from(scheduler).to_string(),
        source: "Scheduler".to_owned(),
    });
    let statement = sql!("buildsets/incomplete_of");
    connection.all(statement, values![property.as_str()], |row| row.take())
}

/// What every request of a buildset carries.
pub fn properties(connection: &Connection, id: BuildsetId) -> Result<Properties, StatementError> {
    let statement = sql!("buildset_properties/of_buildset");
    let read = connection.all(statement, values![id], properties::read)?;
    Ok(read.into_iter().collect())
}
