//! Client endpoint strings.
#![no_main]

use buildbot_worker::endpoint::{Endpoint, web_socket_address};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Endpoint::parse(text);
    let _ = web_socket_address(text);
});
