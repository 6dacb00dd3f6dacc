//! `.buildbot/options`: values for options that a person does not want to give each time.
//!
//! Buildbot: manual, ".buildbot config directory". The file is Python, and Python executes it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use buildbot_confighost::Python;
use serde_json::Value as Json;

use crate::output::line;

/// How many directories upwards are looked at.
const LEVELS_MAX: usize = 20;

/// Executes the file and gives those of its names that are plain values.
const PROGRAM: &str = r#"
import json, sys
path = sys.argv[1]
names = {}
with open(path, "rb") as file:
    exec(compile(file.read(), path, "exec"), names)
def plain(value):
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
print(json.dumps({name: value for name, value in names.items() if not name.startswith("__")},
                 default=plain, skipkeys=True))
"#;

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct OptionsFile(BTreeMap<String, Json>);

/// The file cannot be executed.
#[derive(Debug, thiserror::Error)]
#[error("error while reading {path}\n{reason}")]
pub(crate) struct OptionsFileError {
    path: String,
    reason: String,
}

impl OptionsFile {
    /// Finds and executes the file; without one nothing is set.
    pub(crate) fn load() -> Result<Self, OptionsFileError> {
        let here = std::env::current_dir().unwrap_or_default();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        match find(&here, home.as_deref()) {
            Some(path) => execute(&path),
            None => Ok(Self::default()),
        }
    }

    /// The value of a name as text, if it is there and not `None`.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            Json::Bool(truth) => Some(if *truth { "True" } else { "False" }.to_owned()),
            other => Some(other.to_string()),
        }
    }

    /// The texts of a list; nothing if it is not there.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let of = |value: &Json| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.0.get(name) {
            Some(Json::Array(items)) => items.iter().map(of).collect(),
            Some(Json::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    /// Whether Python takes the value for true.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        match self.0.get(name) {
            None | Some(Json::Null) => false,
            Some(Json::Bool(truth)) => *truth,
            Some(Json::Number(number)) => number.as_f64() != Some(0.0),
            Some(Json::String(text)) => !text.is_empty(),
            Some(Json::Array(items)) => !items.is_empty(),
            Some(Json::Object(items)) => !items.is_empty(),
        }
    }
}

/// The first `.buildbot/options` of the directory, those above it, and the home directory.
fn find(here: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let own = rustix::process::getuid().as_raw();
    let above = here.ancestors().take(LEVELS_MAX);
    for directory in above.chain(home) {
        let directory = directory.join(".buildbot");
        let Ok(metadata) = fs::metadata(&directory) else {
            continue;
        };
        if !metadata.is_dir() {
            continue;
        }
        if metadata.uid() != own {
            line(format!(
                "skipping {} because you don't own it",
                directory.display()
            ));
            continue;
        }
        let file = directory.join("options");
        if file.exists() {
            return Some(file);
        }
    }
    None
}

fn execute(path: &Path) -> Result<OptionsFile, OptionsFileError> {
    let fail = |reason: String| OptionsFileError {
        path: path.display().to_string(),
        reason,
    };
    let python = Python::choose(None, |name| std::env::var_os(name));
    let python = python.map_err(|error| fail(error.to_string()))?;
    let ended = Command::new(python.path())
        .args(["-c", PROGRAM])
        .arg(path)
        .output();
    let ended = ended.map_err(|error| fail(error.to_string()))?;
    if !ended.status.success() {
        let text = String::from_utf8_lossy(&ended.stderr);
        return Err(fail(text.trim_end().to_owned()));
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    // What the file prints itself comes before.
    let last = text.lines().last().unwrap_or_default();
    let names = serde_json::from_str(last);
    names
        .map(OptionsFile)
        .map_err(|error| fail(error.to_string()))
}
