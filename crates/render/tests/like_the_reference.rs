//! Values made at random become what the real Buildbot makes of them, errors included.
//!
//! `reference/oracle.py` makes the values and evaluates them with the Buildbot of `BUILDBOT_VENV`; the same
//! process then plays the configuration host and answers what this crate asks of Python.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use buildbot_model::Secret;
use buildbot_render::{
    Answers, Context, Evaluation, Exception, Kind, Masks, Properties, SecretService, Value,
};
use serde::Deserialize;

const CASES: &str = "3000";

#[derive(Deserialize)]
struct Generated {
    contexts: Vec<Described>,
    cases: Vec<Case>,
}

/// A context as the generator describes it.
#[derive(Deserialize)]
struct Described {
    properties: Vec<(String, Value)>,
    stamps: Option<Vec<indexmap::IndexMap<String, Value>>>,
    worker: Option<indexmap::IndexMap<String, Value>>,
    secrets: Option<indexmap::IndexMap<String, String>>,
}

#[derive(Deserialize)]
struct Case {
    value: Value,
    context: usize,
    expected: Outcome,
    /// A text, and what remains of it when the secrets are hidden that the evaluation used.
    cleaned: (String, String),
}

#[derive(Deserialize)]
struct Outcome {
    ok: Option<Value>,
    error: Option<String>,
    message: Option<String>,
}

impl Outcome {
    fn into_result(self) -> Result<Value, Exception> {
        match self.error {
            Some(class) => Err(Exception {
                class,
                message: self.message.unwrap_or_default(),
                traceback: None,
                place: None,
            }),
            // An absent `ok` is a `None`.
            None => Ok(self.ok.unwrap_or_default()),
        }
    }
}

impl Described {
    fn context(&self) -> Context {
        let mut properties = Properties::default();
        for (name, value) in &self.properties {
            properties.set(name.as_str(), value.clone(), "test", false);
        }
        let stamps = self.stamps.iter().flatten();
        let stamps = stamps.map(|stamp| {
            let codebase = stamp.get("codebase").and_then(Value::as_text);
            (codebase.unwrap_or_default().to_owned(), stamp.clone())
        });
        Context {
            properties,
            source_stamps: self.stamps.is_some().then(|| stamps.collect()),
            worker: self.worker.clone(),
            build_url: None,
            secrets: match &self.secrets {
                None => SecretService::Unknown,
                Some(secrets) if secrets.is_empty() => SecretService::Absent,
                Some(_) => SecretService::Present,
            },
        }
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        let value = self.secrets.as_ref()?.get(name)?;
        Some(Secret::new(value.clone()))
    }
}

/// The Python that has the real Buildbot.
fn python() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: name a virtual environment with buildbot 4.3.0 in it \
             (`tests/run` makes one in .venv)"
        );
    };
    Path::new(&venv).join("bin/python")
}

/// The process with the real Buildbot.
struct Oracle {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Oracle {
    fn start(seed: &str, count: &str) -> Self {
        let python = python();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/oracle.py");
        let mut child = Command::new(&python)
            .args(["-B", script, seed, count])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self {
            child,
            input,
            output,
        }
    }

    fn line(&mut self) -> String {
        self.output
            .next()
            .expect("the oracle has ended; its errors are above")
            .expect("a line")
    }

    fn ask(&mut self, context: usize, items: &[Value]) -> Vec<Result<Value, Exception>> {
        let question = serde_json::json!({"context": context, "items": items});
        writeln!(self.input, "{question}").expect("the oracle listens");
        let answers: Vec<Outcome> = serde_json::from_str(&self.line()).expect("answers");
        answers.into_iter().map(Outcome::into_result).collect()
    }
}

/// A form in which equal values look equal: sets in order.
fn shown(value: &Value) -> String {
    fn sorted(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Array(items) => items.into_iter().map(sorted).collect(),
            serde_json::Value::Object(mut map) => {
                let is_set = map
                    .get("$")
                    .is_some_and(|tag| tag == "set" || tag == "frozenset");
                for (_, item) in &mut map {
                    *item = sorted(item.take());
                }
                if let (true, Some(serde_json::Value::Array(items))) = (is_set, map.get_mut("v")) {
                    items.sort_by_key(ToString::to_string);
                }
                serde_json::Value::Object(map)
            }
            other => other,
        }
    }
    sorted(serde_json::to_value(value).expect("JSON")).to_string()
}

