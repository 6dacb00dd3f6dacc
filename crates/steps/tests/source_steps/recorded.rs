//! What the steps do is what those of Buildbot 4.3.0 did: see record.py.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use buildbot_config::{Description, StepConfig};
use buildbot_steps::{
    ChangeFacts, Channel, LogKind, PatchFacts, RemoteCommand, SourceFacts, Transfer,
};
use serde_json::{Map, Value as Json, json};

use crate::json::{json as to_json, value};
use crate::port::{Reply, Worker, World};

/// A worker that follows a script.
struct Script {
    answers: Vec<Json>,
    /// What a shell command has unless it says otherwise.
    shell: Map<String, Json>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    used: HashSet<usize>,
    commands: Vec<Json>,
}

impl Worker for Script {
    fn carry_out(&self, command: &RemoteCommand, waited_s: f64) -> Reply {
        let args: Map<String, Json> = command
            .args
            .iter()
            .map(|(name, value)| (name.clone(), to_json(value)))
            .collect();
        let shown = shown(&command.name, &args);
        let mut seen = self.seen.lock().unwrap();
        let mut said = vec![json!(command.name), self.said(command, args)];
        if waited_s > 5.0 {
            said.push(json!({ "after": waited_s }));
        }
        seen.commands.push(said.into());
        let answer = self.answers.iter().enumerate().find(|(number, answer)| {
            !seen.used.contains(number) && shown.contains(answer["on"].as_str().unwrap())
        });
        let Some((number, answer)) = answer else {
            return Reply {
                rc: Some(0),
                ..Reply::default()
            };
        };
        if answer["always"] != true {
            seen.used.insert(number);
        }
        Reply {
            updates: ["header", "stdout", "stderr", "files", "stat"]
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), value(answer.get(key)?))))
                .collect(),
            rc: answer["rc"].as_i64(),
            interrupts: answer["interrupt"] == true,
            is_lost: answer.get("lost").is_some(),
            received: answer["content"].as_str().unwrap_or_default().into(),
        }
    }
}

impl Script {
    /// A command as the record has it.
    fn said(&self, command: &RemoteCommand, mut args: Map<String, Json>) -> Json {
        match &command.transfer {
            Some(Transfer::FromMemory(bytes)) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                args.insert("reader".to_owned(), text.into());
            }
            Some(_) => {
                args.insert("writer".to_owned(), "writer".into());
            }
            None => {}
        }
        if command.name == "shell" {
            for (name, usual) in &self.shell {
                match args.get(name) {
                    Some(value) if value == usual => {
                        args.remove(name);
                    }
                    Some(_) => {}
                    None => {
                        args.insert(name.clone(), "absent".into());
                    }
                }
            }
        }
        args.into()
    }
}

/// A command on one line, for scripts.
fn shown(name: &str, args: &Map<String, Json>) -> String {
    let joined = |value: &Json| match value {
        Json::Array(words) => words
            .iter()
            .map(|word| match word {
                Json::Array(parts) => parts[1].as_str().unwrap().to_owned(),
                word => word.as_str().unwrap().to_owned(),
            })
            .collect::<Vec<_>>()
            .join(" "),
        text => text.as_str().unwrap_or_default().to_owned(),
    };
    if name == "shell" {
        return format!("shell {}", joined(&args["command"]));
    }
    ["file", "dir", "path", "fromdir", "workerdest", "workersrc"]
        .iter()
        .find_map(|key| args.get(*key))
        .map_or_else(
            || name.to_owned(),
            |value| format!("{name} {}", joined(value)),
        )
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn source(given: &Json) -> SourceFacts {
    SourceFacts {
        codebase: text(&given["codebase"]).unwrap_or_default(),
        repository: text(&given["repository"]).unwrap_or_default(),
        project: text(&given["project"]).unwrap_or_default(),
        branch: text(&given["branch"]),
        revision: text(&given["revision"]),
        patch: given["patch"].as_array().map(|patch| PatchFacts {
            level: patch[0]
                .as_i64()
                .or_else(|| patch[0].as_str()?.parse().ok())
                .unwrap(),
            body: patch[1].as_str().unwrap().into(),
            subdir: text(&patch[2]).unwrap_or_default(),
            ..PatchFacts::default()
        }),
        changes: given["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|change| ChangeFacts {
                revision: text(&change["revision"]),
                when: change["when"].as_i64().unwrap_or_default(),
                ..ChangeFacts::default()
            })
            .collect(),
        ..SourceFacts::default()
    }
}

