//! HTTP heads of requests and responses.
#![no_main]

use buildbot_model::Secret;
use buildbot_wire::msgpack::handshake::{ClientRequest, ServerRequest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(request)) = ServerRequest::read(bytes) {
        assert!(request.length <= bytes.len());
        request.accept();
    }
    let request = ClientRequest {
        authority: "localhost:1".to_owned(),
        path: "/".to_owned(),
        name: "name".to_owned(),
        password: Secret::new("password".to_owned()),
        key: [0; 16],
    };
    if let Ok(Some(length)) = request.read_response(bytes) {
        assert!(length <= bytes.len());
    }
});
