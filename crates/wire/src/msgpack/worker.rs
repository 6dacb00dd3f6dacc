//! A worker's end of a msgpack connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::codec;
use super::handshake::{ClientRequest, HandshakeError};
use super::messages::{Incoming, Messages, missing_key};
use super::websocket::{Masks, WebSocket};
use crate::session::{
    Backlog, CommandKey, MasterRequest, ReplyKey, SessionError, TransferRequest, WorkerEvent,
};
use crate::{Failure, Limits, Outgoing, Update, Value};

/// Opens the stream and serves a master.
#[derive(Debug)]
pub struct WorkerSession {
    phase: Phase,
    messages: Messages,
    limits: Limits,
    events: VecDeque<WorkerEvent>,
    greeted: bool,
    calls: BTreeMap<u64, Call>,
    backlog: Backlog,
    requests: BTreeMap<ReplyKey, Request>,
    next_reply: u64,
    commands: BTreeMap<CommandKey, Command>,
    next_command: u64,
}

#[derive(Debug)]
enum Phase {
    /// The request is on its way; bytes of the response so far.
    Handshake {
        request: Box<ClientRequest>,
        output: Outgoing,
        input: Vec<u8>,
    },
    /// Messages flow.
    Open,
    /// The master has refused the login.
    Refused { output: Outgoing },
}

/// What a request of ours was for.
#[derive(Debug)]
enum Call {
    Report { command: CommandKey, bytes: usize },
    Transfer { command: CommandKey, bytes: usize },
}

#[derive(Debug)]
struct Request {
    sequence: i128,
    /// The command that it starts.
    starts: Option<CommandKey>,
}

#[derive(Debug)]
struct Command {
    id: Value,
    uploads_directory: bool,
}

impl WorkerSession {
    /// A session on a connection that has just been opened.
    pub fn new(request: ClientRequest, masks: Masks, limits: Limits) -> Self {
        let mut output = Outgoing::default();
        output.buffer().extend_from_slice(&request.encode());
        Self {
            phase: Phase::Handshake {
                request: Box::new(request),
                output,
                input: Vec::new(),
            },
            messages: Messages::new(WebSocket::client(masks, &limits), limits),
            limits,
            events: VecDeque::new(),
            greeted: false,
            calls: BTreeMap::new(),
            backlog: Backlog::default(),
            requests: BTreeMap::new(),
            next_reply: 0,
            commands: BTreeMap::new(),
            next_command: 0,
        }
    }