fn world(case: &Json, shell: &Json, description: &Description) -> World<Script> {
    let script = Script {
        answers: case["answers"].as_array().cloned().unwrap_or_default(),
        shell: shell.as_object().unwrap().clone(),
        seen: Mutex::default(),
    };
    let mut world = World::new(script);
    world.build.workdir = "wkdir".into();
    world.build.builder = "bldr".to_owned();
    world.build.builder_dir = text(&case["builddir"]).unwrap_or("wkdir-of-builder".to_owned());
    world.build.sources = match case["sources"].as_array() {
        Some(sources) => sources.iter().map(source).collect(),
        None => vec![SourceFacts::default()],
    };
    let version = text(&case["versions"]["*"]).unwrap_or("3.3".to_owned());
    world.facts.commands = [
        "shell",
        "stat",
        "listdir",
        "rmdir",
        "mkdir",
        "cpdir",
        "downloadFile",
        "uploadFile",
    ]
    .map(|name| (name.to_owned(), version.clone()))
    .to_vec();
    (world.facts.system, world.facts.basedir) = match case["system"].as_str() {
        Some(system) => (system.to_owned(), "\\wrk".to_owned()),
        None => ("posix".to_owned(), "/wrk".to_owned()),
    };
    world.objects = description.objects.clone();
    for (name, secret) in case["secrets"].as_object().into_iter().flatten() {
        world.secrets.insert(name.clone(), text(secret).unwrap());
    }
    for (name, given) in case["properties"].as_object().into_iter().flatten() {
        let properties = &mut world.kept().properties;
        properties.set(name.as_str(), value(given), "Test", false);
    }
    world
}

/// How commands ended, as the record has it: `<0>`.
fn shortened(text: &str) -> String {
    const END: &str = "program finished with exit code ";
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        match line
            .strip_prefix(END)
            .and_then(|code| code.strip_suffix('\n'))
        {
            Some(code) => short.push_str(&format!("<{code}>")),
            None => short.push_str(line),
        }
    }
    short
}

/// What the step did, as the record has it.
fn outcome(world: &World<Script>, step: &Arc<StepConfig>) -> Json {
    let before = world.kept().properties.clone();
    let (name, end) = world.run(step);
    let kept = world.kept();
    let seen = world.worker.seen.lock().unwrap();
    let mut outcome = Map::new();
    let mut put = |name: &str, value: Json| {
        let is_empty = match &value {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(pairs) => pairs.is_empty(),
            _ => false,
        };
        if !is_empty {
            outcome.insert(name.to_owned(), value);
        }
    };
    put("commands", seen.commands.clone().into());
    put("results", end.results.code().into());
    put("name", name.into());
    put("text", end.summary.into());
    let logs: Map<String, Json> = kept
        .logs
        .iter()
        .filter(|log| log.name != "err.html")
        .map(|log| {
            let kind = match log.kind {
                LogKind::Stream => "s",
                LogKind::Text => "t",
                LogKind::Html => "h",
            };
            let mut parts = vec![json!(kind)];
            parts.extend(log.parts.iter().map(|(channel, text)| {
                let channel = match channel {
                    Channel::Stdout => "o",
                    Channel::Stderr => "e",
                    Channel::Header => "h",
                };
                let text = match log.name.as_str() {
                    "err.text" => text.trim_end(),
                    _ => text,
                };
                let text = shortened(text);
                json!([channel, text])
            }));
            (log.name.clone(), parts.into())
        })
        .collect();
    put("logs", logs.into());
    put("urls", json!(kept.urls));
    let data: Map<String, Json> = kept
        .data
        .iter()
        .map(|(name, data, source)| {
            let data: Json = serde_json::from_slice(data).unwrap();
            (name.clone(), json!([data, source]))
        })
        .collect();
    put("data", data.into());
    let properties: Map<String, Json> = kept
        .properties
        .iter()
        .filter(|(name, property)| before.get(name) != Some(*property))
        .map(|(name, property)| {
            let value = to_json(&property.value);
            (name.to_owned(), json!([value, property.source]))
        })
        .collect();
    put("properties", properties.into());
    outcome.into()
}

