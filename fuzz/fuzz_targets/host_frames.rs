//! What the configuration's process sends, in pieces: frames come out the same, and are written as
//! they were read.
#![no_main]

use buildbot_confighost::frame::{Decoder, Frame, FrameError};
use buildbot_confighost::message::{self, Message};
use libfuzzer_sys::fuzz_target;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|bytes: &[u8]| {
    let (frames, error) = decode(bytes.chunks(bytes.len().max(1)));
    let in_pieces = decode(bytes.chunks(3));
    assert_eq!((&frames, &error), (&in_pieces.0, &in_pieces.1));
    let written: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().expect("it was read")).collect();
    assert!(bytes.starts_with(&written));
    for frame in frames {
        if let Frame::Json(text) = frame {
            if let Ok(Message::Answer { outcome: Ok(answer), .. }) = message::decode(&text) {
                let _ = answer.value();
            }
        }
    }
});
