//! Live objects: what code of the user's gets in its calls. `docs/formats/config-host.md` says which have what.

use buildbot_config::{Value, Worker, WorkerKind};
use buildbot_model::{BuildRequest, BuilderId, MasterId, WorkerId};
use buildbot_render::Properties;
use serde_json::{Map, Value as Json, json};

use crate::json as plain;
use crate::site::Site;
use crate::sources::{Change, Source};

/// The master, as all others refer to it.
#[derive(Debug, Clone)]
pub(crate) struct Master {
    pub(crate) id: MasterId,
    pub(crate) name: String,
    pub(crate) basedir: String,
}

/// Values by name, written as one of the configuration host's.
fn dict<'a>(pairs: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    let pairs: Vec<Json> = pairs
        .into_iter()
        .map(|(key, value)| json!([key, value]))
        .collect();
    json!({"$": "dict", "v": pairs})
}

/// Plain JSON as a value of the configuration host.
fn value(json: &Json) -> Json {
    json!(buildbot_render::value_of_json(json))
}

impl Master {
    pub(crate) fn live(&self) -> Json {
        json!({"$": "master", "key": 0, "name": self.name, "masterid": self.id.0, "basedir": self.basedir})
    }

    /// Properties without a build.
    pub(crate) fn properties(&self, properties: &Properties) -> Json {
        json!({"$": "properties", "key": 0, "v": properties, "master": self.live()})
    }

    /// Those of a build.
    pub(crate) fn properties_of_build(
        &self,
        properties: &Properties,
        sources: &[Source],
        build: Json,
    ) -> Json {
        let stamps: Vec<Json> = sources.iter().map(plain_source).collect();
        let changes = sources.iter().flat_map(|source| &source.changes);
        let changes: Vec<Json> = changes.map(plain_change).collect();
        json!({
            "$": "properties", "key": 0, "v": properties, "sourcestamps": stamps, "changes": changes,
            "build": build, "master": self.live(),
        })
    }

    pub(crate) fn builder(&self, site: &Site, id: BuilderId) -> Json {
        let config = site.builder(id);
        let project = config.and_then(|config| config.project.as_ref());
        let project_id = project.and_then(|name| site.ids.projects.get(name));
        json!({
            "$": "builder", "key": id.0, "name": config.map_or("", |config| &config.name),
            "config_version": 0, "project_name": project, "project_id": project_id.map(|id| id.0),
            "master": self.live(),
        })
    }

    pub(crate) fn worker(&self, worker: &Worker, id: WorkerId, state: &WorkerState) -> Json {
        let common = &worker.common;
        let of_worker = |pairs: &[(String, Value)]| {
            let mut properties = Properties::default();
            for (name, value) in pairs {
                properties.set(name.as_str(), value.clone(), "Worker", false);
            }
            properties
        };
        let live = |properties| json!({"$": "properties", "key": 0, "v": properties, "master": self.live()});
        let mut properties = of_worker(&common.properties);
        properties.set("workername", worker.name(), "Worker", false);
        if let Some(machine) = &common.machine_name {
            properties.set("machine_name", machine.as_str(), "Worker", false);
        }
        json!({
            "$": "worker", "key": id.0, "workername": worker.name(), "max_builds": common.max_builds,
            "notify_on_missing": common.notify_on_missing.0,
            "missing_timeout": common.missing_timeout.map(|timeout| seconds(timeout.0)),
            "machine_name": common.machine_name, "workerid": id.0,
            "properties": live(properties),
            "defaultProperties": live(of_worker(&common.default_properties)),
            "info": live(of_worker(&state.info)), "master": self.live(),
            "connected": state.connected, "paused": state.paused,
            "can_start_build": state.connected && !state.paused,
        })
    }

    pub(crate) fn worker_for_builder(
        &self,
        site: &Site,
        builder: BuilderId,
        id: WorkerId,
        state: &WorkerState,
    ) -> Json {
        let name = site.builder(builder).map_or("", |builder| &builder.name);
        let worker = site.worker(id);
        let latent = worker.is_some_and(is_latent);
        json!({
            "$": "wfb", "key": [builder.0, id.0], "state": "AVAILABLE", "available": true, "latent": latent,
            "builder_name": name,
            "builder": self.builder(site, builder),
            "worker": worker.map(|worker| self.worker(worker, id, state)),
        })
    }

    pub(crate) fn request(
        &self,
        site: &Site,
        request: &BuildRequest,
        reason: &str,
        sources: &[Source],
    ) -> Json {
        let name = site
            .builder(request.builder)
            .map_or("", |builder| &builder.name);
        let by_codebase = sources
            .iter()
            .map(|source| (source.codebase.as_str(), self.source(source)));
        json!({
            "$": "request", "key": request.id.0, "id": request.id.0, "bsid": request.buildset.0,
            "buildername": name, "builderid": request.builder.0, "priority": request.priority,
            "submittedAt": request.submitted_at.seconds(), "waitedFor": request.waited_for,
            "reason": reason, "properties": self.properties(&of_model(&request.properties)),
            "sources": dict(by_codebase), "master": self.live(),
        })
    }

