//! Operators on values that are data.

use std::cmp::Ordering;
use std::collections::HashMap;

use num_traits::ToPrimitive as _;

use crate::exception::{Exception, Kind};
use crate::number::{self, Arithmetic, Number};
use crate::percent;
use crate::value::{RenderableKind, Value};

/// A text or a list that an operator makes has at most so many bytes or values.
///
/// Differs: an operator or a format that would make a text or a list of more than 64 Mi bytes or values raises
/// MemoryError, because one property must not take the memory of the master.
pub(crate) const LENGTH_MAX: usize = 64 << 20;

/// The operators that renderables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Order(Order),
    Arithmetic(Arithmetic),
    In,
}

/// The operators that ask for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator that is written so in Python.
    pub(crate) fn named(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Order(Order::Less),
            "<=" => Self::Order(Order::LessOrEqual),
            ">" => Self::Order(Order::Greater),
            ">=" => Self::Order(Order::GreaterOrEqual),
            "+" => Self::Arithmetic(Arithmetic::Add),
            "-" => Self::Arithmetic(Arithmetic::Subtract),
            "*" => Self::Arithmetic(Arithmetic::Multiply),
            "/" => Self::Arithmetic(Arithmetic::Divide),
            "//" => Self::Arithmetic(Arithmetic::FloorDivide),
            "%" => Self::Arithmetic(Arithmetic::Remainder),
            "in" => Self::In,
            _ => return None,
        })
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Order(Order::Less) => "<",
            Self::Order(Order::LessOrEqual) => "<=",
            Self::Order(Order::Greater) => ">",
            Self::Order(Order::GreaterOrEqual) => ">=",
            Self::Arithmetic(Arithmetic::Add) => "+",
            Self::Arithmetic(Arithmetic::Subtract) => "-",
            Self::Arithmetic(Arithmetic::Multiply) => "*",
            Self::Arithmetic(Arithmetic::Divide) => "/",
            Self::Arithmetic(Arithmetic::FloorDivide) => "//",
            Self::Arithmetic(Arithmetic::Remainder) => "%",
            Self::In => "in",
        }
    }

    /// Whether only Python knows the result.
    pub(crate) fn needs_python(self, left: &Value, right: &Value) -> bool {
        let formats_bytes =
            self == Self::Arithmetic(Arithmetic::Remainder) && matches!(left, Value::Bytes(_));
        formats_bytes || !left.is_plain() || !right.is_plain()
    }

    /// The result for two values that are data.
    pub(crate) fn apply(self, left: &Value, right: &Value) -> Result<Value, Exception> {
        match self {
            Self::Equal => Ok(equals(left, right).into()),
            Self::NotEqual => Ok((!equals(left, right)).into()),
            Self::Order(order) => order.holds(left, right).map(Value::Bool),
            Self::Arithmetic(operation) => arithmetic(operation, left, right),
            Self::In => contains(right, left).map(Value::Bool),
        }
    }
}

/// Python's `==`.
pub(crate) fn equals(a: &Value, b: &Value) -> bool {
    let all =
        |a: &[Value], b: &[Value]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equals(a, b));
    match (a, b) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => all(a, b),
        (Value::Set(a) | Value::FrozenSet(a), Value::Set(b) | Value::FrozenSet(b)) => {
            a.len() == b.len() && is_subset(a, b)
        }
        (Value::Dict(a), Value::Dict(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| find(b, key).is_some_and(|other| equals(value, other)))
        }
        (Value::Float(_), _) | (_, Value::Float(_)) => {
            number::compare(a, b) == Some(Ordering::Equal)
        }
        _ => a == b || number::compare(a, b) == Some(Ordering::Equal),
    }
}

/// What stands under `key` in a mapping.
pub(crate) fn find<'a>(pairs: &'a [(Value, Value)], key: &Value) -> Option<&'a Value> {
    pairs
        .iter()
        .find(|(known, _)| equals(known, key))
        .map(|(_, value)| value)
}

fn is_subset(a: &[Value], b: &[Value]) -> bool {
    a.iter()
        .all(|item| b.iter().any(|other| equals(item, other)))
}

