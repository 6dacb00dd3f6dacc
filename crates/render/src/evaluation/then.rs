//! What is made of values once they are evaluated.

use std::sync::Arc;

use super::{Evaluator, Task};
use crate::exception::Exception;
use crate::interpolate::{Part, Template};
use crate::operator::{self, Operator};
use crate::percent::{self, Operand};
use crate::place::Place;
use crate::value::{Handle, Renderable, RenderableKind, Value};
use crate::with_properties;

/// What is made of the values.
pub(super) enum Then {
    List,
    Tuple,
    /// The values are keys and values in turn.
    Dict,
    /// Two operands.
    Operation {
        operator: Operator,
        sign: String,
        place: Option<Place>,
    },
    /// The positional form of `Interpolate`.
    Format(Value),
    /// The keyed form: a value for each part.
    Template(Arc<Template>),
    /// The value of a key.
    Part {
        part: Arc<Part>,
        kwargs: Vec<(String, Value)>,
    },
    /// The value of a property.
    Default {
        default: Value,
        when_false: bool,
    },
    Flatten(Types),
    /// A function that is given the properties: positional arguments, then named ones.
    Function {
        handle: Handle,
        name: String,
        place: Option<Place>,
        keywords: Vec<String>,
    },
    /// A function that is not given the properties; it comes first.
    Transform {
        place: Option<Place>,
        keywords: Vec<String>,
    },
    /// What a function returned.
    Again,
    /// What the functions of `WithProperties` returned.
    OldStyle {
        format: String,
        names: Vec<String>,
    },
}

/// What a `FlattenList` flattens.
#[derive(Clone, Copy)]
pub(super) struct Types {
    pub(super) list: bool,
    pub(super) tuple: bool,
}

impl Types {
    fn items(self, value: Value) -> Result<Vec<Value>, Value> {
        match value {
            Value::List(items) if self.list => Ok(items),
            Value::Tuple(items) if self.tuple => Ok(items),
            other => Err(other),
        }
    }

    fn collect(self, items: Vec<Value>, flat: &mut Vec<Value>) {
        for item in items {
            match self.items(item) {
                Ok(items) => self.collect(items, flat),
                Err(value) => flat.push(value),
            }
        }
    }

