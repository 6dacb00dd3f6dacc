//! `Trigger`: builds of other builders.

use std::future::{Future as _, poll_fn};
use std::task::{Context, Poll};

use buildbot_config::steps::master::TriggerArguments;
use buildbot_model::Results;
use buildbot_render::{Kind, RenderableKind, Value};

use crate::error::StepError;
use crate::port::Answer;
use crate::step::{Step, Told, TriggerPlan};
use crate::summary::Summary;
use crate::transfer::stamp_pairs;
use crate::trigger_port::{BuildsetEnd, TriggerRequest, Triggered};
use crate::value::{pairs, repr, text_of};

/// The source of properties that the step sets.
const SOURCE: &str = "Trigger";

/// A scheduler that was triggered.
struct Child {
    unimportant: bool,
    triggered: Triggered,
}

/// `Trigger`.
pub(crate) async fn run(
    step: &Step<'_>,
    arguments: &TriggerArguments,
) -> Result<Results, StepError> {
    let port = step.port;
    let (schedulers, source_stamps) = match step.trigger_plan() {
        Some(plan) => planned(step, plan)?,
        None => {
            let properties = properties(arguments);
            let schedulers = schedulers(step, arguments)?.into_iter();
            let schedulers =
                schedulers.map(|(name, unimportant)| (name, unimportant, properties.clone()));
            (schedulers.collect(), source_stamps(step, arguments)?)
        }
    };
    let waits = arguments.wait_for_finish.is_true();
    let mut children = Vec::new();
    let mut names = Vec::new();
    let mut results = Results::Success;
    for (scheduler, unimportant, properties) in &schedulers {
        names.push(scheduler.clone());
        let request = TriggerRequest {
            scheduler: scheduler.clone(),
            waited_for: waits,
            source_stamps: source_stamps.clone(),
            properties: properties.clone(),
            parent_relationship: text_of(&arguments.parent_relationship),
        };
        let triggered = match port.trigger(request).await {
            Ok(triggered) => triggered,
            Err(error) => {
                step.add_log_with_exception(&error).await?;
                results = Results::Exception;
                continue;
            }
        };
        for (_, request) in &triggered.requests {
            let url = format!("{}#/buildrequests/{request}", port.build().buildbot_url);
            port.add_url(&format!("{scheduler} #{request}"), &url)
                .await?;
        }
        children.push(Child {
            unimportant: *unimportant,
            triggered,
        });
    }
    show(step, &names, &[]);
    if !waits || results == Results::Exception && children.is_empty() {
        return Ok(results);
    }
    wait(step, &names, children, results).await
}

/// Waits for the children, and combines their results.
async fn wait(
    step: &Step<'_>,
    names: &[String],
    children: Vec<Child>,
    mut results: Results,
) -> Result<Results, StepError> {
    let port = step.port;
    let ids: Vec<i64> = children
        .iter()
        .flat_map(|child| &child.triggered.requests)
        .map(|(_, request)| *request)
        .collect();
    let mut requests: Vec<Option<Answer<'_, Vec<Results>>>> = ids
        .iter()
        .map(|request| Some(port.request_complete(*request)))
        .collect();
    let mut buildsets: Vec<Option<Answer<'_, BuildsetEnd>>> = children
        .iter()
        .map(|child| Some(port.buildset_complete(child.triggered.buildset?)))
        .collect();
    // What is submitted later is not waited for.
    let later = BuildsetEnd {
        results: Results::Success,
        builds: Vec::new(),
    };
    let mut ends: Vec<Option<BuildsetEnd>> = children
        .iter()
        .map(|child| child.triggered.buildset.is_none().then(|| later.clone()))
        .collect();
    let mut all = Vec::new();
    let mut told = Some(Box::pin(step.told()));
    while let Some(heard) = poll_fn(|context| {
        if let Some(future) = &mut told
            && let Poll::Ready(how) = future.as_mut().poll(context)
        {
            told = None;
            return Poll::Ready(Some(Heard::Told(how)));
        }
        if let Some((_, end)) = first_ready(&mut requests, context) {
            return Poll::Ready(Some(Heard::Request(end)));
        }
        if let Some((at, end)) = first_ready(&mut buildsets, context) {
            return Poll::Ready(Some(Heard::Buildset(at, end)));
        }
        // What has become of a request may be told after its buildset.
        if buildsets.iter().any(Option::is_some) || requests.iter().any(Option::is_some) {
            Poll::Pending
        } else {
            Poll::Ready(None)
        }
    })
    .await
    {
        match heard {
            Heard::Request(end) => {
                all.extend(end?);
                if told.is_some() {
                    show(step, names, &all);
                }
            }
            Heard::Buildset(at, end) => {
                if let Some(place) = ends.get_mut(at) {
                    *place = Some(end?);
                }
            }
            Heard::Told(how) => {
                step.set_summary("interrupted");
                step.port.show("interrupted".to_owned());
                port.cancel_requests(&ids, "parent build was interrupted")
                    .await?;
                if how.connection_lost {
                    return Ok(Results::Cancelled);
                }
            }
        }
    }
    if told.is_none() {
        return Ok(Results::Cancelled);
    }
    for (child, end) in children.iter().zip(&ends) {
        let Some(end) = end else { continue };
        if !child.unimportant {
            results = results.worst(end.results);
        }
        for build in &end.builds {
            let name = format!(
                "{}: {} #{}",
                build.results.name(),
                build.builder,
                build.number
            );
            let url = format!(
                "{}#/builders/{}/builds/{}",
                port.build().buildbot_url,
                build.builder_id,
                build.number
            );
            port.add_url(&name, &url).await?;
        }
    }
    Ok(results)
}

