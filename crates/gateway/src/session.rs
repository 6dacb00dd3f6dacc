//! An attached worker as the master holds it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buildbot_wire::Value;
use buildbot_wire::session::{CommandKey, MasterRequest};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Budget, CallError, Command, CommandEnd, CommandError, CommandHandle, CommandSink, DetachReason,
    Interrupter, Protocol, WorkerBuilder, WorkerInfo,
};

/// A connection of a worker, told apart from all others in the life of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an answer will be.
pub(crate) type Answer = oneshot::Receiver<Result<Value, CallError>>;

/// What is asked of the task that holds a connection.
#[derive(Debug)]
pub(crate) enum Request {
    /// Ask the worker something other than a command.
    Call {
        request: MasterRequest,
        answer: oneshot::Sender<Result<Value, CallError>>,
    },
    /// Run a command.
    Start(Box<Start>),
    /// Stop a command.
    Interrupt { command: CommandKey, why: String },
    /// Ask for signs of life so often from now on.
    Keepalive(Option<Duration>),
}

/// A command on its way to the worker, in the terms of its protocol.
pub(crate) struct Start {
    pub(crate) command: CommandKey,
    pub(crate) id: String,
    pub(crate) builder: Option<String>,
    pub(crate) name: String,
    pub(crate) args: Vec<(Value, Value)>,
    pub(crate) transfer: Option<crate::transfer::End>,
    pub(crate) budget: Budget,
    pub(crate) sink: Box<dyn CommandSink>,
    pub(crate) end: oneshot::Sender<Result<CommandEnd, CommandError>>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

/// The way to the task that holds a connection.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    pub(crate) sender: mpsc::Sender<Request>,
    pub(crate) ended: watch::Receiver<Option<DetachReason>>,
    /// Why the connection is to end. Beside the requests, which wait while the worker does not read.
    pub(crate) dismissed: watch::Sender<Option<DetachReason>>,
}

impl Requests {
    pub(crate) async fn send(&self, request: Request) -> Result<(), DetachReason> {
        self.sender.send(request).await.map_err(|_| self.reason())
    }

    /// Has the connection end, after what was asked before as far as the worker takes it. The first reason counts.
    pub(crate) fn dismiss(&self, reason: DetachReason) {
        self.dismissed.send_if_modified(|dismissed| {
            let is_first = dismissed.is_none();
            dismissed.get_or_insert(reason);
            is_first
        });
    }

    /// Why the connection has ended.
    pub(crate) fn reason(&self) -> DetachReason {
        self.ended.borrow().clone().unwrap_or(DetachReason::Closed)
    }
}

/// What is known of a connection on both sides of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: SessionId,
    pub(crate) worker: String,
    pub(crate) protocol: Protocol,
    pub(crate) peer: String,
    pub(crate) info: Mutex<Arc<WorkerInfo>>,
    pub(crate) builders: Mutex<BTreeMap<String, String>>,
    pub(crate) started: Instant,
    /// Milliseconds from `started` to the last bytes of the worker.
    pub(crate) heard: AtomicU64,
    /// Whether the worker is not read because too much of it waits here.
    pub(crate) is_held: AtomicBool,
    /// Cancelled when the name is free for another connection.
    pub(crate) gone: CancellationToken,
    /// The number of the next command of the gateway.
    pub(crate) next_command: Arc<AtomicU64>,
}

/// An attached worker. Cheap to clone; all clones are the same connection.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: Requests,
}

impl Session {
    /// Which connection.
    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    /// Name of the worker.
    pub fn worker(&self) -> &str {
        &self.shared.worker
    }

    /// What is spoken.
    pub fn protocol(&self) -> Protocol {
        self.shared.protocol
    }

    /// Where the worker connects from, for people.
    pub fn peer(&self) -> &str {
        &self.shared.peer
    }

    /// What the worker says about itself.
    pub fn info(&self) -> Arc<WorkerInfo> {
        let info = self.shared.info.lock();
        Arc::clone(&info.unwrap_or_else(PoisonError::into_inner))
    }

