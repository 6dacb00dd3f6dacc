//! Triggers: what a step gives a scheduler to build.

use buildbot_model::BuildId;
use buildbot_render::Value;
use data_encoding::BASE64;
use serde_json::{Map, Value as Json, json};

use crate::composition::Order;
use crate::entry::Entry;
use crate::input::{Trigger, TriggerStamp};
use crate::output::{NewSourceStamp, Patch, WantedStamp};
use buildbot_render::{json_of_value, value_of_json};

/// The buildset that a trigger asks for.
pub(crate) fn order(entry: &Entry, trigger: &Trigger) -> Order {
    Order {
        stamps: with_defaults(entry, &trigger.source_stamps),
        properties: trigger.properties.clone(),
        reason: reason(entry, &trigger.properties),
        waited_for: trigger.waited_for,
        parent_build: trigger.parent_build,
        parent_relationship: trigger.parent_relationship.clone(),
        ..Order::default()
    }
}

/// With properties the configured reason does not count, only theirs.
fn reason(entry: &Entry, properties: &[(String, Value, String)]) -> String {
    let configured = entry.plan.reason.clone();
    let given = if properties.is_empty() {
        configured
    } else {
        let reason = properties.iter().find(|(name, ..)| name == "reason");
        match reason {
            Some((_, Value::Text(text), _)) => Some(text.clone()),
            _ => None,
        }
    };
    given.unwrap_or_else(|| {
        let name = &entry.plan.name;
        format!("The Triggerable scheduler named '{name}' triggered this build")
    })
}

/// The codebases of a scheduler with what is given for them; others are added.
pub(crate) fn with_defaults(entry: &Entry, given: &[TriggerStamp]) -> Vec<WantedStamp> {
    let mut stamps = entry.default_stamps();
    for of in given {
        match stamps
            .iter_mut()
            .find(|stamp| stamp.codebase == of.codebase)
        {
            Some(stamp) => {
                update(stamp, of);
                if let Some(project) = &of.project {
                    stamp.project.clone_from(project);
                }
                if of.patch.is_some() {
                    stamp.patch.clone_from(&of.patch);
                }
            }
            None => {
                let mut stamp = NewSourceStamp {
                    codebase: of.codebase.clone(),
                    ..NewSourceStamp::default()
                };
                update(&mut stamp, of);
                stamps.push(stamp);
            }
        }
    }
    let stamps = stamps.into_iter();
    stamps
        .map(|stamp| WantedStamp::New(Box::new(stamp)))
        .collect()
}

fn update(stamp: &mut NewSourceStamp, of: &TriggerStamp) {
    if let Some(repository) = &of.repository {
        stamp.repository.clone_from(repository);
    }
    if let Some(branch) = &of.branch {
        stamp.branch.clone_from(branch);
    }
    if let Some(revision) = &of.revision {
        stamp.revision.clone_from(revision);
    }
}

/// A trigger as the state `lastTrigger` keeps it.
pub(crate) fn kept(trigger: &Trigger) -> Json {
    let stamps: Vec<Json> = trigger.source_stamps.iter().map(kept_stamp).collect();
    let properties: Map<String, Json> = trigger
        .properties
        .iter()
        .filter_map(|(name, value, source)| {
            Some((name.clone(), json!([json_of_value(value)?, source])))
        })
        .collect();
    json!([
        stamps,
        properties,
        trigger.parent_build.map(|id| id.0),
        trigger.parent_relationship
    ])
}

