//! Values of arguments, as steps look at them.

use buildbot_model::Results;
use buildbot_render::{ObjectId, Objects, Value};

/// Values are shown without the classes of objects.
pub(crate) struct NoObjects;

impl Objects for NoObjects {
    fn class(&self, _id: ObjectId) -> Option<&str> {
        None
    }

    fn is_callable(&self, _id: ObjectId) -> bool {
        false
    }
}

/// Python's `repr`.
pub(crate) fn repr(value: &Value) -> String {
    value.repr(&NoObjects)
}

/// Python's `str`.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Path(text) => text.clone(),
        other => repr(other),
    }
}

/// The elements of lists and tuples, however deep; another value is its only element.
pub(crate) fn flatten(value: &Value) -> Vec<Value> {
    fn add(value: &Value, flat: &mut Vec<Value>) {
        match value {
            Value::List(items) | Value::Tuple(items) => {
                for item in items {
                    add(item, flat);
                }
            }
            other => flat.push(other.clone()),
        }
    }
    let mut flat = Vec::new();
    add(value, &mut flat);
    flat
}

/// A list of the elements of lists and tuples, however deep; a text stays one.
pub(crate) fn flat_command(value: &Value) -> Value {
    match value {
        Value::List(_) | Value::Tuple(_) => Value::List(flatten(value)),
        other => other.clone(),
    }
}

/// The result with this code.
pub(crate) fn results(value: &Value) -> Option<Results> {
    match value {
        Value::Int(code) => Results::from_code(*code),
        Value::Bool(code) => Results::from_code(i64::from(*code)),
        _ => None,
    }
}

/// The pairs of a dictionary; nothing for anything else.
pub(crate) fn pairs(value: &Value) -> &[(Value, Value)] {
    value.as_dict().unwrap_or_default()
}

/// `str.strip()`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
    })
}
