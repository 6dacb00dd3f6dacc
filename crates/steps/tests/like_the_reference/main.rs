//! Steps do what those of the real Buildbot do with the same worker.
//!
//! `reference/cases/*.json` are the cases: how a step is made, and what the worker answers. `reference/oracle.py` runs
//! them with the Buildbot of `BUILDBOT_VENV`, this test with this crate and a worker that follows the
//! same script; what is seen of both is compared.

mod host;
mod port;
mod shown;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use buildbot_config::{Description, Sources, StepConfig, Value};
use buildbot_steps::{LogKind, Prepared, StepEnd, name, prepare, unsupported};
use serde_json::{Value as Json, json};

use host::Host;
use port::Fake;
use shown::plain;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

/// More than any case needs; one that waits for ever fails.
const POLLS_MAX: usize = 10_000;

/// The Python that has the real Buildbot.
fn python() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: name a virtual environment with buildbot 4.3.0 in it \
             (`tests/run` makes one in .venv)"
        );
    };
    let venv = Path::new(&venv);
    venv.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}", venv.display()))
        .join("bin/python")
}

/// All cases, by file.
fn cases() -> Vec<(String, Vec<Json>)> {
    let only = std::env::var("CASES").ok();
    let folder = std::fs::read_dir(format!("{REFERENCE}/cases")).expect("the cases");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default();
            (path.clone(), stem.to_string_lossy().into_owned())
        })
        .filter(|(_, stem)| only.as_ref().is_none_or(|only| only == stem))
        .map(|(path, stem)| {
            let text = std::fs::read_to_string(&path).expect("a file");
            let cases = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (stem, cases)
        })
        .collect()
}

/// What the reference makes of the cases.
#[expect(clippy::print_stderr, reason = "on demand")]
fn expected(cases: &[Json]) -> Vec<Json> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cases.json");
    std::fs::write(&file, serde_json::to_vec(cases).expect("JSON")).expect("a file");
    let output = Command::new(python())
        .args(["-B", &format!("{REFERENCE}/oracle.py")])
        .arg(&file)
        .current_dir(folder.path())
        .output()
        .expect("the oracle runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("OUTCOMES:")) else {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    };
    if std::env::var_os("ORACLE_ERRORS").is_some() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_str(line).expect("outcomes")
}

/// A configuration with a builder for each case.
fn configuration(cases: &[Json]) -> String {
    let mut text = String::from(
        "import re\nfrom buildbot.process.results import *\n\
         from buildbot.steps.download_secret_to_worker import *\n\
         from buildbot.plugins import steps, util\n\
         c = BuildmasterConfig = {}\n\
         c['builders'] = []\n\
         def case(number, step, env, properties):\n\
         \x20   c['builders'].append(util.BuilderConfig(name=str(number), workernames=['w'], env=env, properties=properties,\n\
         \x20       factory=util.BuildFactory([step])))\n",
    );
    for (number, case) in cases.iter().enumerate() {
        let step = case["step"].as_str().expect("a step");
        let env = match &case["env"] {
            Json::String(text) => text.clone(),
            Json::Null => "{}".to_owned(),
            other => python_of(other),
        };
        let properties: Vec<String> = case["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let value = match value.as_str().and_then(|text| text.strip_prefix('=')) {
                    Some(expression) => expression.to_owned(),
                    None => python_of(value),
                };
                format!("{}: {value}", python_of(&name.as_str().into()))
            })
            .collect();
        for (name, expression) in case["let"].as_object().into_iter().flatten() {
            text.push_str(&format!(
                "{name} = {}\n",
                expression.as_str().unwrap_or_default()
            ));
        }
        text.push_str(&format!(
            "case({number}, {step}, {env}, {{{}}})\n",
            properties.join(", ")
        ));
    }
    text
}

