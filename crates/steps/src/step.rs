//! A step while it runs.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use buildbot_config::{StepArguments, StepConfig};
use buildbot_model::Results;
use buildbot_render::{Exception, Kind, Value};

use crate::call::{Argument, LiveStep};
use crate::command::{CommandEnd, Observer, RemoteCommand};
use crate::error::StepError;
use crate::port::{Channel, LogKey, LogKind, Port};
use crate::source::Wanted as WantedSource;

/// A step while it runs: its arguments, evaluated, and what has become known of it.
pub struct Step<'p> {
    /// Everything around it.
    pub port: &'p dyn Port,
    /// As it was configured.
    pub config: Arc<StepConfig>,
    /// Its arguments; renderables have been evaluated.
    pub arguments: StepArguments,
    state: Mutex<State>,
}

/// That a step is to end, which it sees to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) connection_lost: bool,
}

/// What becomes known of a step while it runs.
#[derive(Debug, Default)]
struct State {
    stopped: bool,
    told: Option<Told>,
    waiting_for_stop: Waiting,
    timed_out: bool,
    max_lines_reached: bool,
    statistics: Vec<(String, Value)>,
    logs: Vec<(String, LogKey, LogKind)>,
    command: Option<Value>,
    description: Option<Value>,
    description_done: Option<Value>,
    description_suffix: Option<Value>,
    summary: Option<String>,
    /// What code of the user's wants to be fetched.
    wanted: Option<WantedSource>,
    /// What code of the user's wants to be triggered.
    trigger_plan: Option<TriggerPlan>,
    triggered: Option<Vec<String>>,
    triggered_results: Vec<Results>,
    /// Properties about sources that code of the user's sets itself.
    source_properties: Option<Vec<(String, Value)>>,
}

/// Who waits for a stop; nobody twice, however often it is polled.
#[derive(Debug, Default)]
struct Waiting(Vec<Waker>);

