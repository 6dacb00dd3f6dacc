//! Factories and their steps.

pub mod common;
pub mod git;
pub mod kind;
pub mod languages;
pub mod master;
pub mod package;
pub mod shell;
pub mod source;
pub mod transfer;
pub mod windows;
pub mod worker;

use std::sync::Arc;

use crate::arguments::Reader;
use crate::check::Check;
use crate::description::{Description, Object};
use crate::parts::Kind;
use crate::place::SourcePlace;
use buildbot_render::{ObjectId, Value};
use common::CommonArguments;
use kind::StepKind;
use shell::ShellArguments;
use source::SourceArguments;

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
    /// Its arguments; left out ones have the defaults of its class.
    pub arguments: Box<StepArguments>,
}

/// The arguments of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepArguments {
    /// What all steps have.
    pub common: CommonArguments,
    /// What all have that run a command.
    pub shell: Option<ShellArguments>,
    /// What all have that fetch sources.
    pub source: Option<SourceArguments>,
    /// What its kind adds. A class of the user's has the kind of the class that it is derived from.
    pub kind: StepKind,
}

impl StepArguments {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let class = reader.object.class.as_str();
        let class = class.strip_prefix("buildbot.steps.").unwrap_or(class);
        let is_in = |classes: &[&str]| classes.binary_search(&class).is_ok();
        // Classes of users set what all steps have by attributes, too.
        reader.with_attributes = true;
        let common = CommonArguments::read(reader);
        let shell = is_in(kind::SHELL).then(|| ShellArguments::read(reader));
        reader.with_attributes = false;
        let source = is_in(kind::SOURCE).then(|| SourceArguments::read(reader));
        Self {
            common,
            shell,
            source,
            kind: StepKind::read(reader),
        }
    }
}

impl StepConfig {
    /// A step that user code has made while a build runs. `objects` are those of its answer; they are used for this
    /// step only.
    pub fn of_answer(
        description: &Description,
        objects: &[(ObjectId, Arc<Object>)],
        id: ObjectId,
    ) -> Option<Self> {
        let of_answer = objects.iter().find(|(known, _)| *known == id);
        let object = match of_answer {
            Some((_, object)) => Arc::clone(object),
            None => description.shared_object(id)?,
        };
        Some(Self::of_object(description, objects, id, object))
    }

    /// A step of this description.
    pub fn of_object(
        description: &Description,
        objects: &[(ObjectId, Arc<Object>)],
        id: ObjectId,
        object: Arc<Object>,
    ) -> Self {
        let mut all = Description {
            objects: description.objects.clone(),
            ..Description::default()
        };
        for (number, object) in objects {
            let Ok(index) = usize::try_from(number.0) else {
                continue;
            };
            if all.objects.len() <= index {
                all.objects.resize(index + 1, Arc::default());
            }
            if let Some(place) = all.objects.get_mut(index) {
                *place = Arc::clone(object);
            }
        }
        let arguments = StepArguments::read(&mut Reader::new(&all, &object));
        Self {
            id,
            place: None,
            arguments: Box::new(arguments),
            object,
        }
    }

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
            // What is wrong with them is reported with all other objects: see `parts::check`.
            let arguments = StepArguments::read(&mut Reader::new(check.description, &object));
            Some(StepConfig {
                id,
                place: check.place(object.at),
                arguments: Box::new(arguments),
                object,
            })
        })
        .collect();
    Some(Factory { id, object, steps })
}

fn is_factory(class: &str) -> bool {
    class.starts_with("buildbot.process.factory.")
}

#[cfg(test)]
mod tests {
    use super::StepArguments;
    use super::kind::StepKind;
    use crate::arguments::{Reader, Seconds};
    use crate::description::Description;
    use buildbot_render::Value;

    fn read(object: &str) -> StepArguments {
        let json = format!(r#"{{"version": 1, "config": {{}}, "objects": [{object}]}}"#);
        let description = Description::from_json(json.as_bytes()).expect(object);
        StepArguments::read(&mut Reader::new(&description, &description.objects[0]))
    }

    #[test]
    fn left_out_arguments_are_those_of_the_class() {
        let step = read(r#"{"c": "buildbot.steps.shell.Test", "a": {"maxWarnCount": 3}}"#);
        assert_eq!(step.common.name, "test".into());
        assert_eq!(step.common.halt_on_failure, false.into());
        let shell = step.shell.expect("a command");
        assert_eq!(
            shell.command,
            Value::List(vec!["make".into(), "test".into()])
        );
        assert_eq!(shell.timeout, 1200.into());
        let StepKind::Test(test) = &step.kind else {
            panic!("{:?}", step.kind);
        };
        assert_eq!(test.max_warn_count, 3.into());
        let step =
            read(r#"{"c": "buildbot.steps.source.git.Git", "a": {"repourl": "u", "shallow": 5}}"#);
        assert_eq!(step.common.halt_on_failure, true.into());
        let source = step.source.expect("sources");
        assert_eq!(
            (source.mode, source.timeout),
            ("incremental".into(), Some(Seconds(1200.0)))
        );
        let StepKind::Git(git) = &step.kind else {
            panic!("{:?}", step.kind);
        };
        assert_eq!((&git.branch, &git.shallow), (&"HEAD".into(), &5.into()));
    }

    #[test]
    fn a_class_of_the_users_may_set_attributes() {
        let step = read(
            r#"{"c": "buildbot.steps.shell.ShellCommand", "u": "m.Mine", "a": {"command": "x"},
                "attrs": {"name": "mine", "haltOnFailure": true, "command": "y"}}"#,
        );
        assert_eq!(step.common.name, "mine".into());
        assert_eq!(step.common.halt_on_failure, true.into());
        assert_eq!(step.shell.expect("a command").command, "x".into());
        assert_eq!(step.kind, StepKind::ShellCommand);
        let step = read(r#"{"c": "buildbot.process.buildstep.BuildStep", "u": "m.Mine", "a": {}}"#);
        assert_eq!(step.kind, StepKind::Custom);
    }
}
