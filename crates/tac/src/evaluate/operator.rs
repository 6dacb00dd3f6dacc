//! Operators as Python computes them.

use buildbot_model::python_number::{float_floor_divide, float_remainder};

use super::Evaluator;
use crate::error::Fault;
use crate::syntax::{BinaryOperator, ComparisonOperator, UnaryOperator};
use crate::text;
use crate::value::{Number, Value};

/// The largest exponent and shift; beyond it no 128-bit number is left.
const EXPONENT_MAX: u32 = 127;

fn unsupported(at: usize, operator: BinaryOperator, left: &Value, right: &Value) -> Fault {
    Fault::new(
        at,
        format!(
            "`{}` cannot join {} and {}",
            operator.symbol(),
            left.kind(),
            right.kind()
        ),
        "convert with str(…) or int(…), or write the value itself",
    )
}

fn overflow(at: usize) -> Fault {
    Fault::new(
        at,
        "the result is no number that this file can use",
        "it has more than 38 digits, or is divided by zero: write the value itself",
    )
}

/// Refuses keys that Python cannot hash, and those that mean nothing here.
pub(super) fn check_key(at: usize, key: &Value) -> Result<(), Fault> {
    match key {
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => Ok(()),
        other => Err(Fault::new(
            at,
            format!("{} cannot be the key of a dict", other.kind()),
            "allowed: text and numbers",
        )),
    }
}

/// `-value`, `+value`, `~value`.
pub(super) fn unary(at: usize, operator: UnaryOperator, value: &Value) -> Result<Value, Fault> {
    let number = value.number().ok_or_else(|| {
        Fault::new(
            at,
            format!("a sign needs a number, not {}", value.kind()),
            "write a number",
        )
    })?;
    let integer = |value: Option<i128>| value.map(Value::Int).ok_or_else(|| overflow(at));
    match (operator, number) {
        (UnaryOperator::Minus, Number::Int(value)) => integer(value.checked_neg()),
        (UnaryOperator::Minus, Number::Float(value)) => Ok(Value::Float(-value)),
        (UnaryOperator::Plus, Number::Int(value)) => Ok(Value::Int(value)),
        (UnaryOperator::Plus, Number::Float(value)) => Ok(Value::Float(value)),
        (UnaryOperator::Invert, Number::Int(value)) => Ok(Value::Int(!value)),
        (UnaryOperator::Invert, Number::Float(_)) => Err(Fault::new(
            at,
            "`~` needs a whole number",
            "write a whole number",
        )),
        (UnaryOperator::Not, _) => Ok(Value::Bool(value.truth() != Some(true))),
    }
}

