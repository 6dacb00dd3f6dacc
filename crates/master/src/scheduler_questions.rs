//! What schedulers ask for: buildsets, user code, rows of the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use buildbot_config::Value;
use buildbot_confighost::Target;
use buildbot_db::tables::{buildsets, source_stamps};
use buildbot_db::{Connection, StatementError};
use buildbot_model::{
    BuilderId, BuildsetId, NewBuildset, NewPatch, NewSourceStamp, Properties, Property,
    SourceStampId, WantedSource,
};
use buildbot_render::Exception;
use buildbot_schedulers::{
    Answer, Change, Found, Patch, Question, Read, StoredBuildset, StoredStamp, Submission,
    SubmittedIds, TriggerStamp, Wanted, WantedStamp,
};
use serde_json::{Map, Value as Json};

use crate::identity::now;
use crate::json;
use crate::rendering;
use crate::secrets;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources::{self, Source};
use crate::submissions;

/// Adds a buildset.
pub(crate) async fn submit(
    shell: &Shell,
    site: &Site,
    wanted: Submission,
) -> Result<SubmittedIds, String> {
    let builders = wanted.builders.iter().filter_map(|builder| match builder {
        Wanted::Name(name) => site.ids.builders.get(name).copied(),
        Wanted::Id(id) => Some(*id),
    });
    let builders: BTreeSet<BuilderId> = builders.collect();
    let stamps = wanted.source_stamps.into_iter().map(|stamp| match stamp {
        WantedStamp::Stored(id) => WantedSource::Stored(id),
        WantedStamp::New(new) => WantedSource::New(stamp_of(*new)),
    });
    let mut properties = Properties::new();
    for (name, value, source) in wanted.properties {
        let value = json::text_of(&value)
            .ok_or_else(|| format!("the property '{name}' cannot be kept as JSON"))?;
        properties.insert(name, Property { value, source });
    }
    let buildset = NewBuildset {
        builders,
        source_stamps: stamps.collect(),
        properties,
        external_id: wanted.external_id,
        reason: wanted.reason,
        priority: wanted.priority,
        waited_for: wanted.waited_for,
        parent_build: wanted.parent_build,
        parent_relationship: wanted.parent_relationship,
        rebuilt_build: None,
        submitted_at: now(),
    };
    let submitted = submissions::submit(shell, &wanted.scheduler, buildset).await;
    let submitted = submitted.ok_or("the master ends")?;
    Ok(SubmittedIds {
        buildset: submitted.buildset,
        requests: submitted.requests,
    })
}

fn stamp_of(new: buildbot_schedulers::NewSourceStamp) -> NewSourceStamp {
    NewSourceStamp {
        branch: new.branch,
        revision: new.revision,
        repository: new.repository,
        project: new.project,
        codebase: new.codebase,
        patch: new.patch.map(|patch| NewPatch {
            level: patch.level,
            body: patch.body,
            author: patch.author,
            comment: patch.comment,
            subdir: patch.subdir,
        }),
    }
}

/// Asks user code.
pub(crate) async fn ask(shell: &Shell, site: &Site, question: Question) -> Answer {
    match question {
        Question::Call {
            callable,
            arguments,
        } => {
            let target = buildbot_confighost::Handle(callable.handle.0).into();
            Answer::Value(call(site, target, None, arguments).await)
        }
        Question::Method {
            on,
            name,
            arguments,
        } => Answer::Value(call(site, Target::Value(on), Some(name), arguments).await),
        Question::Render {
            items,
            secrets: names,
            properties,
        } => {
            let mut found = Vec::with_capacity(names.len());
            for name in &names {
                let providers = &site.config.secrets_providers;
                let secret = secrets::find(providers, &shell.basedir, name).await;
                found.push(secret.map(|secret| secret.map(|secret| secret.value)));
            }
            let mut live = (*properties).clone();
            if let Json::Object(live) = &mut live {
                live.entry("key").or_insert(Json::from(0));
                live.entry("master").or_insert_with(|| shell.live.live());
            }
            let items = rendering::ask_items(site, &items, live).await;
            Answer::Rendered {
                items,
                secrets: found,
            }
        }
    }
}

/// The answer to a question of a configuration that is over.
pub(crate) fn unanswered() -> Answer {
    Answer::Value(Err(Exception::new(
        buildbot_render::Kind::Runtime,
        "the configuration that it was to be asked of is over",
    )))
}