/// What a step hears while it waits.
enum Heard {
    Told(Told),
    Request(Result<Vec<Results>, StepError>),
    Buildset(usize, Result<BuildsetEnd, StepError>),
}

/// The first that is known of those that are waited for.
fn first_ready<T>(
    waiting: &mut [Option<Answer<'_, T>>],
    context: &mut Context<'_>,
) -> Option<(usize, Result<T, StepError>)> {
    for (at, place) in waiting.iter_mut().enumerate() {
        if let Some(future) = place
            && let Poll::Ready(end) = future.as_mut().poll(context)
        {
            *place = None;
            return Some((at, end));
        }
    }
    None
}

/// Shows what was triggered and what came of it.
fn show(step: &Step<'_>, names: &[String], results: &[Results]) {
    let mut text = format!("triggered {}", names.join(", "));
    for kind in Results::ALL {
        let count = results.iter().filter(|results| **results == kind).count();
        if count > 0 {
            text.push_str(&format!(", {count} {}", counted(kind, count)));
        }
    }
    step.port.show(text.clone());
    step.set_summary(text);
    step.set_triggered(names, results);
}

/// A scheduler, whether its results do not count, and the properties of its builds.
type Planned = (String, bool, Vec<(String, Value, String)>);

/// The attributes of source stamps.
type Stamps = Vec<Vec<(String, Value)>>;

/// What code of the user's has decided.
fn planned(step: &Step<'_>, plan: TriggerPlan) -> Result<(Vec<Planned>, Stamps), StepError> {
    let mut schedulers = Vec::new();
    for (name, unimportant, properties) in plan.schedulers {
        check(step, &name)?;
        schedulers.push((text_of(&name), unimportant, properties));
    }
    Ok((schedulers, plan.source_stamps))
}

/// Fails unless there is a scheduler of this name that can be triggered.
fn check(step: &Step<'_>, name: &Value) -> Result<(), StepError> {
    let shown = repr(name);
    let problem = match name.as_text().map(|name| step.port.is_triggerable(name)) {
        Some(Some(true)) => return Ok(()),
        Some(Some(false)) => {
            format!("triggered scheduler is not ITriggerableScheduler: {shown}")
        }
        Some(None) | None => format!("unknown triggered scheduler: {shown}"),
    };
    Err(StepError::raise(Kind::Value, problem))
}

/// What the step shows: what was triggered, if anything was.
pub(crate) fn summary(step: &Step<'_>) -> Summary {
    let text = step.summary();
    Summary {
        in_build: text.is_some(),
        ..Summary::from(text.unwrap_or_else(|| "finished".to_owned()))
    }
}

/// The word for so many results.
fn counted(results: Results, count: usize) -> &'static str {
    if count == 1 {
        return results.name();
    }
    match results {
        Results::Success => "successes",
        Results::Failure => "failures",
        Results::Exception => "exceptions",
        Results::Retry => "retries",
        Results::Warnings | Results::Skipped | Results::Cancelled => results.name(),
    }
}

