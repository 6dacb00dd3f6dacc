//! A master's end of a PB connection.

use std::collections::{BTreeMap, VecDeque};

use buildbot_model::Secret;

use super::broker::{Broker, CallId, Event, ObjectId, PeerObject, RequestId, Side, Target};
use super::peer::ObjectKey;
use super::perspective::PerspectiveSession;
use super::refusal::type_error;
use super::{login, updates};
use crate::session::{
    CallKey, CommandKey, CommandStart, MasterEvent, MasterRequest, ReplyKey, SessionError,
    TransferEnd, TransferRequest,
};
use crate::{Failure, Limits, Outgoing, Update, Value};

/// Admits a worker and runs commands on it.
#[derive(Debug)]
pub struct MasterSession {
    broker: Broker,
    events: VecDeque<MasterEvent>,
    challenge: [u8; login::CHALLENGE_BYTES],
    login: Option<Login>,
    objects: BTreeMap<ObjectId, Object>,
    next_object: u64,
    /// The worker's object for each builder, by name.
    builders: BTreeMap<String, u64>,
    calls: BTreeMap<CallId, (CallKey, Call)>,
    next_call: u64,
    requests: BTreeMap<ReplyKey, Reply>,
    next_reply: u64,
}

/// A login that is to be decided.
#[derive(Debug)]
struct Login {
    request: Option<RequestId>,
    response: Vec<u8>,
    /// Absent for clients that are no workers.
    mind: Option<u64>,
    decided: bool,
}

/// What an object of ours stands for.
#[derive(Debug, Clone)]
enum Object {
    Challenger { name: String },
    Avatar,
    Command(CommandKey),
    Writer(CommandKey),
    Reader(CommandKey),
}

#[derive(Debug)]
enum Call {
    SetBuilderList,
    Other,
}

#[derive(Debug)]
struct Reply {
    id: Option<RequestId>,
    kind: ReplyKind,
}

/// How a successful reply looks.
#[derive(Debug, Clone, Copy)]
enum ReplyKind {
    /// `update` is answered with the largest number that it acknowledges, always 0.
    Update,
    /// As the caller says.
    AsGiven,
}

impl MasterSession {
    /// A session on a connection that has just been accepted. `challenge` must be random.
    pub fn new(challenge: [u8; login::CHALLENGE_BYTES], limits: Limits) -> Self {
        Self {
            broker: Broker::new(Side::Server, limits),
            events: VecDeque::new(),
            challenge,
            login: None,
            objects: BTreeMap::new(),
            next_object: 0,
            builders: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            requests: BTreeMap::new(),
            next_reply: 0,
        }
    }

    fn export(&mut self, object: Object) -> Result<Value, SessionError> {
        let id = ObjectId(self.next_object);
        let reference = self.broker.export(id)?;
        self.next_object += 1;
        self.objects.insert(id, object);
        Ok(reference)
    }

    fn call(
        &mut self,
        object: u64,
        method: &str,
        args: &[Value],
        kwargs: &[(&str, Value)],
        purpose: Call,
    ) -> Result<CallKey, SessionError> {
        let id = self
            .broker
            .call(PeerObject::Luid(object), method, args, kwargs)?;
        let call = CallKey(self.next_call);
        self.next_call += 1;
        self.calls.insert(id, (call, purpose));
        Ok(call)
    }

    fn bot(&self) -> Result<u64, SessionError> {
        match &self.login {
            Some(Login {
                mind: Some(mind), ..
            }) => Ok(*mind),
            Some(_) => Err("the worker has no object to be called".into()),
            None => Err("the worker has not logged in".into()),
        }
    }

