//! Values of expressions.

use std::rc::Rc;

use super::{Evaluator, Variable, not_set, operator, too_large, unknown_name};
use crate::arguments::{Arguments, Given};
use crate::error::Fault;
use crate::names::{self, Meaning};
use crate::syntax::{Argument, Conversion, Expression, ExpressionKind, Piece, UnaryOperator};
use crate::text;
use crate::value::{Pairs, TooLarge, Value};
use crate::worker::LogTarget;

impl Evaluator<'_> {
    /// The value of an expression.
    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, Fault> {
        let at = expression.at;
        self.charge(at, 1)?;
        match &expression.kind {
            ExpressionKind::None => Ok(Value::None),
            ExpressionKind::True => Ok(Value::Bool(true)),
            ExpressionKind::False => Ok(Value::Bool(false)),
            ExpressionKind::Integer(value) => Ok(Value::Int(*value)),
            ExpressionKind::Float(value) => Ok(Value::Float(*value)),
            ExpressionKind::Text(text) => Ok(Value::Text(Rc::clone(text))),
            ExpressionKind::Formatted(pieces) => self.formatted(at, pieces),
            ExpressionKind::Name(name) => self.name(at, name),
            ExpressionKind::Tuple(items) => {
                let values = self.values(items)?;
                self.tuple(at, values)
            }
            ExpressionKind::List(items) => {
                let values = self.values(items)?;
                self.list(at, values)
            }
            ExpressionKind::Dict(pairs) => {
                let mut values = Vec::new();
                for (key, value) in pairs {
                    let place = key.at;
                    let key = self.value(key)?;
                    operator::check_key(place, &key)?;
                    values.push((key, self.value(value)?));
                }
                self.charge(at, values.len())?;
                let pairs = Pairs::new(values).map_err(|TooLarge| too_large(at))?;
                Ok(Value::Dict(pairs))
            }
            ExpressionKind::Attribute(object, name) => {
                let object = self.value(object)?;
                self.attribute(at, object, name)
            }
            ExpressionKind::Subscript(object, key) => {
                let object = self.value(object)?;
                let key = self.value(key)?;
                self.item(at, &object, &key)
            }
            ExpressionKind::Slice(object, start, stop) => {
                let object = self.value(object)?;
                let start = start
                    .as_deref()
                    .map(|start| self.value(start))
                    .transpose()?;
                let stop = stop.as_deref().map(|stop| self.value(stop)).transpose()?;
                self.slice(at, &object, start.as_ref(), stop.as_ref())
            }
            ExpressionKind::Call(callee, arguments) => {
                let callee = self.value(callee)?;
                let arguments = self.arguments(at, arguments)?;
                self.call(at, callee, arguments)
            }
            ExpressionKind::Unary(UnaryOperator::Not, value) => {
                let value = self.value(value)?;
                Ok(Value::Bool(!self.truth(&value)))
            }
            ExpressionKind::Unary(operator, value) => {
                let value = self.value(value)?;
                operator::unary(at, *operator, &value)
            }
            ExpressionKind::Binary(operator, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                self.binary(at, *operator, &left, &right)
            }
            ExpressionKind::Comparison(first, others) => {
                let mut left = self.value(first)?;
                for (operator, right) in others {
                    let right = self.value(right)?;
                    if !self.compare(at, *operator, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            ExpressionKind::And(left, right) => {
                let left = self.value(left)?;
                if self.truth(&left) {
                    self.value(right)
                } else {
                    Ok(left)
                }
            }
            ExpressionKind::Or(left, right) => {
                let left = self.value(left)?;
                if self.truth(&left) {
                    Ok(left)
                } else {
                    self.value(right)
                }
            }
            ExpressionKind::Conditional {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.value(condition)?;
                if self.truth(&condition) {
                    self.value(then)
                } else {
                    self.value(otherwise)
                }
            }
        }
    }

    fn values(&mut self, items: &[Expression]) -> Result<Vec<Value>, Fault> {
        items.iter().map(|item| self.value(item)).collect()
    }

    fn formatted(&mut self, at: usize, pieces: &[Piece]) -> Result<Value, Fault> {
        let mut result = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => result.push_str(text),
                Piece::Field {
                    value,
                    conversion,
                    specification,
                } => {
                    let place = value.at;
                    let value = self.value(value)?;
                    self.charge(place, value.size())?;
                    let value = match conversion {
                        Conversion::Plain => value,
                        Conversion::Str => Value::text(text::str(&value)),
                        Conversion::Repr => Value::text(text::repr(&value)),
                    };
                    let formatted = text::format_value(&value, specification)
                        .map_err(|fault| Fault::new(place, fault.0, fault.1))?;
                    result.push_str(&formatted);
                }
            }
            self.charge(at, 1)?;
        }
        self.new_text(at, result)
    }

    pub(super) fn name(&mut self, at: usize, name: &str) -> Result<Value, Fault> {
        if let Some(value) = self.variable(name) {
            return Ok(value.clone());
        }
        match name {
            "__file__" => Ok(Value::text(self.surroundings.file.to_string_lossy())),
            // Seen: twistd executes the file without a module name, so the one of builtins shows.
            "__name__" => Ok(Value::text("builtins")),
            _ => match names::builtin(name) {
                Some(name) => Ok(Value::Known(name)),
                None => Err(unknown_name(at)),
            },
        }
    }

    /// The value of a name of the table.
    pub(super) fn known(&self, canonical: &'static str) -> Value {
        match canonical {
            "os.environ" => Value::Environ,
            "os.pathsep" => Value::text(":"),
            "os.sep" => Value::text("/"),
            "os.name" => Value::text("posix"),
            "sys.platform" => Value::text(self.surroundings.machine.system.to_lowercase()),
            "sys.stdout" => Value::Stream(LogTarget::StandardOutput),
            "sys.stderr" => Value::Stream(LogTarget::StandardError),
            other => Value::Known(other),
        }
    }

    fn attribute(&mut self, at: usize, object: Value, name: &Rc<str>) -> Result<Value, Fault> {
        match &object {
            Value::Known("LogFile") if &**name == "fromFullPath" => {
                Ok(Value::Known("LogFile.fromFullPath"))
            }
            Value::Known(module) => {
                let path = format!("{module}.{name}");
                match names::known(&path) {
                    Some((known, Meaning::Module)) => Ok(Value::Known(known)),
                    Some((_, Meaning::Is(canonical))) => Ok(self.known(canonical)),
                    None => {
                        let help = match names::known(module) {
                            Some((known, Meaning::Module)) => {
                                format!("known there: {}", names::within(known))
                            }
                            Some((_, Meaning::Is(_))) | None => {
                                "a function has no attributes here: call it".into()
                            }
                        };
                        Err(Fault::new(at, format!("`{path}` is not known here"), help))
                    }
                }
            }
            Value::Observer(target) if &**name == "emit" => Ok(Value::Emit(target.clone())),
            Value::Tuple(items) if items.values().len() == 5 => {
                // os.uname() has names for its items.
                const NAMES: [&str; 5] = ["sysname", "nodename", "release", "version", "machine"];
                let index = NAMES.iter().position(|known| *known == &**name);
                match index.and_then(|index| items.values().get(index)) {
                    Some(value) => Ok(value.clone()),
                    None => Err(no_attribute(at, &object, name)),
                }
            }
            Value::Text(_)
            | Value::Dict(_)
            | Value::Environ
            | Value::File(_)
            | Value::Application
            | Value::Worker => Ok(Value::Method(Rc::new(object), Rc::clone(name))),
            _ => Err(no_attribute(at, &object, name)),
        }
    }

    /// `object[key]`
    pub(super) fn item(&mut self, at: usize, object: &Value, key: &Value) -> Result<Value, Fault> {
        match (object, key) {
            (Value::Environ, Value::Text(name)) => match self.environ.get(&**name) {
                Some(value) => Ok(Value::text(value.as_str())),
                None => Err(not_set(at, name)),
            },
            (Value::Dict(pairs), key) => {
                self.charge(at, pairs.pairs().len())?;
                pairs.get(key).cloned().ok_or_else(|| {
                    Fault::new(
                        at,
                        "the dict has no such key",
                        "check the key, or use .get(key, default)",
                    )
                })
            }
            (Value::List(items) | Value::Tuple(items), Value::Int(index)) => {
                let values = items.values();
                position(*index, values.len())
                    .and_then(|index| values.get(index))
                    .cloned()
                    .ok_or_else(|| outside(at, *index, values.len()))
            }
            (Value::Text(text), Value::Int(index)) => {
                self.charge(at, text.len())?;
                let length = text.chars().count();
                position(*index, length)
                    .and_then(|index| text.chars().nth(index))
                    .map(|c| Value::text(c.to_string()))
                    .ok_or_else(|| outside(at, *index, length))
            }
            _ => Err(Fault::new(
                at,
                format!("{} has no item by {}", object.kind(), key.kind()),
                "allowed: lists, tuples and text by number, dicts by key, os.environ by name",
            )),
        }
    }

    fn slice(
        &mut self,
        at: usize,
        object: &Value,
        start: Option<&Value>,
        stop: Option<&Value>,
    ) -> Result<Value, Fault> {
        let length = match object {
            Value::List(items) | Value::Tuple(items) => items.values().len(),
            Value::Text(text) => {
                self.charge(at, text.len())?;
                text.chars().count()
            }
            _ => {
                return Err(Fault::new(
                    at,
                    format!("{} cannot be cut into slices", object.kind()),
                    "allowed: lists, tuples and text",
                ));
            }
        };
        let bound = |value: Option<&Value>, default: usize| match value {
            None | Some(Value::None) => Ok(default),
            Some(Value::Int(index)) => {
                let length = i128::try_from(length).unwrap_or(i128::MAX);
                let index = if *index < 0 {
                    index.saturating_add(length).max(0)
                } else {
                    (*index).min(length)
                };
                Ok(usize::try_from(index).unwrap_or(default))
            }
            Some(other) => Err(Fault::new(
                at,
                format!("a slice goes from number to number, not {}", other.kind()),
                "allowed: [2:], [:-1], [1:3]",
            )),
        };
        let start = bound(start, 0)?;
        let count = bound(stop, length)?.saturating_sub(start);
        match object {
            Value::List(items) => {
                let values = items.values().iter().skip(start).take(count);
                self.list(at, values.cloned().collect())
            }
            Value::Tuple(items) => {
                let values = items.values().iter().skip(start).take(count);
                self.tuple(at, values.cloned().collect())
            }
            Value::Text(text) => {
                let cut: String = text.chars().skip(start).take(count).collect();
                self.new_text(at, cut)
            }
            _ => Err(no_attribute(at, object, "slice")),
        }
    }

    fn given(&mut self, expression: &Expression) -> Result<Given, Fault> {
        let value = self.value(expression)?;
        let written = match &expression.kind {
            ExpressionKind::Name(name) => Some(Rc::clone(name)),
            _ => None,
        };
        let assigned = written.as_ref().and_then(|name| self.variables.get(name));
        let at = assigned.map_or(expression.at, |Variable { at, .. }| *at);
        Ok(Given { at, value, written })
    }

    fn arguments(&mut self, at: usize, arguments: &[Argument]) -> Result<Arguments, Fault> {
        let mut positional = Vec::new();
        let mut keywords = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Positional(value) => positional.push(self.given(value)?),
                Argument::Keyword { at, name, value } => {
                    keywords.push((*at, Rc::clone(name), self.given(value)?));
                }
                Argument::Spread(values) => {
                    let at = values.at;
                    let values = self.value(values)?;
                    for value in self.iterate(at, &values)? {
                        let written = None;
                        positional.push(Given { at, value, written });
                    }
                }
                Argument::SpreadKeywords(values) => {
                    let at = values.at;
                    let Value::Dict(pairs) = self.value(values)? else {
                        return Err(Fault::new(
                            at,
                            "`**` needs a dict",
                            "write the arguments themselves",
                        ));
                    };
                    for (key, value) in pairs.pairs() {
                        let Value::Text(name) = key else {
                            return Err(Fault::new(
                                at,
                                "the names of arguments are text",
                                "write the keys of the dict in quotes",
                            ));
                        };
                        let value = value.clone();
                        let written = None;
                        keywords.push((at, Rc::clone(name), Given { at, value, written }));
                    }
                    self.charge(at, pairs.pairs().len())?;
                }
            }
        }
        Ok(Arguments {
            at,
            positional,
            keywords,
        })
    }
}

fn no_attribute(at: usize, object: &Value, name: &str) -> Fault {
    Fault::new(
        at,
        format!("`{name}` of {} is not known here", object.kind()),
        "allowed: methods of text, dicts, open files and os.environ; \
            FileLogObserver(…).emit; application.setComponent; s.setServiceParent",
    )
}

/// The place of an item by Python's index, which counts from the end when it is negative.
fn position(index: i128, length: usize) -> Option<usize> {
    let length = i128::try_from(length).ok()?;
    let index = if index < 0 {
        index.checked_add(length)?
    } else {
        index
    };
    usize::try_from(index).ok()
}

fn outside(at: usize, index: i128, length: usize) -> Fault {
    Fault::new(
        at,
        format!("there is no item {index} among {length}"),
        "the first item is 0, the last one -1",
    )
}
