//! The commands that run on behalf of one connection.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::task::{Context, Poll};

use buildbot_wire::session::CommandKey;
use buildbot_wire::{Failure, Value};
use tokio::sync::{mpsc, oneshot};

use crate::command::{CommandEvent, InterruptReason, Interrupter, RemoteFailure};
use crate::process::reap_left_behind;

/// Where the answer to a transfer request goes.
pub(super) type TransferReply = oneshot::Sender<Result<Value, RemoteFailure>>;

/// A command as the connection sees it.
pub(super) struct Running {
    /// The master's name for it.
    pub(super) id: String,
    /// The builder that it runs for, if the master says.
    pub(super) builder: Option<String>,
    /// Stops it.
    pub(super) interrupter: Interrupter,
    /// What it says.
    pub(super) events: mpsc::Receiver<CommandEvent>,
    /// Who waits for the answers to transfer requests, which a master answers in their order.
    pub(super) transfers: VecDeque<TransferReply>,
}

/// Which command an interrupt is for.
pub(super) enum Meant<'a> {
    /// Whatever this builder runs; of several the last one is current.
    OfBuilder(Option<&'a str>),
    /// The command of this id.
    WithId(&'a str),
}

/// All commands of a connection that have not ended.
#[derive(Default)]
pub(super) struct RunningCommands {
    commands: BTreeMap<CommandKey, Running>,
    /// Those behind it come first, so that no command keeps the others from being heard.
    last_heard: Option<CommandKey>,
}

impl RunningCommands {
    pub(super) fn insert(&mut self, key: CommandKey, running: Running) {
        self.commands.insert(key, running);
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// What the next command has to say. `None` of a command: it broke.
    pub(super) async fn hear(&mut self) -> (CommandKey, Option<CommandEvent>) {
        let (key, event) = std::future::poll_fn(|context| self.poll_hear(context)).await;
        self.last_heard = Some(key);
        (key, event)
    }

    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<(CommandKey, Option<CommandEvent>)> {
        let (behind, before) = match self.last_heard {
            Some(last) => (
                (Bound::Excluded(last), Bound::Unbounded),
                Some((Bound::Unbounded, Bound::Included(last))),
            ),
            None => ((Bound::Unbounded, Bound::Unbounded), None),
        };
        for range in std::iter::once(behind).chain(before) {
            for (key, running) in self.commands.range_mut(range) {
                if let Poll::Ready(event) = running.events.poll_recv(context) {
                    return Poll::Ready((*key, event));
                }
            }
        }
        Poll::Pending
    }

    /// Remembers who waits for the answer to a transfer request.
    pub(super) fn await_transfer(&mut self, key: CommandKey, reply: TransferReply) {
        if let Some(running) = self.commands.get_mut(&key) {
            running.transfers.push_back(reply);
        }
    }

    /// Passes on the answer to a transfer request.
    pub(super) fn answer_transfer(&mut self, key: CommandKey, result: Result<Value, Failure>) {
        let running = self.commands.get_mut(&key);
        if let Some(reply) = running.and_then(|running| running.transfers.pop_front()) {
            // The command may have been interrupted; then nobody waits.
            let _ = reply.send(result.map_err(RemoteFailure::Answered));
        }
    }

    /// Forgets a command that has ended.
    pub(super) fn remove(&mut self, key: CommandKey) {
        if let Some(running) = self.commands.remove(&key) {
            tracing::info!("command {} has ended", running.id);
            reap_left_behind();
        }
    }

    /// Interrupts one command on behalf of the master. Whether there was one.
    pub(super) fn interrupt(&self, meant: &Meant<'_>, why: &str) -> bool {
        let mut commands = self.commands.values();
        let found = match meant {
            Meant::OfBuilder(builder) => {
                commands.rfind(|running| running.builder.as_deref() == *builder)
            }
            Meant::WithId(id) => commands.find(|running| running.id == *id),
        };
        if let Some(running) = found {
            running.interrupt(why);
        }
        found.is_some()
    }

    /// Interrupts all commands of builders for which `is_gone` holds.
    pub(super) fn interrupt_builders(&self, is_gone: impl Fn(&str) -> bool, why: &str) {
        for running in self.commands.values() {
            if running.builder.as_deref().is_some_and(&is_gone) {
                running.interrupt(why);
            }
        }
    }

    /// Ends all commands; they say nothing more.
    pub(super) fn silence(&mut self, reason: &InterruptReason) {
        for running in std::mem::take(&mut self.commands).into_values() {
            running.interrupter.interrupt(reason.clone());
        }
    }
}

impl Running {
    fn interrupt(&self, why: &str) {
        tracing::info!("command {} is interrupted: {why}", self.id);
        let why = why.to_owned();
        self.interrupter.interrupt(InterruptReason::Master { why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Interrupts, OUTBOX_EVENTS_MAX};
    use buildbot_wire::Update;

    /// Commands 0, 1, … that have always something to say.
    fn talkative(count: u64) -> (RunningCommands, Vec<mpsc::Sender<CommandEvent>>) {
        let mut commands = RunningCommands::default();
        let mut senders = Vec::new();
        for number in 0..count {
            let (sender, events) = mpsc::channel(OUTBOX_EVENTS_MAX);
            let (interrupter, _) = Interrupts::channel();
            let running = Running {
                id: number.to_string(),
                builder: Some("b".to_owned()),
                interrupter,
                events,
                transfers: VecDeque::new(),
            };
            commands.insert(CommandKey(number), running);
            senders.push(sender);
        }
        (commands, senders)
    }

    #[tokio::test]
    async fn every_command_is_heard_in_turn() {
        let (mut commands, senders) = talkative(3);
        for sender in &senders {
            for _ in 0..3 {
                let update = CommandEvent::Updates(vec![Update::Rc(0)]);
                sender.send(update).await.unwrap();
            }
        }
        let mut heard = Vec::new();
        for _ in 0..9 {
            heard.push(commands.hear().await.0.0);
        }
        assert_eq!(heard, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    }

    #[tokio::test]
    async fn a_command_that_breaks_is_heard_too() {
        let (mut commands, mut senders) = talkative(2);
        senders.remove(1);
        let (key, event) = commands.hear().await;
        assert_eq!(key, CommandKey(1));
        assert!(event.is_none());
    }
}