/// An error for what cannot be a key or an element of a set.
pub(crate) fn check_hashable(value: &Value) -> Result<(), Exception> {
    let hashable = match value {
        Value::List(_) | Value::Set(_) | Value::Dict(_) => false,
        Value::Tuple(items) => return items.iter().try_for_each(check_hashable),
        Value::Renderable(renderable) => !matches!(
            renderable.kind,
            RenderableKind::Property { .. }
                | RenderableKind::Interpolate(_)
                | RenderableKind::FlattenList { .. }
                | RenderableKind::Operation { .. }
        ),
        _ => true,
    };
    if hashable {
        Ok(())
    } else {
        Err(Exception::type_error(format!(
            "unhashable type: '{}'",
            value.type_name()
        )))
    }
}

/// A dict of these pairs: later values replace earlier ones of the same key.
pub(crate) fn dict(given: Vec<(Value, Value)>) -> Result<Value, Exception> {
    let mut pairs: Vec<(Value, Value)> = Vec::with_capacity(given.len());
    // Most keys are text, which equals no other value.
    let mut texts: HashMap<String, usize> = HashMap::new();
    let mut others: Vec<usize> = Vec::new();
    for (key, value) in given {
        check_hashable(&key)?;
        let known = match &key {
            Value::Text(text) => texts.get(text).copied(),
            other => others
                .iter()
                .copied()
                .find(|index| pairs.get(*index).is_some_and(|(key, _)| equals(key, other))),
        };
        if let Some(pair) = known.and_then(|index| pairs.get_mut(index)) {
            pair.1 = value;
            continue;
        }
        match &key {
            Value::Text(text) => {
                texts.insert(text.clone(), pairs.len());
            }
            _ => others.push(pairs.len()),
        }
        pairs.push((key, value));
    }
    Ok(Value::Dict(pairs))
}

impl Order {
    fn of(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }

    fn holds(self, left: &Value, right: &Value) -> Result<bool, Exception> {
        match (left, right) {
            (Value::Text(a), Value::Text(b)) => Ok(self.of(Some(a.cmp(b)))),
            (Value::Bytes(a), Value::Bytes(b)) => Ok(self.of(Some(a.cmp(b)))),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                match a.iter().zip(b).find(|(a, b)| !equals(a, b)) {
                    Some((a, b)) => self.holds(a, b),
                    None => Ok(self.of(Some(a.len().cmp(&b.len())))),
                }
            }
            (Value::Set(a) | Value::FrozenSet(a), Value::Set(b) | Value::FrozenSet(b)) => {
                Ok(match self {
                    Self::Less => a.len() < b.len() && is_subset(a, b),
                    Self::LessOrEqual => is_subset(a, b),
                    Self::Greater => b.len() < a.len() && is_subset(b, a),
                    Self::GreaterOrEqual => is_subset(b, a),
                })
            }
            _ if Number::of(left).is_some() && Number::of(right).is_some() => {
                Ok(self.of(number::compare(left, right)))
            }
            _ => Err(Exception::type_error(format!(
                "'{}' not supported between instances of '{}' and '{}'",
                Operator::Order(self).sign(),
                left.type_name(),
                right.type_name()
            ))),
        }
    }
}

fn unsupported(operation: Arithmetic, left: &Value, right: &Value) -> Exception {
    Exception::type_error(format!(
        "unsupported operand type(s) for {}: '{}' and '{}'",
        Operator::Arithmetic(operation).sign(),
        left.type_name(),
        right.type_name()
    ))
}

fn arithmetic(operation: Arithmetic, left: &Value, right: &Value) -> Result<Value, Exception> {
    if let (Arithmetic::Remainder, Value::Text(template)) = (operation, left) {
        return percent::format(template, percent::Operand::of(right)).map(Value::Text);
    }
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return number::compute(operation, a, b);
    }
    match operation {
        Arithmetic::Add => joined(left, right),
        Arithmetic::Subtract => match (left, right) {
            (Value::Set(a) | Value::FrozenSet(a), Value::Set(b) | Value::FrozenSet(b)) => {
                let rest = a
                    .iter()
                    .filter(|item| !b.iter().any(|other| equals(item, other)))
                    .cloned()
                    .collect();
                Ok(match left {
                    Value::Set(_) => Value::Set(rest),
                    _ => Value::FrozenSet(rest),
                })
            }
            _ => Err(unsupported(operation, left, right)),
        },
        Arithmetic::Multiply => repeated(left, right),
        Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder => {
            Err(unsupported(operation, left, right))
        }
    }
}

