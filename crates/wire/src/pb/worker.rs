//! A worker's end of a PB connection.

use std::collections::{BTreeMap, VecDeque};

use buildbot_model::Secret;

use super::broker::{Broker, CallId, Event, ObjectId, PeerObject, RequestId, Side, Target};
use super::refusal::type_error;
use super::{login, updates};
use crate::session::{
    Backlog, CommandKey, MasterRequest, ReplyKey, SessionError, TransferRequest, WorkerEvent,
};
use crate::{Failure, Limits, Outgoing, Update, Value};

/// The object that the master calls for everything but builds.
const BOT: ObjectId = ObjectId(0);

/// Logs in and serves a master.
///
/// Calls of the master are served before the login is answered: the master attaches the worker
/// first, and answers then.
#[derive(Debug)]
pub struct WorkerSession {
    broker: Broker,
    events: VecDeque<WorkerEvent>,
    name: String,
    password: Secret<String>,
    login: Login,
    avatar: Option<u64>,
    calls: BTreeMap<CallId, Call>,
    backlog: Backlog,
    requests: BTreeMap<ReplyKey, Request>,
    next_reply: u64,
    builders: Builders,
    commands: BTreeMap<CommandKey, Command>,
    next_command: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    /// The dialect is not agreed.
    NotBegun,
    /// The name has been sent, or the response.
    Begun,
    /// Answered, with whatever result.
    Over,
}

/// What a call of ours was for.
#[derive(Debug)]
enum Call {
    Login,
    Respond,
    Update { command: CommandKey, bytes: usize },
    Complete { command: CommandKey },
    Transfer { command: CommandKey, bytes: usize },
    Keepalive,
    Shutdown,
}

#[derive(Debug)]
struct Request {
    /// `None` if the master wants no answer.
    id: Option<RequestId>,
    /// The command that it starts.
    starts: Option<CommandKey>,
}

/// A command whose references the master has lent us.
#[derive(Debug)]
struct Command {
    /// Receives updates.
    report_to: u64,
    /// Receives blocks or is read.
    transfer_with: Option<u64>,
    /// Every reference that came with the command; given back when it is over.
    borrowed: Vec<u64>,
}

/// Builders by name, and the objects that stand for them.
#[derive(Debug, Default)]
struct Builders {
    objects: BTreeMap<String, ObjectId>,
    names: BTreeMap<ObjectId, String>,
}

impl Builders {
    fn object(&mut self, name: &str) -> ObjectId {
        if let Some(object) = self.objects.get(name) {
            return *object;
        }
        let object = ObjectId(self.names.len() as u64 + 1);
        self.objects.insert(name.to_owned(), object);
        self.names.insert(object, name.to_owned());
        object
    }
}

impl WorkerSession {
    /// A session on a connection that has just been opened.
    pub fn new(name: &str, password: &Secret<String>, limits: Limits) -> Self {
        Self {
            broker: Broker::new(Side::Client, limits),
            events: VecDeque::new(),
            name: name.to_owned(),
            password: password.clone(),
            login: Login::NotBegun,
            avatar: None,
            calls: BTreeMap::new(),
            backlog: Backlog::default(),
            requests: BTreeMap::new(),
            next_reply: 0,
            builders: Builders::default(),
            commands: BTreeMap::new(),
            next_command: 0,
        }
    }

    fn call(
        &mut self,
        object: PeerObject,
        method: &str,
        args: &[Value],
        purpose: Call,
    ) -> Result<(), SessionError> {
        let call = self.broker.call(object, method, args, &[])?;
        self.expect(call, purpose);
        Ok(())
    }

    fn expect(&mut self, call: CallId, purpose: Call) {
        if let Call::Update { bytes, .. } | Call::Transfer { bytes, .. } = purpose {
            self.backlog.requests += 1;
            self.backlog.bytes += bytes;
        }
        self.calls.insert(call, purpose);
    }

    fn handle(&mut self, event: Event) -> Result<(), SessionError> {
        match event {
            Event::Called {
                request,
                target,
                method,
                args,
                kwargs,
            } => {
                let call = Arguments {
                    positional: args,
                    named: kwargs,
                };
                if let Err(failure) = self.handle_call(request, target, &method, call)
                    && let Some(request) = request
                {
                    self.broker.answer(request, Err(&failure));
                }
                Ok(())
            }
            Event::Answered { call, result } => self.handle_answer(call, result),
            Event::Released(_) => Ok(()),
            Event::NotUnderstood(what) => {
                let text = format!("the master does not understand {what}");
                self.events.push_back(WorkerEvent::Noticed(text));
                Ok(())
            }
        }
    }