impl Waiting {
    fn add(&mut self, waker: &Waker) {
        if !self.0.iter().any(|known| known.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }

    fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

/// What code of the user's wants to be triggered.
#[derive(Debug, Clone, Default)]
pub(crate) struct TriggerPlan {
    /// The name of a scheduler, whether its results do not count, and properties: name, value, source.
    pub(crate) schedulers: Vec<PlannedTrigger>,
    /// Attributes of the source stamps.
    pub(crate) source_stamps: Vec<Vec<(String, Value)>>,
}

/// A scheduler, whether its results do not count, and properties: name, value, source.
pub(crate) type PlannedTrigger = (Value, bool, Vec<(String, Value, String)>);

/// What a step has changed of itself while it ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changed {
    pub(crate) description: Option<Value>,
    pub(crate) description_done: Option<Value>,
    pub(crate) description_suffix: Option<Value>,
    pub(crate) command: Option<Value>,
    /// The schedulers that were triggered.
    pub(crate) triggered: Option<Vec<String>>,
    /// The results of the builds.
    pub(crate) triggered_results: Vec<Results>,
}

impl<'p> Step<'p> {
    pub(crate) fn new(
        port: &'p dyn Port,
        config: Arc<StepConfig>,
        arguments: StepArguments,
    ) -> Self {
        Self {
            port,
            config,
            arguments,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was interrupted.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Nothing of it is to be begun any more.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        let waiting = std::mem::take(&mut state.waiting_for_stop);
        drop(state);
        waiting.wake();
    }

    /// Waits. `false`, and at once, when it was stopped.
    pub(crate) async fn sleep(&self, seconds: f64) -> bool {
        let mut sleep = self.port.sleep(seconds);
        poll_fn(|context| {
            let mut state = self.state();
            if state.stopped {
                return Poll::Ready(false);
            }
            state.waiting_for_stop.add(context.waker());
            drop(state);
            sleep.as_mut().poll(context).map(|()| true)
        })
        .await
    }

    /// It is to end, and sees to that itself.
    pub(crate) fn tell(&self, told: Told) {
        let mut state = self.state();
        state.told = Some(told);
        let waiting = std::mem::take(&mut state.waiting_for_stop);
        drop(state);
        waiting.wake();
    }

    /// Waits until it is told to end.
    pub(crate) async fn told(&self) -> Told {
        poll_fn(|context| {
            let mut state = self.state();
            if let Some(told) = state.told {
                return Poll::Ready(told);
            }
            state.waiting_for_stop.add(context.waker());
            Poll::Pending
        })
        .await
    }

    /// Whether it was told to end, and saw to that itself.
    pub(crate) fn was_told(&self) -> bool {
        self.state().told.is_some()
    }

    /// The logs that it has made.
    pub(crate) fn known_logs(&self) -> Vec<(String, LogKey, LogKind)> {
        self.state().logs.clone()
    }

    /// What it has changed of itself.
    pub(crate) fn changed(&self) -> Changed {
        let state = self.state();
        Changed {
            description: state.description.clone(),
            description_done: state.description_done.clone(),
            description_suffix: state.description_suffix.clone(),
            command: state.command.clone(),
            triggered: state.triggered.clone(),
            triggered_results: state.triggered_results.clone(),
        }
    }

    /// Code of the user's wants to set the properties about sources itself.
    pub(crate) fn keep_source_properties(&self) {
        self.state().source_properties = Some(Vec::new());
    }

    /// Those that were kept for it.
    pub(crate) fn kept_source_properties(&self) -> Vec<(String, Value)> {
        self.state().source_properties.clone().unwrap_or_default()
    }

    /// Keeps a property for code of the user's, or gives it back to be set.
    pub(crate) fn set_source_property(&self, name: &str, value: Value) -> Option<Value> {
        match &mut self.state().source_properties {
            Some(kept) => {
                kept.push((name.to_owned(), value));
                None
            }
            None => Some(value),
        }
    }

    /// Code of the user's has decided what is fetched.
    pub(crate) fn set_wanted(&self, wanted: WantedSource) {
        self.state().wanted = Some(wanted);
    }

    /// What is fetched, if code of the user's has decided.
    pub(crate) fn wanted(&self) -> Option<WantedSource> {
        self.state().wanted.clone()
    }

    /// Code of the user's has decided what is triggered.
    pub(crate) fn set_trigger_plan(&self, plan: TriggerPlan) {
        self.state().trigger_plan = Some(plan);
    }

    /// What is triggered, if code of the user's has decided.
    pub(crate) fn trigger_plan(&self) -> Option<TriggerPlan> {
        self.state().trigger_plan.clone()
    }

    /// These schedulers were triggered, and their builds ended so.
    pub(crate) fn set_triggered(&self, names: &[String], results: &[Results]) {
        let mut state = self.state();
        state.triggered = Some(names.to_vec());
        state.triggered_results = results.to_vec();
    }

    /// Whether the worker has killed a program of it because of the time.
    pub fn has_timed_out(&self) -> bool {
        self.state().timed_out
    }

    /// Whether the worker has killed a program of it because of its output.
    pub fn has_reached_max_lines(&self) -> bool {
        self.state().max_lines_reached
    }

    /// Has the worker carry out a command; [`CommandEnd::not_run`] at once if the step was stopped.
    pub async fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        observer: Option<&'a mut (dyn Observer + 'a)>,
    ) -> Result<CommandEnd, StepError> {
        if self.is_stopped() {
            return Ok(CommandEnd::not_run());
        }
        let end = self.port.run_command(command, observer).await?;
        match end.failure_reason.as_deref() {
            Some("timeout" | "timeout_without_output") => self.state().timed_out = true,
            Some("max_lines_failure") => self.state().max_lines_reached = true,
            _ => {}
        }
        let mut state = self.state();
        for (name, log) in &end.lazy_logs {
            state.logs.push((name.clone(), *log, LogKind::Stream));
        }
        drop(state);
        Ok(end)
    }

    /// Has the worker carry out a command that leaves nothing behind, also if the step was stopped.
    pub(crate) async fn clean_up(&self, command: RemoteCommand) -> Result<CommandEnd, StepError> {
        self.port.run_command(command, None).await
    }

    /// Makes a log.
    pub async fn add_log(&self, name: &str, kind: LogKind) -> Result<LogKey, StepError> {
        let log = self.port.add_log(name, kind).await?;
        self.state().logs.push((name.to_owned(), log, kind));
        Ok(log)
    }

    /// The newest log of this name.
    pub fn log(&self, name: &str) -> Option<LogKey> {
        let state = self.state();
        let mut logs = state.logs.iter().rev();
        logs.find(|(known, ..)| known == name)
            .map(|(_, log, _)| *log)
    }

    /// The log of this name, which is made if there is none.
    pub async fn log_or_new(&self, name: &str) -> Result<LogKey, StepError> {
        match self.log(name) {
            Some(log) => Ok(log),
            None => self.add_log(name, LogKind::Stream).await,
        }
    }

    /// Makes a log of text that is complete.
    pub async fn add_complete_log(&self, name: &str, text: &str) -> Result<(), StepError> {
        let log = self.add_log(name, LogKind::Text).await?;
        self.port.append(log, Channel::Stdout, text).await?;
        self.port.finish_log(log).await
    }

    /// Adds the logs `err.text` and `err.html` of an exception.
    pub async fn add_log_with_exception(&self, error: &StepError) -> Result<(), StepError> {
        let exception = match error {
            StepError::Exception(exception) | StepError::NoResult(exception) => exception.clone(),
            other => Exception {
                class: "buildbot.process.buildstep.BuildStepFailed".to_owned(),
                message: other.to_string(),
                traceback: None,
                place: None,
            },
        };
        let text = traceback(&exception);
        self.add_complete_log("err.text", &text).await?;
        let log = self.add_log("err.html", LogKind::Html).await?;
        let html = format!("<pre>{}</pre>\n", escaped(&text));
        self.port.append(log, Channel::Stdout, &html).await?;
        self.port.finish_log(log).await
    }

