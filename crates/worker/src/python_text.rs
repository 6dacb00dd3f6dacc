//! The text forms that Python gives to values, where masters and people see them.

use buildbot_wire::Value;

use buildbot_model::python_text::repr_of_float;
pub(crate) use buildbot_model::python_text::{repr_of_bytes, repr_of_text};

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
