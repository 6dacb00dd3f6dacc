//! What one running command says, and whether it may go on saying it.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Stream, Update, Value};
use tokio::sync::oneshot;

use super::failure;
use super::{
    CommandContext, CommandEvent, InterruptReason, Interrupts, Outbox, RemoteFailure, TransferCall,
    decoded,
};
use crate::output::{Encoding, Output};

/// The voice of a running command.
///
/// Texts and values become batches that go to the outbox as far as there is room. While a batch waits
/// ([`is_blocked`](Self::is_blocked)) the command should produce no more; [`advance`](Self::advance) is to be
/// polled whenever it waits for anything, so that batches move on, the buffer's timer runs, and interrupts
/// are heard.
pub(crate) struct Report {
    output: Output,
    encoding: Encoding,
    outbox: Outbox,
    interrupts: Interrupts,
    /// What goes out next, for which there was no room.
    waiting: Option<CommandEvent>,
    /// When the buffer is sent; present while it holds something.
    flush_at: Option<tokio::time::Instant>,
    buffer_timeout: std::time::Duration,
    started: Instant,
    /// `elapsed` is not sent any more.
    interrupted: bool,
    /// Nobody listens any more.
    silent: bool,
}

/// A call of a transfer that the master has not answered.
pub(crate) type Called = oneshot::Receiver<Result<Value, RemoteFailure>>;

/// What can happen to a report that waits.
enum Step {
    Interrupted(InterruptReason),
    /// What was waiting has found room.
    Sent,
    /// Nobody takes anything any more.
    Unheard,
    /// The buffer has waited long enough.
    Flush,
}

