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
