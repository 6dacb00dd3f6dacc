//! The life of a step.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use buildbot_config::steps::kind::StepKind;
use buildbot_config::{StepArguments, StepConfig};
use buildbot_model::Results;
use buildbot_render::{Exception, Value};

use crate::call::Argument;
use crate::error::StepError;
use crate::kinds::{self, Interrupted};
use crate::port::{Interruption, Later, Port};
use crate::renderables;
use crate::source;
use crate::step::{Step, Told, type_error};
use crate::summary::is_in_build_summary;
use crate::trigger;
use crate::value::{NoObjects, text_of};

/// What the result of a step means for its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the argument of that name")]
pub struct Flags {
    pub halt_on_failure: bool,
    pub flunk_on_failure: bool,
    pub flunk_on_warnings: bool,
    pub warn_on_failure: bool,
    pub warn_on_warnings: bool,
    pub always_run: bool,
}

/// What comes after the preparation of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It takes its locks and runs.
    Run,
    /// It ends with this result, without locks: SKIPPED because of `doStepIf`, or EXCEPTION.
    End(Results),
}

/// A step whose arguments have been evaluated.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What its result means; rendered.
    pub flags: Flags,
    /// The locks that it needs: objects of accesses to locks; rendered.
    pub locks: Value,
    /// How its logs are decoded where a worker sends bytes: `None` for the master's `logEncoding`, the name of an
    /// encoding, or a callable.
    pub log_encoding: Value,
    /// What is to be done with it.
    pub next: Next,
    config: Arc<StepConfig>,
    arguments: StepArguments,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnd {
    /// Its result.
    pub results: Results,
    /// What is shown of it: its state string, without secrets.
    pub summary: String,
    /// What it adds to the text of its build, without secrets.
    pub build_summary: Option<String>,
    /// Whether pages do not show it.
    pub hidden: bool,
    /// Its statistics by name.
    pub statistics: Vec<(String, Value)>,
    /// What `run` gave was no result: the build ends with EXCEPTION and the text `build exception`.
    pub build_exception: Option<Exception>,
}

/// The name of a step, which the caller makes unique in the build. If it cannot be evaluated the build ends
/// with EXCEPTION.
pub async fn name(config: &StepConfig, port: &dyn Port) -> Result<String, StepError> {
    let name = source::name(&config.arguments);
    let mut rendered = port.render(vec![name]).await;
    let name = rendered.pop().unwrap_or(Ok(Value::None))?;
    Ok(text_of(&name))
}

/// Evaluates the arguments of a step, which has its row and its start, and asks `doStepIf`.
pub async fn prepare(config: Arc<StepConfig>, port: &dyn Port) -> Prepared {
    let mut arguments = (*config.arguments).clone();
    source::describe(&mut arguments);
    let mut step = Step::new(port, Arc::clone(&config), arguments);
    let prepared = prepare_step(&mut step).await;
    let (next, locks) = match prepared {
        Ok((true, locks)) => (Next::Run, locks),
        Ok((false, locks)) => (Next::End(Results::Skipped), locks),
        Err(error) => (Next::End(results_of(&step, error).await), Value::None),
    };
    let arguments = step.arguments;
    let common = &arguments.common;
    Prepared {
        flags: Flags {
            halt_on_failure: common.halt_on_failure.is_true(),
            flunk_on_failure: common.flunk_on_failure.is_true(),
            flunk_on_warnings: common.flunk_on_warnings.is_true(),
            warn_on_failure: common.warn_on_failure.is_true(),
            warn_on_warnings: common.warn_on_warnings.is_true(),
            always_run: common.always_run.is_true(),
        },
        locks,
        log_encoding: common.log_encoding.clone(),
        next,
        config,
        arguments,
    }
}

/// Whether the step is done, and its locks.
async fn prepare_step(step: &mut Step<'_>) -> Result<(bool, Value), StepError> {
    let port = step.port;
    if step.arguments.common.workdir.is_none() {
        let workdir = port.build().workdir.clone();
        step.arguments.common.workdir =
            if workdir.is_callable(&NoObjects) && !workdir.is_renderable() {
                port.call(&workdir, vec![Argument::SourceStamps]).await?
            } else {
                workdir
            };
    }
    if let StepKind::Trigger(arguments) = &mut step.arguments.kind {
        trigger::copy_properties(arguments);
    }
    let values: Vec<Value> = renderables::of(&mut step.arguments)
        .iter()
        .map(|value| (**value).clone())
        .collect();
    let rendered = port.render(values).await;
    for (place, value) in renderables::of(&mut step.arguments)
        .into_iter()
        .zip(rendered)
    {
        *place = value?;
    }
    if !is_done(step).await? {
        return Ok((false, Value::None));
    }
    let locks = step.arguments.common.locks.clone();
    let locks = step.render(locks).await?;
    Ok((true, locks))
}

/// Asks `doStepIf`.
async fn is_done(step: &Step<'_>) -> Result<bool, StepError> {
    match &step.arguments.common.do_step_if {
        Value::Bool(done) => Ok(*done),
        function if function.is_callable(&NoObjects) => {
            let answer = step.port.call(function, vec![step.live(None)]).await?;
            Ok(answer.is_true())
        }
        other => Err(type_error(format!(
            "'{}' object is not callable",
            other.type_name()
        ))),
    }
}

