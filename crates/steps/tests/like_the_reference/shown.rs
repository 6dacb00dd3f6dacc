//! What is kept of a step, and values as both sides show them.

use std::collections::BTreeMap;

use buildbot_render::{ObjectId, Value};
use buildbot_steps::{Channel, LogKind};
use serde_json::{Value as Json, json};

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) kind: LogKind,
    pub(crate) text: String,
    pub(crate) partial: BTreeMap<Channel, String>,
    pub(crate) finished: bool,
}

fn letter(channel: Channel) -> char {
    match channel {
        Channel::Stdout => 'o',
        Channel::Stderr => 'e',
        Channel::Header => 'h',
    }
}

impl Log {
    /// What is stored of it.
    pub(crate) fn append(&mut self, channel: Channel, text: &str) {
        let partial = self.partial.entry(channel).or_default();
        partial.push_str(text);
        let Some(end) = partial.rfind('\n') else {
            return;
        };
        let lines: String = partial.drain(..=end).collect();
        self.store(channel, &lines);
    }

    fn store(&mut self, channel: Channel, lines: &str) {
        for line in lines.strip_suffix('\n').unwrap_or(lines).split('\n') {
            if self.kind == LogKind::Stream {
                self.text.push(letter(channel));
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    pub(crate) fn finish(&mut self) {
        for (channel, text) in std::mem::take(&mut self.partial) {
            if !text.is_empty() {
                self.store(channel, &text);
            }
        }
        self.finished = true;
    }
}

pub(crate) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn texts(value: &Json) -> Vec<(String, String)> {
    let map = value.as_object();
    map.into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// A value as the outcome of the reference shows it.
pub(crate) fn plain(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) | Value::Interval(value) => json!(value),
        Value::Text(text) | Value::Path(text) => text.as_str().into(),
        Value::Bytes(bytes) => {
            json!({"bytes": bytes.iter().map(|byte| char::from(*byte)).collect::<String>()})
        }
        Value::List(items) | Value::Tuple(items) => items.iter().map(plain).collect(),
        Value::Dict(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| {
                let key = match key {
                    Value::Text(text) => text.clone(),
                    other => other.repr(&Unknown),
                };
                (key, plain(value))
            });
            Json::Object(pairs.collect())
        }
        other => other.repr(&Unknown).into(),
    }
}

struct Unknown;

impl buildbot_render::Objects for Unknown {
    fn class(&self, _id: ObjectId) -> Option<&str> {
        None
    }

    fn is_callable(&self, _id: ObjectId) -> bool {
        false
    }
}

/// JSON of a case as a value.
pub(crate) fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::List(items.iter().map(value_of).collect()),
        Json::Object(map) => Value::Dict(
            map.iter()
                .map(|(key, value)| (key.as_str().into(), value_of(value)))
                .collect(),
        ),
    }
}

/// What the reference gives the step of a source stamp.
pub(crate) fn source(json: &Json) -> buildbot_steps::SourceFacts {
    let maybe = |key: &str| json[key].as_str().map(str::to_owned);
    let patch = json.get("patch").filter(|patch| !patch.is_null());
    buildbot_steps::SourceFacts {
        id: json["ssid"].as_i64().unwrap_or_default(),
        codebase: text(&json["codebase"]),
        repository: text(&json["repository"]),
        project: text(&json["project"]),
        branch: maybe("branch"),
        revision: maybe("revision"),
        patch: patch.map(|patch| buildbot_steps::PatchFacts {
            level: patch["level"].as_i64().unwrap_or_default(),
            body: text(&patch["body"]).into_bytes(),
            subdir: text(&patch["subdir"]),
            author: text(&patch["author"]),
            comment: text(&patch["comment"]),
        }),
        changes: json["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|change| buildbot_steps::ChangeFacts {
                author: text(&change["author"]),
                comments: text(&change["comments"]),
                files: change["files"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(text)
                    .collect(),
                ..buildbot_steps::ChangeFacts::default()
            })
            .collect(),
    }
}