    pub(crate) fn source(&self, source: &Source) -> Json {
        let patch = source.patch.as_ref();
        let tuple = |items: Vec<Json>| json!({"$": "tuple", "v": items});
        let body = patch.map(|patch| Value::Bytes(patch.body.clone()));
        json!({
            "$": "sourcestamp", "key": source.id.0, "ssid": source.id.0, "branch": source.branch,
            "revision": source.revision, "repository": source.repository,
            "project": source.project, "codebase": source.codebase,
            "patchid": patch.map(|patch| patch.id.0),
            "created_at": {"$": "datetime", "epoch": source.created_at.seconds()},
            "patch": patch.map(|patch| tuple(vec![json!(patch.level), json!(body), json!(patch.subdir)])),
            "patch_info": patch.map(|patch| tuple(vec![json!(patch.author), json!(patch.comment)])),
            "changes": source.changes.iter().map(|change| self.change(change)).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn change(&self, change: &Change) -> Json {
        let mut live = match plain_change(change) {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        live.insert("$".to_owned(), json!("change"));
        live.insert("key".to_owned(), json!(change.row.id.0));
        let properties = self.properties(&of_model(&change.properties));
        live.insert("properties".to_owned(), properties);
        Json::Object(live)
    }
}

/// Whole seconds as a whole number, as people write them.
fn seconds(given: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole, and far from the ends"
    )]
    match given.fract() == 0.0 && given.abs() < 1e15 {
        true => json!(given as i64),
        false => json!(given),
    }
}

/// What is known about a worker at this moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkerState {
    pub(crate) connected: bool,
    pub(crate) paused: bool,
    pub(crate) info: Vec<(String, Value)>,
}

/// Whether its machine is started for builds.
pub(crate) fn is_latent(worker: &Worker) -> bool {
    !matches!(
        worker.kind,
        WorkerKind::Worker | WorkerKind::Local(_) | WorkerKind::Custom
    )
}

/// Properties of the database as values.
pub(crate) fn of_model(properties: &buildbot_model::Properties) -> Properties {
    let mut values = Properties::default();
    for (name, property) in properties {
        let value = plain::value_of(&property.value);
        values.set(name.as_str(), value, property.source.as_str(), false);
    }
    values
}

/// A request as the data interface has it: what `collapseRequests` gets.
pub(crate) fn plain_request(request: &BuildRequest) -> Json {
    let properties = request.properties.iter().map(|(name, property)| {
        let parsed = serde_json::from_str(&property.value).unwrap_or(Json::Null);
        let pair = json!({"$": "tuple", "v": [value(&parsed), property.source]});
        (name.as_str(), pair)
    });
    let is_null = Json::Null;
    dict([
        ("buildrequestid", json!(request.id.0)),
        ("buildsetid", json!(request.buildset.0)),
        ("builderid", json!(request.builder.0)),
        ("priority", json!(request.priority)),
        ("claimed", json!(false)),
        ("claimed_at", is_null.clone()),
        ("claimed_by_masterid", is_null.clone()),
        ("complete", json!(false)),
        ("complete_at", is_null),
        ("results", json!(-1)),
        (
            "submitted_at",
            json!({"$": "datetime", "epoch": request.submitted_at.seconds()}),
        ),
        ("waited_for", json!(request.waited_for)),
        ("properties", dict(properties)),
    ])
}

fn plain_source(source: &Source) -> Json {
    json!({
        "ssid": source.id.0, "branch": source.branch, "revision": source.revision,
        "repository": source.repository, "project": source.project, "codebase": source.codebase,
        "patch": source.patch.as_ref().map(|patch| json!({
            "patchid": patch.id.0, "level": patch.level, "subdir": patch.subdir,
            "author": patch.author, "comment": patch.comment,
            "body": String::from_utf8_lossy(&patch.body),
        })),
    })
}

fn plain_change(change: &Change) -> Json {
    let row = &change.row;
    json!({
        "changeid": row.id.0, "author": row.author, "committer": row.committer,
        "comments": row.comments, "branch": row.branch, "revision": row.revision,
        "revlink": row.revlink, "when_timestamp": row.when.seconds(), "category": row.category,
        "repository": row.repository, "codebase": row.codebase, "project": row.project,
        "files": change.files, "parent_changeids": row.parent.iter().map(|id| id.0).collect::<Vec<_>>(),
    })
}
