//! Build requests and their claims.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use buildbot_model::{
    BuildRequest, BuildRequestId, BuilderId, BuildsetId, MasterId, Results, SourceStamp, Timestamp,
};

use super::buildsets::{self, NewRequests};
use super::source_stamps;
use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// A row of `buildrequests`, with its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Its row.
    pub id: BuildRequestId,
    /// The buildset that it belongs to.
    pub buildset: BuildsetId,
    /// The builder that shall build it.
    pub builder: BuilderId,
    /// A higher one is built earlier.
    pub priority: i64,
    /// Whether nothing more will be done for it.
    pub complete: bool,
    /// How it ended.
    pub results: Option<Results>,
    /// When somebody asked for it.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
    /// Whether the build that asked for it waits for its end.
    pub waited_for: bool,
    /// The master that has claimed it, and when. Complete ones keep their claims.
    pub claim: Option<(MasterId, Timestamp)>,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The request is ours.
    Made,
    /// It is claimed already, or complete, or there is no such request.
    Lost,
}

fn read(row: &mut Row<'_>) -> Result<StoredRequest, ColumnError> {
    Ok(StoredRequest {
        id: row.take()?,
        buildset: row.take()?,
        builder: row.take()?,
        priority: row.take()?,
        complete: row.take::<Option<bool>>()?.unwrap_or(false),
        results: row.results()?,
        submitted_at: row.take()?,
        complete_at: row.take()?,
        waited_for: row.take::<Option<bool>>()?.unwrap_or(false),
        claim: match (row.take()?, row.take()?) {
            (Some(master), Some(at)) => Some((master, at)),
            (None, _) | (_, None) => None,
        },
    })
}

pub(crate) fn add(
    connection: &Connection,
    buildset: BuildsetId,
    builder: BuilderId,
    new: NewRequests,
    submitted_at: Timestamp,
) -> Result<BuildRequestId, StatementError> {
    let values = values![
        buildset,
        builder,
        new.priority,
        submitted_at,
        new.waited_for
    ];
    connection.insert(sql!("buildrequests/insert"), values)
}

/// Claims a request for a master, unless it has a claim or is complete.
pub fn claim(
    connection: &Connection,
    id: BuildRequestId,
    master: MasterId,
    now: Timestamp,
) -> Result<Claim, StatementError> {
    let statement = sql!("buildrequest_claims/insert");
    Ok(
        match connection.execute(statement, values![master, now, id])? {
            0 => Claim::Lost,
            _ => Claim::Made,
        },
    )
}

/// Gives up a master's claim; those of others stay. Returns whether there was one.
pub fn unclaim(
    connection: &Connection,
    id: BuildRequestId,
    master: MasterId,
) -> Result<bool, StatementError> {
    let statement = sql!("buildrequest_claims/delete");
    Ok(connection.execute(statement, values![id, master])? > 0)
}

/// Ends a request, unless it is complete. Its claim stays. Returns whether this did it.
pub fn complete(
    connection: &Connection,
    id: BuildRequestId,
    results: Results,
    now: Timestamp,
) -> Result<bool, StatementError> {
    let statement = sql!("buildrequests/complete");
    Ok(connection.execute(statement, values![results, now, id])? > 0)
}

/// Changes the priority of a request that is not complete. Returns whether there is such a one.
pub fn set_priority(
    connection: &Connection,
    id: BuildRequestId,
    priority: i64,
) -> Result<bool, StatementError> {
    let statement = sql!("buildrequests/set_priority");
    Ok(connection.execute(statement, values![priority, id])? > 0)
}

/// One request.
pub fn by_id(
    connection: &Connection,
    id: BuildRequestId,
) -> Result<Option<StoredRequest>, StatementError> {
    connection.first(sql!("buildrequests/by_id"), values![id], read)
}

/// Those of a buildset.
pub fn of_buildset(
    connection: &Connection,
    buildset: BuildsetId,
) -> Result<Vec<StoredRequest>, StatementError> {
    connection.all(sql!("buildrequests/of_buildset"), values![buildset], read)
}

/// Those that are not complete.
pub fn incomplete(connection: &Connection) -> Result<Vec<StoredRequest>, StatementError> {
    connection.all(sql!("buildrequests/incomplete"), values![], read)
}

/// All that is known about those that are neither complete nor claimed: what a master that starts has to build.
pub fn waiting(connection: &Connection) -> Result<Vec<BuildRequest>, StatementError> {
    let mut buildsets = BTreeMap::new();
    let mut waiting = Vec::new();
    for request in incomplete(connection)? {
        if request.claim.is_some() {
            continue;
        }
        let shared = match buildsets.entry(request.buildset) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Shared::load(connection, request.buildset)?),
        };
        waiting.push(BuildRequest {
            id: request.id,
            buildset: request.buildset,
            builder: request.builder,
            priority: request.priority,
            submitted_at: request.submitted_at,
            waited_for: request.waited_for,
            has_parent: shared.has_parent,
            source_stamps: shared.source_stamps.clone(),
            properties: shared.properties.clone(),
        });
    }
    Ok(waiting)
}

/// What the requests of a buildset have in common.
struct Shared {
    has_parent: bool,
    source_stamps: Vec<SourceStamp>,
    properties: buildbot_model::Properties,
}

impl Shared {
    fn load(connection: &Connection, id: BuildsetId) -> Result<Self, StatementError> {
        let buildset = buildsets::by_id(connection, id)?;
        let source_stamps = source_stamps::of_buildset(connection, id)?
            .into_iter()
            .map(|stored| source_stamps::known(connection, stored))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            has_parent: buildset.is_some_and(|buildset| buildset.parent_build.is_some()),
            source_stamps,
            properties: buildsets::properties(connection, id)?,
        })
    }
}
