//! The fields of objects that other tables hold, read for all objects of an answer together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use buildbot_db::{Connection, StatementError};
use data_encoding::{BASE64, BASE64_MIME_PERMISSIVE};
use serde_json::{Map, Value as Json, json};

use crate::entities::{MASTER, PATCH, SOURCE_STAMP};
use crate::entity::Entity;
use crate::memory::Item;
use crate::query::{Bytes, Literal, Operator, Query};
use crate::rows::{self, Cell};
use crate::select::Arguments;

/// Fills in what is missing in objects of a type.
pub(crate) fn fill(
    connection: &Connection,
    entity: &'static Entity,
    arguments: &Arguments,
    query: &Query,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let missing = |name: &str| entity.field(name).is_some_and(|field| query.wants(field));
    if items.is_empty() {
        return Ok(());
    }
    match entity.name {
        "build" => build_properties(connection, query, items)?,
        "buildrequest" => request_properties(connection, query, items)?,
        "builder" => {
            if missing("masterids") {
                builder_masters(connection, arguments, items)?;
            }
            if missing("tags") {
                let text = "SELECT builders_tags.builderid, tags.name FROM builders_tags \
                    JOIN tags ON tags.id = builders_tags.tagid \
                    WHERE builders_tags.builderid IN {ids} ORDER BY builders_tags.id";
                list_of_cells(connection, text, "builderid", "tags", items)?;
            }
        }
        "buildset" if missing("sourcestamps") => buildset_stamps(connection, query, items)?,
        "sourcestamp" if missing("patch") => patches(connection, query, items)?,
        "change" => change(connection, query, &missing, items)?,
        "worker" => worker(connection, arguments, &missing, items)?,
        "scheduler" => {
            let text =
                "SELECT schedulerid, masterid FROM scheduler_masters WHERE schedulerid IN {ids}";
            masters(connection, text, "schedulerid", items)?;
        }
        "changesource" => {
            let text = "SELECT changesourceid, masterid FROM changesource_masters WHERE changesourceid IN {ids}";
            masters(connection, text, "changesourceid", items)?;
        }
        "project" => active_projects(connection, query, items)?,
        "build_data" => set_all(items, "value", &Json::Null),
        _ => {}
    }
    Ok(())
}

fn ids(items: &[Item], key: &str) -> Vec<i64> {
    items.iter().filter_map(|item| id(item, key)).collect()
}

fn id(item: &Item, key: &str) -> Option<i64> {
    item.get(key).and_then(Json::as_i64)
}

fn set_all(items: &mut [Item], name: &str, value: &Json) {
    for item in items {
        item.insert(name.to_owned(), value.clone());
    }
}

/// A list of values of another table.
fn list_of_cells(
    connection: &Connection,
    text: &str,
    key: &str,
    name: &str,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let found = rows::of_ids(connection, text, &ids(items, key), |row| {
        Ok(match row.take()? {
            Cell::Integer(value) => Json::from(value),
            Cell::Text(text) => Json::from(text),
            Cell::Null | Cell::Bytes(_) => Json::Null,
        })
    })?;
    put_lists(items, key, name, found);
    Ok(())
}

/// Below a worker, a builder tells only of masters on which it may use that worker.
fn builder_masters(
    connection: &Connection,
    arguments: &Arguments,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let all =
        "SELECT builderid, masterid FROM builder_masters WHERE builderid IN {ids} ORDER BY id";
    if arguments.get("workerid").is_none() {
        return list_of_cells(connection, all, "builderid", "masterids", items);
    }
    let text = "SELECT builder_masters.builderid, builder_masters.masterid, configured_workers.workerid \
        FROM builder_masters JOIN configured_workers ON configured_workers.buildermasterid = builder_masters.id \
        WHERE builder_masters.builderid IN {ids} ORDER BY builder_masters.id";
    let found = rows::of_ids(connection, text, &ids(items, "builderid"), |row| {
        Ok((row.take::<i64>()?, row.take::<i64>()?))
    })?;
    let worker = arguments.integer("workerid");
    let found = found.into_iter().filter(|(_, (_, of))| *of == worker);
    let found = found.map(|(builder, (master, _))| (builder, master.into()));
    put_lists(items, "builderid", "masterids", found.collect());
    Ok(())
}

