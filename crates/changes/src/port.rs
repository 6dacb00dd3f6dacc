//! What a poll needs of the master.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::Object;
use buildbot_render::Value;
use buildbot_schedulers::NewChange;
use serde_json::Value as Json;

/// What is answered later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a poll needs of the master.
pub trait Port: Send + Sync {
    /// The time, in seconds since the epoch.
    fn now(&self) -> f64;

    /// Waits.
    fn sleep(&self, time: Duration) -> Later<'_, ()>;

    /// A random number of seconds, both ends included.
    fn random(&self, min: i64, max: i64) -> i64;

    /// The base directory, which relative paths are below.
    fn basedir(&self) -> &Path;

    /// Runs a program to its end. It is killed, with all that it started, when nobody waits any more.
    fn run(&self, program: Program) -> Later<'_, Result<Ended, PollError>>;

    /// The values with their secrets.
    fn render(&self, values: Vec<Value>) -> Later<'_, Result<Vec<Value>, PollError>>;

    /// The object that a value refers to.
    fn object(&self, value: &Value) -> Option<Arc<Object>>;

    /// Calls code of the user's.
    fn call(&self, callable: Value, arguments: Vec<Value>) -> Later<'_, Result<Value, PollError>>;

    /// What was kept under a key.
    fn state(
        &self,
        object: StateObject,
        key: &'static str,
    ) -> Later<'_, Result<Option<Json>, PollError>>;

    /// Keeps something under a key; durable when it is answered.
    fn set_state(
        &self,
        object: StateObject,
        key: &'static str,
        value: Json,
    ) -> Later<'_, Result<(), PollError>>;

    /// Adds a change; durable when it is answered.
    fn add_change(&self, change: NewChange) -> Later<'_, Result<(), PollError>>;

    /// Takes a source for this master, unless another one has it; whether this master has it.
    fn claim(&self, source: &str) -> Later<'_, Result<bool, PollError>>;

    /// Gives a source up.
    fn release(&self, source: &str) -> Later<'_, ()>;
}

/// A program that runs on the master.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Variables beside those of the master.
    pub env: Vec<(&'static str, String)>,
    /// What it reads.
    pub stdin: Option<buildbot_model::Secret<String>>,
}

/// How a program ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Whose state: the name and class of the object in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateObject {
    /// The name of the source.
    pub name: String,
    /// Its class, without the module.
    pub class: String,
}

/// Why a poll, or a part of it, has failed. It is logged, and the next poll tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PollError(pub String);

impl PollError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
