//! Both roles joined in memory: what one end says arrives at the other, however the bytes are cut.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

use buildbot_model::Secret;
use buildbot_wire::msgpack::handshake::ClientRequest;
use buildbot_wire::session::{
    CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession, TransferEnd,
    TransferRequest, WorkerEvent, WorkerSession,
};
use buildbot_wire::{Failure, Limits, LineMarks, Stream, Update, Value, msgpack, pb};
use proptest::prelude::*;

/// A connection whose bytes are delivered in pieces.
struct Pair {
    master: Box<dyn MasterSession>,
    worker: Box<dyn WorkerSession>,
    /// Lengths of the pieces, used in turn.
    cuts: Vec<usize>,
    next_cut: usize,
}

impl Pair {
    fn pb(cuts: Vec<usize>, limits: Limits) -> Self {
        let password = Secret::new("pass".to_owned());
        Self {
            master: Box::new(pb::MasterSession::new([3; 16], limits)),
            worker: Box::new(pb::WorkerSession::new("w", &password, limits)),
            cuts,
            next_cut: 0,
        }
    }

    fn msgpack(cuts: Vec<usize>, limits: Limits) -> Self {
        let request = ClientRequest {
            authority: "localhost:1".to_owned(),
            path: "/".to_owned(),
            name: "w".to_owned(),
            password: Secret::new("pass".to_owned()),
            key: [9; 16],
        };
        let mut mask = 0_u32;
        let masks = Box::new(move || {
            mask = mask.wrapping_add(0x0102_0305);
            mask.to_be_bytes()
        });
        Self {
            master: Box::new(msgpack::MasterSession::new(limits)),
            worker: Box::new(msgpack::WorkerSession::new(request, masks, limits)),
            cuts,
            next_cut: 0,
        }
    }

    fn cut(&mut self) -> usize {
        self.next_cut = (self.next_cut + 1) % self.cuts.len();
        self.cuts[self.next_cut].max(1)
    }