    /// How long nothing was heard of the worker.
    pub fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.shared.heard.load(Ordering::Relaxed));
        self.shared.started.elapsed().saturating_sub(heard)
    }

    /// Ends when the connection has.
    pub async fn ended(&self) -> DetachReason {
        let mut ended = self.requests.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(DetachReason::Closed),
            Err(_) => DetachReason::Closed,
        }
    }

    /// Has a text written to the worker's log.
    pub async fn print(&self, message: &str) -> Result<(), CallError> {
        let message = message.to_owned();
        self.call(MasterRequest::Print { message }).await.map(drop)
    }

    /// Asks whether the worker is there, as before each build.
    pub async fn ping(&self) -> Result<(), CallError> {
        self.print("ping").await
    }

    /// Tells the worker that a build of a builder begins. Nothing is sent where the protocol has no such request.
    pub async fn start_build(&self, builder: &str) -> Result<(), CallError> {
        match self.shared.protocol {
            Protocol::Pb => {
                let builder = builder.to_owned();
                self.call(MasterRequest::StartBuild { builder })
                    .await
                    .map(drop)
            }
            Protocol::Msgpack => Ok(()),
        }
    }

    /// Replaces the builders of the worker: its directories are made, the new ones are greeted.
    pub async fn set_builders(&self, builders: &[WorkerBuilder]) -> Result<(), CallError> {
        crate::attach::set_builders(self, builders).await
    }

    /// Runs a command. `sink` gets what it reports; the handle tells its end, which may be that it was never started.
    pub async fn run_command(
        &self,
        command: Command,
        sink: impl CommandSink,
    ) -> Result<CommandHandle, CommandError> {
        let builder = Some(command.builder.clone());
        self.start(builder, command, Box::new(sink)).await
    }

    /// Stops the worker's process. A connection that ends before the answer is a success.
    pub async fn shutdown(&self) -> Result<(), CallError> {
        match self.call(MasterRequest::Shutdown).await {
            Ok(_) | Err(CallError::Lost(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the connection; the worker will come back.
    pub fn disconnect(&self, why: &str) {
        self.requests
            .dismiss(DetachReason::Disconnected(why.to_owned()));
    }

    /// Asks the worker for a sign of life so often from now on; never if `None`.
    pub async fn set_keepalive(&self, interval: Option<Duration>) {
        let _ = self.requests.send(Request::Keepalive(interval)).await;
    }
}

impl Session {
    /// Asks the worker something and waits for its answer.
    pub(crate) async fn call(&self, request: MasterRequest) -> Result<Value, CallError> {
        let answer = self.ask(request).await?;
        self.answer(answer).await
    }

    /// Asks the worker something.
    pub(crate) async fn ask(&self, request: MasterRequest) -> Result<Answer, CallError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Call { request, answer };
        self.requests.send(request).await.map_err(CallError::Lost)?;
        Ok(answered)
    }

    /// Waits for the answer to what was asked.
    pub(crate) async fn answer(&self, answer: Answer) -> Result<Value, CallError> {
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(CallError::Lost(self.requests.reason())),
        }
    }

    /// Starts a command; `builder` is absent in those of an attach, whatever the command says.
    pub(crate) async fn start(
        &self,
        builder: Option<String>,
        command: Command,
        sink: Box<dyn CommandSink>,
    ) -> Result<CommandHandle, CommandError> {
        let Command {
            name,
            args,
            transfer,
            budget,
            ..
        } = command;
        let transfer = match transfer {
            Some(transfer) => Some(crate::transfer::End::open(transfer, budget.clone()).await?),
            None => None,
        };
        let (name, args) = match (self.shared.protocol, &builder) {
            (Protocol::Msgpack, Some(builder)) => self.absolute(builder, name, args)?,
            (Protocol::Msgpack, None) | (Protocol::Pb, _) => (name, args),
        };
        let number = self.shared.next_command.fetch_add(1, Ordering::Relaxed);
        let id = number.to_string();
        let args = args.into_iter();
        let args = args.map(|(key, value)| (Value::Text(key), value)).collect();
        let (end, ended) = oneshot::channel();
        let start = Start {
            command: CommandKey(number),
            id: id.clone(),
            builder,
            name,
            args,
            transfer,
            budget,
            sink,
            end,
        };
        self.requests
            .send(Request::Start(Box::new(start)))
            .await
            .map_err(CommandError::Lost)?;
        Ok(CommandHandle {
            id,
            interrupter: Interrupter {
                command: CommandKey(number),
                requests: self.requests.clone(),
            },
            end: ended,
            requests: self.requests.clone(),
        })
    }

    /// Name and arguments as msgpack wants them.
    fn absolute(
        &self,
        builder: &str,
        name: String,
        args: Vec<(String, Value)>,
    ) -> Result<(String, Vec<(String, Value)>), CommandError> {
        let directory = {
            let builders = self.shared.builders.lock();
            let builders = builders.unwrap_or_else(PoisonError::into_inner);
            builders.get(builder).cloned()
        };
        let Some(directory) = directory else {
            let text = format!("the worker has no builder {builder:?}");
            return Err(CommandError::Unsendable(text));
        };
        let command = format!("the command {name}");
        crate::absolute::absolute(&self.info(), &directory, name, args)
            .map_err(|error| CommandError::Unsendable(format!("{command}: {error}")))
    }
}
