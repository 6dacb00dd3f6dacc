//! How a scheduler looks at a change: does it count, and is it important?

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::SharedChange;
use crate::filter::Decision;
use crate::input::Answer;
use crate::json;
use crate::output::Question;
use crate::plan::Plan;

/// A change that one scheduler looks at.
pub(crate) struct Intake {
    pub(crate) plan: Arc<Plan>,
    pub(crate) change: SharedChange,
    stage: Stage,
}

enum Stage {
    Filter,
    /// Questions of the filter that have not been asked.
    Asking(VecDeque<Question>),
    Importance,
    Done(Taken),
}

/// What became of a change.
#[derive(Debug, Clone)]
pub(crate) enum Taken {
    Asks(Question),
    /// Perhaps with a line for the log.
    Dropped(Option<String>),
    /// Whether it is important.
    Counts(bool),
}

impl Intake {
    pub(crate) fn new(plan: Arc<Plan>, change: SharedChange) -> Self {
        Self {
            plan,
            change,
            stage: Stage::Filter,
        }
    }

    pub(crate) fn go_on(&mut self) -> Taken {
        let Some(intake) = self.plan.intake() else {
            return Taken::Dropped(None);
        };
        if let Stage::Filter = self.stage {
            self.stage = match intake.filter.on_change(&self.change) {
                Decision::No => return Taken::Dropped(None),
                Decision::Failed(why) => {
                    return Taken::Dropped(Some(format!(
                        "the filter of scheduler '{}' failed for change {}: {why}",
                        self.plan.name, self.change.id
                    )));
                }
                Decision::If(questions) => Stage::Asking(questions.into()),
            };
        }
        if let Stage::Asking(questions) = &mut self.stage {
            if let Some(question) = questions.pop_front() {
                return Taken::Asks(question);
            }
            if !self.plan.codebases.contains_key(&self.change.codebase) {
                return Taken::Dropped(Some(format!(
                    "change contains codebase {} that is not processed by scheduler {}",
                    self.change.codebase, self.plan.name
                )));
            }
            self.stage = Stage::Importance;
            if let Some(callable) = &intake.file_is_important {
                return Taken::Asks(Question::Call {
                    callable: callable.clone(),
                    arguments: vec![json::live_change(&self.change)],
                });
            }
            return Taken::Counts(true);
        }
        match &self.stage {
            Stage::Done(taken) => taken.clone(),
            Stage::Filter | Stage::Asking(_) | Stage::Importance => Taken::Dropped(None),
        }
    }

    pub(crate) fn answered(&mut self, answer: Answer) {
        let only_important = self
            .plan
            .intake()
            .is_some_and(|intake| intake.only_important);
        let is_filter = matches!(self.stage, Stage::Asking(_));
        let answer = match answer {
            Answer::Value(answer) => answer.map(|value| value.is_true()),
            Answer::Rendered { .. } => Ok(false),
        };
        let what = if is_filter {
            "the filter of scheduler"
        } else {
            "fileIsImportant of scheduler"
        };
        match answer {
            Ok(true) if is_filter => {}
            Ok(false) if is_filter || only_important => {
                self.stage = Stage::Done(Taken::Dropped(None));
            }
            Ok(is_important) => self.stage = Stage::Done(Taken::Counts(is_important)),
            Err(error) => {
                self.stage = Stage::Done(Taken::Dropped(Some(format!(
                    "{what} '{}' failed for change {}: {error}",
                    self.plan.name, self.change.id
                ))));
            }
        }
    }
}
