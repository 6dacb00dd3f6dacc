//! The thread that owns the engine: events in, effects out, timers.
//!
//! What everybody sends is bounded: who sends waits for room. Answers to what the engine asked for are as many as its
//! questions, and never wait, so that the writer of the database cannot wait for the engine while that waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use buildbot_engine::{Effect, Engine, Event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::identity::now;

/// Events that wait for the engine. Filled by people, schedulers and workers when it is busy.
const EVENTS_MAX: usize = 4096;

type Look = Box<dyn FnOnce(&Engine) + Send>;

enum Message {
    Event(Box<Event>, Option<OwnedSemaphorePermit>),
    Look(Look),
    WhenIdle(oneshot::Sender<()>),
    End,
}

/// Where events for the engine go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineInbox {
    messages: Sender<Message>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for EngineInbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineInbox").finish_non_exhaustive()
    }
}

/// The other end, until the engine is there.
pub(crate) struct EngineMail(Receiver<Message>);

/// Both ends.
pub(crate) fn mailbox() -> (EngineInbox, EngineMail) {
    let (messages, receiver) = channel();
    let inbox = EngineInbox {
        messages,
        room: Arc::new(Semaphore::new(EVENTS_MAX)),
    };
    (inbox, EngineMail(receiver))
}

impl EngineInbox {
    /// Tells the engine, once there is room.
    pub(crate) async fn send(&self, event: Event) {
        // The semaphore is never closed.
        let permit = self.room.clone().acquire_owned().await.ok();
        self.put(Message::Event(Box::new(event), permit));
    }

    /// Answers what the engine asked for.
    pub(crate) fn answer(&self, event: Event) {
        self.put(Message::Event(Box::new(event), None));
    }

    /// What the engine knows at this moment; `None` if it has ended.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.put(Message::Look(Box::new(move |engine| {
            drop(answer.send(question(engine)));
        })));
        answered.await.ok()
    }

    /// Waits until nothing runs and nothing is on its way.
    pub(crate) async fn idle(&self) {
        let (sender, idle) = oneshot::channel();
        self.put(Message::WhenIdle(sender));
        // An engine that has ended is idle.
        let _ = idle.await;
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        self.put(Message::End);
    }

    fn put(&self, message: Message) {
        // A master that ends needs to know nothing more.
        drop(self.messages.send(message));
    }
}

/// Does what the engine asks for.
pub(crate) trait Hands: Send + 'static {
    /// Carries an effect out, or has it carried out; in the order in which they come.
    fn carry_out(&mut self, effect: Effect, engine: &Engine);
}

/// Starts the thread. `broken` is cancelled when it ends, by itself or because of a fault of ours.
pub(crate) fn start(
    engine: Engine,
    mail: EngineMail,
    hands: impl Hands,
    broken: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let _ended = broken.drop_guard();
            run(engine, &mail.0, hands);
        })
}

fn run(mut engine: Engine, mail: &Receiver<Message>, mut hands: impl Hands) {
    let mut waiting_for_idle: Vec<oneshot::Sender<()>> = Vec::new();
    loop {
        while let Some(effect) = engine.poll_effect() {
            hands.carry_out(effect, &engine);
        }
        if !waiting_for_idle.is_empty() && engine.is_idle() {
            for waiting in waiting_for_idle.drain(..) {
                // It may have given up.
                let _ = waiting.send(());
            }
        }
        let message = match engine.poll_timeout() {
            Some(at) => mail.recv_timeout(at.since(now())),
            None => mail.recv().map_err(RecvTimeoutError::from),
        };
        match message {
            Ok(Message::Event(event, permit)) => {
                drop(permit);
                engine.handle(now(), *event);
            }
            Ok(Message::Look(question)) => question(&engine),
            Ok(Message::WhenIdle(waiting)) => waiting_for_idle.push(waiting),
            Ok(Message::End) => return,
            Err(RecvTimeoutError::Timeout) => engine.handle_timeout(now()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