    /// Delivers everything that is on its way, and what is said by itself meanwhile.
    fn deliver(&mut self) {
        loop {
            let to_worker = self.master.output().take();
            let to_master = self.worker.output().take();
            if to_worker.is_empty() && to_master.is_empty() {
                return;
            }
            let mut rest = to_worker.as_slice();
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(self.cut().min(rest.len()));
                self.worker.receive(piece).unwrap();
                rest = later;
            }
            let mut rest = to_master.as_slice();
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(self.cut().min(rest.len()));
                self.master.receive(piece).unwrap();
                rest = later;
            }
        }
    }

    fn master_event(&mut self) -> MasterEvent {
        self.deliver();
        self.master.next_event().unwrap()
    }

    fn worker_event(&mut self) -> WorkerEvent {
        self.deliver();
        self.worker.next_event().unwrap()
    }

    /// The worker logs in, and knows the builder `b` where the protocol has builders.
    fn attach(&mut self, has_builders: bool) {
        let login = self.master_event();
        assert_eq!(
            login,
            MasterEvent::LoginRequested {
                name: "w".to_owned()
            }
        );
        assert!(!self.master.verify(&Secret::new("Pass".to_owned())));
        assert!(self.master.verify(&Secret::new("pass".to_owned())));
        if has_builders {
            // Builders are made known before the login is answered.
            let builders = vec![("b".to_owned(), "dir".to_owned())];
            self.master
                .request(MasterRequest::SetBuilderList(builders.clone()))
                .unwrap();
            match self.worker_event() {
                WorkerEvent::Requested { reply, request } => {
                    assert_eq!(request, MasterRequest::SetBuilderList(builders));
                    self.worker
                        .reply_builders(reply, &["b".to_owned()])
                        .unwrap();
                }
                other => panic!("{other:?}"),
            }
            assert!(matches!(
                self.master_event(),
                MasterEvent::Answered { result: Ok(_), .. }
            ));
            self.master.accept_login().unwrap();
            assert_eq!(self.worker_event(), WorkerEvent::LoggedIn);
        } else {
            self.master.accept_login().unwrap();
        }
    }

    /// A command that uploads `block` and reports `updates`.
    fn run(&mut self, id: &str, block: &[u8], updates: &[Update]) {
        let start = CommandStart {
            command: CommandKey(5),
            id: id.to_owned(),
            builder: Some("b".to_owned()),
            name: "uploadFile".to_owned(),
            args: vec![(Value::from("blocksize"), Value::Int(1000))],
            transfer: Some(TransferEnd::Writer),
        };
        self.master.start_command(start).unwrap();
        let mut event = self.worker_event();
        if event == WorkerEvent::LoggedIn {
            event = self.worker_event();
        }
        let WorkerEvent::Requested { reply, request } = event else {
            panic!("{event:?}");
        };
        let MasterRequest::StartCommand {
            command,
            id: heard,
            name,
            args,
            ..
        } = request
        else {
            panic!("{request:?}");
        };
        assert_eq!((heard.as_str(), name.as_str()), (id, "uploadFile"));
        assert_eq!(args.get("blocksize"), Some(&Value::Int(1000)));
        self.worker.reply(reply, Ok(Value::None));
        assert!(matches!(
            self.master_event(),
            MasterEvent::Answered { result: Ok(_), .. }
        ));

        self.worker
            .transfer(command, TransferRequest::Write(block.to_vec().into()))
            .unwrap();
        assert_eq!(self.worker.backlog().bytes, block.len());
        match self.master_event() {
            MasterEvent::Transferring {
                reply,
                command,
                request,
            } => {
                assert_eq!(command, CommandKey(5));
                assert_eq!(request, TransferRequest::Write(block.to_vec().into()));
                self.master.reply(reply, Ok(Value::None));
            }
            other => panic!("{other:?}"),
        }
        let answered = WorkerEvent::TransferAnswered {
            command,
            result: Ok(Value::None),
        };
        assert_eq!(self.worker_event(), answered);

        self.worker.update(command, updates.to_vec()).unwrap();
        self.deliver();
        let mut heard = Vec::new();
        while heard.len() < updates.len() {
            match self.master.next_event().unwrap() {
                MasterEvent::Updated { reply, updates, .. } => {
                    heard.extend(updates);
                    self.master.reply(reply, Ok(Value::None));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heard, updates);
        let failure = Failure::new("builtins.OSError", &[], "broke");
        self.worker.complete(command, Err(failure)).unwrap();
        match self.master_event() {
            MasterEvent::Completed {
                reply,
                result: Err(failure),
                ..
            } => {
                assert!(failure.value.contains("broke"));
                self.master.reply(reply, Ok(Value::None));
            }
            other => panic!("{other:?}"),
        }
        self.deliver();
        assert_eq!(self.worker.next_event(), None);
        assert_eq!(self.worker.backlog().requests, 0);
        assert!(
            self.worker.update(command, Vec::new()).is_err(),
            "the command is over"
        );
    }
}

fn updates(text: &str, has_marks: bool) -> Vec<Update> {
    let text = format!("{text}\n");
    let end = u32::try_from(text.chars().count() - 1).unwrap();
    let marks = has_marks.then(|| LineMarks {
        newlines: vec![end],
        times: vec![1.5],
    });
    let line = |stream: Stream| Update::Text {
        stream,
        text: text.clone(),
        marks: marks.clone(),
    };
    let mut updates = vec![
        line(Stream::Stdout),
        line(Stream::Log("a log".to_owned())),
        Update::Rc(-1),
        Update::Elapsed(0.25),
        Update::Files(vec!["é".to_owned()]),
        Update::FailureReason("timeout".to_owned()),
    ];
    if !has_marks {
        updates.push(Update::Stat([i128::from(u64::MAX); 10]));
    }
    updates
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_command_runs_however_the_bytes_are_cut(
        cuts in prop::collection::vec(1_usize..200, 1..20),
        block in prop::collection::vec(any::<u8>(), 0..3000),
        text in "[^\n]{0,50}",
    ) {
        let mut pair = Pair::pb(cuts.clone(), Limits::default());
        pair.attach(true);
        pair.run("7", &block, &updates(&text, false));
        let mut pair = Pair::msgpack(cuts, Limits::default());
        pair.attach(false);
        pair.run("7", &block, &updates(&text, true));
    }
}

#[test]
fn a_thousand_commands_do_not_use_up_the_references() {
    let limits = Limits {
        exported_objects: 8,
        ..Limits::default()
    };
    let mut pair = Pair::pb(vec![4096], limits);
    pair.attach(true);
    for id in 0..1000 {
        pair.run(&id.to_string(), b"block", &updates("text", false));
    }
}

#[test]
fn calls_beyond_the_limit_are_refused_before_they_are_sent() {
    let limits = Limits {
        outstanding_calls: 3,
        ..Limits::default()
    };
    let mut pair = Pair::pb(vec![4096], limits);
    pair.attach(true);
    for _ in 0..3 {
        pair.worker.keepalive().unwrap();
    }
    let error = pair.worker.keepalive().unwrap_err();
    assert_eq!(error.to_string(), "3 calls wait for an answer");
}

#[test]
fn a_peer_that_calls_without_waiting_is_cut_off() {
    let limits = Limits {
        outstanding_calls: 3,
        ..Limits::default()
    };
    let patient = Limits::default();
    let mut pair = Pair::pb(vec![4096], limits);
    pair.master = Box::new(pb::MasterSession::new([3; 16], patient));
    pair.attach(true);
    for _ in 0..4 {
        let message = "hello".to_owned();
        pair.master
            .request(MasterRequest::Print { message })
            .unwrap();
    }
    let bytes = pair.master.output().take();
    let error = pair.worker.receive(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "more than 3 calls of the peer wait for an answer"
    );
}

#[test]
fn a_wrong_password_is_refused_over_both_protocols() {
    let both = [
        Pair::pb(vec![7], Limits::default()),
        Pair::msgpack(vec![7], Limits::default()),
    ];
    for mut pair in both {
        assert!(matches!(
            pair.master_event(),
            MasterEvent::LoginRequested { .. }
        ));
        pair.master.refuse_login().unwrap();
        assert!(matches!(pair.worker_event(), WorkerEvent::LoginRefused(_)));
        assert!(pair.master.accept_login().is_err(), "the login is decided");
    }
}
