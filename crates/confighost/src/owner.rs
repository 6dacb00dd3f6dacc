//! What a process hands to its owner: lines of output, questions to the master, log data.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};

use crate::output::{LINES_KEPT, Line};

/// Requests that wait for the owner. When it is full the process is not read, and its deadlines stand still.
const REQUESTS_MAX: usize = 256;

/// Questions of one process that the owner has not answered; more are refused.
pub(crate) const ASKS_OPEN_MAX: usize = 1024;

/// The ends that a process writes to; one pair serves a process and its replacements.
#[derive(Debug, Clone)]
pub struct Owner {
    pub(crate) lines: broadcast::Sender<Line>,
    pub(crate) requests: mpsc::Sender<Request>,
}

/// What the owner reads.
///
/// Who is not interested in one of the two drops it: lines are then forgotten, questions refused.
#[derive(Debug)]
pub struct Inbox {
    /// Lines of output. `Lagged(n)` tells that `n` lines were dropped, because they were not taken fast enough.
    pub lines: broadcast::Receiver<Line>,
    /// Everything else.
    pub requests: mpsc::Receiver<Request>,
}

impl Raised {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            class: None,
            message: message.into(),
        }
    }
}

impl Owner {
    /// Both ends.
    pub fn channel() -> (Self, Inbox) {
        let (lines, lines_receiver) = broadcast::channel(LINES_KEPT);
        let (requests, requests_receiver) = mpsc::channel(REQUESTS_MAX);
        let inbox = Inbox {
            lines: lines_receiver,
            requests: requests_receiver,
        };
        (Self { lines, requests }, inbox)
    }
}

/// What a process wants of the master.
#[derive(Debug)]
pub enum Request {
    /// A question.
    Ask(Ask),
    /// Log data.
    Data {
        /// The process, by its number.
        pid: u32,
        /// The number of the stream, unique within the process.
        stream: u64,
        /// The next bytes.
        bytes: Vec<u8>,
    },
}

/// A question of a process. Dropped without an answer, it is refused.
#[derive(Debug)]
pub struct Ask {
    pub(crate) id: u64,
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) body: Box<RawValue>,
    /// Taken when answered.
    pub(crate) replies: Option<mpsc::Sender<AskReply>>,
}

/// The answer to a question of the process.
pub(crate) type AskReply = (u64, Result<Value, Raised>);

/// What is raised in the code that asks.
#[derive(Debug)]
pub(crate) struct Raised {
    /// The class of the exception, `module.Class`; `None` if the question is refused.
    pub(crate) class: Option<String>,
    /// Its text.
    pub(crate) message: String,
}

impl Ask {
    /// The process that asks, by its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What is asked: `run_command`, `add_log` …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Decodes the whole message, `id` and `ask` included.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.body.get())
    }

    /// Answers it.
    pub fn answer(mut self, value: Value) {
        self.reply(Ok(value));
    }

    /// Answers it with an error, which is raised in the code that asks.
    pub fn refuse(mut self, why: impl Into<String>) {
        self.reply(Err(Raised::refused(why)));
    }

    /// Answers it with an exception of this class (`builtins.KeyError`), which is raised in the code that asks.
    pub fn raise(mut self, class: impl Into<String>, message: impl Into<String>) {
        self.reply(Err(Raised {
            class: Some(class.into()),
            message: message.into(),
        }));
    }

    fn reply(&mut self, outcome: Result<Value, Raised>) {
        if let Some(replies) = self.replies.take() {
            // There is room for an answer to each open question; the process may have ended.
            let _ = replies.try_send((self.id, outcome));
        }
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        if self.replies.is_some() {
            let why = format!("the master does not know the question {:?}", self.name);
            self.reply(Err(Raised::refused(why)));
        }
    }
}
