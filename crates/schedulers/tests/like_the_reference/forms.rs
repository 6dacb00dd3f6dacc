//! What forms show, and what becomes of what is entered.

use std::collections::BTreeMap;

use buildbot_model::{BuilderId, Timestamp};
use buildbot_render::json_of_value;
use buildbot_schedulers::{Input, Output, Reply, RequestId, Submission, Wanted, WantedStamp};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::{assert_nothing_wrong, described, made, schedulers_of};

#[derive(Deserialize)]
struct Form {
    name: String,
    label: String,
    button: String,
    fields: Json,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    parameters: Map<String, Json>,
    outcome: Map<String, Json>,
}

/// The forms' first description holds the name of the second builder at 12.
fn builder(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Name(name) => name.clone(),
        Wanted::Id(BuilderId(id)) => format!("b{}", id - 10),
    }
}

/// What is no text in a source stamp is kept as one by our side.
fn as_text(value: &Json) -> Json {
    match value {
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string().into(),
        other => other.clone(),
    }
}

fn expected_stamp(stamp: &Json) -> Json {
    let text = |name: &str, default: Json| stamp.get(name).map_or(default, as_text);
    let body = stamp["patch_body"].as_str().unwrap_or_default();
    json!({
        "codebase": stamp["codebase"],
        "branch": text("branch", Json::Null),
        "revision": text("revision", Json::Null),
        "repository": text("repository", "".into()),
        "project": text("project", "".into()),
        "patch": (!body.is_empty()).then(|| json!([
            body,
            stamp["patch_level"],
            as_text(&stamp["patch_author"]),
            as_text(&stamp["patch_comment"]),
            as_text(&stamp["patch_subdir"])
        ])),
    })
}

fn got_stamp(stamp: &WantedStamp) -> Json {
    let WantedStamp::New(stamp) = stamp else {
        return Json::Null;
    };
    json!({
        "codebase": stamp.codebase,
        "branch": stamp.branch,
        "revision": stamp.revision,
        "repository": stamp.repository,
        "project": stamp.project,
        "patch": stamp.patch.as_ref().map(|patch| json!([
            String::from_utf8_lossy(&patch.body), patch.level, patch.author, patch.comment, patch.subdir
        ])),
    })
}

fn sorted(mut stamps: Vec<Json>) -> Vec<Json> {
    stamps.sort_by_key(|stamp| stamp["codebase"].to_string());
    stamps
}

fn expected(outcome: &Map<String, Json>) -> Json {
    let Some(made) = outcome.get("made") else {
        return match outcome.get("errors") {
            Some(errors) => json!({"errors": errors}),
            None => json!("failed"),
        };
    };
    let stamps = made["sourcestamps"].as_array().expect("a list").iter();
    let mut builders: Vec<&str> = made["builderNames"]
        .as_array()
        .expect("names")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    builders.sort_unstable();
    json!({
        "reason": made["reason"],
        "priority": made["priority"],
        "properties": made["properties"],
        "builders": builders,
        "stamps": sorted(stamps.map(expected_stamp).collect()),
    })
}

fn got(submission: &Submission) -> Json {
    let properties: BTreeMap<&str, Json> = submission
        .properties
        .iter()
        .filter(|(name, ..)| name != "scheduler")
        .map(|(name, value, source)| (name.as_str(), json!([json_of_value(value), source])))
        .collect();
    let builders: Vec<String> = submission.builders.iter().map(builder).collect();
    json!({
        "reason": submission.reason,
        "priority": submission.priority,
        "properties": properties,
        "builders": builders,
        "stamps": sorted(submission.source_stamps.iter().map(got_stamp).collect()),
    })
}

fn outcome(outputs: &[Output]) -> Json {
    match outputs {
        [Output::Submit { buildset, .. }] => got(buildset),
        [
            Output::Reply {
                reply: Reply::Invalid(errors),
                ..
            },
        ] => json!({"errors": errors}),
        [
            Output::Reply {
                reply: Reply::Refused(_),
                ..
            },
        ] => json!("failed"),
        other => json!(format!("{other:?}")),
    }
}

/// Where two values differ.
fn differ(path: &str, got: &Json, expected: &Json, found: &mut Vec<String>) {
    match (got, expected) {
        (Json::Object(one), Json::Object(other)) => {
            for key in one.keys().chain(other.keys()) {
                let (one, other) = (&got[key], &expected[key]);
                if one != other {
                    differ(&format!("{path}.{key}"), one, other, found);
                }
            }
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{path}[{index}]"), one, other, found);
            }
        }
        _ if got != expected => found.push(format!("{path}: {got} and not {expected}")),
        _ => {}
    }
}

#[test]
fn random_forms_show_and_make_what_the_reference_shows_and_makes() {
    let (source, forms): (String, Vec<Form>) = made("forms.py", 3000);
    let description = described(&source);
    let now = Timestamp::from_seconds(1_000_000);
    let mut schedulers = schedulers_of(&description, now);
    let mut wrong = Vec::new();
    let (mut calls, mut submitted) = (0, 0);
    for form in &forms {
        let view = schedulers.form(&form.name).expect("a form");
        if (&view.label, &view.button_name) != (&form.label, &form.button)
            || json!(view.all_fields) != form.fields
        {
            let mut differences = Vec::new();
            differ("", &json!(view.all_fields), &form.fields, &mut differences);
            wrong.push(format!(
                "{} shows\n    {}",
                form.name,
                differences.join("\n    ")
            ));
        }
        for call in &form.calls {
            calls += 1;
            let input = Input::Force {
                request: RequestId(calls),
                scheduler: form.name.clone(),
                parameters: call.parameters.clone(),
            };
            let got = outcome(&schedulers.handle(now, input));
            let expected = expected(&call.outcome);
            submitted += u64::from(expected.get("reason").is_some());
            if got != expected {
                let mut differences = Vec::new();
                differ("", &got, &expected, &mut differences);
                wrong.push(format!(
                    "{} with {}:\n    {}",
                    form.name,
                    json!(call.parameters),
                    differences.join("\n    ")
                ));
            }
        }
    }
    println!(
        "{} forms, {submitted} of {calls} calls make builds",
        forms.len()
    );
    assert_nothing_wrong(forms.len() + usize::try_from(calls).expect("few"), &wrong);
}
