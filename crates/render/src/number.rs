//! Python's numbers: integers without end, floats, and booleans, which are integers.

use std::cmp::Ordering;

use buildbot_model::python_number::{float_floor_divide, float_remainder};
use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _, Zero as _};

use crate::exception::{Exception, Kind};
use crate::value::Value;

/// Products of more bits than this are not computed.
const BITS_MAX: u64 = 8 << 20;

/// A number.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    Int(BigInt),
    Float(f64),
}

/// What is computed of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Float(number) => Some(Self::Float(*number)),
            other => integer(other).map(Self::Int),
        }
    }

    fn into_float(self) -> Result<f64, Exception> {
        match self {
            Self::Float(number) => Ok(number),
            Self::Int(number) => float_of(&number),
        }
    }
}

/// The value as an integer, if it is one.
pub(crate) fn integer(value: &Value) -> Option<BigInt> {
    match value {
        Value::Bool(value) => Some(u8::from(*value).into()),
        Value::Int(number) => Some((*number).into()),
        Value::BigInt(number) => Some((**number).clone()),
        _ => None,
    }
}

fn float_of(number: &BigInt) -> Result<f64, Exception> {
    number
        .to_f64()
        .filter(|number| number.is_finite())
        .ok_or_else(|| Exception::new(Kind::Overflow, "int too large to convert to float"))
}

/// `float(value)` of a number.
pub(crate) fn as_float(value: &Value) -> Option<Result<f64, Exception>> {
    match value {
        Value::Float(number) => Some(Ok(*number)),
        other => Some(float_of(&integer(other)?)),
    }
}

/// `int(number)`
pub(crate) fn truncated(number: f64) -> Result<BigInt, Exception> {
    if number.is_nan() {
        return Err(Exception::new(
            Kind::Value,
            "cannot convert float NaN to integer",
        ));
    }
    BigInt::from_f64(number.trunc())
        .ok_or_else(|| Exception::new(Kind::Overflow, "cannot convert float infinity to integer"))
}

/// How two values compare as numbers, exactly; `None` if one is not a number at all or no number (NaN).
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        return Some(a.cmp(b));
    }
    match (Number::of(a)?, Number::of(b)?) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Float(b)) => compare_mixed(&a, b),
        (Number::Float(a), Number::Int(b)) => compare_mixed(&b, a).map(Ordering::reverse),
    }
}

fn compare_mixed(a: &BigInt, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    let Some(whole) = BigInt::from_f64(b.trunc()) else {
        return Some(if b > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    };
    Some(a.cmp(&whole).then_with(|| {
        let fraction = b - b.trunc();
        0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
    }))
}

/// The result of an operation on two numbers.
pub(crate) fn compute(operation: Arithmetic, a: Number, b: Number) -> Result<Value, Exception> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => integers(operation, &a, &b),
        (a, b) => floats(operation, a.into_float()?, b.into_float()?).map(Value::Float),
    }
}

fn integers(operation: Arithmetic, a: &BigInt, b: &BigInt) -> Result<Value, Exception> {
    let by_zero = |message| Exception::new(Kind::ZeroDivision, message);
    let number = match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply if a.bits() + b.bits() > BITS_MAX => {
            return Err(Exception::new(Kind::Memory, "an integer is too large"));
        }
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide if b.is_zero() => return Err(by_zero("division by zero")),
        Arithmetic::Divide => return quotient(a, b).map(Value::Float),
        Arithmetic::FloorDivide if b.is_zero() => {
            return Err(by_zero("integer division or modulo by zero"));
        }
        Arithmetic::Remainder if b.is_zero() => return Err(by_zero("integer modulo by zero")),
        Arithmetic::FloorDivide => a.div_floor(b),
        Arithmetic::Remainder => a.mod_floor(b),
    };
    Ok(Value::integer(number))
}

