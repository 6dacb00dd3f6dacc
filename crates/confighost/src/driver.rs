//! The loop of one process: the only one who touches its connection, and who signals it.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ended::{Ended, Exit, Reason, split_stack};
use crate::frame::{Decoder, Frame};
use crate::host::AskError;
use crate::message::{self, Beat, Hello, Message, Question};
use crate::output::{self, Stream, Tail};
use crate::owner::{ASKS_OPEN_MAX, Ask, AskReply, Owner, Raised, Request};
use crate::process::{Launched, Process};
use crate::questions::{Act, BEAT_FRESH, Questions, Reply};
use crate::status::{Activity, Status};

/// When so many bytes wait to be written, nothing more is taken.
const OUTGOING_BYTES_MAX: usize = 4 << 20;

const READ_BYTES: usize = 64 << 10;

/// Most time that the owner may leave its inbox full; then what does not fit is refused.
const OWNER_STALL_MAX: Duration = Duration::from_secs(30);

/// Most time for a process to write its stack and die, and for one that closed its connection to end.
const DYING: Duration = Duration::from_secs(1);

/// Most time for a process to die that was killed.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// Most time to read what a dead process has left in its pipes.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// What the loop is told to do.
pub(crate) enum Command {
    Ask {
        question: Question,
        deadline: Duration,
        reply: Reply,
    },
    /// A stream frame.
    Send(Vec<u8>),
    Stop,
}

/// Where commands come from, and news go to.
pub(crate) struct Ends {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) ready: oneshot::Sender<Hello>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) ended: watch::Sender<Option<Arc<Ended>>>,
}

/// How long things may take.
pub(crate) struct Limits {
    pub(crate) start: Duration,
    pub(crate) grace: Duration,
}

pub(crate) struct Driver {
    process: Process,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    commands: mpsc::Receiver<Command>,
    replies: mpsc::Receiver<AskReply>,
    ended: watch::Sender<Option<Arc<Ended>>>,
    /// Who reads standard output and standard error.
    readers: JoinSet<()>,
    tail: Tail,
    state: State,
}

/// What does not have to be waited for.
struct State {
    limits: Limits,
    life: Life,
    questions: Questions,
    decoder: Decoder,
    outgoing: Outgoing,
    owner: Owner,
    replies: mpsc::Sender<AskReply>,
    asks_open: usize,
    /// The owner's inbox is full since then.
    undelivered: Option<(Request, Instant)>,
    status: watch::Sender<Status>,
}

/// How far the life of the process has come.
enum Life {
    /// Hello is awaited, until then.
    Starting {
        ready: Option<oneshot::Sender<Hello>>,
        until: Instant,
    },
    Ready {
        /// If nothing is heard until then, it is silent.
        silent: Instant,
    },
    /// It was asked to end, and has time until then.
    Stopping { until: Instant },
}

/// What happens to the loop.
enum Event {
    Command(Option<Command>),
    Reply(Option<AskReply>),
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Time,
    /// There is room in the owner's inbox, or nobody reads it.
    Room(Option<mpsc::OwnedPermit<Request>>),
    Exited(Exit),
}

/// Why the loop is over.
struct Over {
    reason: Reason,
    exit: Option<Exit>,
}

impl Driver {
    pub(crate) fn new(
        launched: Launched,
        owner: Owner,
        ends: Ends,
        limits: Limits,
    ) -> io::Result<Self> {
        let (reader, writer) = UnixStream::from_std(launched.socket)?.into_split();
        let tail = Tail::default();
        let mut readers = JoinSet::new();
        let (stdout, stderr) = (
            pipe::Receiver::from_owned_fd(launched.stdout)?,
            pipe::Receiver::from_owned_fd(launched.stderr)?,
        );
        readers.spawn(output::read(
            stdout,
            Stream::Stdout,
            owner.lines.clone(),
            None,
        ));
        readers.spawn(output::read(
            stderr,
            Stream::Stderr,
            owner.lines.clone(),
            Some(tail.clone()),
        ));
        let (replies_sender, replies) = mpsc::channel(ASKS_OPEN_MAX);
        let life = Life::Starting {
            ready: Some(ends.ready),
            until: Instant::now() + limits.start,
        };
        Ok(Self {
            process: launched.process,
            reader,
            writer,
            commands: ends.commands,
            replies,
            ended: ends.ended,
            readers,
            tail,
            state: State {
                questions: Questions::new(limits.grace),
                limits,
                life,
                decoder: Decoder::default(),
                outgoing: Outgoing::default(),
                owner,
                replies: replies_sender,
                asks_open: 0,
                undelivered: None,
                status: ends.status,
            },
        })
    }

