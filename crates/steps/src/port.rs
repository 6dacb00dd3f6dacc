//! What a step needs of the master: the one trait between the steps and everything around them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use buildbot_config::{Object, StepConfig};
use buildbot_model::Results;
use buildbot_render::{ObjectId, Properties, Property, Value};

use crate::call::Argument;
use crate::command::{CommandEnd, Observer, RemoteCommand};
use crate::error::StepError;
use crate::facts::{BuildFacts, WorkerFacts};
use crate::http::{HttpRequest, HttpResponse};
use crate::local::{LocalCommand, LocalEnd};
use crate::step::Step;
use crate::trigger_port::{BuildsetEnd, TriggerRequest, Triggered};

/// Something that is known later. Dropping it gives it up; what the master has begun goes on.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What comes later may fail.
pub type Answer<'a, T> = Later<'a, Result<T, StepError>>;

/// A log of the step, by the number that the port gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey(pub u64);

/// What a log contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Lines of several channels: type `s`.
    Stream,
    /// Text: type `t`.
    Text,
    /// HTML: type `h`.
    Html,
}

/// Which of a log's channels a line belongs to. Logs of [`LogKind::Text`] and [`LogKind::Html`] have only
/// `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// `o`: what a program wrote, and all text of logs without channels.
    Stdout,
    /// `e`: what a program wrote to its standard error.
    Stderr,
    /// `h`: what master and worker say about it.
    Header,
}

/// Why a running step is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The text of the log `cancelled`.
    pub reason: String,
    /// Whether the connection to the worker is gone: the step ends with RETRY.
    pub connection_lost: bool,
}

/// Where steps are added that a running step makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddSteps {
    /// They are the next ones; what was added so before comes after them.
    AfterCurrent,
    /// They are the last ones.
    AfterLast,
}

/// A set of results of tests, by the number that the port gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TestResultSet(pub i64);

/// One result of a test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestResult {
    /// Its value, in the unit of its set.
    pub value: String,
    /// The test.
    pub test_name: Option<String>,
    /// The file.
    pub test_code_path: Option<String>,
    /// The line of the file.
    pub line: Option<i64>,
    /// How long it took.
    pub duration_ns: Option<i64>,
}

/// What a step asks of the master, for one step of one build.
///
/// The port hides the secrets that the build has used in everything that it stores or shows: texts of logs,
/// collected output, summaries. It is the step's only way to the outside, so a test that implements it sees
/// everything that a step does.
pub trait Port: Send + Sync {
    // The surroundings.

    /// What the step may know of its build. It does not change while the step runs.
    fn build(&self) -> &BuildFacts;

    /// What the step may know of its worker.
    fn worker(&self) -> &WorkerFacts;

    /// The name of the step, unique in its build.
    fn step_name(&self) -> &str;

    /// Secrets that values of this build have used are replaced by `<name>`.
    fn mask(&self, text: &str) -> String;

    /// The time, in seconds since the epoch.
    fn now_s(&self) -> f64;

    // Values.

    /// Evaluates values with the properties of the build, as they are now, all in the same rounds. If several
    /// fail, each fails by itself.
    fn render(&self, values: Vec<Value>) -> Later<'_, Vec<Result<Value, StepError>>>;

    /// Calls code of the user's; what it gives is awaited.
    fn call<'a>(&'a self, function: &'a Value, arguments: Vec<Argument>) -> Answer<'a, Value>;

    /// The object of the description, also of an answer of the configuration host.
    fn object(&self, id: ObjectId) -> Option<Arc<Object>>;

    /// The property of this name, as it is now.
    fn property(&self, name: &str) -> Option<Property>;

    /// All properties, as they are now.
    fn properties(&self) -> Properties;

    /// Sets a property of the build at run time. It is seen at once, and stored when the step ends.
    fn set_property(&self, name: &str, value: Value, source: &str);

    // The worker.

