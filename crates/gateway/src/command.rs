//! Commands as the master sees them: what is started, what it says, how it ends.

use buildbot_wire::session::CommandKey;
use buildbot_wire::{Failure, Update, Value};
use tokio::sync::{mpsc, oneshot};

use crate::session::{Request, Requests};
use crate::{Budget, DetachReason, Later, Transfer, TransferError, Transferred};

/// A command for a worker, in the terms of PB: paths are relative to the directory of the builder. The session
/// turns them into what its protocol wants.
#[derive(Debug, Clone)]
pub struct Command {
    /// Name of the builder, one of those that the worker was told.
    pub builder: String,
    /// Its name, such as `shell` or `uploadFile`.
    pub name: String,
    /// Its arguments, without `writer` and `reader`.
    pub args: Vec<(String, Value)>,
    /// The master's end of a transfer.
    pub transfer: Option<Transfer>,
    /// What it may have the master keep. A sink that keeps something until the end takes from it.
    pub budget: Budget,
}

/// Takes what a command reports.
///
/// The worker is acknowledged an update when `accept` has ended, and is not read while too much waits. It must not
/// itself wait for the worker: another answer of it may be behind what waits.
///
/// Texts are whole lines, each ended by `\n`, in the order of each stream; `marks` are absent.
pub trait CommandSink: Send + 'static {
    /// Takes one update.
    fn accept(&mut self, update: Update) -> Later<'_, ()>;
}

/// Updates go to whoever receives, at his pace. Once nobody does they are dropped.
impl CommandSink for mpsc::Sender<Update> {
    fn accept(&mut self, update: Update) -> Later<'_, ()> {
        Box::pin(async move {
            let _ = self.send(update).await;
        })
    }
}

/// How a command has ended that ran to its end.
#[derive(Debug, Default, PartialEq)]
pub struct CommandEnd {
    /// The last `rc`; commands that run to their end send one.
    pub rc: Option<i64>,
    /// What became of its transfer.
    pub transfer: Option<Result<Transferred, TransferError>>,
}

/// Why a command has not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The connection has ended.
    #[error("lost connection: {0}")]
    Lost(DetachReason),
    /// The worker does not start it: it does not know it, or misses an argument.
    #[error("the worker does not start the command: {0}")]
    Refused(Failure),
    /// It broke on the worker.
    #[error("the command broke: {0}")]
    Broke(Failure),
    /// It cannot be sent, such as to a builder that the worker does not have.
    #[error("the command cannot be sent: {0}")]
    Unsendable(String),
    /// It had the master keep more than its budget, and was stopped for that.
    #[error("the command has sent more than the master keeps in memory until its end")]
    TooMuch,
    /// The master's end of its transfer cannot be opened; nothing was sent to the worker.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// Why a request to a worker has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The connection has ended.
    #[error("lost connection: {0}")]
    Lost(DetachReason),
    /// The worker answers with a failure.
    #[error("the worker answers: {0}")]
    Refused(Failure),
    /// It cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Lost(reason) => Self::Lost(reason),
            CallError::Refused(failure) => Self::Refused(failure),
            CallError::Unsendable(text) => Self::Unsendable(text),
        }
    }
}

/// A command that was started. Dropping it does not end the command.
#[derive(Debug)]
pub struct CommandHandle {
    pub(crate) id: String,
    pub(crate) interrupter: Interrupter,
    pub(crate) end: oneshot::Receiver<Result<CommandEnd, CommandError>>,
    pub(crate) requests: Requests,
}

impl CommandHandle {
    /// The master's name for it, unique in the life of the gateway.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What stops it.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Waits for its end. Its sink has accepted everything by then.
    pub async fn wait(self) -> Result<CommandEnd, CommandError> {
        match self.end.await {
            Ok(end) => end,
            // The connection's task was dropped, which happens only when the gateway is.
            Err(_) => Err(CommandError::Lost(self.requests.reason())),
        }
    }
}

/// Stops a command.
#[derive(Debug, Clone)]
pub struct Interrupter {
    pub(crate) command: CommandKey,
    pub(crate) requests: Requests,
}

impl Interrupter {
    /// Asks the worker to stop the command, which ends in its ordinary way after that. Nothing happens if it has
    /// ended.
    pub async fn interrupt(&self, why: &str) {
        let request = Request::Interrupt {
            command: self.command,
            why: why.to_owned(),
        };
        let _ = self.requests.send(request).await;
    }
}
