//! Output of programs in every encoding: whole lines only, marks that fit, memory that is bounded.
#![no_main]

use std::sync::Arc;

use buildbot_wire::{Stream, Update};
use buildbot_worker::output::{Encoding, Output, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[choice, size], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let encodings = ["utf-8", "latin-1", "cp1252", "euc_jp", "shift_jis", "gb18030", "big5", "euc_kr"];
    let name = encodings[usize::from(choice) % encodings.len()];
    let encoding = Encoding::named(Some(name)).expect("a known encoding");
    let settings = Settings {
        buffer_size: usize::from(size) + 1,
        max_line_length: usize::from(size % 16) + 2,
        ..Settings::default()
    };
    let mut output = Output::new(Arc::new(settings), &encoding, true);
    for (number, piece) in bytes.chunks(usize::from(size) + 1).enumerate() {
        let stream = if number % 3 == 0 { Stream::Stderr } else { Stream::Stdout };
        output.bytes(&stream, piece, number as f64);
    }
    output.finish_lines(0.0);
    output.flush();
    while let Some(batch) = output.next_batch() {
        for update in batch {
            let Update::Text { text, marks, .. } = update else {
                panic!("only text was given");
            };
            assert!(text.ends_with('\n'));
            let marks = marks.expect("marks were asked for");
            let newlines = text.chars().enumerate().filter(|(_, character)| *character == '\n');
            assert!(newlines.map(|(index, _)| index as u32).eq(marks.newlines.iter().copied()));
            assert_eq!(marks.newlines.len(), marks.times.len());
        }
    }
});
