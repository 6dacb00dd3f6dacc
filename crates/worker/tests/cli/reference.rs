//! Every command line beside the real program: same lines, same files, same exit codes.
//!
//! What is compared leaves out what is free: the usage texts, the comments in `buildbot.tac`, the
//! paths of the programs and process ids.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::stage::{Outcome, PROGRAM, Stage};

fn real_program() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: name a virtual environment with buildbot-worker 4.3.0 in it \
             (python3 -m venv DIR && DIR/bin/pip install buildbot-worker==4.3.0)"
        );
    };
    let program = Path::new(&venv).join("bin/buildbot-worker");
    assert!(program.exists(), "{} does not exist", program.display());
    program
}

/// Runs `steps`, command lines of words or with `\0` between them, one after the other in a directory
/// of their own, and gives what can be seen of them.
fn seen(program: &Path, steps: &[&str]) -> Vec<String> {
    let stage = Stage::new();
    let directory = fs::canonicalize(stage.path("."))
        .unwrap()
        .display()
        .to_string();
    let mut seen = Vec::new();
    for step in steps {
        if let Some((name, text)) = step
            .strip_prefix("write ")
            .and_then(|step| step.split_once(' '))
        {
            stage.write(name, text);
            continue;
        }
        let separator = if step.contains('\0') { '\0' } else { ' ' };
        let arguments = step
            .split(separator)
            .filter(|word| separator == '\0' || !word.is_empty());
        let pid = fs::read_to_string(stage.path("w/twistd.pid")).unwrap_or_default();
        let outcome = Outcome::of(stage.command(program).args(arguments).output().unwrap());
        let free = |text: &str| {
            let text = text
                .replace(&directory, "DIRECTORY")
                .replace(&program.display().to_string(), "PROGRAM");
            // Of the usage the head is compared, which has no words of the program's own.
            let head = text.find("Options:").unwrap_or(text.len());
            let head = text[..head].replace("Usage: twistd", "Usage");
            if pid.is_empty() {
                head
            } else {
                head.replace(&pid, "PID")
            }
        };
        let error_line = free(outcome.stderr.lines().next().unwrap_or_default());
        // What a program says of an error of its own making is its own affair.
        let is_traceback = outcome.stderr.starts_with("Traceback");
        let stderr = if is_traceback || error_line.starts_with("reason: ") {
            ""
        } else {
            &error_line
        };
        seen.push(format!(
            "$ {step}\n{}{stderr}\nexit code {}",
            free(&outcome.stdout),
            outcome.code
        ));
    }
    drop(stage.command(PROGRAM).args(["stop", "-q", "w"]).output());
    for (name, text) in files(&stage.path(".")) {
        seen.push(format!(
            "file {name}\n{}",
            text.replace(&directory, "DIRECTORY")
        ));
    }
    seen
}

/// Names, permissions and what matters of the text of all files.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let metadata = fs::metadata(&path).unwrap();
            let mode = metadata.permissions().mode();
            if metadata.is_dir() {
                found.insert(name, format!("{mode:o}"));
                left.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let is_log = name.ends_with(".log");
            let lines = text
                .lines()
                .filter(|line| !is_log && !line.starts_with('#') && !line.is_empty());
            found.insert(
                name,
                format!("{mode:o}\n{}", lines.collect::<Vec<_>>().join("\n")),
            );
        }
    }
    found
}

