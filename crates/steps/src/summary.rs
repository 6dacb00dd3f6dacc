//! What is shown of a step: state strings.

use buildbot_config::StepArguments;
use buildbot_model::Results;
use buildbot_render::Value;

use crate::step::Step;
use crate::value::{flatten, repr, text_of};

/// What is shown of a step that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Of the step.
    pub step: String,
    /// In the text of the build; `None` leaves it to `updateBuildSummaryPolicy`.
    pub build: Option<String>,
    /// Whether `updateBuildSummaryPolicy` counts.
    pub in_build: bool,
}

impl From<String> for Summary {
    fn from(step: String) -> Self {
        Self {
            step,
            build: None,
            in_build: true,
        }
    }
}

/// A description as text: the words of a list, or a text as it is.
fn joined(value: &Value) -> String {
    match value {
        Value::List(words) | Value::Tuple(words) => {
            let words: Vec<String> = words.iter().map(text_of).collect();
            words.join(" ")
        }
        other => text_of(other),
    }
}

impl Step<'_> {
    /// What the step shows while it runs, unless its kind has more to say.
    pub fn current_summary(&self) -> String {
        let description = self.description();
        if !description.is_true() {
            return "running".to_owned();
        }
        self.with_suffix(joined(&description))
    }

    fn with_suffix(&self, mut text: String) -> String {
        let suffix = self.description_suffix();
        if suffix.is_true() {
            text.push(' ');
            text.push_str(&joined(&suffix));
        }
        text
    }

    /// What the step shows at its end, unless its kind has more to say.
    pub fn default_summary(&self, results: Results) -> String {
        let done = self.description_done();
        let description = self.description();
        let mut text = if done.is_true() {
            self.with_suffix(joined(&done))
        } else if description.is_true() {
            self.with_suffix(joined(&description))
        } else {
            "finished".to_owned()
        };
        if results != Results::Success {
            text.push_str(&format!(" ({})", results.name()));
            if self.has_timed_out() {
                text.push_str(" (timed out)");
            } else if self.has_reached_max_lines() {
                text.push_str(" (max lines reached)");
            }
        }
        text
    }

    /// The summary of steps that run commands: the command, shortened.
    pub fn shell_summary(&self, results: Results) -> String {
        if self.description_done().is_true() {
            return self.default_summary(results);
        }
        let command = self.command();
        let Some(text) = shortened(&command) else {
            return self.default_summary(results);
        };
        self.with_results(text, results)
    }

    /// A text with what the result and limits add to it, as steps that run commands show it.
    pub fn with_results(&self, mut text: String, results: Results) -> String {
        if results != Results::Success {
            text.push_str(&format!(" ({})", results.name()));
            if self.has_timed_out() {
                text.push_str(" (timed out)");
            } else if self.has_reached_max_lines() {
                text.push_str(" (max lines)");
            }
        }
        text
    }
}

/// The first words of a command; `None` if there is none.
fn shortened(command: &Value) -> Option<String> {
    let words: Vec<String> = match command {
        Value::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::List(_) | Value::Tuple(_) => flatten(command)
            .iter()
            .map(|word| match word {
                Value::Text(text) => text.clone(),
                other => repr(other),
            })
            .collect(),
        _ => return None,
    };
    match words.as_slice() {
        [] => None,
        [word] => Some(format!("'{word}'")),
        [first, second] => Some(format!("'{first} {second}'")),
        [first, second, ..] => Some(format!("'{first} {second} ...'")),
    }
}

/// Whether a step with this result shows its text in that of its build: `updateBuildSummaryPolicy`, for
/// which the arguments count as they were given.
pub(crate) fn is_in_build_summary(arguments: &StepArguments, results: Results) -> bool {
    let common = &arguments.common;
    match &common.update_build_summary_policy {
        Value::None => match results {
            Results::Exception | Results::Retry | Results::Cancelled => true,
            Results::Failure => {
                common.flunk_on_failure.is_true()
                    || common.halt_on_failure.is_true()
                    || common.warn_on_failure.is_true()
            }
            Results::Warnings => {
                common.warn_on_warnings.is_true() || common.flunk_on_warnings.is_true()
            }
            Results::Success | Results::Skipped => false,
        },
        Value::Bool(always) => *always,
        other => other.as_sequence().is_some_and(|list| {
            list.iter()
                .any(|code| matches!(code, Value::Int(code) if *code == results.code()))
        }),
    }
}
