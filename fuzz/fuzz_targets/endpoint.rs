//! Endpoint strings of workers and of masters.
#![no_main]

use buildbot_endpoint::{client, server};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = client::Endpoint::parse(text);
    let _ = client::web_socket_address(text);
    let _ = server::Endpoint::parse(text);
});