    fn builder(&self, name: Option<&str>) -> Result<u64, SessionError> {
        let name = name.ok_or("a builder is needed over pb")?;
        let builder = self.builders.get(name).copied();
        builder.ok_or_else(|| format!("the worker has no builder {name:?}").into())
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
                let handled = self.handle_call(request, target, &method, args, &kwargs)?;
                if let (Err(failure), Some(request)) = (handled, request) {
                    self.broker.answer(request, Err(&failure));
                }
            }
            Event::Answered { call, result } => self.handle_answer(call, result)?,
            Event::Released(object) => {
                self.objects.remove(&object);
            }
            Event::NotUnderstood(what) => {
                let text = format!("the worker does not understand {what}");
                self.events.push_back(MasterEvent::Noticed(text));
            }
        }
        Ok(())
    }

    /// The inner result is the answer to the worker if it is a failure.
    fn handle_call(
        &mut self,
        request: Option<RequestId>,
        target: Target,
        method: &str,
        args: Vec<Value>,
        kwargs: &[(String, Value)],
    ) -> Result<Result<(), Failure>, SessionError> {
        if !kwargs.is_empty() {
            return Ok(Err(type_error(method, "unexpected keyword arguments")));
        }
        let object = match target {
            Target::Root => return self.handle_root_call(request, method, &args),
            Target::Object(id) => match self.objects.get(&id) {
                Some(object) => object.clone(),
                None => return Ok(Err(type_error(method, "the object is gone"))),
            },
        };
        let event = match object {
            Object::Challenger { name } => {
                return Ok(self.handle_respond(request, name, method, args));
            }
            Object::Avatar => {
                let reply = self.owe(request, ReplyKind::AsGiven);
                match method {
                    "keepalive" => MasterEvent::Keepalive { reply },
                    "shutdown" => MasterEvent::ShutdownRequested { reply },
                    unknown => {
                        return Ok(Err(self.forget(reply, Failure::no_such_method(unknown))));
                    }
                }
            }
            Object::Command(command) => match method {
                "update" => match updates_of(&args) {
                    Some(updates) => {
                        let reply = self.owe(request, ReplyKind::Update);
                        MasterEvent::Updated {
                            reply,
                            command,
                            updates,
                        }
                    }
                    None => return Ok(Err(type_error(method, "malformed updates"))),
                },
                "complete" => {
                    let result = match args.as_slice() {
                        [] | [Value::None] => Ok(()),
                        [value, ..] => Err(Failure::from_value(value).unwrap_or_else(|| {
                            let text = value.as_text().unwrap_or("the command failed");
                            Failure::new("builtins.Exception", &[], text)
                        })),
                    };
                    let reply = self.owe(request, ReplyKind::AsGiven);
                    MasterEvent::Completed {
                        reply,
                        command,
                        result,
                    }
                }
                unknown => return Ok(Err(Failure::no_such_method(unknown))),
            },
            Object::Writer(command) => match writer_request(method, args) {
                Ok(transfer) => {
                    let reply = self.owe(request, ReplyKind::AsGiven);
                    MasterEvent::Transferring {
                        reply,
                        command,
                        request: transfer,
                    }
                }
                Err(failure) => return Ok(Err(failure)),
            },
            Object::Reader(command) => match reader_request(method, &args) {
                Ok(transfer) => {
                    let reply = self.owe(request, ReplyKind::AsGiven);
                    MasterEvent::Transferring {
                        reply,
                        command,
                        request: transfer,
                    }
                }
                Err(failure) => return Ok(Err(failure)),
            },
        };
        self.events.push_back(event);
        Ok(Ok(()))
    }

    fn handle_root_call(
        &mut self,
        request: Option<RequestId>,
        method: &str,
        args: &[Value],
    ) -> Result<Result<(), Failure>, SessionError> {
        let name = match (method, args) {
            ("login", [name]) => name.as_text(),
            ("login", _) => None,
            _ => return Ok(Err(Failure::no_such_method(method))),
        };
        let Some(name) = name else {
            return Ok(Err(type_error(method, "the name of the worker is needed")));
        };
        let challenger = self.export(Object::Challenger {
            name: name.to_owned(),
        })?;
        let challenge = Value::Bytes(self.challenge.to_vec());
        if let Some(request) = request {
            self.broker
                .answer(request, Ok(&Value::Tuple(vec![challenge, challenger])));
        }
        Ok(Ok(()))
    }

    fn handle_respond(
        &mut self,
        request: Option<RequestId>,
        name: String,
        method: &str,
        args: Vec<Value>,
    ) -> Result<(), Failure> {
        if method != "respond" {
            return Err(Failure::no_such_method(method));
        }
        if self.login.is_some() {
            return Err(type_error(method, "a login was made already"));
        }
        let (response, mind) = match args.as_slice() {
            [response, Value::Remote(mind)] => (response, Some(*mind)),
            [response, Value::None] => (response, None),
            _ => return Err(type_error(method, "a response and a reference are needed")),
        };
        let response = response.as_bytes().unwrap_or_default().to_vec();
        self.login = Some(Login {
            request,
            response,
            mind,
            decided: false,
        });
        self.events.push_back(MasterEvent::LoginRequested { name });
        Ok(())
    }

    fn owe(&mut self, id: Option<RequestId>, kind: ReplyKind) -> ReplyKey {
        let reply = ReplyKey(self.next_reply);
        self.next_reply += 1;
        self.requests.insert(reply, Reply { id, kind });
        reply
    }

    fn forget(&mut self, reply: ReplyKey, failure: Failure) -> Failure {
        self.requests.remove(&reply);
        failure
    }

    fn handle_answer(
        &mut self,
        id: CallId,
        result: Result<Value, Failure>,
    ) -> Result<(), SessionError> {
        let Some((call, purpose)) = self.calls.remove(&id) else {
            return Ok(());
        };
        if let (Call::SetBuilderList, Ok(value)) = (purpose, &result) {
            self.take_builders(value)?;
        }
        self.events
            .push_back(MasterEvent::Answered { call, result });
        Ok(())
    }

    fn take_builders(&mut self, value: &Value) -> Result<(), SessionError> {
        let pairs = value
            .as_dict()
            .ok_or("setBuilderList is answered without a dictionary")?;
        let mut builders = BTreeMap::new();
        for (name, reference) in pairs {
            let (Some(name), Value::Remote(luid)) = (name.as_text(), reference) else {
                return Err("setBuilderList is answered with something other than builders".into());
            };
            builders.insert(name.to_owned(), *luid);
        }
        let mut replaced: Vec<u64> = std::mem::replace(&mut self.builders, builders)
            .into_values()
            .collect();
        replaced.sort_unstable();
        replaced
            .into_iter()
            .for_each(|luid| self.broker.release(luid));
        Ok(())
    }

    fn decide(&mut self, result: Result<&Value, &Failure>) -> Result<(), SessionError> {
        let Some(login) = self.login.as_mut().filter(|login| !login.decided) else {
            return Err("there is no login to decide".into());
        };
        login.decided = true;
        let mind = login.mind;
        if let Some(request) = login.request {
            self.broker.answer(request, result);
        }
        if let (Err(_), Some(mind)) = (result, mind) {
            self.broker.release(mind);
        }
        Ok(())
    }
}

