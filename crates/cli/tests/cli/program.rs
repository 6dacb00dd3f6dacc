//! Runs the program, and what it said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The errors of `--json`, without place and help.
    pub(crate) fn errors(&self) -> Vec<String> {
        messages(&self.json()["errors"])
    }

    /// What makes a master refuse to start.
    pub(crate) fn refused(&self) -> Vec<String> {
        messages(&self.json()["refused_at_start"])
    }
}

fn messages(problems: &Value) -> Vec<String> {
    let problems = problems.as_array().unwrap();
    let messages = problems.iter().map(|problem| problem["message"].as_str());
    messages
        .map(|message| message.unwrap().to_owned())
        .collect()
}

/// Runs `buildbot` in `directory`, with our own package whatever else is installed.
pub(crate) fn buildbot(directory: &Path, arguments: &[&str]) -> Said {
    command(directory, arguments, &[])
}

/// The same with further variables in its environment.
pub(crate) fn command(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_buildbot"))
        .args(arguments)
        .current_dir(directory)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The configurations of these tests.
pub(crate) fn configurations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations")
}

/// A directory with these files, and `base.py` of the configurations.
pub(crate) fn stage(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(
        configurations().join("base.py"),
        directory.path().join("base.py"),
    )
    .unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// A good configuration, spoiled or not by `more`.
pub(crate) fn config(more: &str) -> String {
    format!("from base import *\n\nc = BuildmasterConfig = good()\n{more}\n")
}
