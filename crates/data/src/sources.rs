//! Objects that are not simply rows: properties, blame, histories of commits, the specification.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use buildbot_db::{Connection, StatementError};
use serde_json::{Map, Value as Json, json};

use crate::endpoints::ENDPOINTS;
use crate::entities::CHANGE;
use crate::entity::{Entity, Kind};
use crate::memory::Item;
use crate::rows::{self, Cell};
use crate::select::{Arguments, Bound, Sql};

fn item<const N: usize>(members: [(&str, Json); N]) -> Item {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The properties of a build in one object.
pub(crate) fn build_properties(
    connection: &Connection,
    id: &str,
    arguments: &Arguments,
) -> Result<Item, StatementError> {
    let mut sql = Sql::default();
    sql.push("SELECT name, value, source FROM build_properties WHERE buildid = ");
    sql.push_template(id, arguments);
    let read = rows::all(connection, &sql, |row| {
        Ok((
            row.take::<String>()?,
            row.take::<Cell>()?,
            row.take::<String>()?,
        ))
    })?;
    let read = read.into_iter();
    let properties: BTreeMap<String, Json> = read
        .map(|(name, value, source)| (name, json!([value.parse(), source])))
        .collect();
    Ok(properties.into_iter().collect())
}

fn stored_pairs(
    connection: &Connection,
    text: &str,
    id: i64,
) -> Result<Vec<(String, String)>, StatementError> {
    let mut sql = Sql::default();
    sql.push(text).bind(Bound::Integer(id));
    rows::all(connection, &sql, |row| Ok((row.take()?, row.take()?)))
}

const OF_BUILDSET: &str =
    "SELECT property_name, property_value FROM buildset_properties WHERE buildsetid = ";
const OF_CHANGE: &str =
    "SELECT property_name, property_value FROM change_properties WHERE changeid = ";

/// The properties of a buildset in one object.
pub(crate) fn buildset_properties(
    connection: &Connection,
    id: i64,
) -> Result<Item, StatementError> {
    let read = stored_pairs(connection, OF_BUILDSET, id)?;
    let properties: BTreeMap<String, Json> = read
        .into_iter()
        .map(|(name, value)| (name, rows::parse(&value)))
        .collect();
    Ok(properties.into_iter().collect())
}

/// The properties of a buildset, one object each.
pub(crate) fn buildset_property_list(
    connection: &Connection,
    id: i64,
) -> Result<Vec<Item>, StatementError> {
    stored_pairs(connection, OF_BUILDSET, id).map(property_list)
}

/// The properties of a change, one object each.
///
/// Differs: `changes/N/properties_list` lists the properties of a change; in the reference it is an error 500.
pub(crate) fn change_property_list(
    connection: &Connection,
    id: i64,
) -> Result<Vec<Item>, StatementError> {
    stored_pairs(connection, OF_CHANGE, id).map(property_list)
}

fn property_list(stored: Vec<(String, String)>) -> Vec<Item> {
    let properties = stored.into_iter().map(|(name, pair)| {
        let pair = rows::parse(&pair);
        let value = pair.get(0).map(python_json).unwrap_or_default();
        let source = pair.get(1).cloned().unwrap_or_default();
        item([
            ("name", name.into()),
            ("source", source),
            ("value", value.into()),
        ])
    });
    properties.collect()
}

/// JSON as Python writes it: blanks after commas and colons, and nothing but ASCII.
fn python_json(value: &Json) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Json::Array(items) => format!("[{}]", list(items.iter().map(python_json).collect())),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = crate::json::ascii(&Json::from(name.as_str()));
                format!("{name}: {}", python_json(value))
            });
            format!("{{{}}}", list(members.collect()))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => crate::json::ascii(value),
    }
}

