//! The recorded conversations of `msgpack_experimental_v7`, replayed and played in both roles.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod recording;

use std::collections::{BTreeMap, VecDeque};

use buildbot_model::Secret;
use buildbot_wire::msgpack::handshake::ClientRequest;
use buildbot_wire::msgpack::websocket::{Message, WebSocket};
use buildbot_wire::msgpack::{self, codec};
use buildbot_wire::session::{
    CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession, ReplyKey, TransferRequest,
    WorkerEvent, WorkerSession,
};
use buildbot_wire::{Failure, Limits, LineMarks, Stream, Update, Value};
use data_encoding::BASE64;

use recording::{Connection, Direction, connections};

/// Splits a stream into the HTTP head and what follows it.
fn split_head(stream: &[u8]) -> (&[u8], &[u8]) {
    let end = stream
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    stream.split_at(end)
}

/// First line and fields of a head, without the fields that name the program.
fn head_fields(head: &[u8]) -> (String, BTreeMap<String, String>) {
    let text = std::str::from_utf8(head).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().unwrap().to_owned();
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    (
        first,
        fields
            .filter(|(name, _)| name != "user-agent" && name != "server")
            .collect(),
    )
}

/// The masks of the frames in a stream of a client.
fn masks_of(mut stream: &[u8]) -> VecDeque<[u8; 4]> {
    let mut masks = VecDeque::new();
    while !stream.is_empty() {
        let (extra, short) = match stream[1] & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, usize::from(short)),
        };
        let length = stream[2..2 + extra]
            .iter()
            .fold(short, |sum, byte| sum << 8 | usize::from(*byte));
        let mask_at = 2 + extra;
        masks.push_back(stream[mask_at..mask_at + 4].try_into().unwrap());
        stream = &stream[mask_at + 4 + length..];
    }
    masks
}

fn client(masks: VecDeque<[u8; 4]>) -> WebSocket {
    let mut masks = masks;
    WebSocket::client(
        Box::new(move || masks.pop_front().unwrap()),
        &Limits::default(),
    )
}

fn all_messages(socket: &mut WebSocket, bytes: &[u8]) -> Vec<Message> {
    socket.feed(bytes);
    std::iter::from_fn(|| socket.next_message().unwrap()).collect()
}

#[test]
fn every_recorded_byte_is_decoded_and_encoded_again() {
    let mut values = 0;
    for connection in connections("mp-") {
        for direction in [Direction::ToMaster, Direction::ToWorker] {
            let stream = connection.stream(direction);
            let (_, frames) = split_head(&stream);
            let (mut reader, mut writer) = match direction {
                Direction::ToMaster => (
                    WebSocket::server(&Limits::default()),
                    client(masks_of(frames)),
                ),
                Direction::ToWorker => (
                    client(VecDeque::new()),
                    WebSocket::server(&Limits::default()),
                ),
            };
            for message in all_messages(&mut reader, frames) {
                if let Message::Binary(bytes) = &message {
                    let value = codec::decode(bytes, &Limits::default()).unwrap();
                    let mut encoded = Vec::new();
                    codec::encode(&mut encoded, &value).unwrap();
                    assert_eq!(encoded, *bytes);
                    values += 1;
                }
                writer.send(&message);
            }
            assert_eq!(
                writer.output().take(),
                frames,
                "{} {direction:?}",
                connection.name
            );
        }
    }
    assert!(values > 600, "{values}");
}

#[test]
fn decoding_does_not_depend_on_the_boundaries_of_reads() {
    for connection in connections("mp-") {
        let stream = connection.stream(Direction::ToMaster);
        let (_, frames) = split_head(&stream);
        let frames = &frames[..frames.len().min(4_000)];
        let whole = all_messages(&mut WebSocket::server(&Limits::default()), frames);
        for boundary in 0..frames.len() {
            let mut socket = WebSocket::server(&Limits::default());
            let mut found = all_messages(&mut socket, &frames[..boundary]);
            found.extend(all_messages(&mut socket, &frames[boundary..]));
            assert_eq!(found, whole, "{} split at {boundary}", connection.name);
        }
    }
}

