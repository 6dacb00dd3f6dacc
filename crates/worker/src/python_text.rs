//! The text forms that Python gives to values, where masters and people see them.

use std::fmt::Write;

use buildbot_wire::Value;

/// Python's `str(value)`.
pub(crate) fn str_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => repr_of(other),
    }
}

/// Python's `repr(value)`.
pub(crate) fn repr_of(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => repr_of_float(*number),
        Value::Bytes(bytes) => repr_of_bytes(bytes),
        Value::Text(text) => repr_of_text(text),
        Value::List(items) => format!("[{}]", joined(items)),
        Value::Tuple(items) => match items.as_slice() {
            [only] => format!("({},)", repr_of(only)),
            _ => format!("({})", joined(items)),
        },
        Value::Dict(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", repr_of(key), repr_of(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Remote(id) | Value::Local(id) => format!("<reference {id}>"),
        Value::Copied { class, .. } => format!("<{class} object>"),
    }
}

fn joined(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(repr_of).collect();
    items.join(", ")
}

/// Python's `repr` of a `float`: the shortest digits, an exponent outside of 1e-4 … 1e16.
fn repr_of_float(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let text = number.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// Python's `repr` of a `bytes`.
pub(crate) fn repr_of_bytes(bytes: &[u8]) -> String {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut text = format!("b{quote}");
    for byte in bytes {
        match char::from(*byte) {
            character @ (' '..='~') => push_printable(&mut text, character, quote),
            character => push_escaped(&mut text, character),
        }
    }
    text.push(quote);
    text
}

/// Python's `repr` of a `str`; characters beyond Latin-1 count as printable.
pub(crate) fn repr_of_text(value: &str) -> String {
    let quote = quote_for(value.contains('\''), value.contains('"'));
    let mut text = String::from(quote);
    for character in value.chars() {
        if character.is_control() {
            push_escaped(&mut text, character);
        } else {
            push_printable(&mut text, character, quote);
        }
    }
    text.push(quote);
    text
}

fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn push_printable(text: &mut String, character: char, quote: char) {
    if character == quote || character == '\\' {
        text.push('\\');
    }
    text.push(character);
}

fn push_escaped(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{:02x}", u32::from(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, repr: &str) {
        assert_eq!(repr_of(&value), repr);
    }

    #[test]
    fn values_look_as_in_python() {
        check(Value::None, "None");
        check(true.into(), "True");
        check((-3).into(), "-3");
        check(1.0.into(), "1.0");
        check(0.1.into(), "0.1");
        check(1e16.into(), "1e+16");
        check(1.5e-7.into(), "1.5e-07");
        check(0.0001.into(), "0.0001");
        check(0.00001.into(), "1e-05");
        check("it's".into(), "\"it's\"");
        check("it's \"x\"".into(), "'it\\'s \"x\"'");
        check("tab\there\u{1b}".into(), "'tab\\there\\x1b'");
        check("héllo".into(), "'héllo'");
        check(Value::Bytes(b"a\\\n\xff".to_vec()), "b'a\\\\\\n\\xff'");
        check(Value::Tuple(vec![1.into()]), "(1,)");
        check(Value::List(vec![1.into(), "a".into()]), "[1, 'a']");
        check(Value::Dict(vec![("k".into(), Value::None)]), "{'k': None}");
    }

    #[test]
    fn text_is_its_own_text_form() {
        assert_eq!(str_of(&"x".into()), "x");
        assert_eq!(str_of(&Value::Bytes(b"x".to_vec())), "b'x'");
    }
}
