//! The parts of a keyed `Interpolate`.

use std::sync::Arc;

use super::then::Then;
use super::{Evaluator, Task};
use crate::exception::{Exception, Kind};
use crate::interpolate::{Choice, Lookup, Nested, Part, Template};
use crate::properties::Context;
use crate::value::Value;

impl Evaluator<'_> {
    pub(super) fn template(
        &mut self,
        template: &Arc<Template>,
        kwargs: &[(String, Value)],
        depth: usize,
    ) -> Task {
        let tasks = template
            .parts
            .iter()
            .map(|(_, part)| self.part(part, kwargs, depth + 1))
            .collect();
        self.when_done(tasks, Then::Template(Arc::clone(template)), depth)
    }

    fn part(&mut self, part: &Arc<Part>, kwargs: &[(String, Value)], depth: usize) -> Task {
        let task = match found(self.context, &part.lookup, kwargs) {
            Found::Nothing => return self.chosen(part, None, kwargs, depth),
            // Every secret counts as there; whether it is known is seen by who needs its value.
            Found::Value(_) | Found::Secret(_) if !part.choice.needs_value() => {
                return self.chosen(part, Some(Value::None), kwargs, depth);
            }
            Found::Value(value) => self.render(value, depth + 1),
            Found::Secret(name) => self.secret(name),
            Found::Error(error) => Task::failed(error),
        };
        match task {
            Task::Done(Ok(value)) => self.chosen(part, Some(value), kwargs, depth),
            Task::Done(Err(error)) => Task::failed(error),
            waiting => Task::Waiting {
                tasks: vec![waiting],
                then: Then::Part {
                    part: Arc::clone(part),
                    kwargs: kwargs.to_vec(),
                },
                depth,
            },
        }
    }

    /// What becomes of a value that was looked up; `None` if there is none.
    pub(super) fn chosen(
        &mut self,
        part: &Part,
        found: Option<Value>,
        kwargs: &[(String, Value)],
        depth: usize,
    ) -> Task {
        let nested = match (&part.choice, found) {
            (Choice::Value | Choice::OrIfAbsent(_), Some(value)) => return shown(value),
            (Choice::OrIfFalse(_), Some(value)) if value.is_true() => return shown(value),
            (Choice::Value | Choice::IfPresent(_), None) => return Task::done(""),
            (Choice::OrIfAbsent(other), None) | (Choice::OrIfFalse(other), _) => other,
            (Choice::IfPresent(other), Some(_)) => other,
            (Choice::Presence(present, _), Some(_)) => present,
            (Choice::Presence(_, absent), None) => absent,
            (Choice::Truth(yes, _), Some(value)) if value.is_true() => yes,
            (Choice::Truth(_, no), _) => no,
        };
        match nested {
            Nested::Text(text) => Task::done(text.as_str()),
            Nested::Template(template) => self.template(template, kwargs, depth + 1),
        }
    }
}

impl Choice {
    /// Whether it depends on the value, and not only on there being one.
    fn needs_value(&self) -> bool {
        match self {
            Self::Value | Self::OrIfAbsent(_) | Self::OrIfFalse(_) | Self::Truth(..) => true,
            Self::IfPresent(_) | Self::Presence(..) => false,
        }
    }
}

fn shown(value: Value) -> Task {
    Task::done(if value.is_none() { "".into() } else { value })
}

fn found<'a>(context: &'a Context, lookup: &'a Lookup, kwargs: &'a [(String, Value)]) -> Found<'a> {
    let attribute_error = |message: &str| Found::Error(Exception::new(Kind::Attribute, message));
    match lookup {
        Lookup::Property(name) => context.properties.value(name).into(),
        Lookup::Keyword(name) => {
            let found = kwargs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value).into()
        }
        Lookup::Source {
            codebase,
            attribute,
        } => match &context.source_stamps {
            Some(stamps) => stamps
                .get(codebase)
                .and_then(|stamp| stamp.get(attribute))
                .into(),
            None => attribute_error("neither build nor _sourcestamps are set"),
        },
        Lookup::Worker(name) => match &context.worker {
            Some(worker) => worker.get(name).into(),
            None => attribute_error("'NoneType' object has no attribute 'getWorkerInfo'"),
        },
        Lookup::Secret(name) => Found::Secret(name),
    }
}

/// What was looked up.
enum Found<'a> {
    Value(&'a Value),
    Nothing,
    Secret(&'a str),
    Error(Exception),
}

impl<'a> From<Option<&'a Value>> for Found<'a> {
    fn from(value: Option<&'a Value>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }
}
