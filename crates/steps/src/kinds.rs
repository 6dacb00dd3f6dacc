//! What is done for each kind of step.

use buildbot_config::steps::kind::StepKind;
use buildbot_model::Results;

use crate::error::StepError;
use crate::port::Later;
use crate::shell;
use crate::step::Step;
use crate::summary::Summary;

/// How a step reacts when it is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It begins nothing any more; a log says why.
    Stops,
    /// As [`Interrupted::Stops`], and the master's own programs get a signal.
    StopsPrograms,
    /// The command ends, and the step decides what that means.
    CommandOnly,
}

/// Runs a step.
pub(crate) fn run<'a>(step: &'a Step<'a>) -> Later<'a, Result<Results, StepError>> {
    match &step.arguments.kind {
        StepKind::ShellCommand | StepKind::Configure => Box::pin(shell::run(step)),
        _ => Box::pin(async { Err(crate::step::type_error("the step cannot be carried out")) }),
    }
}

/// What a step shows at its end.
pub(crate) fn summary(step: &Step<'_>, results: Results) -> Summary {
    if step.arguments.shell.is_some() {
        step.shell_summary(results).into()
    } else {
        step.default_summary(results).into()
    }
}

/// What a step shows at its beginning.
pub(crate) fn current_summary(step: &Step<'_>) -> String {
    step.current_summary()
}

/// How a step reacts when it is to end.
pub(crate) fn interrupted(_kind: &StepKind) -> Interrupted {
    Interrupted::Stops
}
