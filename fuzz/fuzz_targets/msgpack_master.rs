//! A master's msgpack session against any worker.
#![no_main]

use buildbot_model::Secret;
use buildbot_wire::session::{
    CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession,
};
use buildbot_wire::{Limits, Value, msgpack};
use libfuzzer_sys::fuzz_target;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost:1\r\nUpgrade: WebSocket\r\n\
    Connection: Upgrade\r\nAuthorization: Basic bmFtZTpwYXNzd29yZA==\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { message_bytes: 1 << 20, message_values: 1 << 16, ..Limits::default() };
    let mut session = msgpack::MasterSession::new(limits);
    session.receive(REQUEST).expect("a good request");
    assert!(session.verify(&Secret::new("password".to_owned())));
    session.accept_login().expect("a login is to be decided");
    for id in ["0", "1", "2"] {
        let _ = session.start_command(CommandStart {
            command: CommandKey(0),
            id: id.to_owned(),
            builder: None,
            name: "upload_file".to_owned(),
            args: Vec::new(),
            transfer: None,
        });
    }
    let _ = session.request(MasterRequest::WorkerInfo);
    for piece in bytes.chunks(61) {
        if session.receive(piece).is_err() {
            return;
        }
        while let Some(event) = session.next_event() {
            match event {
                MasterEvent::Updated { reply, .. }
                | MasterEvent::Completed { reply, .. }
                | MasterEvent::Transferring { reply, .. } => session.reply(reply, Ok(Value::None)),
                _ => {}
            }
        }
        session.output().take();
    }
});