/// Calls code of a configuration.
pub(crate) async fn call(
    site: &Site,
    target: Target,
    method: Option<&str>,
    arguments: Vec<Json>,
) -> Result<Value, Exception> {
    let host = site
        .host
        .host()
        .await
        .map_err(|error| rendering::lost(&error))?;
    let answer = match method {
        None => host.call(target, arguments, Map::new()).await,
        Some(name) => {
            host.method(target, name.to_owned(), arguments, Map::new())
                .await
        }
    };
    let answer = answer.map_err(|error| rendering::unanswered(&error))?;
    answer.parse().map_err(|error| {
        Exception::new(
            buildbot_render::Kind::Type,
            format!("a strange answer: {error}"),
        )
    })
}

/// Reads what a scheduler wants to know.
pub(crate) fn read(connection: &Connection, what: &Read) -> Result<Found, StatementError> {
    Ok(match what {
        Read::SourceStamps(ids) => Found::SourceStamps(read_stamps(connection, ids)?),
        Read::Buildsets(ids) => Found::Buildsets(read_buildsets(connection, ids)?),
    })
}

fn read_stamps(
    connection: &Connection,
    ids: &[SourceStampId],
) -> Result<Vec<StoredStamp>, StatementError> {
    let mut found = Vec::with_capacity(ids.len());
    for source in sources::read(connection, ids)? {
        let stored = source_stamps::by_id(connection, source.id)?;
        let created_at = stored.map_or(0, |stored| stored.created_at.seconds());
        found.push(stored_stamp(source, created_at));
    }
    Ok(found)
}

fn stored_stamp(source: Source, created_at: u64) -> StoredStamp {
    StoredStamp {
        id: source.id,
        stamp: buildbot_schedulers::NewSourceStamp {
            codebase: source.codebase,
            repository: source.repository,
            branch: source.branch,
            revision: source.revision,
            project: source.project,
            patch: source.patch.map(|patch| Patch {
                body: patch.body,
                level: patch.level,
                author: patch.author,
                comment: patch.comment,
                subdir: patch.subdir,
            }),
        },
        created_at: i64::try_from(created_at).unwrap_or(i64::MAX),
        changes: source
            .changes
            .into_iter()
            .map(|it| Arc::new(change(it)))
            .collect(),
    }
}

fn read_buildsets(
    connection: &Connection,
    ids: &[BuildsetId],
) -> Result<Vec<StoredBuildset>, StatementError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(buildset) = buildsets::by_id(connection, *id)? else {
            continue;
        };
        let stamps = source_stamps::of_buildset(connection, *id)?;
        found.push(StoredBuildset {
            id: *id,
            results: buildset.results.filter(|_| buildset.complete),
            source_stamps: stamps.iter().map(|stamp| stamp.id).collect(),
        });
    }
    Ok(found)
}

/// A change as schedulers see it.
pub(crate) fn change(change: sources::Change) -> Change {
    let row = change.row;
    let properties = change.properties.into_iter().map(|(name, property)| {
        let value = json::value_of(&property.value);
        (name, (value, property.source))
    });
    Change {
        id: row.id,
        author: row.author,
        committer: row.committer,
        files: change.files,
        comments: row.comments,
        revision: row.revision,
        when: i64::try_from(row.when.seconds()).unwrap_or(i64::MAX),
        branch: row.branch,
        category: row.category,
        revlink: row.revlink,
        properties: properties.collect(),
        repository: row.repository,
        project: row.project,
        codebase: row.codebase,
        source_stamp: row.source_stamp,
        parents: row.parent.into_iter().collect(),
    }
}

/// A source stamp that a step gives to what it triggers.
pub(crate) fn trigger_stamp(attributes: &Vec<(String, Value)>) -> TriggerStamp {
    let mut stamp = TriggerStamp::default();
    let mut patch = Patch::default();
    let mut has_patch = false;
    for (name, value) in attributes {
        let text = match value {
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        };
        match name.as_str() {
            "codebase" => stamp.codebase = text.unwrap_or_default(),
            "repository" => stamp.repository = text,
            "project" => stamp.project = text,
            "branch" => stamp.branch = Some(text),
            "revision" => stamp.revision = Some(text),
            "patch_body" => {
                has_patch = !value.is_none();
                patch.body = match value {
                    Value::Bytes(bytes) => bytes.clone(),
                    Value::Text(text) => text.clone().into_bytes(),
                    _ => Vec::new(),
                };
            }
            "patch_level" => {
                if let Value::Int(level) = value {
                    patch.level = *level;
                }
            }
            "patch_author" => patch.author = text.unwrap_or_default(),
            "patch_comment" => patch.comment = text.unwrap_or_default(),
            "patch_subdir" => patch.subdir = text,
            _ => {}
        }
    }
    stamp.patch = has_patch.then_some(patch);
    stamp
}
