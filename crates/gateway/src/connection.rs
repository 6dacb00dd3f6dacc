//! One connection from its first byte to its last: the task that drives a session of `wire`.

mod login;

use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use buildbot_endpoint::server::Endpoint;
use buildbot_model::Secret;
use buildbot_wire::session::{
    CallKey, CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession, ReplyKey,
};
use buildbot_wire::{Failure, Outgoing, Value, msgpack, pb};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::attach::{AttachError, attach};
use crate::hub::Hub;
use crate::perspective::{self, Arrived};
use crate::running::{Driver, Heard, Said};
use crate::session::{Request, Requests, Shared, Start};
use crate::{
    Admitted, Attached, CallError, DetachReason, GatewayEvent, Protocol, Referenceable, Session,
    SessionId, User, Visitor, WorkerInfo,
};

/// Bytes that are read at a time.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Bytes for the worker that wait to be sent. While there are more nothing is asked of it, and it is not read.
pub(crate) const UNSENT_BYTES_MAX: usize = 4 << 20;

/// Bytes of the send buffer that are kept while there is nothing to do.
const IDLE_OUTPUT_BYTES: usize = 4 << 10;

/// Bytes that a peer may send before its login is decided; a login takes a few hundred.
const STRANGER_BYTES_MAX: usize = 64 << 10;

/// Requests of the master that wait for the connection's task.
const REQUESTS_MAX: usize = 64;

/// What commands have to say that waits for the connection's task. Answers to downloads are half a megabyte.
const SAID_MAX: usize = 8;

/// How long a connection that ends may take to send its last bytes and to be closed by the worker.
pub(crate) const LAST_BYTES_MAX: Duration = Duration::from_secs(2);

/// A connection, whatever it is made of.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that has just been accepted.
pub(crate) struct Arrival {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) protocol: Protocol,
    pub(crate) peer: String,
    /// Where it arrived, if at a listener.
    pub(crate) place: Option<Endpoint>,
    pub(crate) id: SessionId,
    /// Cancelled if too many arrive behind it, until it has logged in.
    pub(crate) leave: CancellationToken,
    /// Until when it must have logged in.
    pub(crate) deadline: Instant,
}

/// How far the login has come.
enum Phase {
    /// Nobody has logged in.
    Stranger { until: Instant },
    /// The master is asked about the name.
    Asking { until: Instant, name: String },
    /// The password was right; the worker is greeted.
    Attaching { until: Instant },
    /// The worker is in use.
    Attached,
    /// The login was refused.
    Refused { until: Instant },
}

/// Work that a login waits for.
enum Job {
    Known(Known),
    Attached(Result<Arc<WorkerInfo>, AttachError>),
}

/// Whose name it is.
enum Known {
    Worker(Option<Admitted>),
    User(User),
}

/// Who waits for the answer to a call.
enum Waiting {
    Somebody(oneshot::Sender<Result<Value, CallError>>),
    /// The start of a command.
    Start(CommandKey),
    Keepalive,
    Nobody,
}

/// A command that runs.
struct Running {
    id: String,
    builder: Option<String>,
    heard: mpsc::UnboundedSender<Heard>,
}

/// Whether the worker lives.
struct Pulse {
    interval: Option<Duration>,
    next: Option<Instant>,
    /// When it was asked, if it has not been heard since.
    asked: Option<Instant>,
    /// Whether the last question waits for its answer.
    is_outstanding: bool,
}

/// What the task waits for.
enum Input {
    Read(io::Result<usize>),
    /// Whether it is flushed, too.
    Written(io::Result<usize>, bool),
    Flushed(io::Result<()>),
    Asked(Option<Request>),
    Said(Said),
    Job(Job),
    /// A job has broken.
    Broken,
    Time,
    Evicted,
    Stopped,
    /// The connection is to end.
    Dismissed(DetachReason),
    /// There is room for an event.
    Room,
}

