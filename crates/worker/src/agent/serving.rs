//! One connection, from the first byte to the last.
//!
//! A single loop waits for whatever comes first (bytes, output of commands, time) and handles it in
//! plain functions. Two things keep memory bounded whatever the master does: commands are heard only
//! while little waits to be sent ([`OUTPUT_BYTES_MAX`]) and while the master has not fallen too far
//! behind ([`UNCONFIRMED_BYTES_MAX`]), so that their programs block; and the master is heard only
//! while it takes its answers ([`UNSENT_BYTES_MAX`]).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use buildbot_wire::session::{CommandKey, MasterRequest, ReplyKey, WorkerEvent, WorkerSession};
use buildbot_wire::{Failure, Outgoing, Value};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, WriteHalf};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::builders::{self, Builders};
use super::running::{Meant, Running, RunningCommands};
use super::settings::SpokenProtocol;
use super::shutdown::Request;
use super::{Agent, info};
use crate::cli::BUILDBOT_VERSION;
use crate::command::{
    self, CommandContext, CommandEvent, InterruptReason, Interrupts, Outbox, Paths, TransferCall,
};
use crate::connect::Stream;
use crate::output;
use crate::process::reap_left_behind;

/// Bytes that may wait to be sent before commands are not heard any more.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Memory that is kept for sending while no command runs.
const IDLE_OUTPUT_BYTES: usize = 4 << 10;

/// Bytes that may wait to be sent before the master is not heard any more.
const UNSENT_BYTES_MAX: usize = 4 << 20;

/// Bytes and requests that the master may have left unconfirmed before commands are not heard any
/// more. A Python master reads faster than it stores; what it has read waits in its memory.
const UNCONFIRMED_BYTES_MAX: usize = 4 << 20;
const UNCONFIRMED_REQUESTS_MAX: usize = 2_000;

/// Bytes taken from the master at a time.
const READ_BYTES: usize = 128 << 10;

/// A server that says nothing for so long does not speak the protocol. Over PB the master speaks
/// first, but may be busy; over msgpack it answers a request.
const FIRST_BYTE_PB: Duration = Duration::from_secs(120);
const FIRST_BYTE_MSGPACK: Duration = Duration::from_secs(30);

/// A worker that drains stops when it has had no command for so long. A busy Python master confirms the end
/// of a command well before its step has ended, and a connection that is lost by then means a retry.
const IDLE_BEFORE_STOP: Duration = Duration::from_secs(3);

/// The last bytes of a connection must have been sent within this time.
const LAST_BYTES_MAX: Duration = Duration::from_secs(5);

/// A login may have to wait for a reconfiguration, but not for ever.
const LOGIN_MAX: Duration = Duration::from_secs(600);

/// How a connection ended.
pub(super) enum Ended {
    /// A signal asks the worker to stop.
    Stop,
    /// The worker stops by itself.
    Finish(String),
    /// The connection is lost; it is to be made again.
    Lost(String),
    /// Name or password are wrong. The connection is held until the next attempt.
    Refused(String, Box<dyn Stream>),
}

/// What a connection is to end with, once everything is sent.
enum Ending {
    Finish(String),
    Lost(String),
    Refused(String),
}

/// One connection.
pub(super) struct Serving<'a> {
    agent: &'a mut Agent,
    session: Box<dyn WorkerSession + Send>,
    commands: RunningCommands,
    output: Arc<output::Settings>,
    jobs: JoinSet<Job>,
    clock: Clock,
    /// When the last command has ended the worker stops.
    is_draining: bool,
    ending: Option<Ending>,
}

/// The result of work that touches the disk.
enum Job {
    Info(ReplyKey, Value),
    Builders(ReplyKey, std::io::Result<Builders>),
}

/// What happened; see [`Serving::run`].
enum Input {
    Read(std::io::Result<usize>),
    /// Whether it is flushed, too.
    Written(std::io::Result<usize>, bool),
    Flushed(std::io::Result<()>),
    Command(CommandKey, Option<CommandEvent>),
    Job(Job),
    Time,
    Asked(Request),
}

/// What the connection has to do at which time.
struct Clock {
    /// The login must have been answered.
    login: Option<Instant>,
    /// A keep-alive is due.
    keepalive: Option<Instant>,
    /// The keep-alive must have been answered.
    answer: Option<Instant>,
    /// The worker has been without work for long enough to stop.
    idle: Option<Instant>,
    /// The connection ends even if the master does not take the last bytes.
    leave: Option<Instant>,
}