    /// Reads the response to the handshake; what follows it belongs to the stream.
    fn shake_hands(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let Phase::Handshake { request, input, .. } = &mut self.phase else {
            return Ok(());
        };
        input.extend_from_slice(bytes);
        let rest = match request.read_response(input) {
            Ok(Some(length)) => input.split_off(length),
            Ok(None) => return Ok(()),
            Err(HandshakeError::Refused { status, reason }) => {
                let text = format!("the master answers with {status} {reason}");
                let refused = WorkerEvent::LoginRefused(Failure::new(
                    "twisted.cred.error.UnauthorizedLogin",
                    &[],
                    text,
                ));
                self.events.push_back(refused);
                self.phase = Phase::Refused {
                    output: Outgoing::default(),
                };
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.phase = Phase::Open;
        self.messages.receive(&rest)?;
        Ok(())
    }

    fn handle(&mut self, incoming: Incoming) {
        let event = match incoming {
            Incoming::Request {
                sequence,
                op,
                message,
            } => {
                if !self.greeted {
                    // The master asks for nothing before it has accepted the worker.
                    self.greeted = true;
                    self.events.push_back(WorkerEvent::LoggedIn);
                }
                if let Err(text) = self.handle_request(sequence, &op, &message) {
                    self.messages.respond(sequence, Err(&text));
                }
                return;
            }
            Incoming::Response { sequence, result } => {
                let result = result.map_err(|text| {
                    Failure::new("buildbot_worker.msgpack.RemoteWorkerError", &[], text)
                });
                match self.handle_response(sequence, result) {
                    Some(event) => event,
                    None => return,
                }
            }
            Incoming::Pong => WorkerEvent::KeepaliveAnswered,
            Incoming::Closed => WorkerEvent::Closed,
            Incoming::Odd(text) => WorkerEvent::Noticed(text),
        };
        self.events.push_back(event);
    }

    fn handle_request(&mut self, sequence: i128, op: &str, message: &Value) -> Result<(), String> {
        let text = |key: &str| {
            let value = message.get(key).ok_or_else(|| missing_key(key))?;
            value
                .as_text()
                .map(str::to_owned)
                .ok_or_else(|| format!("the key {key:?} is no text"))
        };
        let mut starts = None;
        let request = match op {
            "print" => MasterRequest::Print {
                message: text("message")?,
            },
            "keepalive" => MasterRequest::Keepalive,
            "get_worker_info" => MasterRequest::WorkerInfo,
            "set_worker_settings" => {
                let args = message.get("args").ok_or_else(|| missing_key("args"))?;
                MasterRequest::SetWorkerSettings(args.clone())
            }
            "start_command" => {
                let id = text("command_id")?;
                let name = text("command_name")?;
                let args = message
                    .get("args")
                    .ok_or_else(|| missing_key("args"))?
                    .clone();
                let builder = message.get("builder_name").and_then(Value::as_text);
                let builder = builder.map(str::to_owned);
                if self.commands.len() >= self.limits.outstanding_calls {
                    return Err(format!(
                        "{} commands are running already",
                        self.commands.len()
                    ));
                }
                let command = self.begin(&id, &name);
                starts = Some(command);
                MasterRequest::StartCommand {
                    command,
                    id,
                    builder,
                    name,
                    args,
                }
            }
            "interrupt_command" => MasterRequest::InterruptCommand {
                id: text("command_id")?,
                builder: message
                    .get("builder_name")
                    .and_then(Value::as_text)
                    .map(str::to_owned),
                why: text("why")?,
            },
            "shutdown" => MasterRequest::Shutdown,
            unknown => return Err(format!("Command {unknown} does not exist.")),
        };
        let reply = ReplyKey(self.next_reply);
        self.next_reply += 1;
        self.requests.insert(reply, Request { sequence, starts });
        self.events
            .push_back(WorkerEvent::Requested { reply, request });
        Ok(())
    }

    fn begin(&mut self, id: &str, name: &str) -> CommandKey {
        let command = CommandKey(self.next_command);
        self.next_command += 1;
        let uploads_directory = matches!(name, "upload_directory" | "uploadDirectory");
        self.commands.insert(
            command,
            Command {
                id: Value::from(id),
                uploads_directory,
            },
        );
        command
    }

    fn handle_response(
        &mut self,
        sequence: u64,
        result: Result<Value, Failure>,
    ) -> Option<WorkerEvent> {
        let Some(call) = self.calls.remove(&sequence) else {
            let text = format!("a response to the unknown request {sequence}");
            return Some(WorkerEvent::Noticed(text));
        };
        let (Call::Report { bytes, .. } | Call::Transfer { bytes, .. }) = call;
        self.backlog.requests = self.backlog.requests.saturating_sub(1);
        self.backlog.bytes = self.backlog.bytes.saturating_sub(bytes);
        match (call, result) {
            (Call::Transfer { command, .. }, result) => {
                Some(WorkerEvent::TransferAnswered { command, result })
            }
            (Call::Report { command, .. }, Err(failure)) => {
                Some(WorkerEvent::ReportRefused { command, failure })
            }
            (Call::Report { .. }, Ok(_)) => None,
        }
    }

    fn command(&self, command: CommandKey) -> Result<&Command, SessionError> {
        self.commands
            .get(&command)
            .ok_or_else(|| format!("unknown command {}", command.0).into())
    }

    fn expect(&mut self, sequence: u64, call: Call) {
        let (Call::Report { bytes, .. } | Call::Transfer { bytes, .. }) = call;
        self.backlog.requests += 1;
        self.backlog.bytes += bytes;
        self.calls.insert(sequence, call);
    }
}

impl crate::session::WorkerSession for WorkerSession {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = match self.phase {
            Phase::Handshake { .. } => self.shake_hands(bytes),
            Phase::Open => self.messages.receive(bytes),
            Phase::Refused { .. } => Ok(()),
        };
        while let Some(incoming) = self.messages.next() {
            self.handle(incoming);
        }
        received
    }

    fn next_event(&mut self) -> Option<WorkerEvent> {
        self.events.pop_front()
    }

    fn output(&mut self) -> &mut Outgoing {
        match &mut self.phase {
            Phase::Handshake { output, .. } | Phase::Refused { output } => output,
            Phase::Open => self.messages.output(),
        }
    }

    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>) {
        let Some(request) = self.requests.remove(&reply) else {
            return;
        };
        let result = result.as_ref().map_err(|failure| failure.value.as_str());
        self.messages.respond(request.sequence, result);
        if let (Some(command), Err(_)) = (request.starts, result) {
            self.commands.remove(&command);
        }
    }