/// Now, in seconds since the epoch.
fn epoch_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Waits until a time, for ever without one.
async fn reached(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Report {
    /// The voice of a command that starts now.
    pub(crate) fn new(context: &CommandContext, outbox: Outbox, interrupts: Interrupts) -> Self {
        Self {
            output: Output::new(context.settings.clone(), &context.encoding, context.marks),
            encoding: context.encoding.clone(),
            outbox,
            interrupts,
            waiting: None,
            flush_at: None,
            buffer_timeout: context.settings.buffer_timeout,
            started: Instant::now(),
            interrupted: false,
            silent: false,
        }
    }

    /// Takes bytes of a program or a log file.
    pub(crate) fn bytes(&mut self, stream: &Stream, bytes: &[u8]) {
        if !self.silent {
            self.output.bytes(stream, bytes, epoch_now());
            self.settle();
        }
    }

    /// Takes a text of the worker itself.
    pub(crate) fn text(&mut self, stream: &Stream, text: &str) {
        if !self.silent {
            self.output.text(stream, text, epoch_now());
            self.settle();
        }
    }

    /// A path as text: what is not in the worker's encoding becomes U+FFFD.
    pub(crate) fn shown(&self, path: &Path) -> String {
        decoded(&self.encoding, path.as_os_str())
    }

    /// Takes an annotation.
    pub(crate) fn header(&mut self, text: &str) {
        self.text(&Stream::Header, text);
    }

    /// Takes an update that is not text.
    pub(crate) fn value(&mut self, update: Update) {
        if !self.silent {
            self.output.value(update);
            self.settle();
        }
    }

    /// Whether the master is slower than the command, so that the command should pause.
    pub(crate) fn is_blocked(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether nothing that is said reaches anybody.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Whether the command was interrupted, up to now.
    ///
    /// Only for commands that do not learn it from [`advance`](Self::advance).
    pub(crate) fn is_interrupted(&mut self) -> bool {
        if let Some(reason) = self.interrupts.try_next() {
            self.note(&reason);
        }
        self.interrupted
    }

    fn note(&mut self, reason: &InterruptReason) {
        self.interrupted = true;
        if reason.silences() {
            self.fall_silent();
        } else if !self.silent {
            // What is known so far goes out before the end. Seen: mp-interrupt.
            self.output.flush();
            self.settle();
        }
    }

    /// Waits until a batch has moved on or the command is interrupted, perhaps forever.
    ///
    /// Can be dropped and called again without losing anything.
    pub(crate) async fn advance(&mut self) -> Option<InterruptReason> {
        match self.next_step().await {
            Step::Interrupted(reason) => {
                self.note(&reason);
                return Some(reason);
            }
            Step::Sent => {}
            Step::Unheard => self.fall_silent(),
            Step::Flush => {
                self.flush_at = None;
                self.output.flush();
            }
        }
        self.settle();
        None
    }

    async fn next_step(&mut self) -> Step {
        let flush_at = self.flush_at.filter(|_| self.waiting.is_none());
        tokio::select! {
            biased;
            reason = self.interrupts.next() => Step::Interrupted(reason),
            permit = self.outbox.reserve(), if self.waiting.is_some() => match permit {
                Some(permit) => {
                    if let Some(event) = self.waiting.take() {
                        permit.send(event);
                    }
                    Step::Sent
                }
                None => Step::Unheard,
            },
            () = reached(flush_at) => Step::Flush,
        }
    }

    fn fall_silent(&mut self) {
        self.silent = true;
        self.waiting = None;
        self.flush_at = None;
    }

    /// Sends batches as far as there is room, and starts or stops the timer.
    fn settle(&mut self) {
        while self.waiting.is_none() && !self.silent {
            let Some(batch) = self.output.next_batch() else {
                break;
            };
            self.offer(CommandEvent::Updates(batch));
        }
        if self.silent || !self.output.is_buffering() {
            self.flush_at = None;
        } else if self.flush_at.is_none() {
            self.flush_at = tokio::time::Instant::now().checked_add(self.buffer_timeout);
        }
    }

    /// Runs blocking work on a thread of its own. A panic there becomes a failure of the command.
    ///
    /// When nobody listens any more this fails at once, and the thread is left to itself: work may block for
    /// ever (a pipe without a writer, a file server that is gone), but must not hold up the end of the worker.
    pub(crate) async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let outcome = self.work(work, |report| report.silent).await?;
        outcome.ok_or_else(|| failure::runtime("nobody waits for the command any more"))
    }

    /// As [`blocking`](Self::blocking), for work of which any interrupt ends the wait: `None`.
    pub(crate) async fn interruptible<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        self.work(work, |report| report.interrupted).await
    }

    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        is_over: fn(&Self) -> bool,
    ) -> Result<Option<T>, Failure> {
        if is_over(self) {
            return Ok(None);
        }
        let mut thread = tokio::task::spawn_blocking(work);
        while !is_over(self) {
            tokio::select! {
                biased;
                outcome = &mut thread => {
                    let broken = |error| failure::runtime(format!("the worker broke: {error}"));
                    return outcome.map(Some).map_err(broken);
                }
                _ = self.advance() => {}
            }
        }
        Ok(None)
    }

    /// Calls the object of a file transfer, and waits for the answer.
    ///
    /// An interrupt by the master does not end the wait ([`is_interrupted`](Self::is_interrupted) tells it
    /// afterwards); a lost connection or a shutdown does.
    pub(crate) async fn call(&mut self, request: TransferRequest) -> Result<Value, RemoteFailure> {
        match self.call_ahead([request]).await.pop() {
            Some(call) => self.answered(call).await,
            None => Err(RemoteFailure::Lost),
        }
    }

    /// As [`call`](Self::call) for several calls, which go out together; their answers are waited for in the same
    /// order with [`answered`](Self::answered).
    pub(crate) async fn call_ahead(
        &mut self,
        requests: impl IntoIterator<Item = TransferRequest>,
    ) -> Vec<Called> {
        let (calls, answers) = requests
            .into_iter()
            .map(|request| {
                let (reply, answer) = oneshot::channel();
                (TransferCall { request, reply }, answer)
            })
            .unzip();
        self.send(CommandEvent::Transfer(calls)).await;
        answers
    }

    /// Waits for the answer to a call.
    pub(crate) async fn answered(&mut self, mut call: Called) -> Result<Value, RemoteFailure> {
        loop {
            if self.silent {
                return Err(RemoteFailure::Lost);
            }
            tokio::select! {
                biased;
                outcome = &mut call => return outcome.unwrap_or(Err(RemoteFailure::Lost)),
                _ = self.advance() => {}
            }
        }
    }

    /// Puts an event behind what waits, and sees that it goes out if there is room.
    async fn send(&mut self, event: CommandEvent) {
        while self.waiting.is_some() {
            self.advance().await;
        }
        if !self.silent {
            self.offer(event);
        }
    }

    /// Sends an event if there is room, else keeps it waiting.
    fn offer(&mut self, event: CommandEvent) {
        match self.outbox.try_reserve() {
            Some(permit) => permit.send(event),
            None => self.waiting = Some(event),
        }
    }

    /// Ends the command: `elapsed`, unfinished lines, the rest of the buffer, and that it is complete.
    ///
    /// Waits until the master has taken everything, unless the connection is lost or the worker stops.
    pub(crate) async fn finish(mut self, outcome: Result<(), Failure>) {
        if self.interrupts.is_silenced() {
            self.fall_silent();
        }
        if !self.interrupted {
            let elapsed = self.started.elapsed().as_secs_f64();
            self.value(Update::Elapsed(elapsed));
        }
        if !self.silent {
            self.output.finish_lines(epoch_now());
            self.output.flush();
            self.settle();
        }
        self.send(CommandEvent::Complete(outcome)).await;
        while self.waiting.is_some() {
            self.advance().await;
        }
    }
}
