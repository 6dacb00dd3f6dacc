//! A worker's msgpack session against any master.
#![no_main]

use buildbot_model::Secret;
use buildbot_wire::msgpack::handshake::ClientRequest;
use buildbot_wire::session::{MasterRequest, TransferRequest, WorkerEvent, WorkerSession};
use buildbot_wire::{Limits, Update, Value, msgpack};
use libfuzzer_sys::fuzz_target;

/// Belongs to the key of sixteen zero bytes.
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { message_bytes: 1 << 20, message_values: 1 << 16, ..Limits::default() };
    let request = ClientRequest {
        authority: "localhost:1".to_owned(),
        path: "/".to_owned(),
        name: "name".to_owned(),
        password: Secret::new("password".to_owned()),
        key: [0; 16],
    };
    let mut session = msgpack::WorkerSession::new(request, Box::new(|| [1, 2, 3, 4]), limits);
    session.receive(RESPONSE).expect("the right response");
    for piece in bytes.chunks(61) {
        if session.receive(piece).is_err() {
            return;
        }
        while let Some(event) = session.next_event() {
            if let WorkerEvent::Requested { reply, request } = event {
                session.reply(reply, Ok(Value::from("text")));
                if let MasterRequest::StartCommand { command, .. } = request {
                    let _ = session.update(command, vec![Update::Rc(0)]);
                    let _ = session.transfer(command, TransferRequest::Read { length: 1 });
                    let _ = session.complete(command, Ok(()));
                }
            }
        }
        session.output().take();
    }
});