    /// Serves the process to its end, and tells about it.
    pub(crate) async fn run(mut self) {
        let mut buffer = vec![0; READ_BYTES];
        let over = loop {
            self.state.send_next(Instant::now());
            let event = self.next_event(&mut buffer).await;
            if let ControlFlow::Break(over) = self.handle(event, &buffer) {
                break over;
            }
        };
        self.finish(over, &mut buffer).await;
    }

    async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let state = &self.state;
        let room_to_write = state.outgoing.bytes < OUTGOING_BYTES_MAX;
        let stopping = matches!(state.life, Life::Stopping { .. });
        let take_commands = room_to_write && state.questions.has_room() && !stopping;
        let delivering = state.undelivered.is_some();
        let requests = state.owner.requests.clone();
        let time = state.timeout().map(tokio::time::Instant::from_std);
        let outgoing = state.outgoing.front();
        tokio::select! {
            biased;
            // What was said before is still heard.
            exit = self.process.exited() => Event::Exited(exit),
            length = self.reader.read(buffer), if !delivering => Event::Read(length),
            permit = requests.reserve_owned(), if delivering => Event::Room(permit.ok()),
            length = self.writer.write(outgoing), if !outgoing.is_empty() => Event::Written(length),
            reply = self.replies.recv(), if room_to_write => Event::Reply(reply),
            command = self.commands.recv(), if take_commands => Event::Command(command),
            () = sleep_until(time) => Event::Time,
        }
    }

    fn handle(&mut self, event: Event, buffer: &[u8]) -> ControlFlow<Over> {
        let now = Instant::now();
        match event {
            Event::Command(Some(command)) => self.state.command(command, now),
            // The last host was dropped, and this task with it.
            Event::Command(None) => self.state.command(Command::Stop, now),
            Event::Reply(reply) => {
                if let Some((id, outcome)) = reply {
                    self.state.asks_open -= 1;
                    self.state.say(message::answer(id, &outcome));
                }
            }
            Event::Read(Ok(0)) => return over(self.state.reason_of_closing()),
            Event::Read(Ok(length)) => {
                self.state
                    .decoder
                    .feed(buffer.get(..length).unwrap_or_default());
                return self.state.understand(now);
            }
            Event::Read(Err(error)) | Event::Written(Err(error)) => {
                tracing::debug!(%error, "the connection to the configuration's process is lost");
                return over(self.state.reason_of_closing());
            }
            Event::Written(Ok(length)) => self.state.outgoing.written(length),
            Event::Room(permit) => {
                self.state.deliver(permit, now);
                return self.state.understand(now);
            }
            Event::Time => return self.on_time(now),
            Event::Exited(exit) => {
                return ControlFlow::Break(Over {
                    reason: self.state.reason_of_exit(),
                    exit: Some(exit),
                });
            }
        }
        ControlFlow::Continue(())
    }

    fn on_time(&mut self, now: Instant) -> ControlFlow<Over> {
        let state = &mut self.state;
        if let Some((_, since)) = &state.undelivered {
            if now >= *since + OWNER_STALL_MAX {
                tracing::error!(
                    "the requests of the configuration's process are not taken; one is refused"
                );
                state.deliver(None, now);
                return state.understand(now);
            }
            return ControlFlow::Continue(());
        }
        match &mut state.life {
            Life::Starting { until, .. } if now >= *until => return over(Reason::SlowStart),
            Life::Stopping { until } if now >= *until => return over(Reason::Asked),
            Life::Ready { silent } if now >= *silent => {
                *silent = now + BEAT_FRESH;
                state
                    .status
                    .send_modify(|status| status.activity = Activity::Silent);
            }
            Life::Starting { .. } | Life::Stopping { .. } | Life::Ready { .. } => {}
        }
        for act in state.questions.handle_timeout(now) {
            match act {
                Act::Interrupt => {
                    tracing::warn!(
                        pid = self.process.pid(),
                        "a question to the configuration is late; its code is interrupted"
                    );
                    self.process.signal(Signal::USR1);
                }
                Act::Cancel(of) => {
                    let id = state.questions.fresh_id();
                    state.say(message::cancel(id, of));
                }
                Act::Kill(question) => return over(Reason::Hung(question)),
            }
        }
        ControlFlow::Continue(())
    }

    /// Sees to the end of the process, and answers all who wait.
    async fn finish(mut self, over: Over, buffer: &mut [u8]) {
        let (reason, exit) = match over.exit {
            Some(exit) => (over.reason, exit),
            None => self.end(over.reason).await,
        };
        // Also those that hold the pipes and the connection open.
        self.process.kill();
        self.hear_last_words(buffer);
        let readers = async { while self.readers.join_next().await.is_some() {} };
        if timeout(LAST_OUTPUT, readers).await.is_err() {
            tracing::debug!("somebody outside of the group holds the output open");
            self.readers.abort_all();
        }
        self.process.reap();
        let (stderr, stack) = split_stack(self.tail.lines());
        let ended = Arc::new(Ended {
            exit,
            reason,
            stderr,
            stack,
        });
        match (&ended.reason, &self.state.life) {
            // Who starts it tells about it.
            (Reason::Asked, _) | (_, Life::Starting { .. }) => {
                tracing::debug!(%ended, "the end of a configuration's process");
            }
            _ => tracing::error!(%ended, "the end of a configuration's process"),
        }
        self.state.status.send_modify(|status| {
            status.activity = Activity::Ended;
            status.open = 0;
        });
        self.ended.send_replace(Some(ended.clone()));
        self.state.questions.fail(&ended);
        // Those that came meanwhile see that nobody reads.
    }

    /// Ends the process, with its stack where that tells something.
    async fn end(&mut self, reason: Reason) -> (Reason, Exit) {
        match reason {
            Reason::Hung(_) | Reason::SlowStart => self.process.abort(),
            // It may be dying already.
            Reason::Closed | Reason::Itself => {}
            Reason::Asked | Reason::Garbled(_) => self.process.kill(),
        }
        match (timeout(DYING, self.process.exited()).await, reason) {
            (Ok(exit), Reason::Closed) => (Reason::Itself, exit),
            (Ok(exit), reason) => (reason, exit),
            (Err(_), reason) => {
                self.process.kill();
                // One in uninterruptible sleep dies when it can; nobody waits for it.
                let exit = timeout(GIVEN_UP, self.process.exited()).await;
                (reason, exit.unwrap_or(Exit::Signal(Signal::KILL.as_raw())))
            }
        }
    }

    /// Takes the answers that came before the end.
    fn hear_last_words(&mut self, buffer: &mut [u8]) {
        loop {
            match self.reader.try_read(buffer) {
                Ok(0) | Err(_) => return,
                Ok(length) => self
                    .state
                    .decoder
                    .feed(buffer.get(..length).unwrap_or_default()),
            }
            while let Ok(Some(frame)) = self.state.decoder.next_frame() {
                if let Frame::Json(text) = frame
                    && let Ok(Message::Answer { id, outcome }) = message::decode(&text)
                {
                    self.state.questions.answered(id, outcome);
                }
            }
        }
    }
}