impl Clock {
    fn next(&self) -> Option<Instant> {
        let times = [
            self.login,
            self.keepalive,
            self.answer,
            self.idle,
            self.leave,
        ];
        times.into_iter().flatten().min()
    }
}

impl<'a> Serving<'a> {
    pub(super) fn new(agent: &'a mut Agent, session: Box<dyn WorkerSession + Send>) -> Self {
        let first_byte = match agent.settings.protocol {
            SpokenProtocol::Pb => FIRST_BYTE_PB,
            SpokenProtocol::Msgpack { .. } => FIRST_BYTE_MSGPACK,
        };
        Self {
            agent,
            session,
            commands: RunningCommands::default(),
            output: Arc::new(output::Settings::default()),
            jobs: JoinSet::new(),
            clock: Clock {
                login: Some(Instant::now() + first_byte),
                keepalive: None,
                answer: None,
                idle: None,
                leave: None,
            },
            is_draining: false,
            ending: None,
        }
    }

    pub(super) async fn run(mut self, stream: Box<dyn Stream>) -> Ended {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        let mut first_byte = true;
        let mut to_flush = false;
        let mut alarm = pin!(sleep_until(Instant::now()));
        loop {
            let unsent = self.session.output().len();
            if unsent == 0
                && !to_flush
                && let Some(ending) = self.ending.take()
            {
                let stream = reader.unsplit(writer);
                return self.end(ending, stream);
            }
            let is_ending = self.ending.is_some();
            let hears_commands = !is_ending && unsent < OUTPUT_BYTES_MAX && self.master_keeps_up();
            let hears_master = !is_ending && unsent < UNSENT_BYTES_MAX;
            let time = self.clock.next();
            if let Some(time) = time.filter(|time| *time != alarm.deadline()) {
                alarm.as_mut().reset(time);
            }
            let output = self.session.output();
            let input = tokio::select! {
                read = reader.read(&mut buffer), if hears_master => Input::Read(read),
                sent = send(&mut writer, output), if unsent > 0 || to_flush => sent,
                (key, event) = self.commands.hear(), if hears_commands => Input::Command(key, event),
                Some(Ok(job)) = self.jobs.join_next() => Input::Job(job),
                () = alarm.as_mut(), if time.is_some() => Input::Time,
                request = self.agent.requests.next() => Input::Asked(request),
            };
            match input {
                Input::Read(Ok(0)) => {
                    return self.lost("the master has closed the connection".to_owned());
                }
                Input::Read(Ok(length)) => {
                    if std::mem::take(&mut first_byte) {
                        self.clock.login = self.clock.login.map(|_| Instant::now() + LOGIN_MAX);
                    }
                    let received = self
                        .session
                        .receive(buffer.get(..length).unwrap_or_default());
                    while let Some(event) = self.session.next_event() {
                        self.handle(event);
                    }
                    if let Err(error) = received {
                        return self.lost(format!("the connection is dropped: {error}"));
                    }
                }
                Input::Written(Ok(0), _) => {
                    return self.lost("the connection is closed".to_owned());
                }
                Input::Written(Ok(length), is_flushed) => {
                    let output = self.session.output();
                    output.advance(length);
                    if output.is_empty() && self.commands.is_empty() {
                        // A burst must not be held for the rest of a long life; while a command runs the
                        // next one is near.
                        output.shrink_to(IDLE_OUTPUT_BYTES);
                    }
                    to_flush = !is_flushed;
                }
                Input::Flushed(Ok(())) => to_flush = false,
                Input::Read(Err(error))
                | Input::Written(Err(error), _)
                | Input::Flushed(Err(error)) => {
                    return self.lost(format!("the connection is lost: {error}"));
                }
                Input::Command(key, event) => self.handle_command(key, event),
                Input::Job(job) => self.finish_job(job),
                Input::Time => {
                    if let Some(why) = self.handle_time() {
                        return self.lost(why);
                    }
                }
                Input::Asked(Request::Stop) => {
                    self.commands.silence(&InterruptReason::Shutdown);
                    return Ended::Stop;
                }
                Input::Asked(Request::Graceful) => self.shut_down_gracefully(),
            }
        }
    }

