//! Values of a configuration as plain JSON, as the database keeps properties, and back.

use buildbot_render::Value;
use serde_json::{Map, Number, Value as Json};

/// A value as the database keeps it. `None` for what JSON cannot hold.
pub(crate) fn from_value(value: &Value) -> Option<Json> {
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::Number((*number).into()),
        Value::BigInt(number) => {
            let number: Number = serde_json::from_str(&number.to_string()).ok()?;
            Json::Number(number)
        }
        Value::Float(number) => Json::Number(Number::from_f64(*number)?),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) | Value::Tuple(items) => {
            Json::Array(items.iter().map(from_value).collect::<Option<_>>()?)
        }
        Value::Dict(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                map.insert(key_of(key)?, from_value(value)?);
            }
            Json::Object(map)
        }
        Value::Bytes(_)
        | Value::Set(_)
        | Value::FrozenSet(_)
        | Value::Regex(_)
        | Value::Interval(_)
        | Value::Path(_)
        | Value::Object(_)
        | Value::Callable(_)
        | Value::Opaque(_)
        | Value::Ref(_)
        | Value::Renderable(_) => return None,
    })
}

/// What Python's `json` makes of a key.
fn key_of(key: &Value) -> Option<String> {
    Some(match key {
        Value::Text(text) => text.clone(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Float(number) => Number::from_f64(*number)?.to_string(),
        _ => return None,
    })
}

/// What was kept, as a value.
pub(crate) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Int(integer),
            (None, Some(float)) => Value::Float(float),
            (None, None) => Value::None,
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(to_value).collect()),
        Json::Object(map) => {
            let pairs = map.iter();
            Value::Dict(
                pairs
                    .map(|(name, value)| (Value::Text(name.clone()), to_value(value)))
                    .collect(),
            )
        }
    }
}

/// The text that the database keeps: keys are sorted, so that equal values have equal texts.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    from_value(value).map(|json| sorted(json).to_string())
}

/// The value that the database keeps under this text; a text that is no JSON stands for itself.
pub(crate) fn value_of(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |json: Json| to_value(&json))
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        Json::Object(map) => {
            let mut pairs: Vec<(String, Json)> = map.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(
                pairs
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_database() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                text_of(&value_of(text)).as_deref(),
                Some(expected),
                "{text}"
            );
        };
        check(
            r#"{"b": [1, 2.5, null], "a": "ä"}"#,
            r#"{"a":"ä","b":[1,2.5,null]}"#,
        );
        check("true", "true");
        check("1.0", "1.0");
        assert_eq!(text_of(&Value::Bytes(vec![1])), None);
    }
}
