//! The recorded conversations of Perspective Broker, replayed and played in both roles.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod recording;

use std::collections::{BTreeMap, BTreeSet};

use buildbot_model::Secret;
use buildbot_wire::pb::banana::{self, Decoder, Dialect, Element};
use buildbot_wire::pb::{self, jelly};
use buildbot_wire::session::{
    CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession, ReplyKey, TransferEnd,
    TransferRequest, WorkerEvent, WorkerSession,
};
use buildbot_wire::{Failure, Limits, Outgoing, Stream, Update, Value};

use recording::{Connection, Direction, connections};

/// Decodes one direction of a connection, expression by expression.
struct Expressions {
    decoder: Decoder,
    count: usize,
}

impl Expressions {
    fn new() -> Self {
        Self {
            decoder: Decoder::new(Limits::default()),
            count: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<(Element, Dialect)> {
        self.decoder.feed(bytes);
        let mut found = Vec::new();
        while let Some(expression) = self.decoder.next_expression().unwrap() {
            // The first expression of each side is about the dialect.
            let dialect = if self.count == 0 {
                Dialect::None
            } else {
                Dialect::Pb
            };
            self.count += 1;
            self.decoder.set_dialect(Dialect::Pb);
            found.push((expression, dialect));
        }
        found
    }
}

fn reencoded(expressions: &[(Element, Dialect)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (expression, dialect) in expressions {
        banana::put_element(&mut bytes, expression, *dialect);
    }
    bytes
}

#[test]
fn every_recorded_byte_is_decoded_and_encoded_again() {
    for connection in connections("pb-") {
        for direction in [Direction::ToMaster, Direction::ToWorker] {
            let stream = connection.stream(direction);
            let expressions = Expressions::new().feed(&stream);
            assert!(expressions.len() > 3, "{}", connection.name);
            assert_eq!(
                reencoded(&expressions),
                stream,
                "{} {direction:?}",
                connection.name
            );
        }
    }
}

#[test]
fn every_recorded_value_is_decoded_and_encoded_again() {
    let mut values = 0;
    for connection in connections("pb-") {
        for direction in [Direction::ToMaster, Direction::ToWorker] {
            for (expression, _) in Expressions::new().feed(&connection.stream(direction)) {
                for value in jellied(&expression) {
                    let decoded = jelly::decode(value.clone(), &Limits::default()).unwrap();
                    let mut encoded = Vec::new();
                    jelly::encode(&mut encoded, &decoded).unwrap();
                    if !shares(value) {
                        assert_eq!(encoded, reencoded(&[(value.clone(), Dialect::Pb)]));
                    }
                    values += 1;
                }
            }
        }
    }
    assert!(values > 1000, "{values}");
}

/// The jellied parts of a message.
fn jellied(message: &Element) -> &[Element] {
    let Element::List(items) = message else {
        return &[];
    };
    match items.first() {
        Some(Element::Bytes(op)) if op == b"message" => &items[5..],
        Some(Element::Bytes(op)) if op == b"answer" || op == b"error" => &items[2..],
        _ => &[],
    }
}

fn shares(value: &Element) -> bool {
    match value {
        Element::List(items) => {
            items.first() == Some(&Element::Bytes(b"dereference".to_vec()))
                || items.iter().any(shares)
        }
        _ => false,
    }
}

#[test]
fn decoding_does_not_depend_on_the_boundaries_of_reads() {
    for connection in connections("pb-") {
        let stream = connection.stream(Direction::ToMaster);
        let stream = &stream[..stream.len().min(6_000)];
        let whole = Expressions::new().feed(stream);
        for boundary in 0..stream.len() {
            let mut expressions = Expressions::new();
            let mut found = expressions.feed(&stream[..boundary]);
            found.extend(expressions.feed(&stream[boundary..]));
            assert_eq!(found, whole, "{} split at {boundary}", connection.name);
        }
        let mut expressions = Expressions::new();
        let bytewise: Vec<_> = stream
            .iter()
            .flat_map(|byte| expressions.feed(&[*byte]))
            .collect();
        assert_eq!(bytewise, whole);
    }
}

/// A message taken apart.
#[derive(Debug)]
enum Message {
    Negotiation,
    Version,
    Call {
        request: i128,
        object: Option<u64>,
        method: String,
        args: Vec<Value>,
        kwargs: Value,
    },
    Answer {
        request: i128,
        value: Value,
    },
    Error {
        request: i128,
        failure: Failure,
    },
    Decref(u64),
}

fn parse(expression: &Element) -> Message {
    let Element::List(items) = expression else {
        return Message::Negotiation;
    };
    let word = |index: usize| match &items[index] {
        Element::Bytes(word) => String::from_utf8(word.clone()).unwrap(),
        other => panic!("{other:?}"),
    };
    let number = |index: usize| match &items[index] {
        Element::Int(number) => Some(*number),
        _ => None,
    };
    let value = |index: usize| jelly::decode(items[index].clone(), &Limits::default()).unwrap();
    match word(0).as_str() {
        "pb" => Message::Negotiation,
        "version" => Message::Version,
        "message" => Message::Call {
            request: number(1).unwrap(),
            object: number(2).map(|luid| u64::try_from(luid).unwrap()),
            method: word(3),
            args: value(5).as_sequence().unwrap().to_vec(),
            kwargs: value(6),
        },
        "answer" => Message::Answer {
            request: number(1).unwrap(),
            value: value(2),
        },
        "error" => Message::Error {
            request: number(1).unwrap(),
            failure: Failure::from_value(&value(2)).unwrap(),
        },
        "decref" => Message::Decref(u64::try_from(number(1).unwrap()).unwrap()),
        other => panic!("operation {other}"),
    }
}

/// Compares messages; of failures what programs look at.
fn assert_same(ours: &Element, recorded: &Element, context: &str) {
    match (parse(ours), parse(recorded)) {
        (
            Message::Error {
                request: left,
                failure: ours,
            },
            Message::Error {
                request: right,
                failure: recorded,
            },
        ) => {
            assert_eq!(
                (left, ours.value, ours.parents),
                (right, recorded.value, recorded.parents)
            );
        }
        (Message::Call { method, args, .. }, Message::Call { args: recorded, .. })
            if method == "complete" && Failure::from_value(&args[0]).is_some() =>
        {
            let (ours, recorded) = (
                Failure::from_value(&args[0]),
                Failure::from_value(&recorded[0]),
            );
            let (ours, recorded) = (ours.unwrap(), recorded.unwrap());
            assert_eq!(
                (ours.value, ours.parents),
                (recorded.value, recorded.parents)
            );
        }
        _ => assert_eq!(ours, recorded, "{context}"),
    }
}

/// Takes the output of a session, which must be in the one encoding that the recording uses.
fn take_output(output: &mut Outgoing, decoder: &mut Expressions) -> Vec<Element> {
    let bytes = output.take();
    let expressions = decoder.feed(&bytes);
    assert_eq!(reencoded(&expressions), bytes);
    expressions
        .into_iter()
        .map(|(expression, _)| expression)
        .collect()
}

fn password_of(connection: &Connection) -> (String, Secret<String>) {
    let sent = Expressions::new().feed(&connection.stream(Direction::ToMaster));
    let name = sent
        .iter()
        .find_map(|(expression, _)| match parse(expression) {
            Message::Call { method, args, .. } if method == "login" => {
                Some(args[0].as_text().unwrap().to_owned())
            }
            _ => None,
        });
    let name = name.unwrap();
    let password = match (name.as_str(), connection.name.as_str()) {
        ("w-unknown", _) => "x".to_owned(),
        (_, "pb-badlogin, connection 0") => "not-the-password".to_owned(),
        _ => format!("pw-{name}"),
    };
    (name, Secret::new(password))
}

struct PlayedWorker {
    session: pb::WorkerSession,
    decoder: Expressions,
    requests: Vec<(ReplyKey, MasterRequest)>,
    events: Vec<WorkerEvent>,
    /// Commands by the number of the master's object, and by that of its reader or writer.
    commands: BTreeMap<u64, CommandKey>,
    /// What our side says by itself, before the recording is asked for it.
    said: std::collections::VecDeque<Element>,
    released: BTreeSet<u64>,
}

impl PlayedWorker {
    fn collect(&mut self) {
        for expression in take_output(self.session.output(), &mut self.decoder) {
            match parse(&expression) {
                Message::Decref(luid) => {
                    assert!(
                        self.released.insert(luid),
                        "object {luid} is released twice"
                    );
                }
                _ => self.said.push_back(expression),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.session.receive(bytes).unwrap();
        while let Some(event) = self.session.next_event() {
            match event {
                WorkerEvent::Requested { reply, request } => self.requests.push((reply, request)),
                other => self.events.push(other),
            }
        }
        self.collect();
    }

    /// Remembers which objects belong to the command of a recorded `startCommand`.
    fn note_command(&mut self, args: &[Value]) {
        let Some((
            _,
            MasterRequest::StartCommand {
                command, id, name, ..
            },
        )) = self.requests.last()
        else {
            panic!("startCommand does not become a request");
        };
        assert_eq!(
            (Some(id.as_str()), Some(name.as_str())),
            (args[1].as_text(), args[2].as_text())
        );
        let objects = [Some(&args[0]), args[3].get("writer"), args[3].get("reader")];
        for object in objects.into_iter().flatten() {
            if let Value::Remote(luid) = object {
                self.commands.insert(*luid, *command);
            }
        }
    }

    /// Does what makes a worker say the recorded message.
    fn act(&mut self, recorded: &Message) {
        let request = |number: &i128| usize::try_from(*number).unwrap() - 1;
        match recorded {
            Message::Answer {
                request: number,
                value,
            } => {
                let (reply, asked) = self.requests[request(number)].clone();
                if let MasterRequest::SetBuilderList(_) = asked {
                    let names = value.as_dict().unwrap().iter();
                    let names: Vec<String> = names
                        .map(|(name, _)| name.as_text().unwrap().to_owned())
                        .collect();
                    self.session.reply_builders(reply, &names).unwrap();
                } else {
                    self.session.reply(reply, Ok(value.clone()));
                }
            }
            Message::Error {
                request: number,
                failure,
            } => {
                let (reply, _) = self.requests[request(number)];
                self.session.reply(reply, Err(failure.clone()));
            }
            Message::Call {
                object: Some(luid),
                method,
                args,
                ..
            } => {
                self.call(*luid, method, args);
            }
            Message::Call { .. } | Message::Negotiation | Message::Version | Message::Decref(_) => {
            }
        }
        self.collect();
    }

    fn call(&mut self, luid: u64, method: &str, args: &[Value]) {
        let command = self.commands.get(&luid).copied();
        let transfer = match (method, args) {
            ("respond", _) => return,
            ("keepalive", _) => return self.session.keepalive().unwrap(),
            ("shutdown", _) => {
                assert!(self.session.request_shutdown().unwrap());
                return;
            }
            ("update", [list]) => {
                let updates = list.as_sequence().unwrap().iter().map(|entry| {
                    let pair = &entry.as_sequence().unwrap()[0].as_dict().unwrap()[0];
                    update(pair.0.as_text().unwrap(), &pair.1)
                });
                let updates = updates.collect();
                return self.session.update(command.unwrap(), updates).unwrap();
            }
            ("complete", [result]) => {
                let result = Failure::from_value(result).map_or(Ok(()), Err);
                return self.session.complete(command.unwrap(), result).unwrap();
            }
            ("write", [block]) => TransferRequest::Write(block.as_bytes().unwrap().to_vec().into()),
            ("close", []) => TransferRequest::Close,
            ("unpack", []) => TransferRequest::Unpack,
            ("read", [length]) => {
                let length = u64::try_from(length.as_int().unwrap()).unwrap();
                TransferRequest::Read { length }
            }
            ("utime", [times]) => {
                let times = times.as_sequence().unwrap();
                TransferRequest::Utime {
                    accessed: times[0].as_float().unwrap(),
                    modified: times[1].as_float().unwrap(),
                }
            }
            other => panic!("{other:?}"),
        };
        self.session.transfer(command.unwrap(), transfer).unwrap();
    }
}

fn update(key: &str, value: &Value) -> Update {
    let text = |stream: Stream, value: &Value| Update::Text {
        stream,
        text: value.as_text().unwrap().to_owned(),
        marks: None,
    };
    match key {
        "stdout" => text(Stream::Stdout, value),
        "stderr" => text(Stream::Stderr, value),
        "header" => text(Stream::Header, value),
        "log" => {
            let pair = value.as_sequence().unwrap();
            text(Stream::Log(pair[0].as_text().unwrap().to_owned()), &pair[1])
        }
        "rc" => Update::Rc(i64::try_from(value.as_int().unwrap()).unwrap()),
        "elapsed" => Update::Elapsed(value.as_float().unwrap()),
        "failure_reason" => Update::FailureReason(value.as_text().unwrap().to_owned()),
        "files" => Update::Files(
            value
                .as_sequence()
                .unwrap()
                .iter()
                .map(|file| file.as_text().unwrap().to_owned())
                .collect(),
        ),
        "stat" => {
            let fields: Vec<i128> = value
                .as_sequence()
                .unwrap()
                .iter()
                .map(|field| field.as_int().unwrap())
                .collect();
            Update::Stat(fields.try_into().unwrap())
        }
        other => panic!("update {other}"),
    }
}

#[test]
fn a_worker_says_what_the_recorded_worker_said() {
    let mut messages = 0;
    for connection in connections("pb-") {
        let (name, password) = password_of(&connection);
        let mut worker = PlayedWorker {
            session: pb::WorkerSession::new(&name, &password, Limits::default()),
            decoder: Expressions::new(),
            requests: Vec::new(),
            events: Vec::new(),
            commands: BTreeMap::new(),
            said: std::collections::VecDeque::new(),
            released: BTreeSet::new(),
        };
        let mut theirs = Expressions::new();
        let mut recorded_releases = BTreeSet::new();
        let mut from_master = Expressions::new();
        for (direction, bytes) in &connection.records {
            if *direction == Direction::ToWorker {
                let expressions = from_master.feed(bytes);
                let whole = reencoded(&expressions) == *bytes;
                if whole {
                    // Expression by expression, so that commands can be told apart.
                    for (expression, dialect) in expressions {
                        worker.hear(&reencoded(&[(expression.clone(), dialect)]));
                        if let Message::Call { method, args, .. } = parse(&expression)
                            && method == "startCommand"
                        {
                            worker.note_command(&args);
                        }
                    }
                } else {
                    worker.hear(bytes);
                }
                continue;
            }
            for (recorded, _) in theirs.feed(bytes) {
                let message = parse(&recorded);
                if let Message::Decref(luid) = message {
                    recorded_releases.insert(luid);
                    continue;
                }
                if worker.said.is_empty() {
                    worker.act(&message);
                }
                let ours = worker.said.pop_front();
                let context = format!("{}: {message:?}", connection.name);
                assert_same(
                    &ours.unwrap_or_else(|| panic!("silence, {context}")),
                    &recorded,
                    &context,
                );
                messages += 1;
            }
        }
        assert!(
            worker.said.is_empty(),
            "{}: {:?}",
            connection.name,
            worker.said
        );
        // A reference is given back once its command is over; the recorded worker is later.
        assert!(
            worker.released.is_superset(&recorded_releases),
            "{}: {:?} {recorded_releases:?}",
            connection.name,
            worker.released
        );
        let outcome = worker.events.first();
        match connection.name.as_str() {
            "pb-badlogin, connection 0" | "pb-badlogin, connection 1" => {
                assert!(
                    matches!(outcome, Some(WorkerEvent::LoginRefused(_))),
                    "{outcome:?}"
                );
            }
            "pb-duplicate, connection 1" => match outcome {
                Some(WorkerEvent::LoginFailed(failure)) => {
                    assert_eq!(failure.value, "rejecting duplicate worker");
                }
                other => panic!("{other:?}"),
            },
            _ => assert_eq!(outcome, Some(&WorkerEvent::LoggedIn), "{}", connection.name),
        }
    }
    assert!(messages > 400, "{messages}");
}

struct PlayedMaster {
    session: pb::MasterSession,
    decoder: Expressions,
    said: std::collections::VecDeque<Element>,
    /// Replies that are owed, by the worker's number of the call.
    owed: BTreeMap<i128, ReplyKey>,
    login: Option<i128>,
    name: Option<String>,
    builders: BTreeMap<u64, String>,
    next_command: u64,
}

impl PlayedMaster {
    fn collect(&mut self) {
        self.said
            .extend(take_output(self.session.output(), &mut self.decoder));
    }

    fn hear(&mut self, expression: &Element, dialect: Dialect) {
        self.session
            .receive(&reencoded(&[(expression.clone(), dialect)]))
            .unwrap();
        let message = parse(expression);
        let mut events = 0;
        while let Some(event) = self.session.next_event() {
            events += 1;
            let reply = match event {
                MasterEvent::LoginRequested { name } => {
                    self.name = Some(name);
                    if let Message::Call { request, .. } = message {
                        self.login = Some(request);
                    }
                    continue;
                }
                MasterEvent::Answered { .. } => continue,
                MasterEvent::Keepalive { reply }
                | MasterEvent::ShutdownRequested { reply }
                | MasterEvent::Updated { reply, .. }
                | MasterEvent::Completed { reply, .. }
                | MasterEvent::Transferring { reply, .. } => reply,
                other => panic!("{other:?}"),
            };
            let Message::Call { request, .. } = message else {
                panic!("{message:?}");
            };
            self.owed.insert(request, reply);
        }
        if let Message::Answer {
            value: Value::Dict(pairs),
            ..
        } = &message
        {
            for (name, value) in pairs {
                if let Value::Remote(luid) = value {
                    self.builders
                        .insert(*luid, name.as_text().unwrap().to_owned());
                }
            }
        }
        assert!(events <= 1);
        self.collect();
    }

    fn act(&mut self, recorded: &Message) {
        match recorded {
            Message::Answer { request, value } if self.login == Some(*request) => {
                assert!(matches!(value, Value::Remote(_)));
                let name = self.name.clone().unwrap();
                assert!(self.session.verify(&Secret::new(format!("pw-{name}"))));
                assert!(!self.session.verify(&Secret::new("pw-".to_owned())));
                self.session.accept_login().unwrap();
            }
            Message::Error { request, failure } if self.login == Some(*request) => {
                if failure.is("twisted.cred.error.UnauthorizedLogin") {
                    let name = self.name.clone().unwrap();
                    assert!(!self.session.verify(&Secret::new(format!("pw-{name}"))));
                    self.session.refuse_login().unwrap();
                } else {
                    self.session.fail_login(failure).unwrap();
                }
            }
            Message::Answer { request, value } => {
                let reply = self.owed.remove(request).unwrap();
                self.session.reply(reply, Ok(value.clone()));
            }
            Message::Error { request, failure } => {
                let reply = self.owed.remove(request).unwrap();
                self.session.reply(reply, Err(failure.clone()));
            }
            Message::Call {
                object,
                method,
                args,
                kwargs,
                ..
            } => {
                self.call(object.unwrap(), method, args, kwargs);
            }
            Message::Negotiation | Message::Version | Message::Decref(_) => {}
        }
        self.collect();
    }

    fn call(&mut self, luid: u64, method: &str, args: &[Value], kwargs: &Value) {
        let text = |index: usize| args[index].as_text().unwrap().to_owned();
        let builder = self.builders.get(&luid).cloned();
        let request = match method {
            "print" => MasterRequest::Print {
                message: kwargs.get("message").unwrap().as_text().unwrap().to_owned(),
            },
            "getWorkerInfo" => MasterRequest::WorkerInfo,
            "setBuilderList" => {
                let pairs = args[0].as_sequence().unwrap().iter().map(|pair| {
                    let pair = pair.as_sequence().unwrap();
                    (
                        pair[0].as_text().unwrap().to_owned(),
                        pair[1].as_text().unwrap().to_owned(),
                    )
                });
                MasterRequest::SetBuilderList(pairs.collect())
            }
            "startBuild" => MasterRequest::StartBuild {
                builder: builder.unwrap(),
            },
            "interruptCommand" => MasterRequest::InterruptCommand {
                id: text(0),
                builder,
                why: text(1),
            },
            "shutdown" => MasterRequest::Shutdown,
            "startCommand" => {
                let mut pairs = args[3].as_dict().unwrap().to_vec();
                let mut transfer = None;
                for (key, value) in &mut pairs {
                    let end = match key.as_text() {
                        Some("writer") => TransferEnd::Writer,
                        Some("reader") => TransferEnd::Reader,
                        _ => continue,
                    };
                    transfer = Some(end);
                    *value = Value::None;
                }
                let command = CommandKey(self.next_command);
                self.next_command += 1;
                let start = CommandStart {
                    command,
                    id: text(1),
                    builder,
                    name: text(2),
                    args: pairs,
                    transfer,
                };
                self.session.start_command(start).unwrap();
                return;
            }
            other => panic!("{other}"),
        };
        self.session.request(request).unwrap();
    }
}

#[test]
fn a_master_says_what_the_recorded_master_said() {
    let mut messages = 0;
    for connection in connections("pb-") {
        let sent = Expressions::new().feed(&connection.stream(Direction::ToWorker));
        let challenge = sent
            .iter()
            .find_map(|(expression, _)| match parse(expression) {
                Message::Answer { request: 1, value } => value.as_sequence().unwrap()[0]
                    .as_bytes()
                    .map(<[u8]>::to_vec),
                _ => None,
            });
        let challenge = challenge.unwrap().try_into().unwrap();
        let mut master = PlayedMaster {
            session: pb::MasterSession::new(challenge, Limits::default()),
            decoder: Expressions::new(),
            said: std::collections::VecDeque::new(),
            owed: BTreeMap::new(),
            login: None,
            name: None,
            builders: BTreeMap::new(),
            next_command: 0,
        };
        master.collect();
        let mut from_worker = Expressions::new();
        let mut theirs = Expressions::new();
        for (direction, bytes) in &connection.records {
            if *direction == Direction::ToMaster {
                for (expression, dialect) in from_worker.feed(bytes) {
                    master.hear(&expression, dialect);
                }
                continue;
            }
            for (recorded, _) in theirs.feed(bytes) {
                let message = parse(&recorded);
                if master.said.is_empty() {
                    master.act(&message);
                }
                let ours = master.said.pop_front();
                let context = format!("{}: {message:?}", connection.name);
                assert_same(
                    &ours.unwrap_or_else(|| panic!("silence, {context}")),
                    &recorded,
                    &context,
                );
                messages += 1;
            }
        }
        // The end of a recording may cut off references that are given back.
        master
            .said
            .retain(|said| !matches!(parse(said), Message::Decref(_)));
        assert!(
            master.said.is_empty(),
            "{}: {:?}",
            connection.name,
            master.said
        );
    }
    assert!(messages > 400, "{messages}");
}
