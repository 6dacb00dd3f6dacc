//! A worker of a few lines, for either protocol.

use std::collections::VecDeque;

use buildbot_gateway::{Failure, Limits, Protocol, Update, Value};
use buildbot_model::Secret;
use buildbot_wire::msgpack::handshake::ClientRequest;
use buildbot_wire::session::{
    CommandKey, MasterRequest, ReplyKey, TransferRequest, WorkerEvent, WorkerSession,
};
use buildbot_wire::{msgpack, pb};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::support::{World, text};

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Pb, Protocol::Msgpack];

pub(crate) struct Peer {
    stream: DuplexStream,
    pub(crate) wire: Box<dyn WorkerSession + Send>,
    protocol: Protocol,
    builders: Vec<String>,
    /// Directories in its base directory.
    pub(crate) existing: Vec<String>,
    pub(crate) wants_clean: bool,
    /// What people wrote about it.
    pub(crate) admin: String,
    /// What it was asked, in short.
    pub(crate) asked: Vec<String>,
    /// Events that were looked past.
    passed: VecDeque<WorkerEvent>,
}

/// A command that the master has started.
pub(crate) struct Started {
    pub(crate) command: CommandKey,
    pub(crate) name: String,
    pub(crate) args: Value,
    pub(crate) id: String,
    pub(crate) reply: ReplyKey,
}

impl Peer {
    pub(crate) fn connect(world: &World, protocol: Protocol, name: &str, password: &str) -> Self {
        let (stream, far) = tokio::io::duplex(16 << 10);
        world.gateway.serve(far, protocol, "memory");
        let password = Secret::new(password.to_owned());
        let limits = Limits::default();
        let wire: Box<dyn WorkerSession + Send> = match protocol {
            Protocol::Pb => Box::new(pb::WorkerSession::new(name, &password, limits)),
            Protocol::Msgpack => {
                let request = ClientRequest {
                    authority: "localhost:1".to_owned(),
                    path: "/".to_owned(),
                    name: name.to_owned(),
                    password,
                    key: [9; 16],
                };
                let masks = Box::new(|| [1, 2, 3, 4]);
                Box::new(msgpack::WorkerSession::new(request, masks, limits))
            }
        };
        Self {
            stream,
            wire,
            protocol,
            builders: Vec::new(),
            existing: vec!["info".to_owned()],
            wants_clean: false,
            admin: "me".to_owned(),
            asked: Vec::new(),
            passed: VecDeque::new(),
        }
    }

    /// A worker that is attached, and its session.
    pub(crate) async fn attach(
        world: &mut World,
        protocol: Protocol,
    ) -> (Self, buildbot_gateway::Session) {
        let mut peer = Self::connect(world, protocol, "w", "pw");
        let session = {
            let attached = world.attached();
            let served = peer.serve();
            tokio::select! {
                session = attached => session,
                event = served => panic!("{event:?}"),
            }
        };
        (peer, session)
    }

    /// Sends what is to be sent.
    pub(crate) async fn flush(&mut self) {
        let bytes = self.wire.output().take();
        if !bytes.is_empty() {
            // The other end may be gone.
            let _ = self.stream.write_all(&bytes).await;
        }
    }

    /// The next thing that happens; `None` at the end of the connection.
    pub(crate) async fn event(&mut self) -> Option<WorkerEvent> {
        match self.passed.pop_front() {
            Some(event) => Some(event),
            None => self.fresh_event().await,
        }
    }