fn too_long() -> Exception {
    Exception::new(Kind::Memory, "the result is too long")
}

fn joined(left: &Value, right: &Value) -> Result<Value, Exception> {
    let fits = |a: usize, b: usize| {
        if a.saturating_add(b) > LENGTH_MAX {
            Err(too_long())
        } else {
            Ok(())
        }
    };
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            fits(a.len(), b.len())?;
            Ok(Value::Text(format!("{a}{b}")))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            fits(a.len(), b.len())?;
            Ok(Value::Bytes([a.as_slice(), b].concat()))
        }
        (Value::List(a), Value::List(b)) => {
            fits(a.len(), b.len())?;
            Ok(Value::List([a.as_slice(), b].concat()))
        }
        (Value::Tuple(a), Value::Tuple(b)) => {
            fits(a.len(), b.len())?;
            Ok(Value::Tuple([a.as_slice(), b].concat()))
        }
        (Value::Text(_) | Value::List(_) | Value::Tuple(_), _) => {
            let name = left.type_name();
            Err(Exception::type_error(format!(
                "can only concatenate {name} (not \"{}\") to {name}",
                right.type_name()
            )))
        }
        (Value::Bytes(_), _) => Err(Exception::type_error(format!(
            "can't concat {} to bytes",
            right.type_name()
        ))),
        _ => Err(unsupported(Arithmetic::Add, left, right)),
    }
}

fn repeated(left: &Value, right: &Value) -> Result<Value, Exception> {
    let is_sequence = |value: &Value| {
        matches!(
            value,
            Value::Text(_) | Value::Bytes(_) | Value::List(_) | Value::Tuple(_)
        )
    };
    let (sequence, count) = if is_sequence(left) {
        (left, right)
    } else if is_sequence(right) {
        (right, left)
    } else {
        return Err(unsupported(Arithmetic::Multiply, left, right));
    };
    let Some(count) = number::integer(count) else {
        return Err(Exception::type_error(format!(
            "can't multiply sequence by non-int of type '{}'",
            count.type_name()
        )));
    };
    let count = count.to_i64().ok_or_else(|| {
        Exception::new(
            Kind::Overflow,
            "cannot fit 'int' into an index-sized integer",
        )
    })?;
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let times = |length: usize| match length.checked_mul(count) {
        // Nothing is never repeated in earnest.
        Some(0) => Ok(0),
        Some(total) if total <= LENGTH_MAX => Ok(count),
        _ => Err(too_long()),
    };
    Ok(match sequence {
        Value::Text(text) => Value::Text(text.repeat(times(text.len())?)),
        Value::Bytes(bytes) => Value::Bytes(bytes.repeat(times(bytes.len())?)),
        Value::Tuple(items) => Value::Tuple(repeat(items, times(items.len())?)),
        Value::List(items) => Value::List(repeat(items, times(items.len())?)),
        _ => return Err(unsupported(Arithmetic::Multiply, left, right)),
    })
}

fn repeat(items: &[Value], count: usize) -> Vec<Value> {
    std::iter::repeat_n(items, count)
        .flatten()
        .cloned()
        .collect()
}