    /// Evaluates one value.
    pub async fn render(&self, value: Value) -> Result<Value, StepError> {
        let mut values = self.port.render(vec![value]).await;
        values.pop().unwrap_or(Ok(Value::None))
    }

    /// The step as code of the user's sees it.
    pub fn live(&self, results: Option<Results>) -> Argument {
        let state = self.state();
        Argument::Step(LiveStep {
            class: self.config.object.class.clone(),
            results,
            description: self.arguments.common.description.clone(),
            statistics: state.statistics.clone(),
            stopped: state.stopped,
            arguments: self.config.object.arguments.0.clone(),
        })
    }

    /// Sets a statistic of the step; builds sum them up.
    pub fn set_statistic(&self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let statistics = &mut self.state().statistics;
        match statistics.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => statistics.push((name.to_owned(), value)),
        }
    }

    /// A statistic that counts; 0 if it was never set.
    pub fn count(&self, name: &str) -> i64 {
        let state = self.state();
        let found = state.statistics.iter().find(|(known, _)| known == name);
        match found {
            Some((_, Value::Int(count))) => *count,
            _ => 0,
        }
    }

    /// Whether a statistic was set.
    pub fn has_statistic(&self, name: &str) -> bool {
        let state = self.state();
        state.statistics.iter().any(|(known, _)| known == name)
    }

    /// The statistics of the step by name.
    pub fn statistics(&self) -> Vec<(String, Value)> {
        self.state().statistics.clone()
    }

    /// The command that ran last, or would have run.
    pub fn command(&self) -> Value {
        let known = self.state().command.clone();
        known
            .or_else(|| Some(self.arguments.shell.as_ref()?.command.clone()))
            .unwrap_or_default()
    }

    /// This is the command that runs.
    pub fn set_command(&self, command: Value) {
        self.state().command = Some(command);
    }

    /// What the step shows at its end: what it said last, or its argument.
    pub fn description_done(&self) -> Value {
        let known = self.state().description_done.clone();
        known.unwrap_or_else(|| self.arguments.common.description_done.clone())
    }

    /// The step shows this at its end.
    pub fn set_description_done(&self, description: impl Into<Value>) {
        self.state().description_done = Some(description.into());
    }

    /// What the step shows while it runs: what it said last, or its argument.
    pub fn description(&self) -> Value {
        let known = self.state().description.clone();
        known.unwrap_or_else(|| self.arguments.common.description.clone())
    }

    /// The step shows this while it runs.
    pub fn set_description(&self, description: impl Into<Value>) {
        self.state().description = Some(description.into());
        self.port.show(self.current_summary());
    }

    /// What is added to what the step shows.
    pub fn description_suffix(&self) -> Value {
        let known = self.state().description_suffix.clone();
        known.unwrap_or_else(|| self.arguments.common.description_suffix.clone())
    }

    /// This is added to what the step shows.
    pub fn set_description_suffix(&self, description: impl Into<Value>) {
        self.state().description_suffix = Some(description.into());
        self.port.show(self.current_summary());
    }

    /// What the step has to say of its end; kinds whose text depends on what they found set it.
    pub fn summary(&self) -> Option<String> {
        self.state().summary.clone()
    }

    /// The step has this to say of its end.
    pub fn set_summary(&self, text: impl Into<String>) {
        self.state().summary = Some(text.into());
    }

    /// The directory of the step on the worker.
    pub fn workdir(&self) -> Value {
        self.arguments.common.workdir.clone()
    }

    /// Fails unless the worker knows a command.
    pub fn check_worker_has(&self, command: &str) -> Result<(), StepError> {
        if self.port.worker().command_version(command).is_some() {
            return Ok(());
        }
        Err(StepError::of_class(
            "buildbot.interfaces.WorkerSetupError",
            format!("worker is too old, does not know about {command}"),
        ))
    }
}

/// The text of an exception: Python's traceback, or the exception alone.
fn traceback(exception: &Exception) -> String {
    match &exception.traceback {
        Some(traceback) if traceback.ends_with('\n') => traceback.clone(),
        Some(traceback) => format!("{traceback}\n"),
        None => format!("{}: {}\n", exception.class, exception.message),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An error of Python's own that steps raise.
pub(crate) fn type_error(message: impl Into<String>) -> StepError {
    StepError::raise(Kind::Type, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_polls_often_waits_once() {
        let mut waiting = Waiting::default();
        for _ in 0..3 {
            waiting.add(Waker::noop());
        }
        assert_eq!(waiting.0.len(), 1);
    }
}
