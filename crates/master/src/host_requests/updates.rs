//! `master.data.updates`: what code of the configuration changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_config::Value;
use buildbot_data::{BuildVerb, Event as BusEvent, StepVerb};
use buildbot_db::tables::{build_data, builders, builds, steps};
use buildbot_model::{
    BuildId, BuilderId, NewBuildset, NewPatch, NewSourceStamp, Properties, Property, SourceStampId,
    StepId, Url, WantedSource,
};
use buildbot_schedulers::NewChange;
use buildbot_steps::Port as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::control::submitted;
use super::{Answer, NoAnswer};
use crate::changes;
use crate::identity::now;
use crate::json as plain;
use crate::shell::Shell;
use crate::site::Site;
use crate::submissions;

#[derive(Deserialize)]
pub(super) struct AddChange {
    files: Option<Vec<String>>,
    comments: Option<String>,
    author: Option<String>,
    committer: Option<String>,
    revision: Option<String>,
    when_timestamp: Option<i64>,
    branch: Option<String>,
    category: Value,
    revlink: Option<String>,
    properties: Vec<(String, Value)>,
    repository: Option<String>,
    codebase: Option<String>,
    project: Option<String>,
    src: Option<String>,
}

pub(super) async fn add_change(shell: &Arc<Shell>, site: &Site, given: AddChange) -> Answer {
    let change = NewChange {
        author: given.author,
        committer: given.committer,
        files: given.files,
        comments: given.comments,
        revision: given.revision,
        when: given.when_timestamp,
        branch: given.branch,
        category: given.category,
        revlink: given.revlink,
        properties: given.properties,
        repository: given.repository,
        project: given.project,
        codebase: given.codebase,
        source: given.src,
    };
    let added = changes::add_by(shell, site, change).await;
    added.map(|id| id.0.into()).map_err(NoAnswer::failed)
}

