//! Questions to user code, each with a deadline.

use std::collections::BTreeMap;

use buildbot_model::{BuildId, BuilderId, Timestamp};

use crate::Engine;
use crate::config::{Callable, Generation};
use crate::effect::{Effect, Question};
use crate::event::{CallId, Reply, SubmissionId};
use crate::timers::Timer;

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The order of all builders.
    Order,
    /// The turn of one builder.
    Turn(BuilderId),
    /// A new buildset, about requests that it may replace.
    Submission(SubmissionId),
    /// A build that may be skipped.
    Build(BuildId),
}

/// Questions without an answer.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    last: u64,
    open: BTreeMap<CallId, Open>,
}

#[derive(Debug)]
struct Open {
    asker: Asker,
    callable: Callable,
    since: Timestamp,
}

impl Questions {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn asked(&self, call: CallId) -> Option<(&Callable, Timestamp)> {
        self.open
            .get(&call)
            .map(|open| (&open.callable, open.since))
    }
}

impl Engine {
    pub(crate) fn ask(
        &mut self,
        asker: Asker,
        generation: Generation,
        callable: &Callable,
        question: Question,
    ) -> CallId {
        self.questions.last += 1;
        let call = CallId(self.questions.last);
        let open = Open {
            asker,
            callable: callable.clone(),
            since: self.now,
        };
        self.questions.open.insert(call, open);
        let until = self.now + self.config.question_timeout;
        self.timers.set(Timer::Question(call), until);
        self.effects.push_back(Effect::Ask {
            call,
            generation,
            callable: callable.clone(),
            question,
        });
        call
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn forget_question(&mut self, call: CallId) {
        if self.questions.open.remove(&call).is_some() {
            self.timers.cancel(Timer::Question(call));
            self.effects.push_back(Effect::Forget { call });
        }
    }

    /// No answer in time is an answer.
    pub(crate) fn question_overdue(&mut self, call: CallId) {
        self.effects.push_back(Effect::Forget { call });
        self.question_answered(call, Reply::Failed);
    }

    /// An answer to a question that was forgotten, or is answered already, is ignored.
    pub(crate) fn question_answered(&mut self, call: CallId, reply: Reply) {
        let Some(open) = self.questions.open.remove(&call) else {
            return;
        };
        self.timers.cancel(Timer::Question(call));
        match open.asker {
            Asker::Order => self.order_answered(reply),
            Asker::Turn(builder) => self.turn_answered(builder, &open.callable, reply),
            Asker::Submission(submission) => self.collapse_answered(submission, &reply),
            Asker::Build(build) => self.do_build_if_answered(build, &reply),
        }
    }
}
