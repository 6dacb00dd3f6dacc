//! `str`, `repr` and `ascii` of values.

use buildbot_model::python_text::{repr_of_bytes, repr_of_float, repr_of_text};
use num_bigint::BigInt;

use crate::exception::{Exception, Kind};
use crate::value::{Objects, RenderableKind, Unknown, Value};

/// Python refuses to write integers of more digits.
const DIGITS_MAX: usize = 4300;

/// Fewer bits than this are certainly few enough digits.
const BITS_CERTAIN: u64 = 14_000;

/// `str(value)`; of what is not data, as much as is known.
pub(crate) fn str(value: &Value) -> Result<String, Exception> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => repr(other),
    }
}

/// `repr(value)`; of what is not data, as much as is known.
pub(crate) fn repr(value: &Value) -> Result<String, Exception> {
    check_integers(value)?;
    Ok(repr_with(value, &Unknown))
}

/// `ascii(value)`
pub(crate) fn ascii(value: &Value) -> Result<String, Exception> {
    let mut text = String::new();
    for character in repr(value)?.chars() {
        let code = u32::from(character);
        match code {
            0..0x80 => text.push(character),
            0x80..0x100 => text.push_str(&format!("\\x{code:02x}")),
            0x100..0x1_0000 => text.push_str(&format!("\\u{code:04x}")),
            _ => text.push_str(&format!("\\U{code:08x}")),
        }
    }
    Ok(text)
}

/// The decimal digits of an integer.
pub(crate) fn decimal(number: &BigInt) -> Result<String, Exception> {
    let too_long = || {
        Exception::new(
            Kind::Value,
            format!("Exceeds the limit ({DIGITS_MAX} digits) for integer string conversion"),
        )
    };
    if number.bits() <= BITS_CERTAIN {
        return Ok(number.to_string());
    }
    // One digit is more than three bits: what is far too long is not converted at all.
    if number.bits() > 4 * DIGITS_MAX as u64 {
        return Err(too_long());
    }
    let text = number.to_string();
    if text.trim_start_matches('-').len() > DIGITS_MAX {
        return Err(too_long());
    }
    Ok(text)
}

fn check_integers(value: &Value) -> Result<(), Exception> {
    match value {
        Value::BigInt(number) => decimal(number).map(|_| ()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.iter().try_for_each(check_integers)
        }
        Value::Dict(pairs) => pairs.iter().try_for_each(|(key, value)| {
            check_integers(key)?;
            check_integers(value)
        }),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Regex(_)
        | Value::Interval(_)
        | Value::Path(_)
        | Value::Object(_)
        | Value::Callable(_)
        | Value::Opaque(_)
        | Value::Ref(_)
        | Value::Renderable(_) => Ok(()),
    }
}

/// `repr(value)` with what `objects` tells of the objects in it.
pub(crate) fn repr_with(value: &Value, objects: &dyn Objects) -> String {
    let joined = |items: &[Value]| {
        let items: Vec<String> = items.iter().map(|item| repr_with(item, objects)).collect();
        items.join(", ")
    };
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Float(number) => repr_of_float(*number),
        Value::Text(text) => repr_of_text(text),
        Value::Bytes(bytes) => repr_of_bytes(bytes),
        Value::List(items) => format!("[{}]", joined(items)),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
        Value::Tuple(items) => format!("({})", joined(items)),
        Value::Set(items) if items.is_empty() => "set()".to_owned(),
        Value::Set(items) => format!("{{{}}}", joined(items)),
        Value::FrozenSet(items) if items.is_empty() => "frozenset()".to_owned(),
        Value::FrozenSet(items) => format!("frozenset({{{}}})", joined(items)),
        Value::Dict(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", repr_with(key, objects), repr_with(value, objects))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Regex(regex) => format!("re.compile({})", repr_with(&regex.pattern, objects)),
        Value::Interval(seconds) => format!("datetime.timedelta(seconds={seconds})"),
        Value::Path(path) => format!("PosixPath({})", repr_of_text(path)),
        Value::Object(id) => objects.class(*id).map_or_else(
            || "<unknown object>".to_owned(),
            |class| format!("<{class} object>"),
        ),
        Value::Callable(callable) => format!("<function {}>", callable.name),
        Value::Opaque(opaque) => opaque.repr.clone(),
        Value::Ref(name) => name.clone(),
        Value::Renderable(renderable) => renderable_repr(&renderable.kind, objects),
    }
}

/// How a renderable is shown in a message: short, and unlike the reference without addresses.
fn renderable_repr(kind: &RenderableKind, objects: &dyn Objects) -> String {
    let show = |value: &Value| repr_with(value, objects);
    let call = |name: &str, first: &Value, args: &[Value], kwargs: &[(String, Value)]| {
        let mut parts = vec![show(first)];
        parts.extend(args.iter().map(show));
        parts.extend(
            kwargs
                .iter()
                .map(|(name, value)| format!("{name}={}", show(value))),
        );
        format!("{name}({})", parts.join(", "))
    };
    match kind {
        RenderableKind::Property { key, .. } => match key {
            Value::Text(key) => format!("Property({key})"),
            other => format!("Property({})", show(other)),
        },
        RenderableKind::Interpolate(format) => {
            call("Interpolate", &format.format, &format.args, &format.kwargs)
        }
        RenderableKind::WithProperties(format) => call(
            "WithProperties",
            &format.format,
            &format.args,
            &format.kwargs,
        ),
        RenderableKind::FlattenList { list, .. } => call("FlattenList", list, &[], &[]),
        RenderableKind::Secret { name } => call("Secret", name, &[], &[]),
        RenderableKind::Transform {
            function,
            args,
            kwargs,
        } => call("Transform", function, args, kwargs),
        RenderableKind::Function { name, .. } => format!("renderer({name})"),
        RenderableKind::Operation {
            operator,
            left,
            right,
        } => format!("{} {operator} {}", show(left), show(right)),
        RenderableKind::Custom(opaque) => opaque.repr.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ascii, repr, str};
    use crate::value::Value;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let check = |value: Value, expected: &str| {
            assert_eq!(repr(&value).expect(expected), expected);
        };
        check(Value::None, "None");
        check("it's\u{a0}é\u{200b}".into(), "\"it's\\xa0é\\u200b\"");
        check(Value::Tuple(vec![1.into()]), "(1,)");
        check(Value::Float(-0.0), "-0.0");
        check(Value::Float(1e16), "1e+16");
        check(
            Value::Dict(vec![("k".into(), Value::List(vec![true.into()]))]),
            "{'k': [True]}",
        );
        check(Value::Bytes(b"a\xff".to_vec()), "b'a\\xff'");
        check(Value::FrozenSet(Vec::new()), "frozenset()");
    }

    #[test]
    fn text_is_itself_and_ascii_escapes() {
        assert_eq!(str(&"é'".into()).expect("a text"), "é'");
        assert_eq!(ascii(&"é😀".into()).expect("a text"), "'\\xe9\\U0001f600'");
    }

    #[test]
    fn integers_with_too_many_digits_are_refused() {
        let number = |exponent: u32| {
            let number = num_bigint::BigInt::from(10).pow(exponent);
            repr(&Value::integer(number)).is_ok()
        };
        assert!(number(4299));
        assert!(!number(4300));
        assert!(!number(100_000));
    }
}
