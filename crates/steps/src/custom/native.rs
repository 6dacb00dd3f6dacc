//! Methods of built-in steps that the code of a step calls: `super().run()`.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use buildbot_config::{Object, ObjectId, StepConfig};
use buildbot_model::Results;
use buildbot_render::Value;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::answers;
use super::questions::{Objects, objects_of};
use crate::error::StepError;
use crate::facts::PatchFacts;
use crate::life;
use crate::port::{Interruption, Later, LogKind, Port};
use crate::source::Wanted as WantedSource;
use crate::step::{Step, TriggerPlan};
use crate::value::{pairs, text_of};

/// The arguments of the question `native`.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// `module.Class.method`.
    method: String,
    /// The step, with its attributes as arguments.
    step: Arc<Object>,
    objects: Objects,
    given: Vec<(String, Value)>,
    /// Code of the user's sets the properties about sources.
    #[serde(default)]
    hands_over_source_properties: bool,
}

/// What steps that the master carries out are told.
#[derive(Debug, Default)]
pub(super) struct Interruptions(Mutex<(Vec<Interruption>, Vec<Waker>)>);

impl Interruptions {
    pub(super) fn push(&self, interruption: Interruption) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.push(interruption);
        state.1.drain(..).for_each(Waker::wake);
    }

    /// The interruption after those that were heard.
    fn next(&self, heard: usize) -> Later<'_, Interruption> {
        Box::pin(poll_fn(move |context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match state.0.get(heard) {
                Some(interruption) => Poll::Ready(interruption.clone()),
                None => {
                    state.1.push(context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }

    fn count(&self) -> usize {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .len()
    }
}

pub(super) async fn run(
    port: &dyn Port,
    wanted: Wanted,
    interruptions: &Interruptions,
) -> Result<Json, StepError> {
    let Wanted {
        method,
        step: object,
        objects,
        given,
        hands_over_source_properties,
    } = wanted;
    let objects = objects_of(objects);
    port.keep_objects(objects.clone());
    // It is no object of the description; nothing refers to it by number.
    let config = StepConfig::of_object(port.description(), &objects, ObjectId(u32::MAX), object);
    let name = method.rsplit('.').next().unwrap_or_default();
    let arguments = (*config.arguments).clone();
    let step = Step::new(port, Arc::new(config), arguments);
    if hands_over_source_properties {
        step.keep_source_properties();
    }
    match name {
        "run" => {}
        "run_vc" => step.set_wanted(wanted_source(&given)),
        "_trigger" => step.set_trigger_plan(trigger_plan(&given)),
        _ => {
            let text = format!("the master does not carry out {method} by itself");
            return Err(StepError::of_class("builtins.NotImplementedError", text));
        }
    }
    let heard = Mutex::new(interruptions.count());
    let interrupted = || {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard += 1;
        interruptions.next(*heard - 1)
    };
    let outcome = life::drive(&step, &interrupted).await;
    Ok(told(&step, outcome))
}

/// What the code learns of it.
fn told(step: &Step<'_>, outcome: Result<Results, StepError>) -> Json {
    let logs: Vec<Json> = step
        .known_logs()
        .into_iter()
        .map(|(name, key, kind)| {
            let kind = match kind {
                LogKind::Stream => "s",
                LogKind::Text => "t",
                LogKind::Html => "h",
            };
            json!([name, key.0, kind])
        })
        .collect();
    let changed = step.changed();
    json!({
        "results": outcome.as_ref().ok().map(|results| results.code()),
        "raised": outcome.as_ref().err().map(|error| {
            let (class, message, traceback) = answers::raised(error);
            json!([class, message, traceback])
        }),
        "logs": logs,
        "properties": step.port.properties(),
        "source_properties": step.kept_source_properties(),
        "description": changed.description,
        "descriptionDone": changed.description_done,
        "descriptionSuffix": changed.description_suffix,
        "command": changed.command,
        "summary": step.summary(),
        "statistics": {"$": "dict", "v": step.statistics()},
        "timed_out": step.has_timed_out(),
        "max_lines": step.has_reached_max_lines(),
        "stopped": step.is_stopped(),
        "told": step.was_told(),
        "triggered": changed.triggered,
        "triggered_results": changed.triggered_results.iter().map(|it| it.code()).collect::<Vec<_>>(),
    })
}

fn of<'g>(given: &'g [(String, Value)], name: &str) -> &'g Value {
    let found = given.iter().find(|(known, _)| known == name);
    found.map_or(&Value::None, |(_, value)| value)
}

/// The arguments of `run_vc`.
fn wanted_source(given: &[(String, Value)]) -> WantedSource {
    let text = |name: &str| match of(given, name) {
        Value::None => None,
        other => Some(text_of(other)),
    };
    let patch = of(given, "patch").as_sequence().map(|patch| {
        let part = |index: usize| patch.get(index).cloned().unwrap_or_default();
        PatchFacts {
            level: match part(0) {
                Value::Int(level) => level,
                _ => 0,
            },
            body: match part(1) {
                Value::Bytes(bytes) => bytes,
                other => text_of(&other).into_bytes(),
            },
            subdir: match part(2) {
                Value::None => String::new(),
                other => text_of(&other),
            },
            author: String::new(),
            comment: String::new(),
        }
    });
    WantedSource {
        branch: text("branch"),
        revision: text("revision"),
        is_number: matches!(of(given, "revision"), Value::Int(_)),
        patch,
    }
}

/// The arguments of `_trigger`.
fn trigger_plan(given: &[(String, Value)]) -> TriggerPlan {
    let schedulers = of(given, "schedulers").as_sequence().unwrap_or_default();
    let stamps = of(given, "stamps").as_sequence().unwrap_or_default();
    TriggerPlan {
        schedulers: schedulers
            .iter()
            .filter_map(|scheduler| {
                let [name, unimportant, properties] = scheduler.as_sequence()? else {
                    return None;
                };
                let properties = properties.as_sequence().unwrap_or_default().iter();
                let properties = properties.filter_map(|property| {
                    let [name, value, source] = property.as_sequence()? else {
                        return None;
                    };
                    Some((text_of(name), value.clone(), text_of(source)))
                });
                Some((name.clone(), unimportant.is_true(), properties.collect()))
            })
            .collect(),
        source_stamps: stamps
            .iter()
            .map(|stamp| {
                let attributes = pairs(stamp).iter();
                attributes
                    .map(|(name, value)| (text_of(name), value.clone()))
                    .collect()
            })
            .collect(),
    }
}
