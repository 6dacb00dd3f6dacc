//! Factories and their steps.

use std::sync::Arc;

use crate::check::Check;
use crate::description::Object;
use crate::place::SourcePlace;
use buildbot_render::{ObjectId, Value};

/// What a build consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Factory {
    /// Its object; the same factory may serve several builders.
    pub id: ObjectId,
    /// Class and arguments.
    pub object: Arc<Object>,
    /// Its steps.
    pub steps: Vec<StepConfig>,
}

/// A step, as it is made anew for each build.
#[derive(Debug, Clone, PartialEq)]
pub struct StepConfig {
    /// Its number in the description.
    pub id: ObjectId,
    /// Class, arguments, and what the user's class changes.
    pub object: Arc<Object>,
    /// Where it was made.
    pub place: Option<SourcePlace>,
}

impl StepConfig {
    /// The class of the package that carries it out: `module.Class`.
    pub fn class(&self) -> &str {
        &self.object.class
    }

    /// Whether a class of the user's runs code of its own.
    pub fn is_custom(&self) -> bool {
        !self.object.overridden.is_empty()
    }

    /// An argument, or else the attribute of that name of the user's class.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.object
            .arguments
            .get(name)
            .or_else(|| self.object.attrs.get(name))
    }

    /// The name that was given, if it is a plain text.
    pub fn name(&self) -> Option<&str> {
        self.get("name").and_then(Value::as_text)
    }

    /// A flag such as `haltOnFailure`, if it was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(Value::is_true)
    }
}

/// The factory that `value` stands for, if it is one.
pub(crate) fn factory(check: &Check<'_>, value: &Value) -> Option<Factory> {
    let id = value.as_object()?;
    let object = check.description.shared_object(id)?;
    if !is_factory(&object.class) {
        return None;
    }
    let steps = object
        .arguments
        .get("steps")
        .and_then(Value::as_sequence)
        .unwrap_or_default()
        .iter()
        .filter_map(|step| {
            let id = step.as_object()?;
            let object = check.description.shared_object(id)?;
            Some(StepConfig {
                id,
                place: check.place(object.at),
                object,
            })
        })
        .collect();
    Some(Factory { id, object, steps })
}

fn is_factory(class: &str) -> bool {
    class.starts_with("buildbot.process.factory.")
}