fn over(reason: Reason) -> ControlFlow<Over> {
    ControlFlow::Break(Over { reason, exit: None })
}

async fn sleep_until(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl State {
    /// When something has to be done.
    fn timeout(&self) -> Option<Instant> {
        if let Some((_, since)) = &self.undelivered {
            return Some(*since + OWNER_STALL_MAX);
        }
        let life = match &self.life {
            Life::Starting { until, .. } | Life::Stopping { until } => *until,
            Life::Ready { silent } => *silent,
        };
        Some(self.questions.timeout().map_or(life, |time| time.min(life)))
    }

    /// Sends the next question, if there is one and it has its turn.
    fn send_next(&mut self, now: Instant) {
        while matches!(self.life, Life::Ready { .. })
            && let Some((text, id)) = self.questions.next(now)
        {
            match Frame::Json(text).encode() {
                Ok(frame) => self.outgoing.push(frame),
                Err(error) => self.questions.refuse(id, AskError::TooLarge(error)),
            }
        }
    }

    fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Ask {
                question,
                deadline,
                reply,
            } => self.questions.ask(question, deadline, reply),
            Command::Send(frame) => self.outgoing.push(frame),
            Command::Stop => {
                let id = self.questions.fresh_id();
                self.say(message::quit(id));
                let until = now + self.limits.grace;
                self.life = Life::Stopping { until };
            }
        }
    }

    /// Sends a message of ours that is small.
    fn say(&mut self, text: Vec<u8>) {
        match Frame::Json(text).encode() {
            Ok(frame) => self.outgoing.push(frame),
            Err(error) => {
                tracing::error!(%error, "an answer to the configuration's process is lost");
            }
        }
    }

    /// Handles the frames that have arrived, until the owner's inbox is full.
    fn understand(&mut self, now: Instant) -> ControlFlow<Over> {
        while self.undelivered.is_none() {
            let handled = match self.decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(Frame::Json(text))) => match message::decode(&text) {
                    Ok(message) => self.message(message, now),
                    Err(error) => return over(Reason::Garbled(error.to_string())),
                },
                Ok(Some(Frame::Stream { stream, bytes })) => {
                    let pid = self.status.borrow().pid;
                    self.hand_over(Request::Data { pid, stream, bytes }, now);
                    ControlFlow::Continue(())
                }
                Err(error) => return over(Reason::Garbled(error.to_string())),
            };
            if handled.is_break() {
                return handled;
            }
        }
        ControlFlow::Continue(())
    }

    fn message(&mut self, message: Message, now: Instant) -> ControlFlow<Over> {
        match message {
            Message::Hello(hello) => {
                let Life::Starting { ready, .. } = &mut self.life else {
                    return over(Reason::Garbled("it said hello twice".to_owned()));
                };
                if let Some(ready) = ready.take() {
                    let _ = ready.send(hello);
                }
                self.life = Life::Ready {
                    silent: now + BEAT_FRESH,
                };
                self.status.send_modify(|status| {
                    status.activity = Activity::Idle;
                    status.heard = Some(now);
                });
            }
            Message::Beat(beat) => self.heard(&beat, now),
            Message::Answer { id, outcome } => {
                if !self.questions.answered(id, outcome) {
                    // The answer to a cancellation, too.
                    tracing::trace!(id, "an answer that nobody waits for");
                }
            }
            Message::Awaits { id } => self.questions.end_turn(id),
            Message::Ask { id, name, body } => {
                if self.asks_open >= ASKS_OPEN_MAX {
                    let why = format!("{ASKS_OPEN_MAX} questions to the master are open");
                    self.say(message::answer(id, &Err(Raised::refused(why))));
                } else {
                    self.asks_open += 1;
                    let ask = Ask {
                        id,
                        pid: self.status.borrow().pid,
                        name,
                        body,
                        replies: Some(self.replies.clone()),
                    };
                    self.hand_over(Request::Ask(ask), now);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn heard(&mut self, beat: &Beat, now: Instant) {
        self.questions.heard(now, beat);
        if let Life::Ready { silent } = &mut self.life {
            *silent = now + BEAT_FRESH;
        }
        let seconds = |value: f64| Duration::try_from_secs_f64(value).unwrap_or_default();
        let activity = match beat.busy.and_then(|id| self.questions.name(id)) {
            Some(question) => Activity::Busy {
                question,
                busy: seconds(beat.busy_ms / 1000.0),
            },
            None => Activity::Idle,
        };
        let open = self.questions.open();
        self.status.send_modify(|status| {
            status.activity = activity;
            status.open = open;
            status.rss_kb = beat.rss_kb;
            status.age = seconds(beat.age_s);
            status.heard = Some(now);
        });
    }

    /// Puts a request into the owner's inbox, or keeps it until there is room.
    fn hand_over(&mut self, request: Request, now: Instant) {
        match self.owner.requests.try_send(request) {
            // A question that nobody takes is refused by being dropped.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(request)) => {
                self.undelivered = Some((request, now));
            }
        }
    }

    /// Puts what was kept into the inbox; without a permit it is dropped.
    fn deliver(&mut self, permit: Option<mpsc::OwnedPermit<Request>>, now: Instant) {
        let Some((request, since)) = self.undelivered.take() else {
            return;
        };
        let waited = now.saturating_duration_since(since);
        self.questions.excuse(waited);
        if let Life::Ready { silent } = &mut self.life {
            *silent += waited;
        }
        if let Some(permit) = permit {
            permit.send(request);
        }
    }

    /// What it means that the connection is closed.
    fn reason_of_closing(&self) -> Reason {
        match self.life {
            Life::Starting { .. } | Life::Ready { .. } => Reason::Closed,
            Life::Stopping { .. } => Reason::Asked,
        }
    }

    /// What it means that the process has ended.
    fn reason_of_exit(&self) -> Reason {
        match self.life {
            Life::Starting { .. } | Life::Ready { .. } => Reason::Itself,
            Life::Stopping { .. } => Reason::Asked,
        }
    }
}

/// Frames that wait to be written.
#[derive(Default)]
struct Outgoing {
    frames: VecDeque<Vec<u8>>,
    /// How much of the first is written.
    written: usize,
    bytes: usize,
}

impl Outgoing {
    fn push(&mut self, frame: Vec<u8>) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    fn front(&self) -> &[u8] {
        let frame = self.frames.front().map(Vec::as_slice).unwrap_or_default();
        frame.get(self.written..).unwrap_or_default()
    }

    fn written(&mut self, length: usize) {
        self.bytes -= length;
        self.written += length;
        if self.front().is_empty() {
            self.frames.pop_front();
            self.written = 0;
        }
    }
}