/// What a build has that the last successful one did not have.
///
/// From the newest change of each source stamp backwards, to the change of the newest successful build before it of the
/// same builder with the same repositories, branches and codebases.
/// Buildbot: REST API, `builds/N/changes`.
pub(crate) fn blame(
    connection: &Connection,
    id: &str,
    arguments: &Arguments,
) -> Result<Vec<Item>, StatementError> {
    let Some(build) = rows::first_of::<i64>(
        connection,
        &format!("SELECT id FROM builds WHERE id = {id}"),
        arguments,
    )?
    else {
        return Ok(Vec::new());
    };
    let stamps = stamps_of_build(connection, build)?;
    let before = stamps_of_previous_success(connection, build, &key(&stamps))?;
    let mut chain = Vec::new();
    let mut seen = HashSet::new();
    for (codebase, stamp) in &stamps {
        let boundary = match before.get(codebase) {
            Some(stamp) => newest_change(connection, stamp.id)?,
            None => None,
        };
        let mut next = newest_change(connection, stamp.id)?;
        while let Some(change) = next
            && Some(change) != boundary
            && chain.len() < CHANGES_MAX
            && seen.insert(change)
        {
            chain.push(change);
            next = parent_change(connection, change)?;
        }
    }
    let found = rows::by_ids(connection, &CHANGE, &chain)?;
    let mut by_id: HashMap<i64, Item> = found
        .into_iter()
        .filter_map(|item| Some((item.get("changeid")?.as_i64()?, item)))
        .collect();
    chain.sort_unstable();
    Ok(chain.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// How many changes of a build are told.
///
/// Differs: `builds/N/changes` tells the newest 10 000 changes at most; the reference goes back to the first change of
/// a branch that was never built with success.
const CHANGES_MAX: usize = 10_000;

struct Stamp {
    id: i64,
    repository: String,
    branch: Option<String>,
}

/// By codebase.
type Stamps = BTreeMap<String, Stamp>;

/// What must be equal in an earlier build.
pub(crate) type Key = BTreeSet<(String, Option<String>, String)>;

fn key(stamps: &Stamps) -> Key {
    let stamps = stamps.iter();
    stamps
        .map(|(codebase, stamp)| {
            (
                stamp.repository.clone(),
                stamp.branch.clone(),
                codebase.clone(),
            )
        })
        .collect()
}

fn stamps_of_build(connection: &Connection, build: i64) -> Result<Stamps, StatementError> {
    let mut sql = Sql::default();
    sql.push(
        "SELECT sourcestamps.codebase, sourcestamps.id, sourcestamps.repository, sourcestamps.branch FROM builds \
            JOIN buildrequests ON buildrequests.id = builds.buildrequestid \
            JOIN buildset_sourcestamps ON buildset_sourcestamps.buildsetid = buildrequests.buildsetid \
            JOIN sourcestamps ON sourcestamps.id = buildset_sourcestamps.sourcestampid WHERE builds.id = ",
    );
    sql.bind(Bound::Integer(build));
    let read = rows::all(connection, &sql, |row| {
        let codebase = row.take()?;
        let stamp = Stamp {
            id: row.take()?,
            repository: row.take()?,
            branch: row.take()?,
        };
        Ok((codebase, stamp))
    })?;
    Ok(read.into_iter().collect())
}

/// How many earlier builds are looked at together, and how often: nobody reads more than the news of so many.
const EARLIER_BUILDS: i64 = 50;
const EARLIER_LOOKS: usize = 100;

/// The source stamps of the newest successful build before one that has the same key.
fn stamps_of_previous_success(
    connection: &Connection,
    build: i64,
    wanted: &Key,
) -> Result<Stamps, StatementError> {
    let mut sql = Sql::default();
    sql.push("SELECT builderid, number FROM builds WHERE id = ");
    sql.bind(Bound::Integer(build));
    let place = rows::all(connection, &sql, |row| Ok((row.take()?, row.take()?)))?;
    let Some((builder, number)) = place.into_iter().next() else {
        return Ok(Stamps::new());
    };
    match previous_success(connection, builder, number, wanted)? {
        Some(build) => stamps_of_build(connection, build),
        None => Ok(Stamps::new()),
    }
}

/// The newest successful build of a builder before one that has the same key.
pub(crate) fn previous_success(
    connection: &Connection,
    builder: i64,
    number: i64,
    wanted: &Key,
) -> Result<Option<i64>, StatementError> {
    let mut before = number;
    for _ in 0..EARLIER_LOOKS {
        let mut sql = Sql::default();
        sql.push("SELECT id, number FROM builds WHERE builderid = ");
        sql.bind(Bound::Integer(builder));
        sql.push(" AND number < ").bind(Bound::Integer(before));
        sql.push(" AND results = 0 ORDER BY number DESC LIMIT ");
        sql.bind(Bound::Integer(EARLIER_BUILDS));
        let earlier = rows::all(connection, &sql, |row| {
            Ok((row.take::<i64>()?, row.take::<i64>()?))
        })?;
        for (build, _) in &earlier {
            if key(&stamps_of_build(connection, *build)?) == *wanted {
                return Ok(Some(*build));
            }
        }
        match earlier.last() {
            Some((_, number)) => before = *number,
            None => break,
        }
    }
    Ok(None)
}

fn newest_change(connection: &Connection, stamp: i64) -> Result<Option<i64>, StatementError> {
    let mut sql = Sql::default();
    sql.push("SELECT MAX(changeid) FROM changes WHERE sourcestampid = ");
    sql.bind(Bound::Integer(stamp));
    Ok(rows::first::<Option<i64>>(connection, &sql)?.flatten())
}

fn parent_change(connection: &Connection, change: i64) -> Result<Option<i64>, StatementError> {
    let mut sql = Sql::default();
    sql.push("SELECT parent_changeids FROM changes WHERE changeid = ");
    sql.bind(Bound::Integer(change));
    Ok(rows::first::<Option<i64>>(connection, &sql)?.flatten())
}

/// How many parents of a commit are looked at.
const PARENTS_MAX: usize = 100;

/// A commit and its ancestors, the newest first; none if it is unknown.
fn ancestors(connection: &Connection, commit: i64) -> Result<Vec<i64>, StatementError> {
    let mut chain = Vec::new();
    let mut next = Some(commit);
    while let Some(commit) = next
        && chain.len() <= PARENTS_MAX
    {
        let mut sql = Sql::default();
        sql.push("SELECT parent_commitid FROM codebase_commits WHERE id = ");
        sql.bind(Bound::Integer(commit));
        let Some(parent) = rows::first::<Option<i64>>(connection, &sql)? else {
            break;
        };
        chain.push(commit);
        next = parent.filter(|parent| !chain.contains(parent));
    }
    Ok(chain)
}

/// The nearest common ancestor of two commits, and the ways from it.
///
/// Differs: `commits_common_parent`: when one commit is an ancestor of the other, the way begins with it; in the
/// reference it may begin with its parent.
pub(crate) fn common_parent(
    connection: &Connection,
    arguments: &Arguments,
) -> Result<Option<Item>, StatementError> {
    let first = ancestors(connection, arguments.integer("commitid1"))?;
    let second = ancestors(connection, arguments.integer("commitid2"))?;
    let Some((at, common)) = first
        .iter()
        .enumerate()
        .find(|(_, commit)| second.contains(commit))
    else {
        return Ok(None);
    };
    let way = |chain: &[i64], length: usize| -> Vec<i64> {
        chain.iter().take(length + 1).rev().copied().collect()
    };
    let in_second = second.iter().position(|commit| commit == common);
    Ok(Some(item([
        ("common", (*common).into()),
        ("to1", way(&first, at).into()),
        ("to2", way(&second, in_second.unwrap_or(0)).into()),
    ])))
}

/// The revisions from one commit to one of its descendants; none if it is no descendant.
pub(crate) fn commit_range(
    connection: &Connection,
    arguments: &Arguments,
) -> Result<Vec<String>, StatementError> {
    let chain = ancestors(connection, arguments.integer("commitid2"))?;
    let from = arguments.integer("commitid1");
    let Some(at) = chain.iter().position(|commit| *commit == from) else {
        return Ok(Vec::new());
    };
    let text = "SELECT id, revision FROM codebase_commits WHERE id IN {ids}";
    let found = rows::of_ids(connection, text, &chain[..=at], |row| row.take::<String>())?;
    Ok(found.into_iter().map(|(_, revision)| revision).collect())
}

/// The paths that a client can begin with.
pub(crate) fn root_links() -> Vec<Item> {
    const NAMES: [&str; 14] = [
        "builders",
        "builds",
        "buildrequests",
        "codebases",
        "workers",
        "logchunks",
        "buildsets",
        "changes",
        "changesources",
        "masters",
        "sourcestamps",
        "schedulers",
        "forceschedulers",
        "projects",
    ];
    NAMES.map(|name| item([("name", name.into())])).into()
}

/// What all paths give, for programs that want to know without asking a master: JSON over several lines.
pub fn specification() -> String {
    let specs: Vec<Json> = specs().into_iter().map(Json::Object).collect();
    crate::json::indented(&Json::Array(specs))
}

/// What all paths give, in the order of their parts.
pub(crate) fn specs() -> Vec<Item> {
    let mut endpoints: Vec<_> = ENDPOINTS.iter().collect();
    endpoints.sort_by_key(|endpoint| endpoint.path.split('/').collect::<Vec<_>>());
    let specs = endpoints.into_iter().map(|endpoint| {
        item([
            ("path", endpoint.path.into()),
            ("plural", endpoint.entity.plural.into()),
            ("type", endpoint.entity.name.into()),
            ("type_spec", type_spec_of_entity(endpoint.entity, false)),
        ])
    });
    specs.collect()
}

fn type_spec_of_entity(entity: &Entity, may_be_null: bool) -> Json {
    let mut spec = Map::new();
    if entity.name == "sourcedproperties" {
        spec.insert("name".to_owned(), entity.name.into());
    } else {
        let fields = entity.fields.iter().map(|field| {
            let name = match field.kind {
                Kind::Entity(entity) => entity.name,
                ref kind => kind.name(),
            };
            let shown = if field.may_be_null {
                format!("{name} or None")
            } else {
                name.to_owned()
            };
            json!({
                "name": field.name,
                "type": shown,
                "type_spec": type_spec(&field.kind, field.may_be_null),
            })
        });
        spec.insert("type".to_owned(), entity.name.into());
        spec.insert("fields".to_owned(), fields.collect());
    }
    if may_be_null {
        spec.insert("can_be_null".to_owned(), true.into());
    }
    spec.into()
}

fn type_spec(kind: &Kind, may_be_null: bool) -> Json {
    match kind {
        Kind::List(of) => json!({ "type": "list", "of": type_spec(of, false) }),
        Kind::Entity(entity) => type_spec_of_entity(entity, may_be_null),
        kind if may_be_null => json!({ "name": kind.name(), "can_be_null": true }),
        kind => json!({ "name": kind.name() }),
    }
}