fn contains(container: &Value, item: &Value) -> Result<bool, Exception> {
    match container {
        Value::Text(text) => match item {
            Value::Text(part) => Ok(text.contains(part.as_str())),
            other => Err(Exception::type_error(format!(
                "'in <string>' requires string as left operand, not {}",
                other.type_name()
            ))),
        },
        Value::Bytes(bytes) => match item {
            Value::Bytes(part) => {
                Ok(part.is_empty() || bytes.windows(part.len()).any(|window| window == part))
            }
            other => match number::integer(other) {
                Some(number) => number
                    .to_u8()
                    .map(|byte| bytes.contains(&byte))
                    .ok_or_else(|| Exception::new(Kind::Value, "byte must be in range(0, 256)")),
                None => Err(Exception::type_error(format!(
                    "a bytes-like object is required, not '{}'",
                    other.type_name()
                ))),
            },
        },
        Value::List(items) | Value::Tuple(items) => {
            Ok(items.iter().any(|other| equals(other, item)))
        }
        Value::Set(items) | Value::FrozenSet(items) => {
            // A set may be looked for although it cannot be an element.
            if !matches!(item, Value::Set(_)) {
                check_hashable(item)?;
            }
            Ok(items.iter().any(|other| equals(other, item)))
        }
        Value::Dict(pairs) => {
            check_hashable(item)?;
            Ok(find(pairs, item).is_some())
        }
        other => Err(Exception::type_error(format!(
            "argument of type '{}' is not iterable",
            other.type_name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::Operator;
    use crate::value::Value;

    fn apply(left: Value, sign: &str, right: Value) -> Result<Value, String> {
        Operator::named(sign)
            .expect("an operator")
            .apply(&left, &right)
            .map_err(|error| error.name().to_owned())
    }

    fn list(numbers: &[i64]) -> Value {
        Value::List(numbers.iter().map(|&number| number.into()).collect())
    }

    #[test]
    fn operators_compute_as_in_python() {
        let check = |left: Value, sign: &str, right: Value, expected: Value| {
            assert_eq!(apply(left, sign, right), Ok(expected), "{sign}");
        };
        check(1.into(), "==", true.into(), true.into());
        check(Value::Float(1.0), "==", 1.into(), true.into());
        check(list(&[1, 2]), "<", list(&[1, 3]), true.into());
        check(7.into(), "/", 2.into(), Value::Float(3.5));
        check((-7).into(), "//", 2.into(), (-4).into());
        check((-7).into(), "%", 2.into(), 1.into());
        check("ab".into(), "*", 2.into(), "abab".into());
        check(list(&[1]), "*", (-1).into(), list(&[]));
        check(
            "%s-%s".into(),
            "%",
            Value::Tuple(vec![1.into(), Value::None]),
            "1-None".into(),
        );
        check("a".into(), "in", "cab".into(), true.into());
        check(
            i64::MAX.into(),
            "+",
            1.into(),
            Value::integer((1_i128 << 63).into()),
        );
        check(
            Value::Set(vec![1.into(), 2.into()]),
            "-",
            Value::Set(vec![1.into()]),
            Value::Set(vec![2.into()]),
        );
    }

    #[test]
    fn the_first_of_equal_keys_stays_with_the_last_value() {
        let pairs = [
            ("a".into(), 1),
            (1.into(), 2),
            (true.into(), 3),
            ("a".into(), 4),
        ];
        let pairs = pairs.map(|(key, value): (Value, i64)| (key, value.into()));
        let expected = Value::Dict(vec![("a".into(), 4.into()), (1.into(), 3.into())]);
        assert_eq!(super::dict(pairs.to_vec()), Ok(expected));
        assert!(super::dict(vec![(list(&[]), Value::None)]).is_err());
    }

    #[test]
    fn what_python_refuses_is_refused_with_the_same_class() {
        let check = |left: Value, sign: &str, right: Value, expected: &str| {
            assert_eq!(apply(left, sign, right), Err(expected.to_owned()), "{sign}");
        };
        check(1.into(), "+", "a".into(), "TypeError");
        check(1.into(), "<", Value::None, "TypeError");
        check(1.into(), "/", 0.into(), "ZeroDivisionError");
        check(1.into(), "in", "a".into(), "TypeError");
        check(list(&[]), "in", Value::Dict(Vec::new()), "TypeError");
        check(300.into(), "in", Value::Bytes(vec![1]), "ValueError");
        check("a".into(), "*", (1_i64 << 40).into(), "MemoryError");
        check("a".into(), "%", 1.into(), "TypeError");
    }
}
