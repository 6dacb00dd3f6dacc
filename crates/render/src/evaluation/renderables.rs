//! Each kind of renderable.

use super::then::{Then, Types};
use super::{Evaluator, Task};
use crate::exception::{Exception, Kind};
use crate::operator::{self, Operator};
use crate::text;
use crate::value::{Format, Handle, Renderable, RenderableKind, Value};
use crate::with_properties;

impl Evaluator<'_> {
    /// Evaluates `renderable`, which `value` holds.
    pub(super) fn renderable(
        &mut self,
        value: &Value,
        renderable: &Renderable,
        depth: usize,
    ) -> Task {
        let place = renderable.place;
        match &renderable.kind {
            RenderableKind::Property {
                key,
                default,
                default_when_false,
            } => self.property(key, default, default_when_false.is_true(), depth),
            RenderableKind::Interpolate(format) => self.interpolate(format, depth),
            RenderableKind::WithProperties(format) => self.with_properties(format, depth),
            RenderableKind::FlattenList { list, types } => {
                self.together([list], Then::Flatten(types_of(types)), depth)
            }
            RenderableKind::Secret { name } => match text::str(name) {
                Ok(name) => self.secret(&name),
                Err(error) => Task::failed(error),
            },
            RenderableKind::Transform {
                function,
                args,
                kwargs,
            } => {
                if function.is_plain() {
                    return Task::failed(Exception::config(
                        "function given to Transform neither callable nor renderable",
                    ));
                }
                let keywords = names(kwargs);
                let parts = std::iter::once(function)
                    .chain(args)
                    .chain(kwargs.iter().map(|(_, value)| value));
                self.together(parts, Then::Transform { place, keywords }, depth)
            }
            RenderableKind::Function {
                handle,
                name,
                args,
                kwargs,
            } => {
                let then = Then::Function {
                    handle: *handle,
                    name: name.clone(),
                    place,
                    keywords: names(kwargs),
                };
                let parts = args.iter().chain(kwargs.iter().map(|(_, value)| value));
                self.together(parts, then, depth)
            }
            RenderableKind::Operation {
                operator: sign,
                left,
                right,
            } => match Operator::named(sign) {
                Some(operator) => {
                    let then = Then::Operation {
                        operator,
                        sign: sign.clone(),
                        place,
                    };
                    self.together([left, right], then, depth)
                }
                None => Task::failed(Exception::type_error(format!(
                    "there is no operator '{sign}' of renderables"
                ))),
            },
            RenderableKind::Custom(_) => self.call(value.clone()),
        }
    }

    fn property(&mut self, key: &Value, default: &Value, when_false: bool, depth: usize) -> Task {
        if let Err(error) = operator::check_hashable(key) {
            return Task::failed(error);
        }
        let found = key
            .as_text()
            .and_then(|name| self.context.properties.value(name));
        let Some(value) = found else {
            return self.render(default, depth + 1);
        };
        match self.render(value, depth + 1) {
            Task::Done(Ok(value)) if when_false && !value.is_true() => {
                self.render(default, depth + 1)
            }
            Task::Done(result) => Task::Done(result),
            waiting => Task::Waiting {
                tasks: vec![waiting],
                then: Then::Default {
                    default: default.clone(),
                    when_false,
                },
                depth,
            },
        }
    }

    fn interpolate(&mut self, format: &Format, depth: usize) -> Task {
        if !format.args.is_empty() {
            if !format.kwargs.is_empty() {
                return Task::failed(Exception::config(
                    "Interpolate takes either positional or keyword substitutions, not both.",
                ));
            }
            return self.together(&format.args, Then::Format(format.format.clone()), depth);
        }
        let Some(text) = format.format.as_text() else {
            return self.percent(format.format.clone(), Value::Dict(Vec::new()));
        };
        match format.template(text) {
            Ok(template) => self.template(&template, &format.kwargs, depth),
            Err(error) => Task::failed(error),
        }
    }

    fn with_properties(&mut self, format: &Format, depth: usize) -> Task {
        if !format.args.is_empty() {
            if !format.kwargs.is_empty() {
                return Task::failed(Exception::new(
                    Kind::Value,
                    "WithProperties takes either positional or keyword substitutions, not both.",
                ));
            }
            let values = format
                .args
                .iter()
                .map(|key| self.old_style_key(key))
                .collect::<Result<Vec<Value>, Exception>>();
            return match values {
                Ok(values) => self.percent(format.format.clone(), Value::Tuple(values)),
                Err(error) => Task::failed(error),
            };
        }
        let Some(text) = format.format.as_text() else {
            return self.percent(format.format.clone(), Value::Dict(Vec::new()));
        };
        let mut tasks = Vec::with_capacity(format.kwargs.len());
        for (name, function) in &format.kwargs {
            match lambda(name, function) {
                Ok(item) => {
                    let call = self.call(item);
                    tasks.push(call);
                }
                Err(error) => return Task::failed(error),
            }
        }
        let then = Then::OldStyle {
            format: text.to_owned(),
            names: names(&format.kwargs),
        };
        self.when_done(tasks, then, depth)
    }

    fn old_style_key(&self, key: &Value) -> Result<Value, Exception> {
        match key {
            Value::Text(key) => {
                with_properties::value(key, |name| self.context.properties.value(name))
            }
            Value::Bytes(_) => Err(Exception::type_error(
                "cannot use a string pattern on a bytes-like object",
            )),
            other => Err(Exception::type_error(format!(
                "expected string or bytes-like object, got '{}'",
                other.type_name()
            ))),
        }
    }
}

fn names(kwargs: &[(String, Value)]) -> Vec<String> {
    kwargs.iter().map(|(name, _)| name.clone()).collect()
}

/// What asks Python for a value of `WithProperties`: a function that is given the properties.
///
/// Differs: a Deferred that a function given to `WithProperties` returns is awaited, because its `repr` is of no use in
/// a text.
fn lambda(name: &str, function: &Value) -> Result<Renderable, Exception> {
    let (handle, shown, place): (Handle, &str, _) = match function {
        Value::Callable(callable) => (callable.handle, &callable.name, callable.place),
        Value::Opaque(opaque) if opaque.handle.is_some() => {
            (opaque.handle.unwrap_or(Handle(0)), &opaque.class, None)
        }
        _ => {
            return Err(Exception::new(
                Kind::Value,
                format!("Value for lambda substitution \"{name}\" must be callable."),
            ));
        }
    };
    let kind = RenderableKind::Function {
        handle,
        name: shown.to_owned(),
        args: Vec::new(),
        kwargs: Vec::new(),
    };
    Ok(Renderable { kind, place })
}

fn types_of(types: &Value) -> Types {
    let named = |name: &str| match types {
        Value::None => true,
        Value::Text(text) => text == name,
        Value::List(items) | Value::Tuple(items) => {
            items.iter().any(|item| item.as_text() == Some(name))
        }
        _ => false,
    };
    Types {
        list: named("list"),
        tuple: named("tuple"),
    }
}
