//! No description whatever does harm: the process that sends it executes users' code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use buildbot_config::diff::{Side, diff};
use buildbot_config::{Description, Sources, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A description with something of everything.
fn description() -> Value {
    serde_json::from_str(include_str!("description.json")).unwrap()
}

/// The number of values in a tree of JSON.
fn count(json: &Value) -> usize {
    1 + match json {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(pairs) => pairs.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the value with the number `at`, counted from the root.
fn replace(json: &mut Value, at: &mut usize, by: &Value) {
    if *at == 0 {
        *json = by.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, by)),
        Value::Object(pairs) => pairs.values_mut().for_each(|value| replace(value, at, by)),
        _ => {}
    }
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!("")),
        Just(json!("x")),
        Just(json!([])),
        Just(json!([[]])),
        Just(json!({"$": "dict", "v": [[1, 2]]})),
        Just(json!({"$": "set", "v": [1]})),
        Just(json!({"$": "Property", "key": "x"})),
        Just(json!({"$": "opaque", "h": 1, "type": "a.B", "repr": "<a.B at 0x12>"})),
        (0u32..14).prop_map(|number| json!({"$": "o", "n": number})),
    ]
}

/// Everything that is done with a description.
fn use_all(text: &str) {
    let Ok(description) = Description::from_json(text.as_bytes()) else {
        return;
    };
    let sources = Sources {
        file: "m.cfg",
        text_of: &|_| Some("c['title'] = 'x'".to_owned()),
    };
    let outcome = read(&description, sources);
    for problem in outcome.problems.all() {
        assert!(!problem.shown("/srv").is_empty());
    }
    let side = Side {
        description: &description,
        config: &outcome.config,
    };
    let _ = diff(side, side).to_string();
}

#[test]
fn the_description_itself_has_no_errors_but_its_own() {
    let description = Description::from_json(description().to_string().as_bytes()).unwrap();
    let found = read(&description, Sources::NONE).problems.errors;
    let texts: Vec<&str> = found
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "e",
            "builder 'y': has no factory",
            "builder 'y': at least one workername is required",
            "builder(s) y have no schedulers to drive them",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_description_with_a_wrong_value_anywhere_does_no_harm(at in 0usize..400, by in values()) {
        let mut json = description();
        let mut at = at % count(&json);
        replace(&mut json, &mut at, &by);
        use_all(&json.to_string());
    }

    #[test]
    fn text_that_is_no_description_does_no_harm(text in ".{0,200}") {
        use_all(&text);
    }
}

#[test]
fn deep_and_circular_values_do_no_harm() {
    use_all(&format!(
        r#"{{"version": 1, "config": {{"title": {}1{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    ));
    use_all(
        r#"{"version": 1, "config": {"workers": [{"$": "o", "n": 0}], "builders": [{"$": "o", "n": 0}], "manhole": {"$": "o", "n": 0}},
            "objects": [{"c": "buildbot.worker.base.Worker", "a": {"name": {"$": "o", "n": 0}, "locks": [{"$": "o", "n": 0}], "factory": {"$": "o", "n": 0}}}]}"#,
    );
}