fn parse(message: &Message) -> Value {
    match message {
        Message::Binary(bytes) => codec::decode(bytes, &Limits::default()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).unwrap().as_text().unwrap().to_owned()
}

fn sequence(value: &Value) -> usize {
    usize::try_from(value.get("seq_number").unwrap().as_int().unwrap()).unwrap()
}

fn result_of(response: &Value) -> Result<Value, Failure> {
    let result = response.get("result").unwrap().clone();
    match response.get("is_exception") {
        Some(_) => Err(Failure::new("x.Y", &[], result.as_text().unwrap())),
        None => Ok(result),
    }
}

/// Feeds a stream in the order of the recording: heads apart from frames.
struct Side {
    direction: Direction,
    head: Vec<u8>,
    head_done: bool,
    socket: WebSocket,
}

impl Side {
    fn new(direction: Direction) -> Self {
        let socket = match direction {
            Direction::ToMaster => WebSocket::server(&Limits::default()),
            Direction::ToWorker => client(VecDeque::new()),
        };
        Self {
            direction,
            head: Vec::new(),
            head_done: false,
            socket,
        }
    }

    /// The head, when it has just become whole, and the messages after it.
    fn feed(&mut self, bytes: &[u8]) -> (Option<Vec<u8>>, Vec<Message>) {
        if self.head_done {
            return (None, all_messages(&mut self.socket, bytes));
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = self
            .head
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
        else {
            return (None, Vec::new());
        };
        self.head_done = true;
        let rest = self.head.split_off(end + 4);
        (
            Some(std::mem::take(&mut self.head)),
            all_messages(&mut self.socket, &rest),
        )
    }
}

fn refused(connection: &Connection) -> bool {
    connection
        .stream(Direction::ToWorker)
        .starts_with(b"HTTP/1.1 401")
}

struct PlayedWorker {
    session: msgpack::WorkerSession,
    /// Everything that was said, to be compared with the recording.
    reader: WebSocket,
    said: VecDeque<Message>,
    requests: Vec<(ReplyKey, MasterRequest)>,
    commands: BTreeMap<String, CommandKey>,
    events: Vec<WorkerEvent>,
}

impl PlayedWorker {
    fn hear(&mut self, bytes: &[u8]) {
        self.session.receive(bytes).unwrap();
        while let Some(event) = self.session.next_event() {
            match event {
                WorkerEvent::Requested { reply, request } => {
                    if let MasterRequest::StartCommand { command, id, .. } = &request {
                        self.commands.insert(id.clone(), *command);
                    }
                    self.requests.push((reply, request));
                }
                other => self.events.push(other),
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        let bytes = self.session.output().take();
        self.said.extend(all_messages(&mut self.reader, &bytes));
    }

    fn act(&mut self, recorded: &Value) {
        let op = text(recorded, "op");
        if op == "response" {
            let (reply, _) = self.requests[sequence(recorded)];
            self.session.reply(reply, result_of(recorded));
            return self.collect();
        }
        let command = self.commands[&text(recorded, "command_id")];
        let number = |key: &str| recorded.get(key).unwrap().as_float().unwrap();
        let transfer = match op.as_str() {
            "update" => {
                let updates = recorded.get("args").unwrap().as_sequence().unwrap();
                let updates = updates.iter().map(update).collect();
                self.session.update(command, updates).unwrap();
                return self.collect();
            }
            "complete" => {
                let result = match recorded.get("args").unwrap().as_text() {
                    Some(text) => Err(Failure::new("x.Y", &[], text)),
                    None => Ok(()),
                };
                self.session.complete(command, result).unwrap();
                return self.collect();
            }
            "update_upload_file_write" | "update_upload_directory_write" => {
                let block = recorded.get("args").unwrap().as_bytes().unwrap();
                TransferRequest::Write(block.to_vec().into())
            }
            "update_upload_file_close" => TransferRequest::Close,
            "update_upload_file_utime" => TransferRequest::Utime {
                accessed: number("access_time"),
                modified: number("modified_time"),
            },
            "update_upload_directory_unpack" => TransferRequest::Unpack,
            "update_read_file" => TransferRequest::Read {
                length: number("length") as u64,
            },
            "update_read_file_close" => TransferRequest::CloseReader,
            other => panic!("{other}"),
        };
        self.session.transfer(command, transfer).unwrap();
        self.collect();
    }
}

fn update(pair: &Value) -> Update {
    let [key, value] = pair.as_sequence().unwrap() else {
        panic!("{pair:?}");
    };
    let lines = |stream: Stream, value: &Value| {
        let [text, newlines, times] = value.as_sequence().unwrap() else {
            panic!("{value:?}");
        };
        let newlines = newlines.as_sequence().unwrap().iter();
        let times = times.as_sequence().unwrap().iter();
        let marks = LineMarks {
            newlines: newlines
                .map(|at| u32::try_from(at.as_int().unwrap()).unwrap())
                .collect(),
            times: times.map(|time| time.as_float().unwrap()).collect(),
        };
        Update::Text {
            stream,
            text: text.as_text().unwrap().to_owned(),
            marks: Some(marks),
        }
    };
    match key.as_text().unwrap() {
        "stdout" => lines(Stream::Stdout, value),
        "stderr" => lines(Stream::Stderr, value),
        "header" => lines(Stream::Header, value),
        "log" => {
            let [name, value] = value.as_sequence().unwrap() else {
                panic!("{value:?}");
            };
            lines(Stream::Log(name.as_text().unwrap().to_owned()), value)
        }
        "rc" => Update::Rc(i64::try_from(value.as_int().unwrap()).unwrap()),
        "elapsed" => Update::Elapsed(value.as_float().unwrap()),
        other => Update::Other {
            key: other.to_owned(),
            value: value.clone(),
        },
    }
}

/// The request that a recorded worker made, with its key.
fn recorded_request(connection: &Connection) -> (ClientRequest, Vec<u8>) {
    let stream = connection.stream(Direction::ToMaster);
    let (head, _) = split_head(&stream);
    let (_, fields) = head_fields(head);
    let credentials = fields["authorization"].strip_prefix("Basic ").unwrap();
    let credentials = String::from_utf8(BASE64.decode(credentials.as_bytes()).unwrap()).unwrap();
    let (name, password) = credentials.split_once(':').unwrap();
    let request = ClientRequest {
        authority: fields["host"].clone(),
        path: "/".to_owned(),
        name: name.to_owned(),
        password: Secret::new(password.to_owned()),
        key: BASE64
            .decode(fields["sec-websocket-key"].as_bytes())
            .unwrap()
            .try_into()
            .unwrap(),
    };
    (request, head.to_vec())
}

#[test]
fn a_worker_says_what_the_recorded_worker_said() {
    let mut messages = 0;
    for connection in connections("mp-") {
        let (request, head) = recorded_request(&connection);
        let stream = connection.stream(Direction::ToMaster);
        let mut masks = masks_of(split_head(&stream).1);
        let mut worker = PlayedWorker {
            session: msgpack::WorkerSession::new(
                request,
                Box::new(move || masks.pop_front().unwrap()),
                Limits::default(),
            ),
            reader: WebSocket::server(&Limits::default()),
            said: VecDeque::new(),
            requests: Vec::new(),
            commands: BTreeMap::new(),
            events: Vec::new(),
        };
        let ours = worker.session.output().take();
        assert_eq!(head_fields(&ours), head_fields(&head));
        let mut theirs = Side::new(Direction::ToMaster);
        for (direction, bytes) in &connection.records {
            if *direction == Direction::ToWorker {
                worker.hear(bytes);
                continue;
            }
            for recorded in theirs.feed(bytes).1 {
                if worker.said.is_empty() {
                    worker.act(&parse(&recorded));
                }
                let ours = worker.said.pop_front();
                let ours = ours.unwrap_or_else(|| panic!("{}: silence", connection.name));
                assert_same(&ours, &recorded, &connection.name);
                messages += 1;
            }
        }
        assert!(
            worker.said.is_empty(),
            "{}: {:?}",
            connection.name,
            worker.said
        );
        let first = worker.events.first();
        if refused(&connection) {
            assert!(
                matches!(first, Some(WorkerEvent::LoginRefused(_))),
                "{first:?}"
            );
        } else if connection.name.starts_with("mp-duplicate") && worker.requests.is_empty() {
            assert_eq!(first, Some(&WorkerEvent::Closed));
        } else {
            assert_eq!(first, Some(&WorkerEvent::LoggedIn), "{}", connection.name);
        }
    }
    assert!(messages > 300, "{messages}");
}

/// Compares messages byte by byte; only the text of a broken command is our own.
fn assert_same(ours: &Message, recorded: &Message, context: &str) {
    if let (Message::Binary(_), Message::Binary(_)) = (ours, recorded) {
        let (left, right) = (parse(ours), parse(recorded));
        let failed = |value: &Value| {
            value
                .get("args")
                .is_some_and(|args| args.as_text().is_some())
        };
        if text(&right, "op") == "complete" && failed(&right) {
            assert!(failed(&left));
            assert_eq!(left.get("seq_number"), right.get("seq_number"));
            return;
        }
        assert_eq!(left, right, "{context}");
    }
    assert_eq!(ours, recorded, "{context}");
}

struct PlayedMaster {
    session: msgpack::MasterSession,
    reader: WebSocket,
    said: VecDeque<Message>,
    owed: VecDeque<ReplyKey>,
    replies: BTreeMap<usize, ReplyKey>,
    heard: usize,
    next_command: u64,
}

impl PlayedMaster {
    fn hear(&mut self, bytes: &[u8]) {
        self.session.receive(bytes).unwrap();
        while let Some(event) = self.session.next_event() {
            match event {
                MasterEvent::Updated { reply, .. }
                | MasterEvent::Completed { reply, .. }
                | MasterEvent::Transferring { reply, .. } => {
                    self.replies.insert(self.heard, reply);
                    self.heard += 1;
                    self.owed.push_back(reply);
                }
                MasterEvent::Answered { .. } | MasterEvent::Closed => {}
                other => panic!("{other:?}"),
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        let bytes = self.session.output().take();
        self.said.extend(all_messages(&mut self.reader, &bytes));
    }

    fn act(&mut self, recorded: &Message) {
        if let Message::Close(_) = recorded {
            self.session
                .fail_login(&Failure::new("x.Y", &[], "rejecting duplicate worker"))
                .unwrap();
            return self.collect();
        }
        let recorded = parse(recorded);
        let request = match text(&recorded, "op").as_str() {
            "response" => {
                let reply = self.replies[&sequence(&recorded)];
                self.session.reply(reply, result_of(&recorded));
                return self.collect();
            }
            "start_command" => {
                let command = CommandKey(self.next_command);
                self.next_command += 1;
                let start = CommandStart {
                    command,
                    id: text(&recorded, "command_id"),
                    builder: recorded
                        .get("builder_name")
                        .map(|_| text(&recorded, "builder_name")),
                    name: text(&recorded, "command_name"),
                    args: recorded.get("args").unwrap().as_dict().unwrap().to_vec(),
                    transfer: None,
                };
                self.session.start_command(start).unwrap();
                return self.collect();
            }
            "print" => MasterRequest::Print {
                message: text(&recorded, "message"),
            },
            "keepalive" => MasterRequest::Keepalive,
            "get_worker_info" => MasterRequest::WorkerInfo,
            "set_worker_settings" => {
                MasterRequest::SetWorkerSettings(recorded.get("args").unwrap().clone())
            }
            "interrupt_command" => MasterRequest::InterruptCommand {
                id: text(&recorded, "command_id"),
                builder: Some(text(&recorded, "builder_name")),
                why: text(&recorded, "why"),
            },
            "shutdown" => MasterRequest::Shutdown,
            other => panic!("{other}"),
        };
        self.session.request(request).unwrap();
        self.collect();
    }
}

#[test]
fn a_master_says_what_the_recorded_master_said() {
    let mut messages = 0;
    for connection in connections("mp-") {
        let mut master = PlayedMaster {
            session: msgpack::MasterSession::new(Limits::default()),
            reader: client(VecDeque::new()),
            said: VecDeque::new(),
            owed: VecDeque::new(),
            replies: BTreeMap::new(),
            heard: 0,
            next_command: 0,
        };
        let (request, _) = recorded_request(&connection);
        let (mut theirs, mut from_worker) = (
            Side::new(Direction::ToWorker),
            Side::new(Direction::ToMaster),
        );
        for (direction, bytes) in &connection.records {
            if *direction == from_worker.direction {
                if from_worker.head_done {
                    master.hear(bytes);
                    continue;
                }
                from_worker.feed(bytes);
                master.session.receive(bytes).unwrap();
                let event = master.session.next_event();
                let name = request.name.clone();
                assert_eq!(event, Some(MasterEvent::LoginRequested { name }));
                continue;
            }
            let (head, recorded) = theirs.feed(bytes);
            if let Some(head) = head {
                let right = Secret::new(format!("pw-{}", request.name));
                if refused(&connection) {
                    assert!(!master.session.verify(&right));
                    master.session.refuse_login().unwrap();
                } else {
                    assert!(master.session.verify(&right));
                    master.session.accept_login().unwrap();
                }
                let ours = master.session.output().take();
                assert_eq!(head_fields(&ours), head_fields(&head));
            }
            for recorded in recorded {
                if master.said.is_empty() {
                    master.act(&recorded);
                }
                let ours = master.said.pop_front();
                let ours = ours.unwrap_or_else(|| panic!("{}: silence", connection.name));
                assert_same(&ours, &recorded, &connection.name);
                messages += 1;
            }
        }
        assert!(
            master.said.is_empty(),
            "{}: {:?}",
            connection.name,
            master.said
        );
    }
    assert!(messages > 300, "{messages}");
}
