//! A command that runs: its updates go to the sink, its transfer to the disk, one after the other.

use buildbot_wire::session::{CommandKey, ReplyKey, TransferRequest};
use buildbot_wire::{Failure, Stream, Update, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::lines::Lines;
use crate::transfer::End;
use crate::{Budget, CommandEnd, CommandError, CommandSink, DetachReason};

/// Bytes that an entry of the queue takes, whatever is in it.
const ENTRY_BYTES: usize = 128;

/// What the connection tells a command.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The worker reports something.
    Updates {
        reply: ReplyKey,
        updates: Vec<Update>,
        bytes: usize,
    },
    /// The transfer is asked for something.
    Transfer {
        reply: ReplyKey,
        request: TransferRequest,
        bytes: usize,
    },
    /// It has ended on the worker.
    Completed {
        reply: ReplyKey,
        result: Result<(), Failure>,
    },
    /// The worker did not start it.
    Refused(Failure),
    /// It could not be sent.
    Unsendable(String),
    /// The connection has ended.
    Lost(DetachReason),
}

impl Heard {
    pub(crate) fn updates(reply: ReplyKey, updates: Vec<Update>) -> Self {
        let bytes = ENTRY_BYTES + updates.iter().map(Update::memory_cost).sum::<usize>();
        Self::Updates {
            reply,
            updates,
            bytes,
        }
    }

    pub(crate) fn transfer(reply: ReplyKey, request: TransferRequest) -> Self {
        let bytes = ENTRY_BYTES
            + match &request {
                TransferRequest::Write(block) => block.len(),
                TransferRequest::Close
                | TransferRequest::Utime { .. }
                | TransferRequest::Unpack
                | TransferRequest::Read { .. }
                | TransferRequest::CloseReader => 0,
            };
        Self::Transfer {
            reply,
            request,
            bytes,
        }
    }

    /// Bytes that wait because of it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Updates { bytes, .. } | Self::Transfer { bytes, .. } => *bytes,
            Self::Completed { .. } => ENTRY_BYTES,
            Self::Refused(_) | Self::Unsendable(_) | Self::Lost(_) => 0,
        }
    }
}

/// What a command tells the connection.
#[derive(Debug)]
pub(crate) enum Said {
    /// A request of the worker is done with.
    Reply {
        reply: ReplyKey,
        answer: Value,
        /// Bytes that wait no more.
        bytes: usize,
    },
    /// It had better be stopped.
    Interrupt { command: CommandKey, why: String },
}

/// A command and its surroundings.
pub(crate) struct Driver {
    pub(crate) command: CommandKey,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
    pub(crate) said: mpsc::Sender<Said>,
    pub(crate) sink: Box<dyn CommandSink>,
    pub(crate) transfer: Option<End>,
    pub(crate) budget: Budget,
    pub(crate) end: oneshot::Sender<Result<CommandEnd, CommandError>>,
}

