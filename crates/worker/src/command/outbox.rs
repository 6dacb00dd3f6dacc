//! Between a command and the agent: what goes out, and what interrupts.

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Update, Value};
use tokio::sync::{mpsc, oneshot, watch};

/// Batches of updates that may wait for the agent; each has about `buffer_size` characters (64 KiB).
///
/// One more is held by the command; then the program is not read any more.
pub const OUTBOX_EVENTS_MAX: usize = 4;

/// Something that a command says to its master.
#[derive(Debug)]
pub enum CommandEvent {
    /// A batch of updates: one `update` over msgpack, one `update` call per element over PB.
    Updates(Vec<Update>),
    /// Calls to the object of a file transfer, in order; the command waits for the answers.
    Transfer(Vec<TransferCall>),
    /// The command has ended, and says nothing more. Never sent after a lost connection or a shutdown.
    Complete(Result<(), Failure>),
}

/// A call to the object of a file transfer.
#[derive(Debug)]
pub struct TransferCall {
    /// What is called.
    pub request: TransferRequest,
    /// Where the answer goes; dropped if the connection is gone.
    pub reply: oneshot::Sender<Result<Value, RemoteFailure>>,
}

/// A call of a transfer that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteFailure {
    /// The master answered with an error.
    #[error("{0}")]
    Answered(Failure),
    /// There is no connection any more. The same as dropping the sender of the answer.
    #[error("the connection is lost")]
    Lost,
}

/// The way out of a command.
///
/// When the agent does not take (a slow master) a command waits; when the other end is dropped (no
/// connection) what is sent is dropped silently.
#[derive(Debug)]
pub struct Outbox(mpsc::Sender<CommandEvent>);

impl Outbox {
    /// Makes the way out of one command, and the agent's end of it.
    pub fn channel() -> (Self, mpsc::Receiver<CommandEvent>) {
        let (sender, receiver) = mpsc::channel(OUTBOX_EVENTS_MAX);
        (Self(sender), receiver)
    }

    /// Waits for a place. `None`: nobody takes anything any more.
    pub(crate) async fn reserve(&self) -> Option<mpsc::Permit<'_, CommandEvent>> {
        self.0.reserve().await.ok()
    }

    /// A place, if there is one now.
    pub(crate) fn try_reserve(&self) -> Option<mpsc::Permit<'_, CommandEvent>> {
        self.0.try_reserve().ok()
    }
}

/// Why a command is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterruptReason {
    /// The master asked for it; the command still reports its end.
    Master {
        /// The master's words, for the log.
        why: String,
    },
    /// The connection is gone; nothing more is sent.
    ConnectionLost,
    /// The worker stops; nothing more is sent.
    Shutdown,
}

impl InterruptReason {
    /// Whether the command says nothing from then on.
    pub(crate) fn silences(&self) -> bool {
        match self {
            InterruptReason::Master { .. } => false,
            InterruptReason::ConnectionLost | InterruptReason::Shutdown => true,
        }
    }
}

/// The agent's handle to interrupt a command. Dropping it does not interrupt.
#[derive(Debug)]
pub struct Interrupter(watch::Sender<Option<InterruptReason>>);

impl Interrupter {
    /// Interrupts the command. A second interrupt counts only if it silences, and the first did not.
    pub fn interrupt(&self, reason: InterruptReason) {
        self.0.send_if_modified(|current| {
            let counts = match current {
                None => true,
                Some(earlier) => reason.silences() && !earlier.silences(),
            };
            if counts {
                *current = Some(reason);
            }
            counts
        });
    }
}

/// The command's view of interrupts.
#[derive(Debug)]
pub struct Interrupts(watch::Receiver<Option<InterruptReason>>);

impl Interrupts {
    /// Makes the two ends for one command.
    pub fn channel() -> (Interrupter, Self) {
        let (sender, receiver) = watch::channel(None);
        (Interrupter(sender), Self(receiver))
    }

    /// Whether the command has been silenced, without waiting; an interrupt by the master is not lost.
    pub(crate) fn is_silenced(&self) -> bool {
        self.0
            .borrow()
            .as_ref()
            .is_some_and(InterruptReason::silences)
    }

    /// The next interrupt, if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<InterruptReason> {
        // An error: none can come any more.
        if self.0.has_changed().unwrap_or(false) {
            return self.0.borrow_and_update().clone();
        }
        None
    }

    /// Waits for the next interrupt, perhaps forever.
    ///
    /// Can be dropped and called again without losing anything.
    pub(crate) async fn next(&mut self) -> InterruptReason {
        while self.0.changed().await.is_ok() {
            if let Some(reason) = self.0.borrow_and_update().clone() {
                return reason;
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_silencing_interrupt_follows_one_of_the_master() {
        let (interrupter, mut interrupts) = Interrupts::channel();
        let master = InterruptReason::Master {
            why: "enough".to_owned(),
        };
        interrupter.interrupt(master.clone());
        assert_eq!(interrupts.next().await, master);
        interrupter.interrupt(master.clone());
        interrupter.interrupt(InterruptReason::Shutdown);
        interrupter.interrupt(master);
        interrupter.interrupt(InterruptReason::ConnectionLost);
        assert_eq!(interrupts.next().await, InterruptReason::Shutdown);
        drop(interrupter);
    }
}