impl crate::session::MasterSession for MasterSession {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = self.broker.receive(bytes);
        while let Some(event) = self.broker.next_event() {
            self.handle(event)?;
        }
        Ok(received?)
    }

    fn next_event(&mut self) -> Option<MasterEvent> {
        self.events.pop_front()
    }

    fn output(&mut self) -> &mut Outgoing {
        self.broker.output()
    }

    fn verify(&self, password: &Secret<String>) -> bool {
        self.login.as_ref().is_some_and(|login| {
            login::equal(&login::response(password, &self.challenge), &login.response)
        })
    }

    fn into_perspective(self: Box<Self>) -> Result<(PerspectiveSession, ObjectKey), SessionError> {
        let Some(login) = self.login.filter(|login| !login.decided) else {
            return Err("there is no login to decide".into());
        };
        PerspectiveSession::new(self.broker, self.next_object, login.request, login.mind)
    }

    fn accept_login(&mut self) -> Result<(), SessionError> {
        let avatar = self.export(Object::Avatar)?;
        self.decide(Ok(&avatar))
    }

    fn refuse_login(&mut self) -> Result<(), SessionError> {
        let ancestors = [
            "twisted.cred.error.LoginFailed",
            "twisted.cred.error.Unauthorized",
        ];
        self.decide(Err(&Failure::new(
            "twisted.cred.error.UnauthorizedLogin",
            &ancestors,
            "",
        )))
    }

    fn fail_login(&mut self, failure: &Failure) -> Result<(), SessionError> {
        self.decide(Err(failure))
    }

    fn request(&mut self, request: MasterRequest) -> Result<CallKey, SessionError> {
        let bot = self.bot()?;
        match request {
            MasterRequest::Print { message } => self.call(
                bot,
                "print",
                &[],
                &[("message", Value::Text(message))],
                Call::Other,
            ),
            MasterRequest::Keepalive => {
                let message = Value::from("keepalive");
                self.call(bot, "print", &[], &[("message", message)], Call::Other)
            }
            MasterRequest::WorkerInfo => self.call(bot, "getWorkerInfo", &[], &[], Call::Other),
            MasterRequest::SetBuilderList(builders) => {
                let pairs = builders.into_iter().map(|(name, directory)| {
                    Value::Tuple(vec![Value::Text(name), Value::Text(directory)])
                });
                let args = [Value::List(pairs.collect())];
                self.call(bot, "setBuilderList", &args, &[], Call::SetBuilderList)
            }
            MasterRequest::SetWorkerSettings(_) => {
                Err("worker settings do not exist over pb".into())
            }
            MasterRequest::CommandVersions => self.call(bot, "getCommands", &[], &[], Call::Other),
            MasterRequest::Version => self.call(bot, "getVersion", &[], &[], Call::Other),
            MasterRequest::StartBuild { builder } => {
                let builder = self.builder(Some(&builder))?;
                self.call(builder, "startBuild", &[], &[], Call::Other)
            }
            MasterRequest::StartCommand { .. } => {
                Err("commands are started with start_command".into())
            }
            MasterRequest::InterruptCommand { id, builder, why } => {
                let builder = self.builder(builder.as_deref())?;
                let args = [Value::Text(id), Value::Text(why)];
                self.call(builder, "interruptCommand", &args, &[], Call::Other)
            }
            MasterRequest::Shutdown => self.call(bot, "shutdown", &[], &[], Call::Other),
        }
    }

    fn start_command(&mut self, start: CommandStart) -> Result<CallKey, SessionError> {
        let builder = self.builder(start.builder.as_deref())?;
        let reference = self.export(Object::Command(start.command))?;
        let mut pairs = start.args;
        if let Some(end) = start.transfer {
            let (key, object) = match end {
                TransferEnd::Writer => ("writer", Object::Writer(start.command)),
                TransferEnd::Reader => ("reader", Object::Reader(start.command)),
            };
            let transfer = self.export(object)?;
            match pairs
                .iter_mut()
                .find(|(candidate, _)| candidate.as_text() == Some(key))
            {
                Some((_, place)) => *place = transfer,
                None => pairs.push((Value::from(key), transfer)),
            }
        }
        let args = [
            reference,
            Value::Text(start.id),
            Value::Text(start.name),
            Value::Dict(pairs),
        ];
        self.call(builder, "startCommand", &args, &[], Call::Other)
    }

    fn reply(&mut self, reply: ReplyKey, result: Result<Value, Failure>) {
        let Some(owed) = self.requests.remove(&reply) else {
            return;
        };
        let Some(id) = owed.id else {
            return;
        };
        match (&result, owed.kind) {
            (Ok(_), ReplyKind::Update) => self.broker.answer(id, Ok(&Value::Int(0))),
            (result, _) => self.broker.answer(id, result.as_ref()),
        }
    }
}