    fn flatten(self, value: Value) -> Value {
        match self.items(value) {
            Ok(items) => {
                let mut flat = Vec::new();
                self.collect(items, &mut flat);
                Value::List(flat)
            }
            Err(value) => value,
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn go_on(&mut self, then: Then, values: Vec<Value>, depth: usize) -> Task {
        match then {
            Then::List => Task::done(Value::List(values)),
            Then::Tuple => Task::done(Value::Tuple(values)),
            Then::Dict => Task::Done(operator::dict(pairs(values))),
            Then::Operation {
                operator,
                sign,
                place,
            } => match two(values) {
                Some((left, right)) => self.operation(operator, sign, place, left, right),
                None => Task::done(Value::None),
            },
            Then::Format(format) => self.percent(format, Value::Tuple(values)),
            Then::Template(template) => self.filled(&template, values),
            Then::Part { part, kwargs } => {
                let found = values.into_iter().next();
                self.chosen(&part, found, &kwargs, depth)
            }
            Then::Default {
                default,
                when_false,
            } => match values.into_iter().next() {
                Some(value) if value.is_true() || !when_false => Task::done(value),
                _ => self.render(&default, depth + 1),
            },
            Then::Flatten(types) => match values.into_iter().next() {
                Some(value) => Task::done(types.flatten(value)),
                None => Task::done(Value::None),
            },
            Then::Function {
                handle,
                name,
                place,
                keywords,
            } => {
                let (args, kwargs) = arguments(values, keywords);
                let kind = RenderableKind::Function {
                    handle,
                    name,
                    args,
                    kwargs,
                };
                let call = self.call(Renderable { kind, place });
                self.when_done(vec![call], Then::Again, depth)
            }
            Then::Transform { place, keywords } => self.transform(values, keywords, place),
            Then::Again => match values.into_iter().next() {
                Some(value) => self.render(&value, depth + 1),
                None => Task::done(Value::None),
            },
            Then::OldStyle { format, names } => {
                let computed: Vec<(String, Value)> = names.into_iter().zip(values).collect();
                self.old_style(&format, &computed)
            }
        }
    }

    fn operation(
        &mut self,
        operator: Operator,
        sign: String,
        place: Option<Place>,
        left: Value,
        right: Value,
    ) -> Task {
        if !operator.needs_python(&left, &right) {
            return Task::Done(operator.apply(&left, &right));
        }
        let kind = RenderableKind::Operation {
            operator: sign,
            left,
            right,
        };
        self.call(Renderable { kind, place })
    }

    /// `format % operand`
    pub(super) fn percent(&mut self, format: Value, operand: Value) -> Task {
        let remainder = Operator::Arithmetic(crate::number::Arithmetic::Remainder);
        self.operation(remainder, "%".to_owned(), None, format, operand)
    }

    fn filled(&mut self, template: &Template, values: Vec<Value>) -> Task {
        let keys = template.parts.iter().map(|(key, _)| key.as_str().into());
        let values = Value::Dict(keys.zip(values).collect());
        if values.is_plain() {
            let formatted = percent::format(&template.format, Operand::of(&values));
            Task::Done(formatted.map(Value::Text))
        } else {
            self.percent(template.format.as_str().into(), values)
        }
    }

    fn transform(
        &mut self,
        mut values: Vec<Value>,
        keywords: Vec<String>,
        place: Option<Place>,
    ) -> Task {
        if values.is_empty() {
            return Task::done(Value::None);
        }
        let function = values.remove(0);
        if function.is_plain() {
            return Task::failed(Exception::type_error(format!(
                "'{}' object is not callable",
                function.type_name()
            )));
        }
        let (args, kwargs) = arguments(values, keywords);
        let kind = RenderableKind::Transform {
            function,
            args,
            kwargs,
        };
        self.call(Renderable { kind, place })
    }

    pub(super) fn old_style(&mut self, format: &str, computed: &[(String, Value)]) -> Task {
        let properties = &self.context.properties;
        let lookup = |name: &str| {
            let computed = computed.iter().find(|(known, _)| known == name);
            computed
                .map(|(_, value)| value)
                .or_else(|| properties.value(name))
        };
        // What Python itself must show is collected, and shown there.
        let used = std::cell::RefCell::new(Vec::new());
        let get = |key: &str| {
            let value = with_properties::value(key, lookup)?;
            used.borrow_mut().push((Value::from(key), value.clone()));
            Ok(value)
        };
        let whole = Value::Opaque(Box::new(crate::value::Opaque {
            handle: None,
            class: "buildbot.process.properties._PropertyMap".to_owned(),
            repr: "<buildbot.process.properties._PropertyMap object>".to_owned(),
        }));
        let formatted = percent::format(format, Operand::Mapping(&whole, &get));
        let used = used.into_inner();
        if used.iter().all(|(_, value)| value.is_plain()) {
            return Task::Done(formatted.map(Value::Text));
        }
        match operator::dict(used) {
            Ok(values) => self.percent(format.into(), values),
            Err(error) => Task::failed(error),
        }
    }
}

fn two(values: Vec<Value>) -> Option<(Value, Value)> {
    let [left, right] = <[Value; 2]>::try_from(values).ok()?;
    Some((left, right))
}

fn pairs(values: Vec<Value>) -> Vec<(Value, Value)> {
    let mut values = values.into_iter();
    let mut pairs = Vec::with_capacity(values.len() / 2);
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// Positional arguments, and the named ones that stand after them.
fn arguments(mut values: Vec<Value>, keywords: Vec<String>) -> (Vec<Value>, Vec<(String, Value)>) {
    let named = values.split_off(values.len().saturating_sub(keywords.len()));
    (values, keywords.into_iter().zip(named).collect())
}