/// Differs: a patch is kept too, in base64; the reference cannot keep bytes and ends the step with an exception.
fn kept_stamp(stamp: &TriggerStamp) -> Json {
    let mut kept = Map::new();
    kept.insert("codebase".to_owned(), stamp.codebase.as_str().into());
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            kept.insert(name.to_owned(), value);
        }
    };
    let optional = |text: &Option<String>| text.clone().map(Json::from);
    put("repository", optional(&stamp.repository));
    put("branch", stamp.branch.clone().map(Json::from));
    put("revision", stamp.revision.clone().map(Json::from));
    put("project", optional(&stamp.project));
    if let Some(patch) = &stamp.patch {
        put("patch_base64", Some(BASE64.encode(&patch.body).into()));
        put("patch_level", Some(patch.level.into()));
        put("patch_author", Some(patch.author.as_str().into()));
        put("patch_comment", Some(patch.comment.as_str().into()));
        put("patch_subdir", patch.subdir.clone().map(Json::from));
    }
    Json::Object(kept)
}

/// What was kept as a buildset.
pub(crate) fn order_of_kept(entry: &Entry, kept: &Json) -> Option<Order> {
    let parts = kept.as_array()?;
    let stamps = parts.first()?.as_array()?.iter();
    let stamps: Vec<TriggerStamp> = stamps.map(read_stamp).collect::<Option<_>>()?;
    let properties = parts.get(1)?.as_object()?.iter();
    let properties = properties
        .map(|(name, of)| {
            let source = of.get(1)?.as_str()?.to_owned();
            Some((name.clone(), value_of_json(of.get(0)?), source))
        })
        .collect::<Option<_>>()?;
    Some(Order {
        stamps: with_defaults(entry, &stamps),
        properties,
        reason: entry.plan.reason(),
        parent_build: parts.get(2).and_then(Json::as_i64).map(BuildId),
        parent_relationship: parts.get(3).and_then(Json::as_str).map(str::to_owned),
        ..Order::default()
    })
}

fn read_stamp(kept: &Json) -> Option<TriggerStamp> {
    let kept = kept.as_object()?;
    let text = |name: &str| kept.get(name).and_then(Json::as_str).map(str::to_owned);
    let optional = |name: &str| {
        kept.get(name)
            .map(|value| value.as_str().map(str::to_owned))
    };
    let body = text("patch_base64").and_then(|body| BASE64.decode(body.as_bytes()).ok());
    Some(TriggerStamp {
        codebase: text("codebase").unwrap_or_default(),
        repository: text("repository"),
        branch: optional("branch"),
        revision: optional("revision"),
        project: text("project"),
        patch: body.map(|body| Patch {
            body,
            level: kept.get("patch_level").and_then(Json::as_i64).unwrap_or(1),
            author: text("patch_author").unwrap_or_default(),
            comment: text("patch_comment").unwrap_or_default(),
            subdir: text("patch_subdir"),
        }),
    })
}

#[cfg(test)]
mod tests {
    use crate::input::Input;
    use crate::output::RequestId;
    use crate::plan::{IntakePlan, Kind, TimedPlan, When};
    use crate::world::{World, plan};
    use std::time::Duration;

    #[test]
    fn a_trigger_is_kept_until_its_buildset_is_stored() {
        let kind = Kind::Timed(Box::new(TimedPlan {
            intake: IntakePlan::default(),
            when: When::Every(Duration::from_secs(60)),
            only_if_changed: false,
            absolute: false,
            branch: None,
            is_triggerable: true,
        }));
        let mut world = World::new(plan("s", "NightlyTriggerable", kind));
        world.claimed();
        world.pass(60);
        let trigger = || Input::Trigger {
            request: RequestId(1),
            scheduler: "s".to_owned(),
            trigger: Box::default(),
        };
        world.tell(trigger());
        world.pass(60);
        world.pass(60);
        assert_eq!(world.submitted.len(), 1, "it is on its way");
        world.not_stored();
        assert!(!world.state("lastTrigger").is_null());
        world.pass(60);
        world.tell(trigger());
        world.stored();
        assert!(!world.state("lastTrigger").is_null(), "the later one");
        world.pass(60);
        world.stored();
        assert!(world.state("lastTrigger").is_null());
        world.pass(60);
        assert!(world.submitted.is_empty());
    }
}