    fn handle_call(
        &mut self,
        id: Option<RequestId>,
        target: Target,
        method: &str,
        mut call: Arguments,
    ) -> Result<(), Failure> {
        let mut starts = None;
        let request = match target {
            Target::Object(BOT) => bot_request(method, &mut call)?,
            Target::Object(object) => {
                let builder = self
                    .builders
                    .names
                    .get(&object)
                    .cloned()
                    .unwrap_or_default();
                // Only to be kept by the worker; nothing is ever asked of the object.
                if method == "setMaster" {
                    call.take(method, "remote")?;
                    call.done(method)?;
                    if let Some(id) = id {
                        self.broker.answer(id, Ok(&Value::None));
                    }
                    return Ok(());
                }
                let request = self.builder_request(builder, method, &mut call)?;
                if let MasterRequest::StartCommand { command, .. } = &request {
                    starts = Some(*command);
                }
                request
            }
            Target::Root => return Err(Failure::no_such_method(method)),
        };
        let reply = ReplyKey(self.next_reply);
        self.next_reply += 1;
        self.requests.insert(reply, Request { id, starts });
        self.events
            .push_back(WorkerEvent::Requested { reply, request });
        Ok(())
    }

    fn builder_request(
        &mut self,
        builder: String,
        method: &str,
        call: &mut Arguments,
    ) -> Result<MasterRequest, Failure> {
        Ok(match method {
            "startBuild" => {
                call.done(method)?;
                MasterRequest::StartBuild { builder }
            }
            "startCommand" => {
                let Value::Remote(report_to) = call.take(method, "command_ref")? else {
                    return Err(type_error(method, "the first argument is no reference"));
                };
                let id = call.take_text(method, "command_id")?;
                let name = call.take_text(method, "command")?;
                let args = call.take(method, "args")?;
                call.done(method)?;
                if args.as_dict().is_none() {
                    return Err(type_error(method, "the arguments are no dictionary"));
                }
                let command = self.borrow(report_to, &args);
                MasterRequest::StartCommand {
                    command,
                    id,
                    builder: Some(builder),
                    name,
                    args,
                }
            }
            "interruptCommand" => {
                let id = call.take_text(method, "command_id")?;
                let why = call.take_text(method, "why")?;
                call.done(method)?;
                MasterRequest::InterruptCommand {
                    id,
                    builder: Some(builder),
                    why,
                }
            }
            "print" => print_request(method, call)?,
            unknown => return Err(Failure::no_such_method(unknown)),
        })
    }

    fn borrow(&mut self, report_to: u64, args: &Value) -> CommandKey {
        let mut borrowed = vec![report_to];
        collect_references(args, &mut borrowed);
        let transfer_with = ["writer", "reader"]
            .iter()
            .find_map(|key| match args.get(key) {
                Some(Value::Remote(luid)) => Some(*luid),
                _ => None,
            });
        let command = CommandKey(self.next_command);
        self.next_command += 1;
        self.commands.insert(
            command,
            Command {
                report_to,
                transfer_with,
                borrowed,
            },
        );
        command
    }

    fn give_back(&mut self, command: CommandKey) {
        if let Some(command) = self.commands.remove(&command) {
            for luid in command.borrowed {
                self.broker.release(luid);
            }
        }
    }

    fn handle_answer(
        &mut self,
        call: CallId,
        result: Result<Value, Failure>,
    ) -> Result<(), SessionError> {
        let Some(purpose) = self.calls.remove(&call) else {
            return Ok(());
        };
        match purpose {
            Call::Login => return self.handle_challenge(result),
            Call::Respond => self.handle_login(result),
            Call::Update { command, bytes } => {
                self.confirmed(bytes);
                if let Err(failure) = result {
                    self.events
                        .push_back(WorkerEvent::ReportRefused { command, failure });
                }
            }
            Call::Complete { command } => {
                self.give_back(command);
                if let Err(failure) = result {
                    self.events
                        .push_back(WorkerEvent::ReportRefused { command, failure });
                }
            }
            Call::Transfer { command, bytes } => {
                self.confirmed(bytes);
                self.events
                    .push_back(WorkerEvent::TransferAnswered { command, result });
            }
            Call::Keepalive => self.events.push_back(WorkerEvent::KeepaliveAnswered),
            Call::Shutdown => {
                let result = result.map(|_| ());
                self.events.push_back(WorkerEvent::ShutdownAnswered(result));
            }
        }
        Ok(())
    }

