//! A master's end of a msgpack connection.

use std::collections::{BTreeMap, VecDeque};

use buildbot_model::Secret;

use super::codec;
use super::handshake::{BAD_REQUEST, Credentials, ServerRequest, UNAUTHORIZED};
use super::messages::{Incoming, Messages, missing_key};
use super::websocket::WebSocket;
use crate::pb::login::equal;
use crate::session::{
    CallKey, CommandKey, CommandStart, MasterEvent, MasterRequest, ReplyKey, SessionError,
    TransferRequest,
};
use crate::{Failure, Limits, Outgoing, Value};

/// Admits a worker and runs commands on it.
#[derive(Debug)]
pub struct MasterSession {
    phase: Phase,
    messages: Messages,
    events: VecDeque<MasterEvent>,
    commands: BTreeMap<String, CommandKey>,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    requests: BTreeMap<ReplyKey, i128>,
    next_reply: u64,
}

/// A request of ours that waits for its response.
#[derive(Debug)]
struct Call {
    key: CallKey,
    /// The master's name of the command that it starts.
    starts: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// Bytes of the request so far.
    Handshake(Vec<u8>),
    /// The login is to be decided. Whatever the worker sends meanwhile waits.
    Deciding {
        request: Box<ServerRequest>,
        credentials: Credentials,
        input: Vec<u8>,
    },
    /// Messages flow.
    Open,
    /// The request was refused; the connection ends when the output is sent.
    Refused,
}

impl MasterSession {
    /// A session on a connection that has just been accepted.
    pub fn new(limits: Limits) -> Self {
        Self {
            phase: Phase::Handshake(Vec::new()),
            messages: Messages::new(WebSocket::server(&limits), limits),
            events: VecDeque::new(),
            commands: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            requests: BTreeMap::new(),
            next_reply: 0,
        }
    }

    fn shake_hands(&mut self, bytes: &[u8]) {
        let Phase::Handshake(input) = &mut self.phase else {
            return;
        };
        input.extend_from_slice(bytes);
        let request = match ServerRequest::read(input) {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => {
                let text = format!("a request is refused: {error}");
                self.turn_away(BAD_REQUEST, text);
                return;
            }
        };
        let input = input.split_off(request.length);
        match request.credentials.clone() {
            Some(credentials) => {
                let name = credentials.name.clone();
                self.phase = Phase::Deciding {
                    request: Box::new(request),
                    credentials,
                    input,
                };
                self.events.push_back(MasterEvent::LoginRequested { name });
            }
            None => self.turn_away(UNAUTHORIZED, "a request has no credentials".to_owned()),
        }
    }

    fn turn_away(&mut self, response: &[u8], text: String) {
        self.messages.output().buffer().extend_from_slice(response);
        self.phase = Phase::Refused;
        self.events.push_back(MasterEvent::Noticed(text));
        self.events.push_back(MasterEvent::Closed);
    }

    fn handle_all(&mut self) {
        while let Some(incoming) = self.messages.next() {
            let event = match incoming {
                Incoming::Request {
                    sequence,
                    op,
                    message,
                } => {
                    if let Err(text) = self.handle_request(sequence, &op, &message) {
                        self.messages.respond(sequence, Err(&text));
                    }
                    continue;
                }
                Incoming::Response { sequence, result } => match self.calls.remove(&sequence) {
                    Some(Call { key, starts }) => {
                        let result = result.map_err(|text| {
                            Failure::new("buildbot.worker.protocols.RemoteWorkerError", &[], text)
                        });
                        if let (Err(_), Some(id)) = (&result, starts) {
                            // Nothing more will be heard of it.
                            self.commands.remove(&id);
                        }
                        MasterEvent::Answered { call: key, result }
                    }
                    None => {
                        let text = format!("a response to the unknown request {sequence}");
                        MasterEvent::Noticed(text)
                    }
                },
                Incoming::Pong => continue,
                Incoming::Closed => MasterEvent::Closed,
                Incoming::Odd(text) => MasterEvent::Noticed(text),
            };
            self.events.push_back(event);
        }
    }

