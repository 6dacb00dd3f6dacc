//! Banana and jelly: what decodes is encoded to something that decodes to the same.
#![no_main]

use buildbot_wire::Limits;
use buildbot_wire::pb::banana::{Decoder, Dialect, put_element};
use buildbot_wire::pb::jelly;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { message_bytes: 1 << 20, message_values: 1 << 16, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    decoder.set_dialect(Dialect::Pb);
    // Fed in two pieces, the first as long as the first byte says.
    let boundary = bytes.first().map_or(0, |first| usize::from(*first)).min(bytes.len());
    let (first, second) = bytes.split_at(boundary);
    for piece in [first, second] {
        decoder.feed(piece);
        while let Ok(Some(element)) = decoder.next_expression() {
            let mut encoded = Vec::new();
            put_element(&mut encoded, &element, Dialect::Pb);
            let mut again = Decoder::new(limits);
            again.set_dialect(Dialect::Pb);
            again.feed(&encoded);
            let decoded = again.next_expression().expect("own encoding").expect("whole");
            // Floats may be NaN; their bytes are compared instead.
            let mut twice = Vec::new();
            put_element(&mut twice, &decoded, Dialect::Pb);
            assert_eq!(encoded, twice);
            if let Ok(value) = jelly::decode(element, &limits) {
                let mut out = Vec::new();
                // What was decoded may still be too large to be sent in one piece.
                let _ = jelly::encode(&mut out, &value);
            }
        }
    }
});