    fn master_keeps_up(&self) -> bool {
        let backlog = self.session.backlog();
        backlog.bytes < UNCONFIRMED_BYTES_MAX && backlog.requests < UNCONFIRMED_REQUESTS_MAX
    }

    fn lost(mut self, why: String) -> Ended {
        self.commands.silence(&InterruptReason::ConnectionLost);
        // What was decided before the connection was lost counts.
        match self.ending.take() {
            Some(Ending::Finish(why)) => Ended::Finish(why),
            Some(Ending::Lost(why)) => Ended::Lost(why),
            Some(Ending::Refused(why)) => Ended::Lost(why),
            None => Ended::Lost(why),
        }
    }

    fn end(mut self, ending: Ending, stream: Box<dyn Stream>) -> Ended {
        match ending {
            Ending::Finish(why) => {
                self.commands.silence(&InterruptReason::Shutdown);
                Ended::Finish(why)
            }
            Ending::Lost(why) => self.lost(why),
            Ending::Refused(why) => Ended::Refused(why, stream),
        }
    }

    fn handle_time(&mut self) -> Option<String> {
        let now = Instant::now();
        let is_over = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_over(self.clock.login) {
            return Some("the master does not answer the login".to_owned());
        }
        if is_over(self.clock.answer) {
            return Some("the master does not answer the keep-alive".to_owned());
        }
        if is_over(self.clock.leave) {
            return Some("the master does not take the last bytes".to_owned());
        }
        if is_over(self.clock.idle) {
            self.clock.idle = None;
            if self.session.backlog().requests > 0 {
                self.stop_when_idle();
            } else {
                let why = "asked to shut down, and the running commands have ended".to_owned();
                self.end_with(Ending::Finish(why));
            }
        }
        if is_over(self.clock.keepalive) {
            reap_left_behind();
            self.clock.keepalive = None;
            let timeout = self.agent.settings.keepalive?.timeout;
            self.clock.answer = Some(now + timeout);
            if let Err(error) = self.session.keepalive() {
                return Some(format!("the keep-alive cannot be sent: {error}"));
            }
        }
        None
    }

    /// Ends the connection when everything that was said before is sent.
    fn end_with(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.clock.leave = Some(Instant::now() + LAST_BYTES_MAX);
    }

    /// While the worker drains: waits a moment after the last command, in which the master takes note
    /// of its end, and perhaps starts the next command of the build.
    fn stop_when_idle(&mut self) {
        if self.is_draining && self.commands.is_empty() {
            self.clock.idle = Some(Instant::now() + IDLE_BEFORE_STOP);
        }
    }

    fn schedule_keepalive(&mut self) {
        self.clock.answer = None;
        let keepalive = self.agent.settings.keepalive;
        self.clock.keepalive = keepalive.map(|keepalive| Instant::now() + keepalive.interval);
    }