/// What an error means; the logs of an exception are made.
async fn results_of(step: &Step<'_>, error: StepError) -> Results {
    match error {
        StepError::Failed => Results::Failure,
        StepError::Cancelled => Results::Cancelled,
        StepError::ConnectionLost => Results::Retry,
        StepError::Exception(_) | StepError::NoResult(_) => {
            match step.add_log_with_exception(&error).await {
                Err(StepError::ConnectionLost) => Results::Retry,
                // A log that cannot be made does not change what has happened.
                Ok(()) | Err(_) => Results::Exception,
            }
        }
    }
}

impl Prepared {
    /// Runs the step, whose locks are held, to its end. If it does not run ([`Next::End`]), it ends.
    pub async fn run(self, port: &dyn Port) -> StepEnd {
        let Self {
            next,
            config,
            arguments,
            ..
        } = self;
        let step = Step::new(port, config, arguments);
        let mut build_exception = None;
        let results = match next {
            Next::End(results) => results,
            Next::Run => {
                port.show(kinds::current_summary(&step));
                let results = match drive(&step).await {
                    Ok(results) => results,
                    Err(error) => {
                        if let StepError::NoResult(exception) = &error {
                            build_exception = Some(exception.clone());
                        }
                        results_of(&step, error).await
                    }
                };
                match results {
                    Results::Retry | Results::Cancelled => results,
                    _ if step.is_stopped() => Results::Exception,
                    _ => results,
                }
            }
        };
        end(&step, results, build_exception).await
    }

    /// Ends a step that was prepared and does not run: CANCELLED while it waited for its locks.
    pub async fn end(mut self, port: &dyn Port, results: Results) -> StepEnd {
        self.next = Next::End(results);
        self.run(port).await
    }
}

/// Runs the step, and interrupts it when it is to end.
async fn drive(step: &Step<'_>) -> Result<Results, StepError> {
    let mut running = if step.config.is_custom() {
        step.port.run_custom(step)
    } else {
        kinds::run(step)
    };
    let mut told = Some(step.port.interrupted());
    let mut interrupting: Option<Later<'_, ()>> = None;
    let results = poll_fn(|context| {
        loop {
            if let Some(future) = &mut interrupting {
                match future.as_mut().poll(context) {
                    Poll::Ready(()) => interrupting = None,
                    Poll::Pending => break,
                }
            }
            let Some(future) = &mut told else { break };
            match future.as_mut().poll(context) {
                Poll::Pending => break,
                Poll::Ready(reason) => {
                    told = (!reason.connection_lost).then(|| step.port.interrupted());
                    // A second one counts only if it says that the connection is gone.
                    if reason.connection_lost || !step.is_stopped() {
                        interrupting = Some(Box::pin(interrupt(step, reason)));
                    }
                }
            }
        }
        running.as_mut().poll(context)
    })
    .await;
    drop(told);
    if let Some(interrupting) = interrupting {
        interrupting.await;
    }
    results
}

/// Interrupts a step as its kind wants it. Logs that cannot be made must not keep it running.
///
/// Differs: the log `cancelled` of a step whose connection is lost says so in plain words, where the reference shows
/// the inside of Twisted.
async fn interrupt(step: &Step<'_>, interruption: Interruption) {
    let how = kinds::interrupted(&step.arguments.kind);
    let log = match how {
        Interrupted::IsTold => {
            step.tell(Told {
                connection_lost: interruption.connection_lost,
            });
            return;
        }
        Interrupted::CommandOnly => "interrupt",
        Interrupted::Stops | Interrupted::StopsPrograms => {
            step.stop();
            "cancelled"
        }
    };
    let _ = step.add_complete_log(log, &interruption.reason).await;
    if !interruption.connection_lost {
        step.port.interrupt_commands(&interruption.reason);
    }
    if how == Interrupted::StopsPrograms {
        step.port.signal_local(&kinds::signal(&step.arguments.kind));
    }
}

/// Asks `hideStepIf`, finishes the logs, and says what is shown.
async fn end(step: &Step<'_>, mut results: Results, build_exception: Option<Exception>) -> StepEnd {
    let port = step.port;
    let hide = &step.arguments.common.hide_step_if;
    let hidden = if hide.is_callable(&NoObjects) {
        let arguments = vec![
            Argument::Value(Value::Int(results.code())),
            step.live(Some(results)),
        ];
        match port.call(hide, arguments).await {
            Ok(hidden) => hidden.is_true(),
            Err(error) => {
                let _ = step.add_log_with_exception(&error).await;
                results = Results::Exception;
                false
            }
        }
    } else {
        hide.is_true()
    };
    if port.finish_logs().await.is_err() {
        results = Results::Exception;
    }
    let summary = kinds::summary(step, results);
    let build_summary = summary.build.or_else(|| {
        (summary.in_build && is_in_build_summary(&step.config.arguments, results))
            .then(|| summary.step.clone())
    });
    StepEnd {
        results,
        summary: port.mask(&summary.step),
        build_summary: build_summary.map(|text| port.mask(&text)),
        hidden,
        statistics: step.statistics(),
        build_exception,
    }
}