fn put_lists(items: &mut [Item], key: &str, name: &str, found: Vec<(i64, Json)>) {
    let mut lists: HashMap<i64, Vec<Json>> = HashMap::new();
    for (id, value) in found {
        lists.entry(id).or_default().push(value);
    }
    for item in items {
        let list = id(item, key).and_then(|id| lists.remove(&id));
        item.insert(name.to_owned(), list.unwrap_or_default().into());
    }
}

/// `{name: [value, source]}` by id, with only the names that are asked for.
type PropertiesById = HashMap<i64, BTreeMap<String, Json>>;

fn put_properties(items: &mut [Item], key: &str, mut found: PropertiesById) {
    for item in items {
        let properties = id(item, key).and_then(|id| found.remove(&id));
        let properties: Map<String, Json> = properties.unwrap_or_default().into_iter().collect();
        item.insert("properties".to_owned(), properties.into());
    }
}

fn is_asked(query: &Query, name: &str) -> bool {
    query
        .properties
        .iter()
        .any(|asked| asked == "*" || asked == name)
}

fn build_properties(
    connection: &Connection,
    query: &Query,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let mut found = PropertiesById::new();
    if !query.properties.is_empty() {
        let text =
            "SELECT buildid, name, value, source FROM build_properties WHERE buildid IN {ids}";
        let read = rows::of_ids(connection, text, &ids(items, "buildid"), |row| {
            Ok((
                row.take::<String>()?,
                row.take::<Cell>()?,
                row.take::<String>()?,
            ))
        })?;
        for (build, (name, value, source)) in read {
            if is_asked(query, &name) {
                let value = json!([value.parse(), source]);
                found.entry(build).or_default().insert(name, value);
            }
        }
    }
    put_properties(items, "buildid", found);
    Ok(())
}