    fn handle(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Requested { reply, request } => self.handle_request(reply, request),
            WorkerEvent::LoggedIn => {
                tracing::info!("Connected to buildmaster; worker is ready");
                self.agent.reconnect.logged_in();
                self.clock.login = None;
                self.schedule_keepalive();
            }
            WorkerEvent::LoginRefused(failure) => {
                self.end_with(Ending::Refused(failure.value));
            }
            WorkerEvent::LoginFailed(failure) => {
                let why = format!("the master turns this worker away: {}", failure.value);
                self.end_with(Ending::Finish(why));
            }
            WorkerEvent::TransferAnswered { command, result } => {
                self.commands.answer_transfer(command, result);
            }
            WorkerEvent::ReportRefused { failure, .. } => {
                tracing::warn!("the master refuses a report of a command: {failure}");
            }
            WorkerEvent::KeepaliveAnswered => self.schedule_keepalive(),
            WorkerEvent::ShutdownAnswered(Ok(())) => {
                tracing::info!("the master shuts this worker down when its builds are done");
            }
            WorkerEvent::ShutdownAnswered(Err(failure)) => {
                tracing::warn!("the master does not shut this worker down: {failure}");
            }
            WorkerEvent::Closed => {
                let why = "the master has closed the connection; \
                           perhaps another worker of this name is connected";
                self.end_with(Ending::Lost(why.to_owned()));
            }
            WorkerEvent::Noticed(text) => tracing::debug!("{text}"),
        }
    }

    fn handle_request(&mut self, reply: ReplyKey, request: MasterRequest) {
        let result = match request {
            MasterRequest::Print { message } => {
                tracing::info!("message from master: {message}");
                Ok(Value::None)
            }
            MasterRequest::Keepalive | MasterRequest::StartBuild { .. } => Ok(Value::None),
            MasterRequest::WorkerInfo => {
                let settings = Arc::clone(&self.agent.settings);
                self.jobs
                    .spawn_blocking(move || Job::Info(reply, info::collect(&settings)));
                return;
            }
            MasterRequest::SetBuilderList(wanted) => {
                let settings = Arc::clone(&self.agent.settings);
                self.jobs.spawn_blocking(move || {
                    let delete = settings.delete_leftover_dirs;
                    Job::Builders(reply, builders::prepare(&settings.basedir, &wanted, delete))
                });
                return;
            }
            MasterRequest::SetWorkerSettings(values) => match output_settings(&values) {
                Ok(settings) => {
                    self.output = Arc::new(settings);
                    Ok(Value::None)
                }
                Err(text) => Err(Failure::new("builtins.ValueError", &[], text)),
            },
            MasterRequest::CommandVersions => Ok(info::command_versions()),
            MasterRequest::Version => Ok(Value::from(BUILDBOT_VERSION)),
            MasterRequest::StartCommand {
                command,
                id,
                builder,
                name,
                args,
            } => self.start(command, id, builder, &name, &args),
            MasterRequest::InterruptCommand { id, builder, why } => {
                self.interrupt(&id, builder.as_deref(), &why);
                Ok(Value::None)
            }
            MasterRequest::Shutdown => {
                let why = "the master shuts this worker down".to_owned();
                self.end_with(Ending::Finish(why));
                Ok(Value::None)
            }
        };
        self.session.reply(reply, result);
    }

    fn start(
        &mut self,
        key: CommandKey,
        id: String,
        builder: Option<String>,
        name: &str,
        args: &Value,
    ) -> Result<Value, Failure> {
        let settings = &self.agent.settings;
        let (paths, marks) = match settings.protocol {
            SpokenProtocol::Pb => {
                let known = builder
                    .as_deref()
                    .and_then(|name| self.agent.builders.get(name));
                let Some(builder_dir) = known.cloned() else {
                    let text = format!("the builder {builder:?} does not exist any more");
                    return Err(Failure::new("builtins.RuntimeError", &[], text));
                };
                (Paths::Pb { builder_dir }, false)
            }
            SpokenProtocol::Msgpack { .. } => (Paths::Msgpack, true),
        };
        let context = CommandContext {
            basedir: settings.basedir.clone(),
            environ: Arc::clone(&settings.environ),
            encoding: settings.encoding.clone(),
            settings: Arc::clone(&self.output),
            marks,
            paths: paths.clone(),
        };
        let command = match command::prepare(name, args, context) {
            Ok(command) => command,
            Err(error) => return Err(error.failure(&id)),
        };
        tracing::info!("startCommand:{name} [id {id}]{}", paths_in(args));
        if let Paths::Pb { .. } = paths {
            // A builder runs one command at a time; a master that starts another wants that one.
            let meant = Meant::OfBuilder(builder.as_deref());
            self.commands
                .interrupt(&meant, &format!("command {id} of its builder was started"));
        }
        let (outbox, events) = Outbox::channel();
        let (interrupter, interrupts) = Interrupts::channel();
        self.agent.commands.spawn(command.run(outbox, interrupts));
        let running = Running {
            id,
            builder,
            interrupter,
            events,
            transfers: VecDeque::new(),
        };
        self.commands.insert(key, running);
        self.clock.idle = None;
        Ok(Value::None)
    }

    /// Over PB whatever the builder runs is meant, over msgpack the command of that id.
    fn interrupt(&mut self, id: &str, builder: Option<&str>, why: &str) {
        let meant = match self.agent.settings.protocol {
            SpokenProtocol::Pb => Meant::OfBuilder(builder),
            SpokenProtocol::Msgpack { .. } => Meant::WithId(id),
        };
        if !self.commands.interrupt(&meant, why) {
            tracing::info!("command {id} is to be interrupted, but does not run");
        }
    }

    fn handle_command(&mut self, key: CommandKey, event: Option<CommandEvent>) {
        let sent = match event {
            Some(CommandEvent::Updates(updates)) => self.session.update(key, updates),
            Some(CommandEvent::Transfer(calls)) => {
                calls
                    .into_iter()
                    .try_for_each(|TransferCall { request, reply }| {
                        // Of a request that is not sent the command learns by the dropped reply.
                        self.session.transfer(key, request)?;
                        self.commands.await_transfer(key, reply);
                        Ok(())
                    })
            }
            Some(CommandEvent::Complete(result)) => {
                self.commands.remove(key);
                self.session.complete(key, result)
            }
            None => {
                self.commands.remove(key);
                let text = "the worker broke while it ran this command; its log says more";
                let failure = Failure::new("builtins.RuntimeError", &[], text);
                self.session.complete(key, Err(failure))
            }
        };
        if let Err(error) = sent {
            tracing::error!("a report of a command cannot be sent: {error}");
        }
        self.stop_when_idle();
    }

    fn finish_job(&mut self, job: Job) {
        match job {
            Job::Info(reply, info) => self.session.reply(reply, Ok(info)),
            Job::Builders(reply, Ok(builders)) => {
                let is_gone = |builder: &str| !builders.contains_key(builder);
                self.commands
                    .interrupt_builders(is_gone, "its builder was removed");
                let names: Vec<String> = builders.keys().cloned().collect();
                self.agent.builders = builders;
                if let Err(error) = self.session.reply_builders(reply, &names) {
                    let text = error.to_string();
                    let failure = Failure::new("builtins.RuntimeError", &[], text);
                    self.session.reply(reply, Err(failure));
                }
            }
            Job::Builders(reply, Err(error)) => {
                tracing::error!("the builders' directories cannot be prepared: {error}");
                let failure = Failure::new("builtins.OSError", &[], error.to_string());
                self.session.reply(reply, Err(failure));
            }
        }
    }

    fn shut_down_gracefully(&mut self) {
        match self.session.request_shutdown() {
            Ok(true) => tracing::info!("asking the master for a graceful shutdown"),
            Ok(false) if self.agent.settings.protocol == SpokenProtocol::Pb => {
                let why = "asked to shut down while not logged in".to_owned();
                self.end_with(Ending::Finish(why));
            }
            Ok(false) => {
                tracing::info!(
                    "this protocol cannot ask the master for a graceful shutdown: \
                     the worker stops when its {} running commands have ended",
                    self.commands.len()
                );
                self.is_draining = true;
                self.stop_when_idle();
            }
            Err(error) => tracing::error!("the master cannot be asked for a shutdown: {error}"),
        }
    }
}

