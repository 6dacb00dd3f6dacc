//! One phase of a step: its code runs elsewhere, and what it asks meanwhile is answered in order.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use buildbot_render::{Exception, Kind};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::native::Interruptions;
use super::questions::{self, Handled};
use super::{Question, Session, answers};
use crate::error::StepError;
use crate::port::{Interruption, Later, Port, TestResultSet};

/// The sets of results of tests that a step has begun.
#[derive(Debug, Default)]
pub(crate) struct Sets(Mutex<Vec<TestResultSet>>);

impl Sets {
    pub(super) fn add(&self, set: TestResultSet) {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.push(set);
    }

    pub(super) fn all(&self) -> Vec<TestResultSet> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.clone()
    }
}

/// The arguments of the question `done`.
#[derive(Debug, Deserialize)]
struct Done {
    outcome: Option<Json>,
    broke: Option<Broke>,
}

#[derive(Debug, Deserialize)]
struct Broke {
    #[serde(rename = "type")]
    class: String,
    message: String,
    traceback: Option<String>,
}

/// Begins a phase, and serves the code until it says that the phase is over.
pub(super) async fn run(
    session: &Arc<dyn Session>,
    port: &dyn Port,
    sets: &Sets,
    arguments: Vec<Json>,
    is_interruptible: bool,
) -> Result<Json, StepError> {
    let session = &**session;
    let mut phase = Phase {
        session,
        port,
        sets,
        start: Some(session.call("start", arguments)),
        question: session.question(),
        handling: None,
        running: Vec::new(),
        told: is_interruptible.then(|| port.interrupted()),
        natives: Arc::default(),
    };
    poll_fn(|context| phase.poll(context)).await
}

struct Phase<'a> {
    session: &'a dyn Session,
    port: &'a dyn Port,
    sets: &'a Sets,
    start: Option<Later<'a, Result<Json, StepError>>>,
    question: Later<'a, Result<Question, StepError>>,
    /// The question that is being answered; the next ones wait.
    handling: Option<Later<'a, ()>>,
    /// What takes longer, side by side.
    running: Vec<Later<'a, ()>>,
    told: Option<Later<'a, Interruption>>,
    natives: Arc<Interruptions>,
}

impl Phase<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Json, StepError>> {
        loop {
            let mut goes_on = false;
            if let Some(start) = &mut self.start
                && let Poll::Ready(started) = start.as_mut().poll(context)
            {
                self.start = None;
                if let Err(error) = started {
                    return Poll::Ready(Err(error));
                }
                goes_on = true;
            }
            if let Some(told) = &mut self.told
                && let Poll::Ready(interruption) = told.as_mut().poll(context)
            {
                self.interrupt(interruption);
                goes_on = true;
            }
            if let Some(handling) = &mut self.handling
                && handling.as_mut().poll(context).is_ready()
            {
                self.handling = None;
                goes_on = true;
            }
            if self.handling.is_none()
                && let Poll::Ready(question) = self.question.as_mut().poll(context)
            {
                match question {
                    Ok(question) if question.what == "done" => {
                        return Poll::Ready(done(question));
                    }
                    Ok(question) => self.take(question),
                    Err(error) => return Poll::Ready(Err(error)),
                }
                goes_on = true;
            }
            let before = self.running.len();
            self.running
                .retain_mut(|running| running.as_mut().poll(context).is_pending());
            goes_on |= self.running.len() < before;
            if !goes_on {
                return Poll::Pending;
            }
        }
    }

    fn take(&mut self, question: Question) {
        let session = self.session;
        self.question = session.question();
        match questions::handle(session, self.port, self.sets, &self.natives, question) {
            Handled::InTurn(answering) => self.handling = Some(answering),
            Handled::BesideOthers(running) => self.running.push(running),
        }
    }

    fn interrupt(&mut self, interruption: Interruption) {
        self.told = Some(self.port.interrupted());
        let arguments = vec![
            json!(interruption.reason),
            json!(interruption.connection_lost),
        ];
        let call = self.session.call("interrupt", arguments);
        // What goes wrong there ends the step by itself.
        self.running.push(Box::pin(async move { drop(call.await) }));
    }
}

fn done(question: Question) -> Result<Json, StepError> {
    (question.answer)(Json::Null);
    let done: Done = answers::read(question.arguments)?;
    match done {
        Done {
            broke: Some(broke), ..
        } => Err(StepError::Exception(Exception {
            class: broke.class,
            message: broke.message,
            traceback: broke.traceback,
            place: None,
        })),
        Done {
            outcome: Some(outcome),
            ..
        } => Ok(outcome),
        Done { .. } => Err(StepError::raise(Kind::Runtime, "the step said nothing")),
    }
}