struct Connection {
    hub: Arc<Hub>,
    id: SessionId,
    protocol: Protocol,
    peer: String,
    place: Option<Endpoint>,
    wire: Box<dyn MasterSession + Send>,
    phase: Phase,
    /// Present from the moment the password was right.
    session: Option<Session>,
    /// Present from the moment the password of somebody was right who is no worker.
    user: Option<(String, Arc<dyn Referenceable>)>,
    ended: watch::Sender<Option<DetachReason>>,
    dismissed: watch::Sender<Option<DetachReason>>,
    /// Cancelled if it has to make room for others while nobody is attached.
    leave: CancellationToken,
    requests: mpsc::Receiver<Request>,
    requests_sender: mpsc::Sender<Request>,
    jobs: JoinSet<Job>,
    calls: BTreeMap<CallKey, Waiting>,
    commands: BTreeMap<CommandKey, Running>,
    said: mpsc::Receiver<Said>,
    said_sender: mpsc::Sender<Said>,
    /// Bytes that wait for sinks and disks.
    waiting_bytes: usize,
    /// Bytes received before the login was decided.
    strange_bytes: usize,
    pulse: Pulse,
    events: VecDeque<GatewayEvent>,
    has_asked_for_shutdown: bool,
    /// Why and until when the connection is being ended.
    ending: Option<(DetachReason, Instant)>,
}

/// Serves a connection until it has ended and everybody knows.
pub(crate) async fn serve(hub: Arc<Hub>, arrival: Arrival) {
    let limits = hub.settings.limits;
    let wire: Box<dyn MasterSession + Send> = match arrival.protocol {
        Protocol::Pb => {
            let mut challenge = [0; pb::login::CHALLENGE_BYTES];
            if let Err(error) = getrandom::fill(&mut challenge) {
                tracing::error!("the system gives no random numbers: {error}");
                hub.forget(arrival.id);
                return;
            }
            Box::new(pb::MasterSession::new(challenge, limits))
        }
        Protocol::Msgpack => Box::new(msgpack::MasterSession::new(limits)),
    };
    let (requests_sender, requests) = mpsc::channel(REQUESTS_MAX);
    let (said_sender, said) = mpsc::channel(SAID_MAX);
    let connection = Connection {
        hub: Arc::clone(&hub),
        id: arrival.id,
        protocol: arrival.protocol,
        peer: arrival.peer,
        place: arrival.place,
        wire,
        phase: Phase::Stranger {
            until: arrival.deadline,
        },
        session: None,
        user: None,
        ended: watch::channel(None).0,
        dismissed: watch::channel(None).0,
        leave: arrival.leave,
        requests,
        requests_sender,
        jobs: JoinSet::new(),
        calls: BTreeMap::new(),
        commands: BTreeMap::new(),
        said,
        said_sender,
        waiting_bytes: 0,
        strange_bytes: 0,
        pulse: Pulse {
            interval: None,
            next: None,
            asked: None,
            is_outstanding: false,
        },
        events: VecDeque::new(),
        has_asked_for_shutdown: false,
        ending: None,
    };
    connection.run(arrival.stream).await;
    hub.forget(arrival.id);
}