#[derive(Deserialize)]
pub(super) struct AddBuildset {
    waited_for: bool,
    scheduler: Option<String>,
    sourcestamps: Vec<Stamp>,
    reason: String,
    /// Value as JSON text, and source, by name.
    properties: BTreeMap<String, (String, String)>,
    builderids: Vec<i64>,
    external_idstring: Option<String>,
    rebuilt_buildid: Option<i64>,
    parent_buildid: Option<i64>,
    parent_relationship: Option<String>,
    priority: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stamp {
    Stored(i64),
    Given(Box<GivenStamp>),
}

#[derive(Deserialize)]
struct GivenStamp {
    branch: Option<String>,
    revision: Option<String>,
    repository: Option<String>,
    project: Option<String>,
    codebase: Option<String>,
    /// In base64.
    patch_body: Option<Value>,
    patch_level: Option<i64>,
    patch_author: Option<String>,
    patch_comment: Option<String>,
    patch_subdir: Option<String>,
}

impl GivenStamp {
    fn wanted(self) -> NewSourceStamp {
        let body = match self.patch_body {
            Some(Value::Bytes(body)) => Some(body),
            Some(Value::Text(body)) => Some(body.into_bytes()),
            _ => None,
        };
        NewSourceStamp {
            branch: self.branch,
            revision: self.revision,
            repository: self.repository.unwrap_or_default(),
            project: self.project.unwrap_or_default(),
            codebase: self.codebase.unwrap_or_default(),
            patch: body.map(|body| NewPatch {
                level: self.patch_level.unwrap_or_default(),
                body,
                author: self.patch_author.unwrap_or_default(),
                comment: self.patch_comment.unwrap_or_default(),
                subdir: self.patch_subdir,
            }),
        }
    }
}

/// Differs: a buildset for a builder that does not exist is refused; in the reference its request waits for ever.
pub(super) async fn add_buildset(shell: &Shell, given: AddBuildset) -> Answer {
    let ids: Vec<BuilderId> = given.builderids.iter().copied().map(BuilderId).collect();
    let wanted = ids.clone();
    let unknown = shell.store.read(move |connection| {
        for id in wanted {
            if builders::by_id(connection, id)?.is_none() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    });
    if let Some(unknown) = unknown.await.map_err(NoAnswer::failed)? {
        let message = format!("there is no builder {unknown}");
        return Err(NoAnswer::raised("builtins.ValueError", message));
    }
    let stamps = given.sourcestamps.into_iter().map(|stamp| match stamp {
        Stamp::Stored(id) => WantedSource::Stored(SourceStampId(id)),
        Stamp::Given(given) => WantedSource::New(given.wanted()),
    });
    let buildset = NewBuildset {
        builders: ids.into_iter().collect(),
        source_stamps: stamps.collect(),
        properties: stored(given.properties, &str::to_owned),
        external_id: given.external_idstring,
        reason: given.reason,
        priority: given.priority,
        waited_for: given.waited_for,
        parent_build: given.parent_buildid.map(BuildId),
        parent_relationship: given.parent_relationship,
        rebuilt_build: given.rebuilt_buildid.map(BuildId),
        submitted_at: now(),
    };
    let scheduler = given.scheduler.unwrap_or_default();
    let added = submissions::submit(shell, &scheduler, buildset).await;
    let added = added.ok_or_else(|| NoAnswer::failed("the master ends"))?;
    let requests: Vec<(i64, i64)> = added
        .requests
        .iter()
        .map(|(builder, request)| (builder.0, request.0))
        .collect();
    Ok(submitted(added.buildset.0, &requests))
}

/// As the database keeps them: equal values have equal texts, and `mask` hides secrets in these.
fn stored(given: BTreeMap<String, (String, String)>, mask: &dyn Fn(&str) -> String) -> Properties {
    let given = given.into_iter();
    given
        .map(|(name, (text, source))| {
            let value = plain::masked_text_of(&plain::value_of(&text), mask);
            let value = value.unwrap_or_else(|| mask(&text));
            (name, Property { value, source })
        })
        .collect()
}

/// A text without the secrets that the build has used, if it runs here.
fn masked(shell: &Shell, build: BuildId, text: &str) -> String {
    let build = shell.builds.get(build);
    build.map_or_else(|| text.to_owned(), |build| build.mask(text))
}

#[derive(Deserialize)]
pub(super) struct SetBuildProperties {
    buildid: i64,
    /// Value as JSON text, and source, by name.
    properties: BTreeMap<String, (String, String)>,
}

/// Differs: a secret of the build in the value of a property, or in what is shown of build and step, is stored as
/// `<name>`, as in logs; the reference stores it.
///
/// Differs: the event of `setBuildProperty` has the name of the property; in the reference it is always `name`.
pub(super) async fn set_build_properties(shell: &Shell, given: SetBuildProperties) -> Answer {
    let id = BuildId(given.buildid);
    let running = shell.builds.get(id);
    let properties = match &running {
        Some(build) => stored(given.properties, &|text| build.mask(text)),
        None => stored(given.properties, &str::to_owned),
    };
    let wanted = properties.clone();
    let written = shell.store.write(move |connection| {
        let known = builds::properties(connection, id)?;
        let mut changed = Vec::new();
        for (name, property) in &wanted {
            if known.get(name) != Some(property) {
                builds::set_property(connection, id, name, property)?;
                changed.push(name.clone());
            }
        }
        Ok(changed)
    });
    let changed = written.await.map_err(NoAnswer::failed)?;
    if let Some(build) = running {
        build.note_stored(&properties);
    }
    let told: Map<String, Json> = changed
        .into_iter()
        .filter_map(|name| {
            let property = properties.get(&name)?;
            let value: Json = serde_json::from_str(&property.value).unwrap_or(Json::Null);
            Some((name, json!([value, property.source])))
        })
        .collect();
    if !told.is_empty() {
        shell
            .bus
            .publish(BusEvent::build_properties(id, told.into()));
    }
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct SetBuildState {
    buildid: i64,
    state_string: String,
}

pub(super) async fn set_build_state(shell: &Shell, given: SetBuildState) -> Answer {
    let id = BuildId(given.buildid);
    let state = masked(shell, id, &given.state_string);
    let written = shell.store.write(move |connection| {
        builds::set_state_string(connection, id, &state)?;
        builds::by_id(connection, id)
    });
    if let Some(row) = written.await.map_err(NoAnswer::failed)? {
        tell_build(shell, &row, BuildVerb::Update);
    }
    Ok(Json::Null)
}

fn tell_build(shell: &Shell, row: &builds::Build, verb: BuildVerb) {
    let event = BusEvent::build(row.id, row.builder, row.number, row.worker, verb);
    shell.bus.publish(event);
}

#[derive(Deserialize)]
pub(super) struct OfBuild {
    buildid: i64,
}

pub(super) async fn tell_new_build(shell: &Shell, OfBuild { buildid }: OfBuild) -> Answer {
    let id = BuildId(buildid);
    let read = shell
        .store
        .read(move |connection| builds::by_id(connection, id));
    if let Some(row) = read.await.map_err(NoAnswer::failed)? {
        tell_build(shell, &row, BuildVerb::New);
    }
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct SetStepState {
    stepid: i64,
    state_string: String,
}

pub(super) async fn set_step_state(shell: &Shell, given: SetStepState) -> Answer {
    let id = StepId(given.stepid);
    let Some(row) = step(shell, id).await? else {
        return Ok(Json::Null);
    };
    let state = masked(shell, row.build, &given.state_string);
    let written = shell
        .store
        .write(move |connection| steps::set_state_string(connection, id, &state));
    written.await.map_err(NoAnswer::failed)?;
    tell_step(shell, &row);
    Ok(Json::Null)
}

async fn step(shell: &Shell, id: StepId) -> Result<Option<steps::Step>, NoAnswer> {
    let read = shell
        .store
        .read(move |connection| steps::by_id(connection, id));
    read.await.map_err(NoAnswer::failed)
}

fn tell_step(shell: &Shell, row: &steps::Step) {
    let event = BusEvent::step(row.id, row.build, StepVerb::Updated);
    shell.bus.publish(event);
}

#[derive(Deserialize)]
pub(super) struct AddStepUrl {
    stepid: i64,
    name: String,
    url: String,
}

/// A step that runs here keeps its links itself.
pub(super) async fn add_step_url(shell: &Shell, given: AddStepUrl) -> Answer {
    let id = StepId(given.stepid);
    let Some(row) = step(shell, id).await? else {
        return Ok(Json::Null);
    };
    let running = shell.builds.get(row.build);
    if let Some(step) = running.and_then(|build| build.step(row.number)) {
        let added = step.add_url(&given.name, &given.url).await;
        return match added {
            Ok(()) => Ok(Json::Null),
            Err(error) => Err(NoAnswer::failed(error)),
        };
    }
    let written = shell.store.write(move |connection| {
        let Some(row) = steps::by_id(connection, id)? else {
            return Ok(());
        };
        let new = Url {
            name: given.name.clone(),
            url: given.url.clone(),
        };
        let mut urls = row.urls;
        if !urls.contains(&new) {
            urls.push(new);
            steps::set_urls(connection, id, &urls)?;
        }
        Ok(())
    });
    written.await.map_err(NoAnswer::failed)?;
    tell_step(shell, &row);
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct SetBuildData {
    buildid: i64,
    name: String,
    value: Value,
    source: String,
}

pub(super) async fn set_build_data(shell: &Shell, given: SetBuildData) -> Answer {
    let SetBuildData {
        buildid,
        name,
        value,
        source,
    } = given;
    let Value::Bytes(value) = value else {
        let message = "the value of build data must be bytes";
        return Err(NoAnswer::raised("builtins.TypeError", message));
    };
    let written = shell.store.write(move |connection| {
        build_data::set(connection, BuildId(buildid), &name, &value, &source)
    });
    written.await.map(|()| Json::Null).map_err(NoAnswer::failed)
}