impl Driver {
    /// Drives the command to its end. `stop` ends it at once.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let driven = stop.run_until_cancelled(self.drive()).await;
        let end = driven.unwrap_or_else(|| {
            let why = "the master stops".to_owned();
            Err(CommandError::Lost(DetachReason::Disconnected(why)))
        });
        // Nobody may wait for it.
        let _ = self.end.send(end);
    }

    async fn drive(&mut self) -> Result<CommandEnd, CommandError> {
        let mut lines = Lines::default();
        let mut rc = None;
        let mut is_stopped = false;
        loop {
            let heard = tokio::select! {
                heard = self.heard.recv() => heard,
                () = self.budget.exceeded(), if !is_stopped => {
                    is_stopped = true;
                    self.interrupt("it sends more than the master keeps").await;
                    continue;
                }
            };
            let Some(heard) = heard else {
                return Err(CommandError::Lost(DetachReason::Closed));
            };
            match heard {
                Heard::Updates {
                    reply,
                    updates,
                    bytes,
                } => {
                    for update in updates {
                        if let Update::Rc(code) = update {
                            rc = Some(code);
                        }
                        self.pass_on(&mut lines, update).await;
                    }
                    self.reply(reply, Value::None, bytes).await;
                }
                Heard::Transfer {
                    reply,
                    request,
                    bytes,
                } => self.move_data(reply, request, bytes).await,
                Heard::Completed { reply, result } => {
                    self.finish_lines(&mut lines).await;
                    let went_well = result.is_ok() && matches!(rc, None | Some(0));
                    let transfer = self.finish_transfer(went_well).await;
                    self.reply(reply, Value::None, ENTRY_BYTES).await;
                    return match result {
                        _ if self.budget.is_exceeded() => Err(CommandError::TooMuch),
                        Ok(()) => Ok(CommandEnd { rc, transfer }),
                        Err(failure) => Err(CommandError::Broke(failure)),
                    };
                }
                Heard::Refused(failure) => return Err(CommandError::Refused(failure)),
                Heard::Unsendable(text) => return Err(CommandError::Unsendable(text)),
                Heard::Lost(reason) => {
                    self.finish_lines(&mut lines).await;
                    self.transfer = None;
                    return Err(CommandError::Lost(reason));
                }
            }
        }
    }

    async fn pass_on(&mut self, lines: &mut Lines, update: Update) {
        // What comes of a command that is stopped for what it sends is of no use to anybody.
        if self.budget.is_exceeded() {
            return;
        }
        let update = match update {
            Update::Text { stream, text, .. } => lines.push(stream, text, &self.budget),
            other => Some(other),
        };
        if let Some(update) = update {
            self.sink.accept(update).await;
        }
    }

    async fn finish_lines(&mut self, lines: &mut Lines) {
        for update in lines.finish() {
            self.sink.accept(update).await;
        }
    }

    async fn move_data(&mut self, reply: ReplyKey, request: TransferRequest, bytes: usize) {
        let (answer, has_just_failed) = match &mut self.transfer {
            Some(transfer) => {
                let had_failed = transfer.has_failed();
                let answer = transfer.handle(request).await;
                (answer, transfer.has_failed() && !had_failed)
            }
            None => (Value::None, false),
        };
        if has_just_failed && !self.budget.is_exceeded() {
            self.interrupt("the transfer has failed on the master")
                .await;
        }
        self.reply(reply, answer, bytes).await;
    }

    async fn interrupt(&mut self, why: &str) {
        let said = Said::Interrupt {
            command: self.command,
            why: why.to_owned(),
        };
        // Without a connection there is nothing to stop.
        let _ = self.said.send(said).await;
    }

    async fn finish_transfer(
        &mut self,
        went_well: bool,
    ) -> Option<Result<crate::Transferred, crate::TransferError>> {
        match self.transfer.take() {
            Some(transfer) => Some(transfer.finish(went_well).await),
            None => None,
        }
    }

    async fn reply(&mut self, reply: ReplyKey, answer: Value, bytes: usize) {
        let said = Said::Reply {
            reply,
            answer,
            bytes,
        };
        // Without a connection nobody waits for it.
        let _ = self.said.send(said).await;
    }
}

/// Gathers what a command of an attach reports.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) files: Option<Vec<String>>,
    pub(crate) stat: Option<[i128; 10]>,
    /// What people may want to know if it fails.
    pub(crate) text: String,
}

impl Gathered {
    pub(crate) fn take(&mut self, update: Update) {
        const TEXT_BYTES_MAX: usize = 4 << 10;
        match update {
            Update::Files(files) => self.files = Some(files),
            Update::Stat(stat) => self.stat = Some(stat),
            Update::Text {
                stream: Stream::Header | Stream::Stderr,
                text,
                ..
            } if self.text.len() + text.len() <= TEXT_BYTES_MAX => self.text.push_str(&text),
            Update::Text { .. }
            | Update::Rc(_)
            | Update::Elapsed(_)
            | Update::FailureReason(_)
            | Update::Other { .. } => {}
        }
    }
}
