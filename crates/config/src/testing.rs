//! Short forms for the tests of this crate.

use serde_json::{Map, Value as Json, json};

use crate::Problems;
use crate::check::Sources;
use crate::description::Description;
use crate::master::{self, MasterConfig};
use crate::problem::Problem;

/// An object; each place where the text stands is another one.
pub(crate) fn object(class: &str, arguments: &str) -> String {
    format!(r#"{{"$": "new", "c": "{class}", "a": {{{arguments}}}}}"#)
}

/// A list with one builder, with a factory.
pub(crate) fn builder_config(arguments: &str) -> String {
    let arguments = format!(r#"{arguments}, "factory": {{"$": "o", "n": 0}}"#);
    format!(
        "[{}]",
        object("buildbot.config.builder.BuilderConfig", &arguments)
    )
}

/// The description of `config`, in which object 0 is an empty factory.
pub(crate) fn description(config: &str) -> Description {
    let mut objects =
        vec![json!({"c": "buildbot.process.factory.BuildFactory", "a": {"steps": []}})];
    let config: Json = serde_json::from_str(config).expect(config);
    let config = place_objects(config, &mut objects);
    let json = json!({"version": 1, "config": config, "objects": objects});
    Description::from_json(json.to_string().as_bytes()).expect("a description")
}

fn place_objects(json: Json, objects: &mut Vec<Json>) -> Json {
    match json {
        Json::Array(items) => items
            .into_iter()
            .map(|item| place_objects(item, objects))
            .collect(),
        Json::Object(pairs) => {
            let is_new = pairs.get("$") == Some(&json!("new"));
            let pairs: Map<String, Json> = pairs
                .into_iter()
                .map(|(key, value)| (key, place_objects(value, objects)))
                .collect();
            if is_new {
                objects.push(json!({"c": pairs["c"], "a": pairs["a"]}));
                json!({"$": "o", "n": objects.len() - 1})
            } else {
                Json::Object(pairs)
            }
        }
        other => other,
    }
}

/// What was read from `config`.
pub(crate) fn config(config: &str) -> MasterConfig {
    master::read(&description(config), Sources::NONE).config
}

fn problems(config: &str) -> Problems {
    master::read(&description(config), Sources::NONE).problems
}

pub(crate) fn errors(config: &str) -> Vec<Problem> {
    problems(config).errors
}

pub(crate) fn warnings(config: &str) -> Vec<Problem> {
    problems(config).warnings
}

pub(crate) fn refused(config: &str) -> Vec<Problem> {
    problems(config).refused_at_start
}

fn rest() -> String {
    let worker = object(
        "buildbot.worker.base.Worker",
        r#""name": "w1", "password": "x""#,
    );
    format!(
        r#""workers": [{worker}], "protocols": {{"$": "dict", "v": [["null", {{"$": "dict", "v": []}}]]}}"#
    )
}

/// The errors of a configuration with a worker `w1`, a scheduler for `b1`, and these builders.
pub(crate) fn errors_of_builders(builders: &str) -> Vec<String> {
    let config = format!(
        r#"{{"multiMaster": true, {}, "builders": {builders}}}"#,
        rest()
    );
    errors(&config).into_iter().map(|p| p.message).collect()
}

/// The errors of a configuration with a worker `w1`, a builder `b1`, and these schedulers.
pub(crate) fn errors_of_schedulers(schedulers: &str) -> Vec<String> {
    let builders = builder_config(r#""name": "b1", "workernames": ["w1"]"#);
    let config = format!(
        r#"{{{}, "builders": {builders}, "schedulers": {schedulers}}}"#,
        rest()
    );
    errors(&config).into_iter().map(|p| p.message).collect()
}