impl Evaluator<'_> {
    /// `left operator right`
    pub(super) fn binary(
        &mut self,
        at: usize,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        match (operator, left, right) {
            (BinaryOperator::Add, Value::Text(a), Value::Text(b)) => {
                self.charge(at, a.len() + b.len())?;
                Ok(Value::text(format!("{a}{b}")))
            }
            (BinaryOperator::Add, Value::List(a), Value::List(b)) => {
                self.list(at, [a.values(), b.values()].concat())
            }
            (BinaryOperator::Add, Value::Tuple(a), Value::Tuple(b)) => {
                self.tuple(at, [a.values(), b.values()].concat())
            }
            (BinaryOperator::Remainder, Value::Text(template), values) => {
                // Every field may show, and may search, the whole of the values.
                let fields = template.matches('%').count();
                self.charge(at, template.len())?;
                self.charge(at, fields.saturating_mul(values.size()))?;
                let formatted = text::percent(template, values)
                    .map_err(|fault| Fault::new(at, fault.0, fault.1))?;
                self.new_text(at, formatted)
            }
            (BinaryOperator::Multiply, Value::Text(text), Value::Int(count))
            | (BinaryOperator::Multiply, Value::Int(count), Value::Text(text)) => {
                let count = usize::try_from((*count).max(0)).unwrap_or(usize::MAX);
                self.charge(at, text.len().saturating_mul(count))?;
                // An empty text is never repeated in earnest.
                let count = if text.is_empty() { 0 } else { count };
                Ok(Value::text(text.repeat(count)))
            }
            (
                BinaryOperator::BitOr | BinaryOperator::BitAnd | BinaryOperator::BitXor,
                Value::Bool(a),
                Value::Bool(b),
            ) => Ok(Value::Bool(match operator {
                BinaryOperator::BitOr => a | b,
                BinaryOperator::BitAnd => a & b,
                _ => a ^ b,
            })),
            _ => match (left.number(), right.number()) {
                (Some(Number::Int(a)), Some(Number::Int(b))) => integers(at, operator, a, b),
                (Some(a), Some(b)) => floats(operator, a.float(), b.float())
                    .ok_or_else(|| unsupported(at, operator, left, right))?
                    .map(Value::Float)
                    .ok_or_else(|| overflow(at)),
                _ => Err(unsupported(at, operator, left, right)),
            },
        }
    }

    /// Whether a comparison holds.
    pub(super) fn compare(
        &mut self,
        at: usize,
        operator: ComparisonOperator,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Fault> {
        self.charge(at, left.size().min(right.size()))?;
        match operator {
            ComparisonOperator::Equal => Ok(left.equals(right)),
            ComparisonOperator::NotEqual => Ok(!left.equals(right)),
            ComparisonOperator::Is => identical(at, left, right),
            ComparisonOperator::IsNot => identical(at, left, right).map(|same| !same),
            ComparisonOperator::In => self.contains(at, right, left),
            ComparisonOperator::NotIn => self.contains(at, right, left).map(|found| !found),
            ComparisonOperator::Less
            | ComparisonOperator::LessOrEqual
            | ComparisonOperator::Greater
            | ComparisonOperator::GreaterOrEqual => {
                let order = match (left, right) {
                    (Value::Text(a), Value::Text(b)) => a.partial_cmp(b),
                    _ => match (left.number(), right.number()) {
                        (Some(a), Some(b)) => a.partial_cmp(&b),
                        _ => {
                            return Err(Fault::new(
                                at,
                                format!("{} and {} have no order", left.kind(), right.kind()),
                                "compare numbers with numbers and text with text",
                            ));
                        }
                    },
                };
                Ok(order.is_some_and(|order| match operator {
                    ComparisonOperator::Less => order.is_lt(),
                    ComparisonOperator::LessOrEqual => order.is_le(),
                    ComparisonOperator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
        }
    }

    fn contains(&mut self, at: usize, container: &Value, item: &Value) -> Result<bool, Fault> {
        self.charge(at, container.size())?;
        match (container, item) {
            (Value::Text(text), Value::Text(part)) => Ok(text.contains(&**part)),
            (Value::Environ, Value::Text(name)) => Ok(self.environ.contains_key(&**name)),
            (Value::List(items) | Value::Tuple(items), item) => {
                self.charge(at, items.values().len().saturating_mul(item.size()))?;
                Ok(items.values().iter().any(|value| value.equals(item)))
            }
            (Value::Dict(pairs), key) => Ok(pairs.get(key).is_some()),
            _ => Err(Fault::new(
                at,
                format!(
                    "`in` cannot look for {} in {}",
                    item.kind(),
                    container.kind()
                ),
                "allowed: text in text, an item in a list or a dict, a name in os.environ",
            )),
        }
    }
}

fn identical(at: usize, left: &Value, right: &Value) -> Result<bool, Fault> {
    match (left, right) {
        (Value::None, Value::None) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::None | Value::Bool(_), _) | (_, Value::None | Value::Bool(_)) => Ok(false),
        _ => Err(Fault::new(
            at,
            "`is` compares only with None, True and False here",
            "compare values with `==`",
        )),
    }
}

fn integers(at: usize, operator: BinaryOperator, a: i128, b: i128) -> Result<Value, Fault> {
    let small = || u32::try_from(b).ok().filter(|b| *b <= EXPONENT_MAX);
    let value = match operator {
        BinaryOperator::Add => a.checked_add(b),
        BinaryOperator::Subtract => a.checked_sub(b),
        BinaryOperator::Multiply => a.checked_mul(b),
        BinaryOperator::Divide => {
            return floats(operator, a as f64, b as f64)
                .flatten()
                .map(Value::Float)
                .ok_or_else(|| overflow(at));
        }
        BinaryOperator::FloorDivide => floor_divide(a, b),
        BinaryOperator::Remainder => {
            floor_divide(a, b).and_then(|quotient| a.checked_sub(quotient.checked_mul(b)?))
        }
        BinaryOperator::Power if b < 0 => {
            return floats(operator, a as f64, b as f64)
                .flatten()
                .map(Value::Float)
                .ok_or_else(|| overflow(at));
        }
        BinaryOperator::Power => match a {
            0 | 1 => Some(if b == 0 { 1 } else { a }),
            _ => small().and_then(|b| a.checked_pow(b)),
        },
        BinaryOperator::BitOr => Some(a | b),
        BinaryOperator::BitAnd => Some(a & b),
        BinaryOperator::BitXor => Some(a ^ b),
        BinaryOperator::ShiftLeft => small()
            .filter(|b| *b < EXPONENT_MAX)
            .and_then(|b| a.checked_mul(1_i128 << b)),
        BinaryOperator::ShiftRight => small().map(|b| a >> b),
    };
    value.map(Value::Int).ok_or_else(|| overflow(at))
}

fn floor_divide(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    let remainder = a.checked_rem(b)?;
    if remainder != 0 && (remainder < 0) != (b < 0) {
        quotient.checked_sub(1)
    } else {
        Some(quotient)
    }
}

/// The outer `None`: the operator is not for floats; the inner one: there is no such number.
fn floats(operator: BinaryOperator, a: f64, b: f64) -> Option<Option<f64>> {
    let divisible = b != 0.0;
    Some(match operator {
        BinaryOperator::Add => Some(a + b),
        BinaryOperator::Subtract => Some(a - b),
        BinaryOperator::Multiply => Some(a * b),
        BinaryOperator::Divide => divisible.then(|| a / b),
        BinaryOperator::FloorDivide => divisible.then(|| float_floor_divide(a, b)),
        BinaryOperator::Remainder => divisible.then(|| float_remainder(a, b)),
        // Not `powf`: it would map the system's library of mathematics, 300 kB of memory, for this alone.
        BinaryOperator::Power => Some(libm::pow(a, b)).filter(|power| power.is_finite()),
        BinaryOperator::BitOr
        | BinaryOperator::BitAnd
        | BinaryOperator::BitXor
        | BinaryOperator::ShiftLeft
        | BinaryOperator::ShiftRight => return None,
    })
}