    fn reply_builders(&mut self, reply: ReplyKey, _: &[String]) -> Result<(), SessionError> {
        self.reply(reply, Ok(Value::None));
        Ok(())
    }

    fn update(&mut self, command: CommandKey, updates: Vec<Update>) -> Result<(), SessionError> {
        let id = self.command(command)?.id.clone();
        let bytes = updates.iter().map(|update| match update {
            Update::Text { text, .. } => text.len(),
            _ => 0,
        });
        let bytes = bytes.sum();
        let sequence = self.messages.request_with("update", 2, |message| {
            codec::put_text(message, "args")?;
            codec::put_updates(message, &updates)?;
            codec::put_text(message, "command_id")?;
            codec::encode(message, &id)
        })?;
        self.expect(sequence, Call::Report { command, bytes });
        Ok(())
    }

    fn complete(
        &mut self,
        command: CommandKey,
        result: Result<(), Failure>,
    ) -> Result<(), SessionError> {
        let Some(Command { id, .. }) = self.commands.remove(&command) else {
            return Err(format!("unknown command {}", command.0).into());
        };
        let args = match result {
            Ok(()) => Value::None,
            Err(failure) => Value::Text(failure.to_string()),
        };
        let keys = [("args", &args), ("command_id", &id)];
        let sequence = self.messages.request("complete", &keys)?;
        self.expect(sequence, Call::Report { command, bytes: 0 });
        Ok(())
    }

    fn transfer(
        &mut self,
        command: CommandKey,
        request: TransferRequest,
    ) -> Result<(), SessionError> {
        let Command {
            id,
            uploads_directory,
        } = self.command(command)?;
        let (id, uploads_directory) = (id.clone(), *uploads_directory);
        let id = ("command_id", &id);
        let mut bytes = 0;
        let messages = &mut self.messages;
        let sequence = match request {
            TransferRequest::Write(block) => {
                bytes = block.len();
                let op = match uploads_directory {
                    true => "update_upload_directory_write",
                    false => "update_upload_file_write",
                };
                let block = Value::Bytes(Arc::unwrap_or_clone(block));
                messages.request(op, &[("args", &block), id])
            }
            TransferRequest::Close => messages.request("update_upload_file_close", &[id]),
            TransferRequest::Utime { accessed, modified } => {
                let accessed = ("access_time", &Value::Float(accessed));
                let modified = ("modified_time", &Value::Float(modified));
                messages.request("update_upload_file_utime", &[accessed, modified, id])
            }
            TransferRequest::Unpack => messages.request("update_upload_directory_unpack", &[id]),
            TransferRequest::Read { length } => messages.request(
                "update_read_file",
                &[("length", &Value::Int(length.into())), id],
            ),
            TransferRequest::CloseReader => messages.request("update_read_file_close", &[id]),
        };
        self.expect(sequence?, Call::Transfer { command, bytes });
        Ok(())
    }

    fn keepalive(&mut self) -> Result<(), SessionError> {
        if matches!(self.phase, Phase::Open) {
            self.messages.ping();
        }
        Ok(())
    }

    fn request_shutdown(&mut self) -> Result<bool, SessionError> {
        Ok(false)
    }

    fn backlog(&self) -> Backlog {
        self.backlog
    }
}