#[derive(Default)]
struct Tally {
    values: usize,
    errors: usize,
    calls: usize,
    rounds: usize,
    other_messages: usize,
    wrong: Vec<String>,
}

fn check(case: Case, described: &Described, oracle: &mut Oracle, tally: &mut Tally) {
    let context = described.context();
    let mut evaluation = Evaluation::begin([&case.value], &context);
    while let Some(round) = evaluation.round() {
        tally.rounds += 1;
        tally.calls += round.calls.len();
        let calls = if round.calls.is_empty() {
            Vec::new()
        } else {
            oracle.ask(case.context, &round.calls)
        };
        let secrets = round
            .secrets
            .iter()
            .map(|name| Ok(described.secret(name)))
            .collect();
        evaluation.answer(Answers { calls, secrets }, &context);
    }
    let mut rendered = evaluation.finish();
    let got = rendered.values.pop().expect("a value");
    let expected = case.expected.into_result();
    let same = match (&got, &expected) {
        (Ok(got), Ok(expected)) => {
            tally.values += 1;
            shown(got) == shown(expected)
        }
        (Err(got), Err(expected)) => {
            tally.errors += 1;
            tally.other_messages += usize::from(got.message != expected.message);
            got.class == expected.class
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    };
    let show = |result: &Result<Value, Exception>| match result {
        Ok(value) => shown(value),
        Err(error) => error.to_string(),
    };
    if !same {
        tally.wrong.push(format!(
            "{}\n  in context {}\n  became   {}\n  and not  {}",
            shown(&case.value),
            case.context,
            show(&got),
            show(&expected)
        ));
    } else if got.is_ok() {
        let masks: Masks = rendered.secrets.iter().collect();
        let (text, expected) = case.cleaned;
        if masks.clean(&text) != expected {
            tally.wrong.push(format!(
                "{}: {text:?} was cleaned to {:?} and not to {expected:?}",
                shown(&case.value),
                masks.clean(&text)
            ));
        }
    }
}

#[test]
fn random_values_become_what_the_real_buildbot_makes_of_them() {
    let seed = std::env::var("RENDER_SEED").unwrap_or_else(|_| "1".to_owned());
    let count = std::env::var("RENDER_CASES").unwrap_or_else(|_| CASES.to_owned());
    let mut oracle = Oracle::start(&seed, &count);
    let generated: Generated = serde_json::from_str(&oracle.line()).expect("cases");
    let mut tally = Tally::default();
    for case in generated.cases {
        let described = &generated.contexts[case.context];
        check(case, described, &mut oracle, &mut tally);
    }
    drop(oracle.input);
    oracle.child.wait().expect("the oracle ends");
    println!(
        "{} values, {} errors ({} with another message); {} calls in {} rounds",
        tally.values, tally.errors, tally.other_messages, tally.calls, tally.rounds
    );
    assert!(
        tally.wrong.is_empty(),
        "{} of {count} values of seed {seed} are wrong (RENDER_SEED={seed} makes them again):\n{}",
        tally.wrong.len(),
        tally.wrong[..tally.wrong.len().min(20)].join("\n")
    );
}

/// What Rust does not evaluate itself, our Python package does.
#[test]
fn our_python_package_makes_the_same_of_them() {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/compare_package.py"
    );
    let compared = Command::new(python())
        .args(["-B", script, "1", "1500"])
        .output()
        .expect("Python starts");
    let output = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{output}");
}

#[test]
fn a_value_that_refers_to_itself_is_a_recursion_error() {
    let mut context = Context::default();
    let property = r#"{"$": "Property", "key": "a", "default": null}"#;
    let property: Value = serde_json::from_str(property).expect("a value");
    context.properties.set("a", property.clone(), "test", false);
    let rendered = Evaluation::begin([&property], &context).finish();
    let error = rendered.values[0].as_ref().expect_err("an error");
    assert_eq!(error.class, Kind::Recursion.to_string());
}
