//! Values as the configuration host and the database have them.

use buildbot_render::Value;
use serde_json::{Map, Value as Json, json};

use crate::change::Change;
use crate::output::NewSourceStamp;

/// A value in the format of the configuration host.
pub(crate) fn value(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// A dictionary in the format of the configuration host.
pub(crate) fn dict(pairs: Vec<(&str, Json)>) -> Json {
    json!({"$": "dict", "v": pairs})
}

/// A change as code sees it.
pub(crate) fn live_change(change: &Change) -> Json {
    let mut object = Map::new();
    object.insert("$".to_owned(), "change".into());
    object.insert("key".to_owned(), change.id.0.into());
    let files = &change.files;
    let properties: Vec<Json> = change
        .properties
        .iter()
        .map(|(name, (of, source))| json!([name, value(of), source]))
        .collect();
    for (name, value) in [
        ("changeid", change.id.0.into()),
        ("number", change.id.0.into()),
        ("author", change.author.as_str().into()),
        ("who", change.author.as_str().into()),
        ("committer", change.committer.clone().into()),
        ("files", json!(files)),
        ("comments", change.comments.as_str().into()),
        ("revision", change.revision.clone().into()),
        ("when_timestamp", change.when.into()),
        ("when", change.when.into()),
        ("branch", change.branch.clone().into()),
        ("category", change.category.clone().into()),
        ("revlink", change.revlink.clone().into()),
        (
            "properties",
            json!({"$": "properties", "key": change.id.0, "v": properties, "sourcestamps": [], "changes": []}),
        ),
        ("repository", change.repository.as_str().into()),
        ("project", change.project.as_str().into()),
        ("codebase", change.codebase.as_str().into()),
        ("sourcestampid", change.source_stamp.0.into()),
        (
            "parent_changeids",
            change.parents.iter().map(|id| id.0).collect(),
        ),
    ] {
        object.insert(name.to_owned(), value);
    }
    Json::Object(object)
}

/// A source stamp as a filter's function gets it.
pub(crate) fn filtered_stamp(stamp: &NewSourceStamp) -> Json {
    dict(vec![
        ("project", stamp.project.as_str().into()),
        ("codebase", stamp.codebase.as_str().into()),
        ("repository", stamp.repository.as_str().into()),
        ("branch", stamp.branch.clone().into()),
    ])
}

/// What was stored as JSON, as a value.
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

/// A value as it is stored; `None` if JSON has nothing like it. Keys become texts as Python's `json` makes them.
pub fn json_of_value(value: &Value) -> Option<Json> {
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::BigInt(number) => serde_json::from_str(&number.to_string()).ok()?,
        Value::Float(number) => serde_json::Number::from_f64(*number)?.into(),
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
        _ => return None,
    })
}

fn key_text(key: &Value) -> Option<String> {
    Some(match key {
        Value::Text(text) => text.clone(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => buildbot_model::python_text::repr_of_float(*number),
        _ => return None,
    })
}