/// JSON as Python.
fn python_of(json: &Json) -> String {
    match json {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(python_of).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", python_of(&key.as_str().into()), python_of(value))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// Runs a future that waits for nothing but itself.
fn block_on<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}

/// What this crate makes of a case.
fn outcome(
    host: &Host,
    description: &Description,
    case: &Json,
    step: Arc<StepConfig>,
    env: Value,
    properties: Vec<(String, Value)>,
) -> Json {
    let before = Fake::new(
        host,
        description,
        case,
        env.clone(),
        properties.clone(),
        String::new(),
    );
    let name = block_on(name(&step, &before))
        .expect("a name")
        .expect("a name");
    let port = Fake::new(host, description, case, env, properties, name);
    let end: Option<StepEnd> = block_on(async {
        let prepared: Prepared = prepare(step, &port).await;
        prepared.run(&port).await
    });
    let Some(end) = end else {
        return json!("never");
    };
    let properties = buildbot_steps::Port::properties(&port);
    let mut properties: Vec<Json> = properties
        .iter()
        .filter(|(_, property)| property.source != "test")
        .map(|(name, property)| json!([name, plain(&property.value), property.source]))
        .collect();
    properties.sort_by_key(ToString::to_string);
    let seen = port.seen.into_inner().expect("what was seen");
    let logs: Vec<Json> = seen
        .logs
        .iter()
        .map(|log| {
            let kind = match log.kind {
                LogKind::Stream => "s",
                LogKind::Text => "t",
                LogKind::Html => "h",
            };
            let text = if log.name.ends_with("err.text") {
                log.text.trim_end().lines().last().unwrap_or_default()
            } else if log.name.ends_with("err.html") {
                ""
            } else {
                &log.text
            };
            json!({"name": log.name, "type": kind, "text": text})
        })
        .collect();
    let statistics: BTreeMap<String, Json> = end
        .statistics
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect();
    let mut build_data = seen.build_data.clone();
    build_data.sort_by_key(ToString::to_string);
    json!({
        "results": end.results.code(),
        "hidden": end.hidden,
        "summary": end.summary,
        "build_summary": end.build_summary,
        "running": seen.running,
        "left": seen.left(),
        "commands": seen.commands,
        "logs": logs,
        "urls": seen.urls,
        "properties": properties,
        "statistics": statistics,
        "build_data": build_data,
        "test_sets": seen.test_sets,
        "test_results": seen.test_results,
        "triggered": seen.triggered,
        "files": seen.files,
    })
}

/// The fields in which two outcomes differ.
fn differences(expected: &Json, got: &Json) -> Vec<String> {
    let (Some(expected), Some(got)) = (expected.as_object(), got.as_object()) else {
        return vec![format!("expected {expected}, got {got}")];
    };
    expected
        .iter()
        .filter(|(field, value)| got.get(*field) != Some(value))
        .map(|(field, value)| {
            let got = got.get(field).unwrap_or(&Json::Null);
            format!("  {field}\n    expected {value}\n    got      {got}")
        })
        .collect()
}

#[test]
fn steps_do_what_those_of_the_reference_do() {
    let files = cases();
    let all: Vec<Json> = files.iter().flat_map(|(_, cases)| cases.clone()).collect();
    let names = files.iter().flat_map(|(file, cases)| {
        cases
            .iter()
            .map(move |case| format!("{file}: {}", case["name"].as_str().unwrap_or_default()))
    });
    let expected = expected(&all);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("master.cfg");
    std::fs::write(&file, configuration(&all)).expect("a file");
    let host = Host::start(&python());
    let loaded = host
        .ask(json!({"ask": "load", "basedir": folder.path(), "file": file, "deadline_ms": 60000}))
        .expect("a description");
    let text = serde_json::to_vec(&loaded).expect("JSON");
    let description = Description::from_json(&text).expect("a description");
    if let Some(fatal) = &description.fatal {
        panic!("{fatal:?}");
    }
    let errors: Vec<&String> = description
        .errors
        .iter()
        .map(|error| &error.message)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let config = buildbot_config::read(&description, Sources::NONE).config;
    let mut wrong = Vec::new();
    for (number, (case, name)) in all.iter().zip(names).enumerate() {
        let builder = &config.builders[number];
        let factory = builder.factory.as_ref().expect("a factory");
        let step = Arc::new(factory.steps[0].clone());
        if let Some(class) = unsupported(&step) {
            wrong.push(format!("{name}\n  {class} is not supported"));
            continue;
        }
        let got = outcome(
            &host,
            &description,
            case,
            step,
            builder.env.clone(),
            builder.properties.clone(),
        );
        let different = differences(&expected[number], &got);
        if !different.is_empty() {
            wrong.push(format!(
                "{name}\n  {}\n{}",
                case["step"],
                different.join("\n")
            ));
        }
    }
    eprintln!("{} cases, {} different", all.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