fn check(sequences: &[&[&str]]) {
    let real = real_program();
    let run = |steps: &&[&str]| {
        let ours = seen(Path::new(PROGRAM), steps);
        let expected = seen(&real, steps);
        (ours != expected).then(|| {
            format!(
                "--- ours\n{}\n--- real\n{}\n",
                ours.join("\n"),
                expected.join("\n")
            )
        })
    };
    let differences: Vec<String> = sequences.iter().filter_map(run).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_program_without_a_command() {
    check(&[
        &[""],
        &["--help"],
        &["--he"],
        &["-h"],
        &["-q"],
        &["--frob"],
        &["--v"],
        &["--ver"],
        &["--verbose=1 stop"],
        &["frob"],
        &["frob --help"],
        &["-- frob"],
    ]);
}

#[test]
fn the_first_line_of_the_version() {
    let of = |program: &Path| {
        let stage = Stage::new();
        let outcome = Outcome::of(stage.command(program).arg("--version").output().unwrap());
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        assert_eq!(outcome.stdout.lines().count(), 2);
        outcome.stdout.lines().next().unwrap().to_owned()
    };
    assert_eq!(of(Path::new(PROGRAM)), of(&real_program()));
}

#[test]
fn usage_of_the_commands() {
    check(&[
        &["create-worker --help"],
        &["create-worker -h a b"],
        &["create-worker"],
        &["create-worker a b c"],
        &["create-worker a b c d e"],
        &["create-worker -k x a"],
        &["create-worker a b c d -q"],
        &["create-worker --frob a b c d"],
        &["create-worker -Z a b c d"],
        &["create-worker -q=5 a b c d"],
        &["create-worker --quiet=5 a b c d"],
        &["create-worker --log a b c d"],
        &["create-worker --max=3 a b c d"],
        &["create-worker --keepalive"],
        &["create-worker -k"],
        &["create-worker a http:x n p"],
        &["start --help"],
        &["start -h"],
        &["start --frob"],
        &["start --no"],
        &["start a b"],
        &["start --nodaemon=1"],
        &["restart --help"],
        &["restart a b"],
        &["restart -x"],
        &["stop --help"],
        &["stop --nodaemon"],
        &["stop a b"],
    ]);
}

#[test]
fn values_that_create_worker_refuses() {
    let mut sequences = Vec::new();
    for (option, values) in [
        ("keepalive", &["abc", "", "1.5", "0x1", "None", "1__0"][..]),
        ("maxdelay", &["x", "", "None"]),
        ("log-size", &["x", "", "None"]),
        (
            "umask",
            &[
                "022", "0o", "0o9a", "-1", "none", "12x", "", "0x1", "+1", " 1",
            ],
        ),
        ("maxretries", &["x", "03", "1.0"]),
        ("numcpus", &["x", "03"]),
        ("log-count", &["x", "03"]),
        ("allow-shutdown", &["foo", "", "Signal"]),
    ] {
        sequences.extend(
            values
                .iter()
                .map(|value| format!("create-worker\0--{option}={value}\0w\0m\0n\0p")),
        );
    }
    for master in [
        "http://h:1",
        "https://h",
        "h:",
        ":5",
        "",
        "h:x",
        "h:1:2",
        "[::1]:x",
        "[::1]:",
        "[]",
        "::1",
    ] {
        sequences.push(format!("create-worker\0w\0{master}\0n\0p"));
    }
    let steps: Vec<[&str; 1]> = sequences.iter().map(|step| [step.as_str()]).collect();
    let sequences: Vec<&[&str]> = steps.iter().map(|steps| steps.as_slice()).collect();
    check(&sequences);
}

#[test]
fn directories_that_create_worker_makes() {
    check(&[
        &[
            "create-worker w m n p",
            "create-worker w m n p",
            "create-worker w m n q",
            "create-worker w m n q",
        ],
        &["create-worker -q w m:1 n p", "create-worker -q w m:2 n p"],
        &["create-worker w/ [::1] n p"],
        &["create-worker ./x/../w [::1]:7 n p"],
        &["create-worker . m n p"],
        &["create-worker w/x m n p"],
        &["create-worker -q w/x m n p"],
        &[
            "write file text",
            "create-worker file m n p",
            "create-worker -q file m n p",
            "create-worker file/x m n p",
        ],
        &[
            "create-worker w m n p",
            "write w/info/access_uri ssh://here",
            "create-worker w m n p",
        ],
        &["create-worker -k 7 --maxdelay=5 --log-size 9 --log-count=None w m n p"],
        &["create-worker -k7 -s9 -l3 -fq w m n p"],
        &["create-worker --keepalive=1_0 --maxdelay=+10 --log-size=010 w m n p"],
        &["create-worker -k -5 w m n p"],
        &["create-worker --umask=0o22 --maxretries=0 --numcpus=3 w m n p"],
        &["create-worker --umask=None --maxretries=None --numcpus=None w m n p"],
        &["create-worker -r -n --use-tls --delete-leftover-dirs -a file w m n p"],
        &["create-worker -a signal --protocol=msgpack_experimental_v7 --force w m n p"],
        &["create-worker --protocol=x w m n p"],
        &["create-worker --connection-string=tls:m:5 w m:8 n p"],
        &["create-worker --proxy-connection-string=tcp:m:5 w m n p"],
        &["create-worker -- w m -q p"],
        &["create-worker w m -q p"],
        &["create-worker - m n p"],
        &["create-worker\0w\0h'\"q\0it's\0p\\x\n\té\u{1f600}"],
        &["create-worker\0w\0m\0\0"],
        &["create-worker -k 1 -k 2 -q w m n p"],
    ]);
}

#[test]
fn directories_that_are_no_workers() {
    for command in [
        "start",
        "stop",
        "restart",
        "start --nodaemon",
        "start -q",
        "stop -q",
    ] {
        check(&[
            &[&format!("{command} w")],
            &[
                "create-worker -q w m n p",
                "write w/buildbot.tac foo",
                &format!("{command} w"),
            ],
            &["write w text", &format!("{command} w")],
            &[command],
        ]);
    }
}

#[test]
fn workers_that_start_and_stop() {
    check(&[
        &[
            "create-worker -q w 127.0.0.1:1 n p",
            "stop w",
            "stop -q w",
            "start -q w",
            "start -q w",
            "stop w",
            "stop w",
        ],
        &[
            "create-worker -q -n w 127.0.0.1:1 n p",
            "restart -q w",
            "restart -q w",
            "stop -q w",
        ],
        &[
            "create-worker -q w 127.0.0.1:1 n p",
            "write w/twistd.pid 4194000",
            "stop w",
        ],
        &[
            "create-worker -q w 127.0.0.1:1 n p",
            "write w/twistd.pid 4194000",
            "start -q w",
            "stop -q w",
        ],
        &[
            "create-worker -q w 127.0.0.1:1 n p",
            "write w/twistd.pid abc",
            "start -q w",
        ],
    ]);
}