    fn confirmed(&mut self, bytes: usize) {
        self.backlog.requests = self.backlog.requests.saturating_sub(1);
        self.backlog.bytes = self.backlog.bytes.saturating_sub(bytes);
    }

    fn handle_challenge(&mut self, result: Result<Value, Failure>) -> Result<(), SessionError> {
        let value = match result {
            Ok(value) => value,
            Err(failure) => {
                self.handle_login(Err(failure));
                return Ok(());
            }
        };
        let Some([challenge, Value::Remote(challenger)]) = value.as_sequence() else {
            return Err("the master does not answer the login with a challenge".into());
        };
        let Some(challenge) = challenge.as_bytes() else {
            return Err("the master's challenge is no byte string".into());
        };
        let response = login::response(&self.password, challenge).to_vec();
        let mind = self.broker.export(BOT)?;
        let args = [Value::Bytes(response), mind];
        self.call(
            PeerObject::Luid(*challenger),
            "respond",
            &args,
            Call::Respond,
        )?;
        self.broker.release(*challenger);
        Ok(())
    }

    fn handle_login(&mut self, result: Result<Value, Failure>) {
        self.login = Login::Over;
        let event = match result {
            Ok(Value::Remote(avatar)) => {
                self.avatar = Some(avatar);
                WorkerEvent::LoggedIn
            }
            Ok(_) => {
                let text = "the master answers the login without a reference";
                WorkerEvent::LoginFailed(Failure::new("twisted.spread.pb.Error", &[], text))
            }
            Err(failure) if failure.is("twisted.cred.error.UnauthorizedLogin") => {
                WorkerEvent::LoginRefused(failure)
            }
            Err(failure) => WorkerEvent::LoginFailed(failure),
        };
        self.events.push_back(event);
    }

    fn command(&self, command: CommandKey) -> Result<&Command, SessionError> {
        self.commands
            .get(&command)
            .ok_or_else(|| format!("unknown command {}", command.0).into())
    }
}

