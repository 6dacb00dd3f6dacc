//! A step while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_config::{StepArguments, StepConfig};
use buildbot_render::Value;

use crate::command::{CommandEnd, Observer, RemoteCommand};
use crate::error::StepError;
use crate::port::{Channel, LogKey, LogKind, Port};

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

/// Values are shown without the classes of objects.
pub(crate) struct NoObjects;

impl buildbot_render::Objects for NoObjects {
    fn class(&self, _id: buildbot_render::ObjectId) -> Option<&str> {
        None
    }

    fn is_callable(&self, _id: buildbot_render::ObjectId) -> bool {
        false
    }
}

/// What becomes known of a step while it runs.
#[derive(Debug, Default)]
struct State {
    stopped: bool,
    timed_out: bool,
    max_lines_reached: bool,
    statistics: Vec<(String, Value)>,
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
        Ok(end)
    }

    /// Makes a log of text that is complete.
    pub async fn add_complete_log(&self, name: &str, text: &str) -> Result<LogKey, StepError> {
        let log = self.port.add_log(name, LogKind::Text).await?;
        self.port.append(log, Channel::Stdout, text).await?;
        self.port.finish_log(log).await?;
        Ok(log)
    }

    /// Sets a statistic of the step; builds sum them up.
    pub fn set_statistic(&self, name: &str, value: Value) {
        let statistics = &mut self.state().statistics;
        match statistics.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => statistics.push((name.to_owned(), value)),
        }
    }

    /// The statistics of the step by name.
    pub fn statistics(&self) -> Vec<(String, Value)> {
        self.state().statistics.clone()
    }
}
