//! Python's `json.dumps`.

use buildbot_model::python_text::repr_of_float;
use buildbot_render::Value;

use crate::error::StepError;
use crate::step::type_error;

/// A value as JSON, as Python writes it: with spaces, and only ASCII.
pub(crate) fn dumps(value: &Value) -> Result<String, StepError> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<(), StepError> {
    match value {
        Value::None => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Int(number) => text.push_str(&number.to_string()),
        Value::BigInt(number) => text.push_str(&number.to_string()),
        Value::Float(number) if number.is_nan() => text.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            text.push_str(if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            });
        }
        Value::Float(number) => text.push_str(&repr_of_float(*number)),
        Value::Text(string) => quote(string, text),
        Value::List(items) | Value::Tuple(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    text.push_str(", ");
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Dict(pairs) => {
            text.push('{');
            for (number, (key, item)) in pairs.iter().enumerate() {
                if number > 0 {
                    text.push_str(", ");
                }
                match key {
                    Value::Text(key) => quote(key, text),
                    Value::None
                    | Value::Bool(_)
                    | Value::Int(_)
                    | Value::BigInt(_)
                    | Value::Float(_) => {
                        text.push('"');
                        write(key, text)?;
                        text.push('"');
                    }
                    other => {
                        return Err(type_error(format!(
                            "keys must be str, int, float, bool or None, not {}",
                            other.type_name()
                        )));
                    }
                }
                text.push_str(": ");
                write(item, text)?;
            }
            text.push('}');
        }
        other => {
            return Err(type_error(format!(
                "Object of type {} is not JSON serializable",
                other.type_name()
            )));
        }
    }
    Ok(())
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            ' '..='~' => text.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text.push('"');
}
