//! The life of a step.

use std::sync::Arc;

use buildbot_config::{StepArguments, StepConfig};
use buildbot_model::Results;
use buildbot_render::{Exception, Value};

use crate::error::StepError;
use crate::port::Port;
use crate::step::Step;

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
    /// What it adds to the text of its build.
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
    let mut rendered = port
        .render(vec![config.arguments.common.name.clone()])
        .await;
    let name = rendered.pop().unwrap_or(Ok(Value::None))?;
    Ok(match name {
        Value::Text(text) => text,
        other => other.repr(&crate::step::NoObjects),
    })
}

/// Evaluates the arguments of a step, which has its row and its start, and asks `doStepIf`.
pub async fn prepare(config: Arc<StepConfig>, port: &dyn Port) -> Prepared {
    let arguments = (*config.arguments).clone();
    let _ = port;
    Prepared {
        flags: Flags {
            halt_on_failure: arguments.common.halt_on_failure.is_true(),
            flunk_on_failure: arguments.common.flunk_on_failure.is_true(),
            flunk_on_warnings: arguments.common.flunk_on_warnings.is_true(),
            warn_on_failure: arguments.common.warn_on_failure.is_true(),
            warn_on_warnings: arguments.common.warn_on_warnings.is_true(),
            always_run: arguments.common.always_run.is_true(),
        },
        locks: arguments.common.locks.clone(),
        next: Next::Run,
        config,
        arguments,
    }
}

impl Prepared {
    /// Runs the step, whose locks are held, to its end. If it does not run ([`Next::End`]), it ends.
    pub async fn run(self, port: &dyn Port) -> StepEnd {
        let results = match self.next {
            Next::End(results) => results,
            Next::Run => {
                let step = Step::new(port, self.config, self.arguments);
                match port.run_custom(&step).await {
                    Ok(results) => results,
                    Err(_) => Results::Exception,
                }
            }
        };
        StepEnd {
            results,
            summary: String::new(),
            build_summary: None,
            hidden: false,
            statistics: Vec::new(),
            build_exception: None,
        }
    }

    /// Ends a step that was prepared and does not run: CANCELLED while it waited for its locks.
    pub async fn end(mut self, port: &dyn Port, results: Results) -> StepEnd {
        self.next = Next::End(results);
        self.run(port).await
    }
}