    /// Has the worker carry out a command, and waits for its end.
    ///
    /// Texts of the command go into the logs that it names, whole lines at a time, with the headers
    /// `program finished with exit code N` that the master adds when an `rc` arrives; the observer sees every
    /// line before the command's end is answered. An interrupted command ends with CANCELLED.
    ///
    /// A failure on the worker is [`StepError::Exception`], the loss of the connection
    /// [`StepError::ConnectionLost`]. Steps call [`Step::run_command`], which does not ask the port for more
    /// commands when the step was stopped.
    fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        observer: Option<&'a mut dyn Observer>,
    ) -> Answer<'a, CommandEnd>;

    /// Interrupts the commands that run now, if there are any.
    fn interrupt_commands(&self, reason: &str);

    // What is kept of the step.

    /// Makes a log. Two logs may have the same name.
    fn add_log<'a>(&'a self, name: &'a str, kind: LogKind) -> Answer<'a, LogKey>;

    /// Appends text to a log; a line without its end waits for the rest of it.
    fn append<'a>(&'a self, log: LogKey, channel: Channel, text: &'a str) -> Answer<'a, ()>;

    /// Ends a log, the last line also without its end. To end it again does nothing.
    fn finish_log(&self, log: LogKey) -> Answer<'_, ()>;

    /// Ends all logs of the step that have not ended.
    fn finish_logs(&self) -> Answer<'_, ()>;

    /// Adds a link.
    fn add_url<'a>(&'a self, name: &'a str, url: &'a str) -> Answer<'a, ()>;

    /// Shows what the step does now. The port writes it at most once in a second, and never after
    /// the step's end.
    fn show(&self, summary: String);

    /// Keeps data of the build.
    fn set_build_data<'a>(
        &'a self,
        name: &'a str,
        value: Vec<u8>,
        source: &'a str,
    ) -> Answer<'a, ()>;

    /// Announces results of tests.
    fn add_test_results<'a>(
        &'a self,
        description: &'a str,
        category: &'a str,
        value_unit: &'a str,
    ) -> Answer<'a, TestResultSet>;

    /// Adds a result of a test; they are written in batches.
    fn add_test_result(&self, set: TestResultSet, result: TestResult) -> Answer<'_, ()>;

    /// Writes what waits of a set, and ends it.
    fn finish_test_results(&self, set: TestResultSet) -> Answer<'_, ()>;

    // The life of the step.

    /// Waits until the step is to end. It may happen once more if the connection is lost afterwards.
    fn interrupted(&self) -> Later<'_, Interruption>;

    /// Waits.
    fn sleep(&self, seconds: f64) -> Later<'_, ()>;

    /// Adds steps to the build.
    fn add_steps(&self, steps: Vec<Arc<StepConfig>>, place: AddSteps);

    /// Runs a step of a class of the user's whose code is needed, and gives what its `run` gave.
    fn run_custom<'a>(&'a self, step: &'a Step<'a>) -> Answer<'a, Results>;

    // Other builds.

    /// Whether a scheduler of this name exists, and can be triggered.
    fn is_triggerable(&self, scheduler: &str) -> Option<bool>;

    /// Triggers a scheduler.
    fn trigger(&self, request: TriggerRequest) -> Answer<'_, Triggered>;

    /// Waits until a build request is complete, and gives the results of its builds.
    fn request_complete(&self, request: i64) -> Answer<'_, Vec<Results>>;

    /// Waits until a buildset is complete, which it is after its requests.
    fn buildset_complete(&self, buildset: i64) -> Answer<'_, BuildsetEnd>;

    /// Cancels build requests.
    fn cancel_requests<'a>(&'a self, requests: &'a [i64], reason: &'a str) -> Answer<'a, ()>;

    // The machine of the master.

    /// Runs a program on the master; its output goes into the log that it names.
    fn run_local(&self, command: LocalCommand) -> Answer<'_, LocalEnd>;

    /// Sends the programs that run on the master a signal, such as `KILL`.
    fn signal_local(&self, signal: &str);

    /// Whether there is a file on the master that can be read; `path` as in [`crate::command::Transfer`].
    fn is_file<'a>(&'a self, path: &'a str) -> Later<'a, bool>;

    /// Sends a request from the master.
    fn http(&self, request: HttpRequest) -> Answer<'_, HttpResponse>;
}
