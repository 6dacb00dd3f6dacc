//! What a master and a worker say to each other, in the terms that both protocols share.
//!
//! [`WorkerSession`] and [`MasterSession`] are one connection as its two ends see it. Each is a state
//! machine: bytes of the peer go in with `receive`, events come out of `next_event`, bytes for the
//! peer are taken from `output`.

use std::sync::Arc;

use crate::{Failure, Outgoing, Update, Value, pb};

/// A command that runs, or has just ended; unique within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandKey(pub u64);

/// A request of the peer that waits for its reply; unique within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyKey(pub u64);

/// A request of ours; unique within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u64);

/// Why a connection has to end.
pub type SessionError = Box<dyn std::error::Error + Send + Sync>;

/// What a transfer command asks of the master, one at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum TransferRequest {
    /// Append a block to the file or archive. Shared, so that it is not copied and can be used again.
    Write(Arc<Vec<u8>>),
    /// The upload of a file is over.
    Close,
    /// Set the times of an uploaded file, in seconds since the epoch.
    Utime {
        /// Access time.
        accessed: f64,
        /// Modification time.
        modified: f64,
    },
    /// The upload of a directory is over; unpack the archive.
    Unpack,
    /// Send at most so many bytes; none at the end. The result is a byte string.
    Read {
        /// The most bytes to send.
        length: u64,
    },
    /// The download is over.
    CloseReader,
}

/// What a master asks of a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum MasterRequest {
    /// Write a text to the worker's log; also ping and keepalive.
    Print {
        /// The text.
        message: String,
    },
    /// A sign of life (msgpack).
    Keepalive,
    /// Describe the worker: a dictionary with text keys.
    WorkerInfo,
    /// These are the builders now: name and directory. Answered by
    /// [`WorkerSession::reply_builders`]. PB only.
    SetBuilderList(Vec<(String, String)>),
    /// Settings for the output of commands, a dictionary. msgpack only.
    SetWorkerSettings(Value),
    /// Names and versions of the commands, for old masters. PB only.
    CommandVersions,
    /// Version of the worker, for old masters. PB only.
    Version,
    /// A build begins. PB only.
    StartBuild {
        /// Name of the builder.
        builder: String,
    },
    /// Run a command. The reply says that it has started; it may come after updates.
    StartCommand {
        /// To be used for its updates and its end.
        command: CommandKey,
        /// The master's name for it; opaque.
        id: String,
        /// Name of the builder; absent in commands of an attach (msgpack).
        builder: Option<String>,
        /// Name of the command.
        name: String,
        /// Its arguments, a dictionary.
        args: Value,
    },
    /// Stop a command.
    InterruptCommand {
        /// The master's name for it.
        id: String,
        /// Name of the builder.
        builder: Option<String>,
        /// The reason.
        why: String,
    },
    /// Stop the worker.
    Shutdown,
}

/// What happens on a worker's connection.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerEvent {
    /// The master asks for something; it is owed one reply.
    Requested {
        /// For the reply.
        reply: ReplyKey,
        /// What it wants.
        request: MasterRequest,
    },
    /// The master has accepted the login.
    LoggedIn,
    /// Name or password are wrong.
    LoginRefused(Failure),
    /// The login failed for another reason, such as a worker of the same name.
    LoginFailed(Failure),
    /// A transfer request is answered.
    TransferAnswered {
        /// The command that made it.
        command: CommandKey,
        /// Its result.
        result: Result<Value, Failure>,
    },
    /// The master refuses an update or the end of a command; nothing follows from it.
    ReportRefused {
        /// The command.
        command: CommandKey,
        /// What the master says.
        failure: Failure,
    },
    /// The keep-alive is answered.
    KeepaliveAnswered,
    /// The request for a graceful shutdown is answered.
    ShutdownAnswered(Result<(), Failure>),
    /// The master says good-bye (msgpack); the connection ends when the output is sent.
    Closed,
    /// Something odd that is not an error, for the log.
    Noticed(String),
}

/// How much a worker has reported that the master has not yet confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Updates and transfer requests without an answer.
    pub requests: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// A worker's end of a connection.