/// `[[{key: value, …}, 0], …]`
fn updates_of(args: &[Value]) -> Option<Vec<Update>> {
    let [list] = args else {
        return None;
    };
    let mut found = Vec::new();
    for entry in list.as_sequence()? {
        let [pairs, _] = entry.as_sequence()? else {
            return None;
        };
        for (key, value) in pairs.as_dict()? {
            found.push(updates::from_pair(key.as_text()?, value.clone()));
        }
    }
    Some(found)
}

fn writer_request(method: &str, args: Vec<Value>) -> Result<TransferRequest, Failure> {
    match (method, args.as_slice()) {
        ("write", [block]) => match block.as_bytes() {
            Some(bytes) => Ok(TransferRequest::Write(bytes.to_vec().into())),
            None => Err(type_error(method, "a block is a byte string")),
        },
        ("close", []) => Ok(TransferRequest::Close),
        ("unpack", []) => Ok(TransferRequest::Unpack),
        ("utime", [times]) => match times.as_sequence() {
            Some([accessed, modified]) => match (accessed.as_float(), modified.as_float()) {
                (Some(accessed), Some(modified)) => {
                    Ok(TransferRequest::Utime { accessed, modified })
                }
                _ => Err(type_error(method, "times are numbers")),
            },
            _ => Err(type_error(method, "a pair of times is needed")),
        },
        ("write" | "close" | "unpack" | "utime", _) => {
            Err(type_error(method, "wrong number of arguments"))
        }
        _ => Err(Failure::no_such_method(method)),
    }
}

fn reader_request(method: &str, args: &[Value]) -> Result<TransferRequest, Failure> {
    match (method, args) {
        ("read", [length]) => match length
            .as_int()
            .and_then(|length| u64::try_from(length).ok())
        {
            Some(length) => Ok(TransferRequest::Read { length }),
            None => Err(type_error(method, "the length is no number")),
        },
        ("close", []) => Ok(TransferRequest::CloseReader),
        ("read" | "close", _) => Err(type_error(method, "wrong number of arguments")),
        _ => Err(Failure::no_such_method(method)),
    }
}
