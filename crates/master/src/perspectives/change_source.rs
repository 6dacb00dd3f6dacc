//! `PBChangeSource`: clients such as `buildbot sendchange` and hooks of repositories add changes.
//!
//! Buildbot: manual, "PBChangeSource".

use std::sync::Arc;

use buildbot_config::Value;
use buildbot_gateway::{
    Argument, Failure, Later, Referenceable, RemoteCall, Sent, Value as WireValue,
};
use buildbot_schedulers::NewChange;

use super::refusal::{no_such_perspective, runtime_error};
use crate::changes;
use crate::shell::Shell;
use crate::wire_value::from_wire;

/// What a client of the source gets.
pub(super) struct ChangeSource {
    pub(super) shell: Arc<Shell>,
    /// Files that do not begin so are left out, and those that do lose it.
    pub(super) prefix: Option<String>,
}

impl Referenceable for ChangeSource {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            if call.method != "addChange" {
                return Err(no_such_perspective("ChangePerspective", &call.method));
            }
            let change = match call.args.as_slice() {
                [Argument::Value(change @ WireValue::Dict(_))] => change,
                _ => return Err(Failure::type_error("addChange takes one dictionary")),
            };
            let change = read(change, self.prefix.as_deref()).map_err(Failure::type_error)?;
            tracing::info!(
                "a change of {} arrives",
                change.author.as_deref().unwrap_or("nobody")
            );
            let added = changes::add(&self.shell, change).await;
            added.map_err(|error| {
                tracing::error!("a change of a client is not added: {error}");
                runtime_error(&error)
            })?;
            Ok(WireValue::None.into())
        })
    }
}

/// The change of a dictionary; the error is a text for the client.
fn read(given: &WireValue, prefix: Option<&str>) -> Result<NewChange, String> {
    let mut change = NewChange {
        revlink: Some(String::new()),
        repository: Some(String::new()),
        project: Some(String::new()),
        files: Some(Vec::new()),
        ..NewChange::default()
    };
    for (key, value) in given.as_dict().unwrap_or_default() {
        let name = key.as_text().ok_or("the name of an argument is no text")?;
        match name {
            "author" | "who" => change.author = text(name, value)?,
            "committer" => change.committer = text(name, value)?.filter(|text| !text.is_empty()),
            "comments" => change.comments = text(name, value)?,
            "revision" => change.revision = text(name, value)?,
            "branch" => change.branch = text(name, value)?,
            "category" => {
                change.category = text(name, value)?.map_or(Value::None, Value::Text);
            }
            "codebase" => change.codebase = text(name, value)?,
            "src" => change.source = text(name, value)?,
            "revlink" => change.revlink = Some(text(name, value)?.unwrap_or_default()),
            "repository" => change.repository = Some(text(name, value)?.unwrap_or_default()),
            "project" => change.project = Some(text(name, value)?.unwrap_or_default()),
            "when" | "when_timestamp" => change.when = when(name, value)?,
            "files" => change.files = Some(files(value, prefix)?),
            "properties" => change.properties = properties(value)?,
            // Old clients send it.
            "links" => {}
            unknown => {
                return Err(format!(
                    "addChange() got an unexpected keyword argument '{unknown}'"
                ));
            }
        }
    }
    Ok(change)
}

fn text(name: &str, value: &WireValue) -> Result<Option<String>, String> {
    match value {
        WireValue::None => Ok(None),
        WireValue::Text(text) => Ok(Some(text.clone())),
        WireValue::Bytes(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        // Revisions of some systems are numbers.
        WireValue::Int(number) => Ok(Some(number.to_string())),
        _ => Err(format!("{name} is no text")),
    }
}

fn when(name: &str, value: &WireValue) -> Result<Option<i64>, String> {
    match value {
        WireValue::None => Ok(None),
        value => match value.as_float() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "fractions do not count, and no change is as old or new as the bounds"
            )]
            Some(seconds) => Ok(Some(seconds as i64)),
            None => Err(format!("{name} is no number")),
        },
    }
}

fn files(value: &WireValue, prefix: Option<&str>) -> Result<Vec<String>, String> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    let items = value.as_sequence().ok_or("files is no list")?;
    let mut found = Vec::new();
    for item in items {
        let file = text("a file", item)?.ok_or("a file has no name")?;
        match prefix {
            None => found.push(file),
            Some(prefix) => found.extend(file.strip_prefix(prefix).map(str::to_owned)),
        }
    }
    Ok(found)
}

fn properties(value: &WireValue) -> Result<Vec<(String, Value)>, String> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    let pairs = value.as_dict().ok_or("properties is no dictionary")?;
    let pair = |(name, value): &(WireValue, WireValue)| {
        let name = text("the name of a property", name)?.ok_or("a property has no name")?;
        Ok((name, texts(from_wire(value))))
    };
    pairs.iter().map(pair).collect()
}

/// Byte strings are texts here.
fn texts(value: Value) -> Value {
    match value {
        Value::Bytes(bytes) => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(pairs: &[(&str, WireValue)]) -> WireValue {
        let pairs = pairs.iter();
        WireValue::Dict(
            pairs
                .map(|(key, value)| (WireValue::from(*key), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn what_clients_of_all_ages_send_becomes_a_change() {
        let files = WireValue::List(vec!["trunk/a".into(), WireValue::Bytes(b"b".to_vec())]);
        let given = dict(&[
            ("who", WireValue::Bytes(b"me".to_vec())),
            ("when", WireValue::Float(12.9)),
            ("files", files),
            ("links", WireValue::None),
            ("revlink", WireValue::None),
            ("properties", dict(&[("p", "1".into())])),
        ]);
        let change = read(&given, Some("trunk/")).unwrap();
        assert_eq!(change.author.as_deref(), Some("me"));
        assert_eq!(change.when, Some(12));
        assert_eq!(change.files, Some(vec!["a".to_owned()]));
        assert_eq!(change.revlink.as_deref(), Some(""));
        assert_eq!(
            change.properties,
            [("p".to_owned(), Value::Text("1".to_owned()))]
        );
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let error = read(&dict(&[("isdir", WireValue::Int(0))]), None).unwrap_err();
        assert!(
            error.ends_with("unexpected keyword argument 'isdir'"),
            "{error}"
        );
    }
}