/// `copy_properties` are properties to set.
pub(crate) fn copy_properties(arguments: &mut TriggerArguments) {
    let copied = std::mem::take(&mut arguments.copy_properties);
    let names = match &copied {
        only @ Value::Text(_) => std::slice::from_ref(only),
        other => other.as_sequence().unwrap_or_default(),
    };
    if names.is_empty() {
        return;
    }
    if !matches!(arguments.set_properties, Value::Dict(_)) {
        arguments.set_properties = Value::Dict(Vec::new());
    }
    if let Value::Dict(pairs) = &mut arguments.set_properties {
        for name in names {
            let property = RenderableKind::Property {
                key: name.clone(),
                default: Value::None,
                default_when_false: true.into(),
            };
            pairs.retain(|(known, _)| known != name);
            pairs.push((name.clone(), property.into()));
        }
    }
}

/// The schedulers, and whether their results do not count.
fn schedulers(
    step: &Step<'_>,
    arguments: &TriggerArguments,
) -> Result<Vec<(String, bool)>, StepError> {
    let unimportant: Vec<String> = arguments
        .unimportant_scheduler_names
        .as_sequence()
        .unwrap_or_default()
        .iter()
        .map(text_of)
        .collect();
    let names: Vec<Value> = match &arguments.scheduler_names {
        Value::Text(text) => text.chars().map(|name| name.to_string().into()).collect(),
        other => other.as_sequence().unwrap_or_default().to_vec(),
    };
    for name in &names {
        check(step, name)?;
    }
    Ok(names
        .iter()
        .map(text_of)
        .map(|name| {
            let is_unimportant = unimportant.contains(&name);
            (name, is_unimportant)
        })
        .collect())
}

fn properties(arguments: &TriggerArguments) -> Vec<(String, Value, String)> {
    pairs(&arguments.set_properties)
        .iter()
        .map(|(name, value)| (text_of(name), value.clone(), SOURCE.to_owned()))
        .collect()
}

/// The attributes of the source stamps that are built.
fn source_stamps(
    step: &Step<'_>,
    arguments: &TriggerArguments,
) -> Result<Vec<Vec<(String, Value)>>, StepError> {
    let given = match &arguments.source_stamps {
        given if given.is_true() => given.as_sequence().unwrap_or_default().to_vec(),
        _ if arguments.source_stamp.is_true() => vec![arguments.source_stamp.clone()],
        _ => Vec::new(),
    };
    if !given.is_empty() {
        let mut by_codebase: Vec<(String, Vec<(String, Value)>)> = Vec::new();
        for stamp in &given {
            let codebase = stamp.get("codebase").map(text_of).unwrap_or_default();
            if by_codebase.iter().any(|(known, _)| *known == codebase) {
                return Err(StepError::of_class(
                    "builtins.AssertionError",
                    "codebase specified multiple times",
                ));
            }
            let attributes = pairs(stamp)
                .iter()
                .map(|(name, value)| (text_of(name), value.clone()))
                .collect();
            by_codebase.push((codebase, attributes));
        }
        by_codebase.sort_by(|(first, _), (second, _)| first.cmp(second));
        return Ok(by_codebase.into_iter().map(|(_, stamp)| stamp).collect());
    }
    if arguments.always_use_latest.is_true() {
        return Ok(Vec::new());
    }
    let update = match &arguments.update_source_stamp {
        Value::None => true,
        update => update.is_true(),
    };
    let got = step
        .port
        .property("got_revision")
        .map(|property| property.value)
        .unwrap_or_default();
    let mut stamps = Vec::new();
    for source in &step.port.build().sources {
        let mut stamp: Vec<(String, Value)> = stamp_pairs(source)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let found = match &got {
            Value::Dict(_) => got.get(&source.codebase).cloned(),
            Value::Text(_) if source.codebase.is_empty() => Some(got.clone()),
            _ => None,
        };
        if update
            && let Some(revision) = found
            && let Some((_, value)) = stamp.iter_mut().find(|(name, _)| name == "revision")
        {
            *value = revision;
        }
        stamps.push(stamp);
    }
    Ok(stamps)
}