    fn handle_request(&mut self, sequence: i128, op: &str, message: &Value) -> Result<(), String> {
        let key = |key: &str| message.get(key).ok_or_else(|| missing_key(key));
        let number = |name: &str| {
            key(name)?
                .as_float()
                .ok_or_else(|| format!("the key {name:?} is no number"))
        };
        let block = || match key("args")? {
            Value::Bytes(block) => Ok(block.clone()),
            _ => Err("a block is a byte string".to_owned()),
        };
        let id = key("command_id")?.as_text().unwrap_or_default();
        let Some(command) = self.commands.get(id).copied() else {
            return Err("'unknown \"command_id\"'".to_owned());
        };
        let reply = ReplyKey(self.next_reply);
        let transfer = match op {
            "update" => {
                let updates = codec::updates_of(key("args")?);
                let updates = updates.ok_or_else(|| "malformed updates".to_owned())?;
                self.owe(
                    sequence,
                    MasterEvent::Updated {
                        reply,
                        command,
                        updates,
                    },
                );
                return Ok(());
            }
            "complete" => {
                let result = match key("args")? {
                    Value::None => Ok(()),
                    reason => {
                        let text = reason.as_text().unwrap_or("the command failed");
                        Err(Failure::new("builtins.Exception", &[], text))
                    }
                };
                self.commands.remove(id);
                self.owe(
                    sequence,
                    MasterEvent::Completed {
                        reply,
                        command,
                        result,
                    },
                );
                return Ok(());
            }
            "update_upload_file_write" | "update_upload_directory_write" => {
                TransferRequest::Write(block()?.into())
            }
            "update_upload_file_close" => TransferRequest::Close,
            "update_upload_file_utime" => TransferRequest::Utime {
                accessed: number("access_time")?,
                modified: number("modified_time")?,
            },
            "update_upload_directory_unpack" => TransferRequest::Unpack,
            "update_read_file" => {
                let length = key("length")?
                    .as_int()
                    .and_then(|length| u64::try_from(length).ok());
                TransferRequest::Read {
                    length: length.ok_or("the length is no number")?,
                }
            }
            "update_read_file_close" => TransferRequest::CloseReader,
            unknown => return Err(format!("Command {unknown} does not exist.")),
        };
        self.owe(
            sequence,
            MasterEvent::Transferring {
                reply,
                command,
                request: transfer,
            },
        );
        Ok(())
    }

    /// Passes on an event that carries the next reply key.
    fn owe(&mut self, sequence: i128, event: MasterEvent) {
        self.requests.insert(ReplyKey(self.next_reply), sequence);
        self.next_reply += 1;
        self.events.push_back(event);
    }

    fn send(&mut self, op: &str, keys: &[(&str, &Value)]) -> Result<CallKey, SessionError> {
        self.send_start(op, keys, None)
    }

    fn send_start(
        &mut self,
        op: &str,
        keys: &[(&str, &Value)],
        starts: Option<String>,
    ) -> Result<CallKey, SessionError> {
        if !matches!(self.phase, Phase::Open) {
            return Err("the worker has not logged in".into());
        }
        let sequence = self.messages.request(op, keys)?;
        let key = CallKey(self.next_call);
        self.next_call += 1;
        self.calls.insert(sequence, Call { key, starts });
        Ok(key)
    }
}

