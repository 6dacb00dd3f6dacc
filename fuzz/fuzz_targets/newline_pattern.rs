//! Regular expressions of a master, and text that they are applied to.
#![no_main]

use std::sync::Arc;

use buildbot_wire::Stream;
use buildbot_worker::output::{Encoding, NewlinePattern, Output, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (pattern, text) = input;
    let Ok(newline) = NewlinePattern::from_python_regex(pattern) else {
        return;
    };
    let encoding = Encoding::named(None).expect("the default encoding");
    let settings = Settings { newline, ..Settings::default() };
    let mut output = Output::new(Arc::new(settings), &encoding, false);
    output.text(&Stream::Stdout, text, 0.0);
    output.finish_lines(0.0);
    output.flush();
    while output.next_batch().is_some() {}
});