/// Sends what there is, or sees to it that what was sent before does not linger.
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

/// The paths that a file system command is about, for the log.
fn paths_in(args: &Value) -> String {
    let mut found = String::new();
    for key in [
        "paths",
        "path",
        "dir",
        "file",
        "fromdir",
        "todir",
        "from_path",
        "to_path",
    ] {
        let Some(value) = args.get(key) else {
            continue;
        };
        let paths = value.as_sequence().unwrap_or(std::slice::from_ref(value));
        for path in paths.iter().filter_map(Value::as_text) {
            let _ = write!(found, " {path:?}");
        }
    }
    found
}

/// Reads `set_worker_settings`; the error names what is missing or wrong.
fn output_settings(values: &Value) -> Result<output::Settings, String> {
    let number = |key: &str| {
        let value = values
            .get(key)
            .ok_or_else(|| format!("the setting {key:?} is missing"))?;
        let number = value
            .as_float()
            .filter(|number| number.is_finite() && *number >= 0.0);
        number.ok_or_else(|| format!("the setting {key:?} is no number of at least 0"))
    };
    let pattern = values.get("newline_re").and_then(Value::as_text);
    let pattern = pattern.ok_or_else(|| "the setting \"newline_re\" is missing".to_owned())?;
    let newline = output::NewlinePattern::from_python_regex(pattern);
    let buffer_timeout = Duration::try_from_secs_f64(number("buffer_timeout")?);
    Ok(output::Settings {
        buffer_size: number("buffer_size")? as usize,
        buffer_timeout: buffer_timeout.map_err(|error| error.to_string())?,
        max_line_length: number("max_line_length")? as usize,
        newline: newline.map_err(|error| error.to_string())?,
    })
}