pub trait WorkerSession {
    /// Takes bytes of the master.
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError>;
    /// What happened, in order.
    fn next_event(&mut self) -> Option<WorkerEvent>;
    /// Bytes for the master; the caller says what it has sent.
    fn output(&mut self) -> &mut Outgoing;
    /// Answers a request.
    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>);
    /// Answers [`MasterRequest::SetBuilderList`] with the names of all builders.
    fn reply_builders(&mut self, reply: ReplyKey, builders: &[String]) -> Result<(), SessionError>;
    /// Reports what a command has to say.
    fn update(&mut self, command: CommandKey, updates: Vec<Update>) -> Result<(), SessionError>;
    /// Reports the end of a command; nothing more may be reported of it.
    fn complete(
        &mut self,
        command: CommandKey,
        result: Result<(), Failure>,
    ) -> Result<(), SessionError>;
    /// Asks the master for a part of a transfer.
    fn transfer(
        &mut self,
        command: CommandKey,
        request: TransferRequest,
    ) -> Result<(), SessionError>;
    /// Asks the master for a sign of life.
    fn keepalive(&mut self) -> Result<(), SessionError>;
    /// Asks the master for a graceful shutdown; `false` if the protocol has no such request.
    fn request_shutdown(&mut self) -> Result<bool, SessionError>;
    /// What the master has not confirmed.
    fn backlog(&self) -> Backlog;
}

/// What happens on a master's connection.
#[derive(Debug, Clone, PartialEq)]
pub enum MasterEvent {
    /// A worker wants to log in. The master checks the password with
    /// [`MasterSession::verify`], attaches the worker, and then accepts or refuses.
    LoginRequested {
        /// Name of the worker.
        name: String,
    },
    /// A request of ours is answered.
    Answered {
        /// The request.
        call: CallKey,
        /// Its result.
        result: Result<Value, Failure>,
    },
    /// The worker shows that it is alive (PB).
    Keepalive {
        /// For the reply.
        reply: ReplyKey,
    },
    /// The worker wants to be shut down gracefully (PB).
    ShutdownRequested {
        /// For the reply.
        reply: ReplyKey,
    },
    /// A command reports something.
    Updated {
        /// For the reply.
        reply: ReplyKey,
        /// The command.
        command: CommandKey,
        /// What it reports.
        updates: Vec<Update>,
    },
    /// A command has ended.
    Completed {
        /// For the reply.
        reply: ReplyKey,
        /// The command.
        command: CommandKey,
        /// How; an exit code other than 0 is no failure.
        result: Result<(), Failure>,
    },
    /// A transfer asks for something.
    Transferring {
        /// For the reply.
        reply: ReplyKey,
        /// The command.
        command: CommandKey,
        /// What it asks for.
        request: TransferRequest,
    },
    /// The worker says good-bye (msgpack).
    Closed,
    /// Something odd that is not an error, for the log.
    Noticed(String),
}

/// What a command needs beside its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEnd {
    /// It writes to the master.
    Writer,
    /// It reads from the master.
    Reader,
}

/// A command as a master starts it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandStart {
    /// To be used for its events.
    pub command: CommandKey,
    /// The master's name for it.
    pub id: String,
    /// Name of the builder; `None` in commands of an attach (msgpack).
    pub builder: Option<String>,
    /// Name of the command.
    pub name: String,
    /// Its arguments. Over PB the object of a transfer is added under `writer` or `reader`.
    pub args: Vec<(Value, Value)>,
    /// The end of a transfer that this side offers.
    pub transfer: Option<TransferEnd>,
}

/// A master's end of a connection.
pub trait MasterSession {
    /// Takes bytes of the worker.
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError>;
    /// What happened, in order.
    fn next_event(&mut self) -> Option<MasterEvent>;
    /// Bytes for the worker; the caller says what it has sent.
    fn output(&mut self) -> &mut Outgoing;
    /// Whether the login of [`MasterEvent::LoginRequested`] was made with this password.
    fn verify(&self, password: &buildbot_model::Secret<String>) -> bool;
    /// Lets somebody in who is no worker. Nobody but workers arrives over msgpack.
    fn into_perspective(
        self: Box<Self>,
    ) -> Result<(pb::PerspectiveSession, pb::ObjectKey), SessionError> {
        Err("only workers log in here".into())
    }
    /// Lets the worker in. Over PB only after it has been attached.
    fn accept_login(&mut self) -> Result<(), SessionError>;
    /// Turns the worker away because of its name or password.
    fn refuse_login(&mut self) -> Result<(), SessionError>;
    /// Turns the worker away because it cannot be attached.
    fn fail_login(&mut self, failure: &Failure) -> Result<(), SessionError>;
    /// Asks the worker for something other than a command.
    fn request(&mut self, request: MasterRequest) -> Result<CallKey, SessionError>;
    /// Starts a command; the answer says that it has started.
    fn start_command(&mut self, start: CommandStart) -> Result<CallKey, SessionError>;
    /// Answers a request of the worker.
    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>);
}