#[test]
fn a_step_that_waits_before_it_tries_again_can_be_stopped() {
    let recorded: Json = serde_json::from_str(include_str!("recorded.json")).unwrap();
    let description = serde_json::to_vec(&recorded["description"]).unwrap();
    let description = Description::from_json(&description).unwrap();
    let config = buildbot_config::read(&description, buildbot_config::Sources::NONE).config;
    let factory = config.builders[0].factory.clone().unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    let (recorded_case, step) = cases
        .iter()
        .zip(&factory.steps)
        .find(|(recorded, _)| recorded["case"]["name"] == "git: retry as a list")
        .unwrap();
    let world = world(&recorded_case["case"], &recorded["shell"], &description);
    world.kept().stops_waits = true;
    let (_, end) = world.run(&Arc::new(step.clone()));
    assert_eq!(end.results, buildbot_model::Results::Exception);
    let logs: Vec<String> = world
        .kept()
        .logs
        .iter()
        .map(|log| log.name.clone())
        .collect();
    assert_eq!(logs, ["stdio", "cancelled"]);
}

#[test]
fn every_step_does_what_the_reference_did() {
    let recorded: Json = serde_json::from_str(include_str!("recorded.json")).unwrap();
    let description = serde_json::to_vec(&recorded["description"]).unwrap();
    let description = Description::from_json(&description).unwrap();
    let config = buildbot_config::read(&description, buildbot_config::Sources::NONE).config;
    let factory = config.builders[0].factory.clone().unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), factory.steps.len());
    let only = std::env::var("CASE").unwrap_or_default();
    let mut wrong = Vec::new();
    for (recorded_case, step) in cases.iter().zip(&factory.steps) {
        let case = &recorded_case["case"];
        let name = case["name"].as_str().unwrap();
        if !name.contains(&only) {
            continue;
        }
        let world = world(case, &recorded["shell"], &description);
        let got = outcome(&world, &Arc::new(step.clone()));
        let expected = &expected(&recorded_case["expected"]);
        if got != *expected {
            wrong.push(difference(name, &got, expected));
        }
    }
    let (count, all) = (wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}{count} of {all} steps", wrong.concat());
}

/// What the reference did, and what it leaves out: a step that was stopped removes its keys from the worker as well.
fn expected(recorded: &Json) -> Json {
    let mut expected = recorded.clone();
    let is_stopped = !recorded["logs"]["cancelled"].is_null();
    let commands = recorded["commands"].as_array().cloned().unwrap_or_default();
    let key = commands.iter().find(|command| {
        command[0] == "downloadFile"
            && command[1]["workerdest"]
                .as_str()
                .unwrap()
                .ends_with("/ssh-key")
    });
    if let (true, Some(key)) = (is_stopped, key) {
        let removal = json!(["rmdir", {"dir": key[1]["workdir"], "logEnviron": true}]);
        expected["commands"].as_array_mut().unwrap().push(removal);
        // The end of that command is in the log.
        let parts = expected["logs"]["stdio"].as_array_mut().unwrap();
        let last = parts.last_mut().unwrap();
        last[1] = format!("{}<0>", last[1].as_str().unwrap()).into();
    }
    expected
}

/// What is different.
fn difference(name: &str, got: &Json, expected: &Json) -> String {
    let mut report = format!("{name}\n");
    let keys: HashSet<&String> = [got, expected]
        .iter()
        .flat_map(|outcome| outcome.as_object().unwrap().keys())
        .collect();
    for key in keys {
        let (got, expected) = (&got[key], &expected[key]);
        if got == expected {
            continue;
        }
        match (got, expected) {
            (Json::Array(got), Json::Array(expected)) => {
                for number in 0..got.len().max(expected.len()) {
                    let (got, expected) = (got.get(number), expected.get(number));
                    if got != expected {
                        let shown = |one: Option<&Json>| {
                            one.map_or_else(|| "nothing".to_owned(), Json::to_string)
                        };
                        report += &format!("  {key} {number}: {}\n", shown(got));
                        report += &format!("      expected {}\n", shown(expected));
                    }
                }
            }
            _ => report += &format!("  {key}: {got}\n      expected {expected}\n"),
        }
    }
    report
}