impl crate::session::MasterSession for MasterSession {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = match &mut self.phase {
            Phase::Handshake(_) => {
                self.shake_hands(bytes);
                Ok(())
            }
            Phase::Deciding { input, .. } => {
                // A client must not send before the response; a little may be on its way.
                const EARLY_BYTES_MAX: usize = 64 << 10;
                if input.len() + bytes.len() > EARLY_BYTES_MAX {
                    return Err("the worker does not wait for the response to its request".into());
                }
                input.extend_from_slice(bytes);
                Ok(())
            }
            Phase::Open => self.messages.receive(bytes),
            Phase::Refused => Ok(()),
        };
        self.handle_all();
        received
    }

    fn next_event(&mut self) -> Option<MasterEvent> {
        self.events.pop_front()
    }

    fn output(&mut self) -> &mut Outgoing {
        self.messages.output()
    }

    fn verify(&self, password: &Secret<String>) -> bool {
        match &self.phase {
            Phase::Deciding { credentials, .. } => equal(
                credentials.password.expose().as_bytes(),
                password.expose().as_bytes(),
            ),
            Phase::Handshake(_) | Phase::Open | Phase::Refused => false,
        }
    }

    fn accept_login(&mut self) -> Result<(), SessionError> {
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Deciding { request, input, .. } => {
                let response = request.accept();
                self.messages.output().buffer().extend_from_slice(&response);
                let received = self.messages.receive(&input);
                self.handle_all();
                received
            }
            other => {
                self.phase = other;
                Err("there is no login to decide".into())
            }
        }
    }

    fn refuse_login(&mut self) -> Result<(), SessionError> {
        match self.phase {
            Phase::Deciding { .. } => {
                self.messages
                    .output()
                    .buffer()
                    .extend_from_slice(UNAUTHORIZED);
                self.phase = Phase::Refused;
                self.events.push_back(MasterEvent::Closed);
                Ok(())
            }
            Phase::Handshake(_) | Phase::Open | Phase::Refused => {
                Err("there is no login to decide".into())
            }
        }
    }

    fn fail_login(&mut self, _: &Failure) -> Result<(), SessionError> {
        match self.phase {
            Phase::Open => {
                self.messages.close();
                Ok(())
            }
            Phase::Deciding { .. } => self.refuse_login(),
            Phase::Handshake(_) | Phase::Refused => Err("there is no login to decide".into()),
        }
    }

    fn request(&mut self, request: MasterRequest) -> Result<CallKey, SessionError> {
        match request {
            MasterRequest::Print { message } => {
                self.send("print", &[("message", &Value::Text(message))])
            }
            MasterRequest::Keepalive => self.send("keepalive", &[]),
            MasterRequest::WorkerInfo => self.send("get_worker_info", &[]),
            MasterRequest::SetWorkerSettings(settings) => {
                self.send("set_worker_settings", &[("args", &settings)])
            }
            MasterRequest::InterruptCommand { id, builder, why } => {
                let builder = builder.map_or(Value::None, Value::Text);
                let (id, why) = (Value::Text(id), Value::Text(why));
                let keys = [
                    ("builder_name", &builder),
                    ("command_id", &id),
                    ("why", &why),
                ];
                self.send("interrupt_command", &keys)
            }
            MasterRequest::Shutdown => self.send("shutdown", &[]),
            MasterRequest::StartCommand { .. } => {
                Err("commands are started with start_command".into())
            }
            MasterRequest::SetBuilderList(_)
            | MasterRequest::CommandVersions
            | MasterRequest::Version
            | MasterRequest::StartBuild { .. } => Err("not a request of msgpack".into()),
        }
    }

    fn start_command(&mut self, start: CommandStart) -> Result<CallKey, SessionError> {
        let command = start.command;
        let builder = start.builder.map(Value::Text);
        let id = Value::Text(start.id.clone());
        let name = Value::Text(start.name);
        let args = Value::Dict(start.args);
        let mut keys = Vec::with_capacity(4);
        keys.extend(builder.as_ref().map(|builder| ("builder_name", builder)));
        keys.extend([
            ("command_id", &id),
            ("command_name", &name),
            ("args", &args),
        ]);
        let call = self.send_start("start_command", &keys, Some(start.id.clone()))?;
        self.commands.insert(start.id, command);
        Ok(call)
    }

    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>) {
        if let Some(sequence) = self.requests.remove(&reply) {
            let result = result.as_ref().map_err(|failure| failure.value.as_str());
            self.messages.respond(sequence, result);
        }
    }
}