    async fn fresh_event(&mut self) -> Option<WorkerEvent> {
        loop {
            if let Some(event) = self.wire.next_event() {
                return Some(event);
            }
            self.flush().await;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.wire.receive(&buffer[..length]).unwrap(),
            }
        }
    }

    /// Answers as a worker does until something happens that is for the test to look at.
    pub(crate) async fn serve(&mut self) -> Option<WorkerEvent> {
        loop {
            let event = self.event().await?;
            match event {
                WorkerEvent::Requested { reply, request } => {
                    if let Some(request) = self.answer(reply, request) {
                        return Some(WorkerEvent::Requested { reply, request });
                    }
                }
                WorkerEvent::LoggedIn if self.protocol == Protocol::Pb => {
                    self.asked.push("logged in".to_owned());
                }
                WorkerEvent::LoggedIn => {}
                other => return Some(other),
            }
        }
    }

    /// Answers what an attach asks; gives the rest back.
    fn answer(&mut self, reply: ReplyKey, request: MasterRequest) -> Option<MasterRequest> {
        let mut ask = |what: String| self.asked.push(what);
        let result = match request {
            MasterRequest::Print { message } => {
                ask(format!("print {message}"));
                Value::None
            }
            MasterRequest::Keepalive => {
                ask("keepalive".to_owned());
                Value::None
            }
            MasterRequest::WorkerInfo => {
                ask("info".to_owned());
                let pairs = [
                    ("admin", text(&self.admin)),
                    ("basedir", text("/base")),
                    ("system", text("posix")),
                    ("delete_leftover_dirs", Value::Bool(self.wants_clean)),
                ];
                let pairs = pairs.into_iter().map(|(key, value)| (text(key), value));
                Value::Dict(pairs.collect())
            }
            MasterRequest::SetBuilderList(builders) => {
                let names: Vec<String> = builders.into_iter().map(|(name, _)| name).collect();
                ask(format!("builders {}", names.join(" ")));
                self.builders = names;
                self.wire.reply_builders(reply, &self.builders).unwrap();
                return None;
            }
            MasterRequest::SetWorkerSettings(_) => {
                ask("settings".to_owned());
                Value::None
            }
            MasterRequest::StartBuild { builder } => {
                ask(format!("build {builder}"));
                Value::None
            }
            // Those of an attach.
            MasterRequest::StartCommand {
                command,
                builder: None,
                name,
                args,
                ..
            } => {
                ask(format!("{name} {}", paths(&args)));
                let mut updates = match name.as_str() {
                    "listdir" => vec![Update::Files(self.existing.clone())],
                    "stat" => {
                        let is_file = paths(&args).ends_with("file");
                        let mode = if is_file { 0o100_644 } else { 0o040_755 };
                        vec![Update::Stat([mode, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
                    }
                    _ => Vec::new(),
                };
                updates.push(Update::Rc(0));
                self.wire.update(command, updates).unwrap();
                self.wire.complete(command, Ok(())).unwrap();
                Value::None
            }
            other => return Some(other),
        };
        self.wire.reply(reply, Ok(result));
        None
    }

    /// The command that the master starts next. The start is answered.
    pub(crate) async fn started(&mut self) -> Started {
        let started = self.asked_to_start().await;
        self.wire.reply(started.reply, Ok(Value::None));
        started
    }

    /// The command that the master wants to start next.
    pub(crate) async fn asked_to_start(&mut self) -> Started {
        match self.serve().await {
            Some(WorkerEvent::Requested {
                reply,
                request:
                    MasterRequest::StartCommand {
                        command,
                        id,
                        name,
                        args,
                        ..
                    },
            }) => Started {
                command,
                name,
                args,
                id,
                reply,
            },
            other => panic!("{other:?}"),
        }
    }

    /// Does a part of a transfer.
    pub(crate) async fn transfer(
        &mut self,
        command: CommandKey,
        request: TransferRequest,
    ) -> Result<Value, Failure> {
        self.wire.transfer(command, request).unwrap();
        loop {
            match self.fresh_event().await {
                Some(WorkerEvent::TransferAnswered { result, .. }) => return result,
                Some(other) => self.passed.push_back(other),
                None => panic!("the connection has ended"),
            }
        }
    }
}

fn paths(args: &Value) -> String {
    let path = args.get("path").and_then(Value::as_text).map(str::to_owned);
    path.unwrap_or_else(|| {
        let paths = args.get("paths").and_then(Value::as_sequence);
        let paths = paths.unwrap_or_default().iter().filter_map(Value::as_text);
        paths.collect::<Vec<_>>().join(" ")
    })
}
