//! Every file in `tests/configurations` is judged by the real Buildbot and by us: the same verdict, and the same
//! first lines of the same problems in the same order.
//!
//! The first line `# ours: good` marks a file that we accept although the real one does not.
//!
//! What we say about each of them, with places and help, stands in `tests/expected.txt`; with `EXPECT=write` in
//! the environment the test writes the file, to be read before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Said, buildbot, configurations};

/// Only so many may be there that the test means something.
const CONFIGURATIONS_MIN: usize = 300;

fn files() -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(configurations())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".cfg"))
        .collect();
    files.sort();
    assert!(
        files.len() >= CONFIGURATIONS_MIN,
        "only {} files",
        files.len()
    );
    files
}

/// The Python of the virtual environment with the real Buildbot.
fn real_python() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
        );
    };
    let python = Path::new(&venv).join("bin/python");
    assert!(python.exists(), "{} does not exist", python.display());
    python
}

/// What the real one says: one JSON object per file.
fn judged_by_the_real_one(files: &[String]) -> Vec<Value> {
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/judge.py");
    let output = Command::new(real_python())
        .arg(judge)
        .arg(configurations())
        .args(files)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let verdicts: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|verdict: &Value| verdict["verdict"].is_string())
        .collect();
    assert_eq!(
        verdicts.len(),
        files.len(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    verdicts
}

/// What we say about each file.
fn judged_by_us(files: &[String]) -> BTreeMap<String, Said> {
    let judge = |files: &[String]| -> Vec<(String, Said)> {
        files
            .iter()
            .map(|file| {
                let said = buildbot(&configurations(), &["checkconfig", "--json", file]);
                (file.clone(), said)
            })
            .collect()
    };
    let (first, second) = files.split_at(files.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| judge(second));
        let mut all = judge(first);
        all.extend(other.join().unwrap());
        all.into_iter().collect()
    })
}

/// One test, because each file costs a Python.
#[test]
fn configurations_are_judged_as_by_the_real_one_and_explained() {
    let files = files();
    let ours = judged_by_us(&files);
    verdicts_and_messages_are_those_of_the_real_one(&files, &ours);
    every_error_has_a_place(&ours);
    what_is_said_was_read_before(&ours);
}

/// A message without what differs from run to run: addresses, tracebacks, the order of sets.
fn comparable(message: &str) -> String {
    if message.starts_with("encountered a SyntaxError") {
        return message.lines().next().unwrap_or_default().to_owned();
    }
    let mut parts = message.split(" at 0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    for (before, after) in [
        ("builder(s) ", " have no schedulers"),
        (" uses unknown workers ", ""),
        ("unrecognized validation key(s): ", ""),
        ("unrecognized keys in c['mq']: ", ""),
        ("unknown www configuration parameter(s) ", ""),
    ] {
        text = with_sorted_list(&text, before, after);
    }
    text
}

fn with_sorted_list(text: &str, before: &str, after: &str) -> String {
    let Some((head, rest)) = text.split_once(before) else {
        return text.to_owned();
    };
    let (list, tail) = match after {
        "" => (rest, ""),
        after => rest.split_at(rest.find(after).unwrap_or(rest.len())),
    };
    let mut names: Vec<&str> = list.split(", ").collect();
    names.sort_unstable();
    format!("{head}{before}{}{tail}", names.join(", "))
}

fn verdicts_and_messages_are_those_of_the_real_one(
    files: &[String],
    all_ours: &BTreeMap<String, Said>,
) {
    let mut wrong = String::new();
    for (file, real) in files.iter().zip(judged_by_the_real_one(files)) {
        let ours = &all_ours[file];
        let text = fs::read(configurations().join(file)).unwrap();
        let text = String::from_utf8_lossy(&text);
        let verdict = real["verdict"].as_str().unwrap();
        let is_ours_good = text.starts_with("# ours: good\n");
        let code = i32::from(verdict != "good" && !is_ours_good);
        if ours.code != Some(code) {
            let _ = writeln!(
                wrong,
                "{file}: {verdict}, but our exit code is {:?}",
                ours.code
            );
        }
        let expected: Vec<String> = match verdict {
            "errors" if !is_ours_good => real["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| comparable(error.as_str().unwrap()))
                .collect(),
            // What the real one says when it crashes helps nobody; that we say something is checked below.
            "crash" => continue,
            _ => Vec::new(),
        };
        let found: Vec<String> = ours
            .errors()
            .iter()
            .map(|error| comparable(error))
            .collect();
        if found != expected {
            let _ = writeln!(wrong, "{file}:\n  real: {expected:#?}\n  ours: {found:#?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn every_error_has_a_place(all_ours: &BTreeMap<String, Said>) {
    let mut without = Vec::new();
    for (file, said) in all_ours {
        for error in said.json()["errors"].as_array().unwrap() {
            if error["at"].is_null() {
                without.push(format!("{file}: {}", error["message"]));
            }
        }
    }
    // What is not there has no place.
    without.retain(|text| {
        let is_no_text = text.ends_with("key 1\"");
        !["are configured\"", "does not define 'BuildmasterConfig'\""]
            .iter()
            .any(|end| text.ends_with(end))
            && !is_no_text
    });
    assert_eq!(without, Vec::<String>::new());
}

fn what_is_said_was_read_before(all_ours: &BTreeMap<String, Said>) {
    let directory = configurations().display().to_string();
    let mut said = String::new();
    for (file, ours) in all_ours {
        let report = ours.json();
        let _ = writeln!(said, "== {file}: exit code {}", ours.code.unwrap_or(-1));
        for kind in ["errors", "refused_at_start", "warnings"] {
            for problem in report[kind].as_array().unwrap() {
                let shown = shown(problem);
                // It depends on what is installed.
                if !shown.starts_with(" could not find plugin") {
                    let _ = writeln!(said, "{}{shown}", &kind[..1].to_uppercase());
                }
            }
        }
    }
    let said = said.replace(&directory, "DIR");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected.txt");
    if std::env::var_os("EXPECT").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (ours, expected) in said.split("== ").zip(expected.split("== ")) {
        assert_eq!(ours, expected);
    }
    assert_eq!(said, expected);
}

/// Message, place and help; without tracebacks, which Python writes in another way in each version.
fn shown(problem: &Value) -> String {
    let message = problem["message"].as_str().unwrap();
    let first = message.lines().next().unwrap_or_default();
    let is_long = first.starts_with("encountered a SyntaxError");
    let mut text = format!(" {}", if is_long { first } else { message });
    if let Some(file) = problem["at"]["file"].as_str() {
        let file = file.rsplit('/').next().unwrap_or_default();
        let _ = write!(text, "\n      at {file}:{}", problem["at"]["line"]);
    }
    for help in problem["help"].as_array().unwrap() {
        let help = help.as_str().unwrap();
        if !help.starts_with("Traceback") {
            let _ = write!(text, "\n      {help}");
        }
    }
    text
}
