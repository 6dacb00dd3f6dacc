//! Values as plain JSON, as the database and clients have them: not the form of the configuration host, which keeps
//! what JSON has no word for.

use serde_json::{Number, Value as Json};

use crate::Value;

/// What stands as plain JSON, as a value.
pub fn value_of_json(json: &Json) -> Value {
    match json {
        Json::Object(map) => Value::Dict(
            map.iter()
                .map(|(key, value)| (Value::from(key.as_str()), value_of_json(value)))
                .collect(),
        ),
        Json::Array(items) => Value::List(items.iter().map(value_of_json).collect()),
        plain => serde_json::from_value(plain.clone()).unwrap_or_default(),
    }
}

/// A value as plain JSON; `None` if JSON has nothing like it. Keys become texts as Python's `json` makes them.
pub fn json_of_value(value: &Value) -> Option<Json> {
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::BigInt(number) => serde_json::from_str(&number.to_string()).ok()?,
        Value::Float(number) => Number::from_f64(*number)?.into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) | Value::Tuple(items) => {
            Json::Array(items.iter().map(json_of_value).collect::<Option<_>>()?)
        }
        Value::Dict(pairs) => Json::Object(
            pairs
                .iter()
                .map(|(key, value)| Some((key_text(key)?, json_of_value(value)?)))
                .collect::<Option<_>>()?,
        ),
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

fn key_text(key: &Value) -> Option<String> {
    Some(match key {
        Value::Text(text) => text.clone(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Float(number) => buildbot_model::python_text::repr_of_float(*number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{json_of_value, value_of_json};
    use crate::Value;
    use serde_json::json;

    #[test]
    fn what_json_has_comes_back() {
        for json in [
            json!({"b": [1, 2.5, null, true], "a": {"c": "ä"}}),
            json!(1.0),
            json!(u64::MAX),
        ] {
            assert_eq!(json_of_value(&value_of_json(&json)), Some(json));
        }
    }

    #[test]
    fn keys_become_texts_and_what_json_lacks_is_nothing() {
        let keys = vec![
            (Value::Float(1.0), 1.into()),
            (Value::None, 2.into()),
            (true.into(), 3.into()),
        ];
        let expected = json!({"1.0": 1, "null": 2, "true": 3});
        assert_eq!(json_of_value(&Value::Dict(keys)), Some(expected));
        assert_eq!(
            json_of_value(&Value::List(vec![Value::Bytes(vec![1])])),
            None
        );
    }
}