/// `a / b`, rounded once.
fn quotient(a: &BigInt, b: &BigInt) -> Result<f64, Exception> {
    const EXACT_BITS: u64 = 53;
    if a.bits() <= EXACT_BITS && b.bits() <= EXACT_BITS {
        return Ok(a.to_f64().unwrap_or(0.0) / b.to_f64().unwrap_or(f64::NAN));
    }
    let negative = a.is_negative() != b.is_negative();
    let (a, b) = (a.abs(), b.abs());
    // The quotient gets at least 64 bits, so that what is cut off only decides ties.
    let shift =
        i64::try_from(b.bits()).unwrap_or(i64::MAX) - i64::try_from(a.bits()).unwrap_or(0) + 65;
    let (a, b) = if shift >= 0 {
        (a << shift, b)
    } else {
        (a, b << -shift)
    };
    let (mut whole, rest) = a.div_rem(&b);
    if !rest.is_zero() {
        whole.set_bit(0, true);
    }
    let scale = i32::try_from(-shift).unwrap_or(if shift > 0 { i32::MIN } else { i32::MAX });
    let number = scaled(whole.to_f64().unwrap_or(f64::INFINITY), scale);
    if number.is_infinite() {
        return Err(Exception::new(
            Kind::Overflow,
            "integer division result too large for a float",
        ));
    }
    Ok(if negative { -number } else { number })
}

/// `number * 2 ** exponent`
fn scaled(mut number: f64, mut exponent: i32) -> f64 {
    const STEP: i32 = 512;
    while exponent > STEP && number.is_finite() {
        number *= 2.0_f64.powi(STEP);
        exponent -= STEP;
    }
    while exponent < -STEP && number != 0.0 {
        number *= 2.0_f64.powi(-STEP);
        exponent += STEP;
    }
    if exponent.abs() > STEP {
        return number;
    }
    number * 2.0_f64.powi(exponent)
}

fn floats(operation: Arithmetic, a: f64, b: f64) -> Result<f64, Exception> {
    let divisor = |message| {
        if b == 0.0 {
            Err(Exception::new(Kind::ZeroDivision, message))
        } else {
            Ok(b)
        }
    };
    Ok(match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / divisor("float division by zero")?,
        Arithmetic::FloorDivide => float_floor_divide(a, divisor("float floor division by zero")?),
        Arithmetic::Remainder => float_remainder(a, divisor("float modulo")?),
    })
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use num_bigint::BigInt;

    use super::{compare, quotient};
    use crate::value::Value;

    #[test]
    fn integers_and_floats_compare_exactly() {
        let large = 9_007_199_254_740_993_i64;
        let check = |a: Value, b: f64, expected: Option<Ordering>| {
            assert_eq!(compare(&a, &Value::Float(b)), expected, "{a:?} {b}");
            let reversed = expected.map(Ordering::reverse);
            assert_eq!(compare(&Value::Float(b), &a), reversed, "{b} {a:?}");
        };
        check(
            large.into(),
            9_007_199_254_740_992.0,
            Some(Ordering::Greater),
        );
        check(1.into(), 1.0, Some(Ordering::Equal));
        check(true.into(), 1.5, Some(Ordering::Less));
        check((-1).into(), -1.5, Some(Ordering::Greater));
        check(
            Value::integer(BigInt::from(10).pow(400)),
            f64::INFINITY,
            Some(Ordering::Less),
        );
        check(1.into(), f64::NAN, None);
    }

    #[test]
    fn quotients_of_large_integers_are_rounded_once() {
        let ten = |exponent: u32| BigInt::from(10).pow(exponent);
        assert_eq!(quotient(&ten(400), &ten(399)), Ok(10.0));
        assert_eq!(quotient(&-ten(30), &BigInt::from(3)), Ok(-1e30 / 3.0));
        assert_eq!(quotient(&BigInt::from(1), &ten(400)), Ok(0.0));
        assert!(quotient(&ten(400), &BigInt::from(1)).is_err());
    }
}
