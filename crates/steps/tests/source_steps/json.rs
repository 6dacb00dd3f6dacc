//! Plain JSON and values.

use buildbot_config::Value;
use serde_json::json;

/// The value that JSON stands for.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap()),
        },
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(value).collect()),
        serde_json::Value::Object(pairs) => Value::Dict(
            pairs
                .iter()
                .map(|(key, item)| (Value::Text(key.clone()), value(item)))
                .collect(),
        ),
    }
}

/// A value as JSON: tuples are lists.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::None => serde_json::Value::Null,
        Value::Bool(value) => json!(value),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::List(items) | Value::Tuple(items) => items.iter().map(json).collect(),
        Value::Dict(pairs) => pairs
            .iter()
            .map(|(key, item)| (key.as_text().unwrap().to_owned(), json(item)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => panic!("{other:?} is no JSON"),
    }
}
