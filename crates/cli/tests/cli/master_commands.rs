//! Commands around a base directory beside the real program: the same lines, files and exit codes.
//!
//! What is compared leaves out what is free: the texts of usage, comments in files, the sample configuration, stack
//! traces.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const OURS: &str = env!("CARGO_BIN_EXE_buildbot");

fn real_program() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
        );
    };
    Path::new(&venv).join("bin/buildbot")
}

/// What can be seen of command lines that run one after the other in a directory of their own. `write NAME TEXT`
/// writes a file.
fn seen(program: &Path, steps: &[&str]) -> Vec<String> {
    let stage = tempfile::tempdir().unwrap();
    let directory = fs::canonicalize(stage.path()).unwrap();
    let mut seen = Vec::new();
    for step in steps {
        if let Some((name, text)) = step
            .strip_prefix("write ")
            .and_then(|step| step.split_once(' '))
        {
            fs::write(directory.join(name), text).unwrap();
            continue;
        }
        let output = Command::new(program)
            .args(step.split(' ').filter(|word| !word.is_empty()))
            .current_dir(&directory)
            .env("HOME", &directory)
            .output()
            .unwrap();
        let free = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes)
                .replace(&directory.display().to_string(), "DIRECTORY")
                .replace(&program.display().to_string(), "PROGRAM");
            let head = text
                .find("Usage:")
                .map_or(text.as_str(), |usage| &text[..usage]);
            head.trim_end().to_owned()
        };
        seen.push(format!(
            "$ {step}\n{}\nexit code {:?}",
            free(&output.stdout),
            output.status.code()
        ));
    }
    for (name, text) in files(&directory) {
        seen.push(format!(
            "file {name}\n{}",
            text.replace(&directory.display().to_string(), "DIRECTORY")
        ));
    }
    seen
}

/// Names and permissions of all files, and what matters of `buildbot.tac`: names with their values.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let metadata = fs::metadata(&path).unwrap();
            let mode = format!("{:o}", metadata.permissions().mode());
            if metadata.is_dir() {
                left.push(path.clone());
            }
            let mut shown = mode;
            if name.contains("buildbot.tac") {
                let text = fs::read_to_string(&path).unwrap();
                for line in text.lines() {
                    let is_setting = line
                        .split_once(" = ")
                        .is_some_and(|(name, _)| name.chars().all(char::is_alphanumeric));
                    if is_setting && !line.contains("LogFile") {
                        shown.push_str(&format!("\n{line}"));
                    }
                }
            }
            // Written by the tools of SQLite, not by the program.
            if !name.ends_with("-wal") && !name.ends_with("-shm") {
                found.insert(name, shown);
            }
        }
    }
    found
}

fn check(sequences: &[&[&str]]) {
    let real = real_program();
    let run = |steps: &&[&str]| {
        let ours = seen(Path::new(OURS), steps);
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
fn directories_that_create_master_makes() {
    check(&[
        &["create-master m", "create-master m"],
        &["create-master"],
        &["create-master -q m", "create-master -q -r m"],
        &["create-master -r -n -c other.cfg m"],
        &["create-master --log-size=77 --log-count None m"],
        &["create-master --db=sqlite:///other.sqlite m"],
        &[
            "create-master m",
            "write m/buildbot.tac changed",
            "create-master m",
        ],
        &["create-master -f -d ~/m"],
    ]);
}

#[test]
fn values_that_create_master_refuses() {
    check(&[
        &["create-master -l x m"],
        &["create-master -l"],
        &["create-master --frob m"],
        &["create-master --db=nonsense m"],
        &["create-master a b"],
    ]);
}

#[test]
fn directories_that_are_no_masters() {
    check(&[
        &["start nosuch"],
        &["stop nosuch"],
        &["restart nosuch"],
        &[
            "create-master m",
            "write m/buildbot.tac x",
            "start m",
            "stop m",
            "restart m",
        ],
        &["stop a b"],
        &["start a b"],
        &["reconfig --progress_timeout=x ."],
        &["create-master -q m", "start --start_timeout=x m"],
    ]);
}

#[test]
fn masters_that_do_not_run() {
    check(&[
        &[
            "create-master -q m",
            "stop m",
            "stop -c m",
            "stop --no-wait m",
            "stop -q m",
        ],
        &[
            "create-master -q m",
            "write m/twistd.pid nonsense",
            "stop m",
        ],
    ]);
}

#[test]
fn jobs_that_tryserver_takes() {
    check(&[&["tryserver"], &["tryserver --jobdir"]]);
}