fn request_properties(
    connection: &Connection,
    query: &Query,
    items: &mut [Item],
) -> Result<(), StatementError> {
    if query.properties.is_empty() {
        set_all(items, "properties", &Json::Null);
        return Ok(());
    }
    let text = "SELECT buildsetid, property_name, property_value FROM buildset_properties WHERE buildsetid IN {ids}";
    let sets: BTreeSet<i64> = ids(items, "buildsetid").into_iter().collect();
    let sets: Vec<i64> = sets.into_iter().collect();
    let found = pairs(connection, text, &sets)?;
    for item in items {
        let properties = id(item, "buildsetid").and_then(|set| found.get(&set));
        let properties: Map<String, Json> = properties
            .into_iter()
            .flatten()
            .filter(|(name, _)| is_asked(query, name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        item.insert("properties".to_owned(), properties.into());
    }
    Ok(())
}

/// Properties that are stored as `[value, source]`.
fn pairs(
    connection: &Connection,
    text: &str,
    ids: &[i64],
) -> Result<PropertiesById, StatementError> {
    let read = rows::of_ids(connection, text, ids, |row| {
        Ok((row.take::<String>()?, row.take::<Cell>()?))
    })?;
    let mut found = PropertiesById::new();
    for (id, (name, value)) in read {
        found.entry(id).or_default().insert(name, value.parse());
    }
    Ok(found)
}

fn buildset_stamps(
    connection: &Connection,
    query: &Query,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let text = "SELECT buildsetid, sourcestampid FROM buildset_sourcestamps WHERE buildsetid IN {ids} ORDER BY id";
    let read = rows::of_ids(connection, text, &ids(items, "bsid"), |row| {
        row.take::<i64>()
    })?;
    let stamps = stamps_by_id(connection, query, read.iter().map(|(_, stamp)| *stamp))?;
    let found = read
        .into_iter()
        .filter_map(|(set, stamp)| Some((set, stamps.get(&stamp)?.clone())))
        .collect();
    put_lists(items, "bsid", "sourcestamps", found);
    Ok(())
}

fn stamps_by_id(
    connection: &Connection,
    query: &Query,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Json>, StatementError> {
    let ids: BTreeSet<i64> = ids.collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut stamps = rows::by_ids(connection, &SOURCE_STAMP, &ids)?;
    patches(connection, query, &mut stamps)?;
    Ok(by_id(stamps, "ssid"))
}

fn by_id(items: Vec<Item>, key: &str) -> HashMap<i64, Json> {
    items
        .into_iter()
        .filter_map(|item| Some((id(&item, key)?, Json::Object(item))))
        .collect()
}

/// Differs: the body of a patch in a source stamp is its text; the reference cannot encode it, and tells null.
fn patches(
    connection: &Connection,
    query: &Query,
    stamps: &mut [Item],
) -> Result<(), StatementError> {
    let text = "SELECT id, patchid FROM sourcestamps WHERE id IN {ids} AND patchid IS NOT NULL";
    let patched = rows::of_ids(connection, text, &ids(stamps, "ssid"), |row| {
        row.take::<i64>()
    })?;
    let patch_ids: Vec<i64> = patched.iter().map(|(_, patch)| *patch).collect();
    let mut patches = if patch_ids.is_empty() {
        HashMap::new()
    } else {
        let text = "SELECT id, patch_base64 FROM patches WHERE id IN {ids}";
        let bodies = rows::of_ids(connection, text, &patch_ids, |row| row.take::<String>())?;
        let bodies: HashMap<i64, String> = bodies.into_iter().collect();
        let mut patches = rows::by_ids(connection, &PATCH, &patch_ids)?;
        for patch in &mut patches {
            let body = id(patch, "patchid").and_then(|id| bodies.get(&id));
            let body = body.and_then(|body| BASE64_MIME_PERMISSIVE.decode(body.as_bytes()).ok());
            let body = body.map(|body| match query.bytes {
                Bytes::Text => String::from_utf8_lossy(&body).into_owned(),
                Bytes::Base64 => BASE64.encode(&body),
            });
            patch.insert("body".to_owned(), body.into());
        }
        by_id(patches, "patchid")
    };
    let patched: HashMap<i64, i64> = patched.into_iter().collect();
    for stamp in stamps {
        let patch = id(stamp, "ssid").and_then(|id| patched.get(&id));
        let patch = patch.and_then(|patch| patches.remove(patch));
        stamp.insert("patch".to_owned(), patch.unwrap_or_default());
    }
    Ok(())
}

fn change(
    connection: &Connection,
    query: &Query,
    missing: &dyn Fn(&str) -> bool,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let ids = ids(items, "changeid");
    let text =
        "SELECT changeid, parent_changeids, sourcestampid FROM changes WHERE changeid IN {ids}";
    let read = rows::of_ids(connection, text, &ids, |row| {
        Ok((row.take::<Option<i64>>()?, row.take::<i64>()?))
    })?;
    let found: HashMap<i64, (Option<i64>, i64)> = read.into_iter().collect();
    let stamps = if missing("sourcestamp") {
        stamps_by_id(connection, query, found.values().map(|(_, stamp)| *stamp))?
    } else {
        HashMap::new()
    };
    for item in items.iter_mut() {
        let row = id(item, "changeid").and_then(|id| found.get(&id));
        let parent = row.and_then(|(parent, _)| *parent);
        let parents: Vec<i64> = parent.into_iter().collect();
        item.insert("parent_changeids".to_owned(), parents.into());
        let stamp = row.and_then(|(_, stamp)| stamps.get(stamp)).cloned();
        item.insert("sourcestamp".to_owned(), stamp.unwrap_or_default());
    }
    if missing("files") {
        let text =
            "SELECT changeid, filename FROM change_files WHERE changeid IN {ids} ORDER BY rowid";
        list_of_cells(connection, text, "changeid", "files", items)?;
    }
    if missing("properties") {
        let text = "SELECT changeid, property_name, property_value FROM change_properties WHERE changeid IN {ids}";
        let found = pairs(connection, text, &ids)?;
        put_properties(items, "changeid", found);
    }
    Ok(())
}

/// Below a master or a builder, a worker tells only of that one.
fn worker(
    connection: &Connection,
    arguments: &Arguments,
    missing: &dyn Fn(&str) -> bool,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let ids = ids(items, "workerid");
    let only =
        |name: &str, value: i64| arguments.get(name).is_none() || arguments.integer(name) == value;
    if missing("connected_to") {
        let text =
            "SELECT workerid, masterid FROM connected_workers WHERE workerid IN {ids} ORDER BY id";
        let found = rows::of_ids(connection, text, &ids, |row| row.take::<i64>())?;
        let found = found
            .into_iter()
            .filter(|(_, master)| only("masterid", *master));
        let found = found.map(|(worker, master)| (worker, json!({ "masterid": master })));
        put_lists(items, "workerid", "connected_to", found.collect());
    }
    if missing("configured_on") {
        let text = "SELECT configured_workers.workerid, builder_masters.builderid, builder_masters.masterid \
            FROM configured_workers JOIN builder_masters ON builder_masters.id = configured_workers.buildermasterid \
            WHERE configured_workers.workerid IN {ids} ORDER BY builder_masters.id";
        let found = rows::of_ids(connection, text, &ids, |row| {
            Ok((row.take::<i64>()?, row.take::<i64>()?))
        })?;
        let found = found.into_iter().filter(|(_, (builder, master))| {
            only("builderid", *builder) && only("masterid", *master)
        });
        let found = found.map(|(worker, (builder, master))| {
            (worker, json!({ "builderid": builder, "masterid": master }))
        });
        put_lists(items, "workerid", "configured_on", found.collect());
    }
    Ok(())
}

fn masters(
    connection: &Connection,
    text: &str,
    key: &str,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let holders = rows::of_ids(connection, text, &ids(items, key), |row| row.take::<i64>())?;
    let holders: HashMap<i64, i64> = holders.into_iter().collect();
    let ids: BTreeSet<i64> = holders.values().copied().collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let masters = by_id(rows::by_ids(connection, &MASTER, &ids)?, "masterid");
    for item in items {
        let master = id(item, key)
            .and_then(|id| holders.get(&id))
            .and_then(|master| masters.get(master));
        item.insert("master".to_owned(), master.cloned().unwrap_or_default());
    }
    Ok(())
}

/// Whether some builder of a project is on a master is told only to who filters by it.
///
/// Differs: `projects?active=true` lists a project once; the reference lists it for each of its builders.
fn active_projects(
    connection: &Connection,
    query: &Query,
    items: &mut [Item],
) -> Result<(), StatementError> {
    let is_asked = query.filters.iter().any(|filter| {
        filter.field.name == "active"
            && matches!(filter.operator, Operator::In | Operator::NotIn)
            && matches!(filter.values.as_slice(), [Literal::Boolean(_)])
    });
    if !is_asked {
        set_all(items, "active", &Json::Null);
        return Ok(());
    }
    let text = "SELECT DISTINCT builders.projectid, 1 FROM builders \
        JOIN builder_masters ON builder_masters.builderid = builders.id WHERE builders.projectid IN {ids}";
    let active = rows::of_ids(connection, text, &ids(items, "projectid"), |row| {
        row.take::<i64>()
    })?;
    let active: BTreeSet<i64> = active.into_iter().map(|(project, _)| project).collect();
    for item in items {
        let is_active = id(item, "projectid").is_some_and(|id| active.contains(&id));
        item.insert("active".to_owned(), is_active.into());
    }
    Ok(())
}
