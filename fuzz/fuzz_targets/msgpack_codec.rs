//! MessagePack: what decodes is encoded to something that decodes to the same.
#![no_main]

use buildbot_wire::Limits;
use buildbot_wire::msgpack::codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { message_values: 1 << 16, ..Limits::default() };
    if let Ok(value) = codec::decode(bytes, &limits) {
        let mut encoded = Vec::new();
        codec::encode(&mut encoded, &value).expect("what was received can be sent");
        let again = codec::decode(&encoded, &limits).expect("own encoding");
        // Floats may be NaN; their bytes are compared instead.
        let mut twice = Vec::new();
        codec::encode(&mut twice, &again).expect("what was received can be sent");
        assert_eq!(encoded, twice);
    }
});