impl crate::session::WorkerSession for WorkerSession {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = self.broker.receive(bytes);
        if self.login == Login::NotBegun && self.broker.is_open() {
            self.login = Login::Begun;
            let name = Value::Bytes(self.name.as_bytes().to_vec());
            self.call(PeerObject::Root, "login", &[name], Call::Login)?;
        }
        while let Some(event) = self.broker.next_event() {
            self.handle(event)?;
        }
        Ok(received?)
    }

    fn next_event(&mut self) -> Option<WorkerEvent> {
        self.events.pop_front()
    }

    fn output(&mut self) -> &mut Outgoing {
        self.broker.output()
    }

    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>) {
        let Some(request) = self.requests.remove(&reply) else {
            return;
        };
        if let Some(id) = request.id {
            self.broker.answer(id, result.as_ref());
        }
        if let (Some(command), Err(_)) = (request.starts, &result) {
            self.give_back(command);
        }
    }

    fn reply_builders(&mut self, reply: ReplyKey, builders: &[String]) -> Result<(), SessionError> {
        let mut references = Vec::with_capacity(builders.len());
        for name in builders {
            let object = self.builders.object(name);
            let reference = self.broker.export(object)?;
            references.push((Value::Text(name.clone()), reference));
        }
        self.builders
            .objects
            .retain(|name, _| builders.contains(name));
        self.reply(reply, Ok(Value::Dict(references)));
        Ok(())
    }

    fn update(&mut self, command: CommandKey, updates: Vec<Update>) -> Result<(), SessionError> {
        let report_to = PeerObject::Luid(self.command(command)?.report_to);
        for update in updates {
            let bytes = match &update {
                Update::Text { text, .. } => text.len(),
                _ => 0,
            };
            let update = Value::Dict(vec![updates::to_pair(update)]);
            let entry = Value::List(vec![update, Value::Int(0)]);
            let args = [Value::List(vec![entry])];
            self.call(report_to, "update", &args, Call::Update { command, bytes })?;
        }
        Ok(())
    }

    fn complete(
        &mut self,
        command: CommandKey,
        result: Result<(), Failure>,
    ) -> Result<(), SessionError> {
        let report_to = PeerObject::Luid(self.command(command)?.report_to);
        let argument = match &result {
            Ok(()) => Value::None,
            Err(failure) => failure.to_value(),
        };
        self.call(
            report_to,
            "complete",
            &[argument],
            Call::Complete { command },
        )
    }

    fn transfer(
        &mut self,
        command: CommandKey,
        request: TransferRequest,
    ) -> Result<(), SessionError> {
        let Some(object) = self.command(command)?.transfer_with else {
            return Err("the command came without a reader or writer".into());
        };
        let object = PeerObject::Luid(object);
        let (method, argument) = match request {
            TransferRequest::Write(block) => {
                let bytes = block.len();
                let call = self.broker.call_with_block(object, "write", block)?;
                self.expect(call, Call::Transfer { command, bytes });
                return Ok(());
            }
            TransferRequest::Close | TransferRequest::CloseReader => ("close", None),
            TransferRequest::Utime { accessed, modified } => {
                let times = vec![Value::Float(accessed), Value::Float(modified)];
                ("utime", Some(Value::Tuple(times)))
            }
            TransferRequest::Unpack => ("unpack", None),
            TransferRequest::Read { length } => ("read", Some(Value::Int(length.into()))),
        };
        let purpose = Call::Transfer { command, bytes: 0 };
        self.call(object, method, argument.as_slice(), purpose)
    }

    fn keepalive(&mut self) -> Result<(), SessionError> {
        match self.avatar {
            Some(avatar) => self.call(PeerObject::Luid(avatar), "keepalive", &[], Call::Keepalive),
            None => Ok(()),
        }
    }

    fn request_shutdown(&mut self) -> Result<bool, SessionError> {
        match self.avatar {
            Some(avatar) => {
                self.call(PeerObject::Luid(avatar), "shutdown", &[], Call::Shutdown)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn backlog(&self) -> Backlog {
        self.backlog
    }
}

fn bot_request(method: &str, call: &mut Arguments) -> Result<MasterRequest, Failure> {
    let request = match method {
        "print" => return print_request(method, call),
        "getWorkerInfo" => MasterRequest::WorkerInfo,
        "setBuilderList" => {
            let list = call.take(method, "wanted")?;
            let pairs = list.as_sequence().map(|pairs| {
                let pairs = pairs.iter().map(|pair| match pair.as_sequence() {
                    Some([name, directory]) => {
                        Some((name.as_text()?.to_owned(), directory.as_text()?.to_owned()))
                    }
                    _ => None,
                });
                pairs.collect::<Option<Vec<_>>>()
            });
            match pairs.flatten() {
                Some(pairs) => MasterRequest::SetBuilderList(pairs),
                None => return Err(type_error(method, "a list of pairs of texts is needed")),
            }
        }
        "getCommands" => MasterRequest::CommandVersions,
        "getVersion" => MasterRequest::Version,
        "shutdown" => MasterRequest::Shutdown,
        unknown => return Err(Failure::no_such_method(unknown)),
    };
    call.done(method)?;
    Ok(request)
}

fn print_request(method: &str, call: &mut Arguments) -> Result<MasterRequest, Failure> {
    let message = call.take_text(method, "message")?;
    call.done(method)?;
    Ok(MasterRequest::Print { message })
}

/// Arguments of a call, taken one after the other.
struct Arguments {
    positional: Vec<Value>,
    named: Vec<(String, Value)>,
}

impl Arguments {
    fn take(&mut self, method: &str, name: &str) -> Result<Value, Failure> {
        if !self.positional.is_empty() {
            return Ok(self.positional.remove(0));
        }
        match self.named.iter().position(|(key, _)| key == name) {
            Some(index) => Ok(self.named.remove(index).1),
            None => Err(type_error(
                method,
                &format!("the argument {name:?} is missing"),
            )),
        }
    }

    fn take_text(&mut self, method: &str, name: &str) -> Result<String, Failure> {
        let value = self.take(method, name)?;
        match value.as_text() {
            Some(text) => Ok(text.to_owned()),
            None => Err(type_error(
                method,
                &format!("the argument {name:?} is no text"),
            )),
        }
    }

    fn done(&self, method: &str) -> Result<(), Failure> {
        if self.positional.is_empty() && self.named.is_empty() {
            return Ok(());
        }
        Err(type_error(method, "too many arguments"))
    }
}

fn collect_references(value: &Value, into: &mut Vec<u64>) {
    match value {
        Value::Remote(luid) => into.push(*luid),
        Value::List(items) | Value::Tuple(items) => {
            items.iter().for_each(|item| collect_references(item, into));
        }
        Value::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
            collect_references(key, into);
            collect_references(value, into);
        }),
        Value::Copied { state, .. } => collect_references(state, into),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Local(_) => {}
    }
}
