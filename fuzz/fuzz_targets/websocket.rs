//! WebSocket frames of either side, in pieces.
#![no_main]

use buildbot_wire::Limits;
use buildbot_wire::msgpack::websocket::WebSocket;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { message_bytes: 1 << 16, ..Limits::default() };
    let sockets = [
        WebSocket::server(&limits),
        WebSocket::client(Box::new(|| [1, 2, 3, 4]), &limits),
    ];
    for mut socket in sockets {
        for piece in bytes.chunks(61) {
            socket.feed(piece);
            loop {
                match socket.next_message() {
                    Ok(Some(message)) => socket.send(&message),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
});