impl Connection {
    async fn run(mut self, stream: Box<dyn Stream>) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        let mut to_flush = false;
        let mut alarm = pin!(sleep_until(Instant::now()));
        let stop = self.hub.stop.clone();
        let events = self.hub.events.clone();
        let mut dismissed = self.dismissed.subscribe();
        let (reason, is_orderly) = loop {
            let unsent = self.wire.output().len();
            if let Some((reason, _)) = &self.ending
                && unsent == 0
                && !to_flush
            {
                break (reason.clone(), true);
            }
            let is_ending = self.ending.is_some();
            let is_held = self.waiting_bytes > self.hub.settings.waiting_bytes_max;
            if let Some(session) = &self.session {
                session.shared.is_held.store(is_held, Ordering::Relaxed);
            }
            let has_room = unsent < UNSENT_BYTES_MAX;
            let hears_worker = !is_ending && !is_held && has_room;
            let hears_master = !is_ending && has_room && self.session.is_some();
            let has_event = !is_ending && !self.events.is_empty();
            let is_stranger = self.session.is_none();
            let time = self.next_time();
            if let Some(time) = time.filter(|time| *time != alarm.deadline()) {
                alarm.as_mut().reset(time);
            }
            let output = self.wire.output();
            let input = tokio::select! {
                () = stop.cancelled(), if !is_ending => Input::Stopped,
                () = self.leave.cancelled(), if is_stranger && !is_ending => Input::Evicted,
                reason = dismissal(&mut dismissed), if !is_stranger && !is_ending =>
                    Input::Dismissed(reason),
                read = reader.read(&mut buffer), if hears_worker => Input::Read(read),
                sent = send(&mut writer, output), if unsent > 0 || to_flush => sent,
                request = self.requests.recv(), if hears_master => Input::Asked(request),
                Some(said) = self.said.recv(), if has_room => Input::Said(said),
                Some(job) = self.jobs.join_next() => match job {
                    Ok(job) => Input::Job(job),
                    Err(_) => Input::Broken,
                },
                room = events.reserve(), if has_event => {
                    if let (Ok(permit), Some(event)) = (room, self.events.pop_front()) {
                        permit.send(event);
                    }
                    Input::Room
                }
                () = alarm.as_mut(), if time.is_some() => Input::Time,
                () = pending() => Input::Room,
            };
            let handled = match input {
                Input::Read(Ok(0)) => Err(DetachReason::Closed),
                Input::Read(Ok(length)) => self.receive(buffer.get(..length).unwrap_or_default()),
                Input::Written(Ok(0), _) => Err(DetachReason::Closed),
                Input::Written(Ok(length), is_flushed) => {
                    to_flush = !is_flushed;
                    let output = self.wire.output();
                    output.advance(length);
                    if output.is_empty() && self.commands.is_empty() {
                        output.shrink_to(IDLE_OUTPUT_BYTES);
                    }
                    Ok(())
                }
                Input::Flushed(Ok(())) => {
                    to_flush = false;
                    Ok(())
                }
                Input::Read(Err(error))
                | Input::Written(Err(error), _)
                | Input::Flushed(Err(error)) => Err(DetachReason::Network(error.to_string())),
                Input::Asked(Some(request)) => {
                    self.handle_request(request);
                    Ok(())
                }
                Input::Said(said) => {
                    self.handle_said(said);
                    Ok(())
                }
                Input::Job(job) => self.handle_job(job),
                Input::Broken => Err(DetachReason::Disconnected(
                    "the login cannot be decided".to_owned(),
                )),
                Input::Time => self.handle_time(),
                Input::Evicted => Err(DetachReason::Disconnected(
                    "too many connections that do not log in".to_owned(),
                )),
                Input::Stopped => {
                    self.end(DetachReason::Disconnected("the master stops".to_owned()));
                    Ok(())
                }
                Input::Dismissed(reason) => {
                    self.dismiss(reason);
                    Ok(())
                }
                Input::Asked(None) | Input::Room => Ok(()),
            };
            if let Err(reason) = handled {
                // What was decided before counts.
                let reason = self.ending.take().map_or(reason, |(decided, _)| decided);
                break (reason, false);
            }
            if let Some((name, perspective)) = self.user.take() {
                self.hub.forget(self.id);
                let Self {
                    hub, peer, wire, ..
                } = self;
                match wire.into_perspective() {
                    Ok((wire, avatar)) => {
                        let arrived = Arrived {
                            wire,
                            avatar,
                            perspective,
                            name,
                            peer,
                        };
                        perspective::serve(hub, arrived, reader, writer).await;
                    }
                    Err(error) => tracing::warn!(peer, "a user cannot be served: {error}"),
                }
                return;
            }
        };
        self.leave(reason).await;
        if is_orderly {
            // So that the last bytes are not lost with what was not read.
            let _ = timeout(LAST_BYTES_MAX, async {
                writer.shutdown().await?;
                while reader.read(&mut buffer).await? > 0 {}
                io::Result::Ok(())
            })
            .await;
        }
    }

    /// Tells everybody that the connection has ended.
    async fn leave(&mut self, reason: DetachReason) {
        self.ended.send_replace(Some(reason.clone()));
        self.requests.close();
        self.calls.clear();
        for running in std::mem::take(&mut self.commands).into_values() {
            let _ = running.heard.send(Heard::Lost(reason.clone()));
        }
        // Commands that speak to nobody must not wait for somebody.
        self.said.close();
        self.jobs.shutdown().await;
        // Starts that were handed over too late.
        while let Ok(request) = self.requests.try_recv() {
            if let Request::Start(start) = request {
                let _ = start
                    .end
                    .send(Err(crate::CommandError::Lost(reason.clone())));
            }
        }
        let Some(session) = self.session.take() else {
            tracing::debug!(
                peer = self.peer,
                "a connection ends without a login: {reason}"
            );
            return;
        };
        let worker = session.worker();
        let (peer, protocol) = (session.peer(), session.protocol());
        tracing::info!(worker, peer, %protocol, "the connection has ended: {reason}");
        if matches!(self.phase, Phase::Attached) {
            let detached = GatewayEvent::Detached {
                session: session.id(),
                worker: worker.to_owned(),
                reason,
            };
            for event in self.events.drain(..).chain([detached]) {
                // Without a receiver there is no master.
                let _ = self.hub.events.send(event).await;
            }
        }
        self.hub.release(&session);
    }

    /// Ends the connection when everything that was said before is sent.
    fn end(&mut self, reason: DetachReason) {
        if self.ending.is_none() {
            self.ending = Some((reason, Instant::now() + LAST_BYTES_MAX));
        }
    }

    /// Ends the connection, after what was asked before and has room.
    fn dismiss(&mut self, reason: DetachReason) {
        for _ in 0..REQUESTS_MAX {
            if self.wire.output().len() >= UNSENT_BYTES_MAX {
                break;
            }
            let Ok(request) = self.requests.try_recv() else {
                break;
            };
            self.handle_request(request);
        }
        self.end(reason);
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), DetachReason> {
        match &self.session {
            Some(session) => {
                let heard = session.shared.started.elapsed().as_millis();
                let heard = u64::try_from(heard).unwrap_or(u64::MAX);
                session.shared.heard.store(heard, Ordering::Relaxed);
                self.pulse.asked = None;
            }
            None => {
                self.strange_bytes += bytes.len();
                if self.strange_bytes > STRANGER_BYTES_MAX {
                    let text = "too many bytes before the login".to_owned();
                    return Err(DetachReason::Protocol(text));
                }
            }
        }
        let received = self.wire.receive(bytes);
        while let Some(event) = self.wire.next_event() {
            self.handle_event(event);
        }
        received.map_err(|error| DetachReason::Protocol(error.to_string()))
    }

    fn handle_event(&mut self, event: MasterEvent) {
        match event {
            MasterEvent::LoginRequested { name } => self.ask_about(name),
            MasterEvent::Answered { call, result } => self.handle_answer(call, result),
            MasterEvent::Keepalive { reply } => self.wire.reply(reply, Ok(Value::None)),
            MasterEvent::ShutdownRequested { reply } => {
                self.wire.reply(reply, Ok(Value::None));
                self.request_shutdown();
            }
            MasterEvent::Updated {
                reply,
                command,
                updates,
            } => self.tell(command, reply, Heard::updates(reply, updates)),
            MasterEvent::Transferring {
                reply,
                command,
                request,
            } => self.tell(command, reply, Heard::transfer(reply, request)),
            MasterEvent::Completed {
                reply,
                command,
                result,
            } => {
                self.tell(command, reply, Heard::Completed { reply, result });
                self.commands.remove(&command);
            }
            MasterEvent::Closed => self.end(DetachReason::Closed),
            MasterEvent::Noticed(text) => {
                let worker = self.session.as_ref().map_or("", Session::worker);
                tracing::warn!(worker, peer = self.peer, "{text}");
            }
        }
    }

    /// Passes on what a command says. One that has ended is answered, and nothing follows from it.
    fn tell(&mut self, command: CommandKey, reply: ReplyKey, heard: Heard) {
        let bytes = heard.bytes();
        let told = match self.commands.get(&command) {
            Some(running) => running.heard.send(heard).is_ok(),
            None => false,
        };
        if told {
            self.waiting_bytes += bytes;
        } else {
            self.wire.reply(reply, Ok(Value::None));
        }
    }

    fn handle_answer(&mut self, call: CallKey, result: Result<Value, Failure>) {
        match self.calls.remove(&call) {
            Some(Waiting::Somebody(answer)) => {
                // He may have lost interest.
                let _ = answer.send(result.map_err(CallError::Refused));
            }
            Some(Waiting::Start(command)) => {
                if let Err(failure) = result
                    && let Some(running) = self.commands.remove(&command)
                {
                    let _ = running.heard.send(Heard::Refused(failure));
                }
            }
            Some(Waiting::Keepalive) => self.pulse.is_outstanding = false,
            Some(Waiting::Nobody) | None => {}
        }
    }

    fn request_shutdown(&mut self) {
        if let Some(session) = &self.session
            && !self.has_asked_for_shutdown
        {
            self.has_asked_for_shutdown = true;
            self.events.push_back(GatewayEvent::ShutdownRequested {
                session: session.id(),
                worker: session.worker().to_owned(),
            });
        }
    }

    fn handle_request(&mut self, request: Request) {
        match request {
            Request::Call { request, answer } => match self.wire.request(request) {
                Ok(call) => {
                    self.calls.insert(call, Waiting::Somebody(answer));
                }
                Err(error) => {
                    let _ = answer.send(Err(CallError::Unsendable(error.to_string())));
                }
            },
            Request::Start(start) => self.start(*start),
            Request::Interrupt { command, why } => self.interrupt(command, why),
            Request::Keepalive(interval) => self.set_keepalive(interval),
        }
    }

    fn start(&mut self, start: Start) {
        let (heard, hearing) = mpsc::unbounded_channel();
        let message = CommandStart {
            command: start.command,
            id: start.id.clone(),
            builder: start.builder.clone(),
            name: start.name,
            args: start.args,
            transfer: start.transfer.as_ref().map(crate::transfer::End::kind),
        };
        match self.wire.start_command(message) {
            Ok(call) => {
                self.calls.insert(call, Waiting::Start(start.command));
                let running = Running {
                    id: start.id,
                    builder: start.builder,
                    heard,
                };
                self.commands.insert(start.command, running);
            }
            Err(error) => {
                let _ = heard.send(Heard::Unsendable(error.to_string()));
            }
        }
        let driver = Driver {
            command: start.command,
            heard: hearing,
            said: self.said_sender.clone(),
            sink: start.sink,
            transfer: start.transfer,
            budget: start.budget,
            end: start.end,
        };
        let stop = self.hub.stop.clone();
        self.hub.tasks.spawn(driver.run(stop));
    }

    fn interrupt(&mut self, command: CommandKey, why: String) {
        let Some(running) = self.commands.get(&command) else {
            return;
        };
        let request = MasterRequest::InterruptCommand {
            id: running.id.clone(),
            builder: running.builder.clone(),
            why,
        };
        match self.wire.request(request) {
            Ok(call) => {
                self.calls.insert(call, Waiting::Nobody);
            }
            Err(error) => {
                let worker = self.session.as_ref().map_or("", Session::worker);
                tracing::warn!(worker, "command {} cannot be stopped: {error}", running.id);
            }
        }
    }

    fn handle_said(&mut self, said: Said) {
        match said {
            Said::Reply {
                reply,
                answer,
                bytes,
            } => {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
                self.wire.reply(reply, Ok(answer));
            }
            Said::Interrupt { command, why } => self.interrupt(command, why),
        }
    }

    fn set_keepalive(&mut self, interval: Option<Duration>) {
        if self.pulse.interval != interval {
            self.pulse.interval = interval;
            self.pulse.next = interval.map(|interval| Instant::now() + interval);
        }
    }

    fn next_time(&self) -> Option<Instant> {
        if let Some((_, until)) = self.ending {
            return Some(until);
        }
        match self.phase {
            Phase::Stranger { until } | Phase::Asking { until, .. } | Phase::Refused { until } => {
                Some(until)
            }
            Phase::Attaching { until } => {
                Some(self.pulse.next.map_or(until, |next| next.min(until)))
            }
            Phase::Attached => self.pulse.next,
        }
    }

    fn handle_time(&mut self) -> Result<(), DetachReason> {
        let now = Instant::now();
        if let Some((reason, _)) = self.ending.take_if(|(_, until)| *until <= now) {
            return Err(reason);
        }
        let too_late = |text: &str| Err(DetachReason::Disconnected(text.to_owned()));
        match self.phase {
            Phase::Stranger { until } | Phase::Asking { until, .. } if until <= now => {
                too_late("nobody has logged in")
            }
            Phase::Refused { until } if until <= now => too_late("the login was refused"),
            Phase::Attaching { until } if until <= now => too_late("the worker does not get ready"),
            Phase::Attaching { .. } | Phase::Attached
                if self.pulse.next.is_some_and(|at| at <= now) =>
            {
                self.feel_pulse(now)
            }
            Phase::Stranger { .. }
            | Phase::Asking { .. }
            | Phase::Refused { .. }
            | Phase::Attaching { .. }
            | Phase::Attached => Ok(()),
        }
    }

    /// Asks for a sign of life. If nothing was heard since the last question, there is none.
    ///
    /// Differs: a worker that is silent for two keepalive intervals is taken for lost; in the reference one that vanished
    /// without a word keeps its name and its builds until the system notices.
    fn feel_pulse(&mut self, now: Instant) -> Result<(), DetachReason> {
        let Some(interval) = self.pulse.interval else {
            self.pulse.next = None;
            return Ok(());
        };
        self.pulse.next = Some(now + interval);
        if self.waiting_bytes > self.hub.settings.waiting_bytes_max {
            // It is not read.
            self.pulse.asked = None;
            return Ok(());
        }
        if let Some(asked) = self.pulse.asked {
            let silence = now.duration_since(asked) + interval;
            return Err(DetachReason::Silent(silence.as_secs()));
        }
        self.pulse.asked = Some(now);
        if !self.pulse.is_outstanding {
            let call = self.wire.request(MasterRequest::Keepalive);
            let call = call.map_err(|error| DetachReason::Protocol(error.to_string()))?;
            self.calls.insert(call, Waiting::Keepalive);
            self.pulse.is_outstanding = true;
        }
        Ok(())
    }
}

/// Waits until the connection is to end.
async fn dismissal(dismissed: &mut watch::Receiver<Option<DetachReason>>) -> DetachReason {
    let reason = dismissed.wait_for(Option::is_some).await;
    let reason = reason.ok().and_then(|reason| reason.clone());
    reason.unwrap_or(DetachReason::Closed)
}

async fn send(writer: &mut WriteHalf<Box<dyn Stream>>, output: &Outgoing) -> Input {
    if output.is_empty() {
        return Input::Flushed(writer.flush().await);
    }
    let written = writer.write_vectored(&output.slices()).await;
    // Only tried: whoever waited here could lose what is known to be written.
    let is_flushed = poll_fn(|context| {
        let flushed = Pin::new(&mut *writer).poll_flush(context);
        Poll::Ready(matches!(flushed, Poll::Ready(Ok(()))))
    });
    Input::Written(written, is_flushed.await)
}
