//! From the bytes of a program to updates for the master: decoding, lines, buffer.
//!
//! [`Output`] serves one command. It has no clock, no sockets and no tasks: the time comes with each
//! piece, the caller runs the timer of [`Settings::buffer_timeout`] and takes the batches away.
//! What a batch holds is whole lines in the order in which they became complete, nothing is lost,
//! and what is kept is bounded by [`Settings::max_line_length`] per stream and
//! [`Settings::buffer_size`], as long as batches are taken.
//! Buildbot: the output rules of worker commands (decoding, lines, buffer).

mod buffer;
mod decoder;
mod encoding;
mod lines;
mod multi_byte;
mod newline;
mod python_regex;
mod settings;
mod single_byte;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_wire::{LineMarks, Stream, Update};

use buffer::Buffer;
use lines::Lines;

pub use decoder::Decoder;
pub use encoding::{EncodeError, Encoding, UnknownEncoding};
pub use newline::{NewlinePattern, NewlinePatternError};
pub use settings::Settings;

/// Turns what one command says into batches of updates.
#[derive(Debug)]
pub struct Output {
    settings: Arc<Settings>,
    encoding: Encoding,
    streams: BTreeMap<Stream, Pipeline>,
    buffer: Buffer,
    /// Complete lines on their way from the line stage to the buffer; kept for its memory.
    complete: String,
}

/// The stages of one stream before the buffer, which all streams share.
#[derive(Debug)]
struct Pipeline {
    decoder: Decoder,
    lines: Lines,
}

impl Output {
    /// Output of a command that starts with these `settings`; they hold for all of its life.
    ///
    /// With `marks` every text carries positions and times of its lines, as msgpack wants them.
    pub fn new(settings: Arc<Settings>, encoding: &Encoding, marks: bool) -> Self {
        Self {
            buffer: Buffer::new(settings.buffer_size, marks),
            settings,
            encoding: encoding.clone(),
            streams: BTreeMap::new(),
            complete: String::new(),
        }
    }

    /// Takes bytes of a program or a log file; `now` in seconds since the epoch.
    pub fn bytes(&mut self, stream: &Stream, bytes: &[u8], now: f64) {
        let pipeline = pipeline(&mut self.streams, stream, &self.encoding);
        let text = pipeline.decoder.decode(bytes);
        let first_at = pipeline
            .lines
            .push(&text, now, &self.settings, &mut self.complete);
        self.pass_on(stream, first_at, now);
    }

    /// Takes text of the worker itself, such as headers; `now` in seconds since the epoch.
    pub fn text(&mut self, stream: &Stream, text: &str, now: f64) {
        let pipeline = pipeline(&mut self.streams, stream, &self.encoding);
        let first_at = pipeline
            .lines
            .push(text, now, &self.settings, &mut self.complete);
        self.pass_on(stream, first_at, now);
    }

    /// Takes an update that is not text: exit code, duration, files and the like.
    ///
    /// An [`Update::Text`] is passed on as it is, so it has to hold whole lines.
    pub fn value(&mut self, update: Update) {
        self.buffer.value(update);
    }

    /// Ends all lines: the program has ended.
    ///
    /// First what the decoders still hold (an incomplete character gives U+FFFD), then every unfinished
    /// line with a newline added, both in alphabetical order of the streams. Does not [flush](Self::flush).
    pub fn finish_lines(&mut self, now: f64) {
        let streams: Vec<Stream> = self.streams.keys().cloned().collect();
        for stream in &streams {
            let pipeline = pipeline(&mut self.streams, stream, &self.encoding);
            let text = pipeline.decoder.finish();
            let first_at = pipeline
                .lines
                .push(text, now, &self.settings, &mut self.complete);
            self.pass_on(stream, first_at, now);
        }
        for stream in &streams {
            let pipeline = pipeline(&mut self.streams, stream, &self.encoding);
            let first_at = pipeline
                .lines
                .finish(now, &self.settings, &mut self.complete);
            self.pass_on(stream, first_at, now);
        }
    }

    /// Makes a batch of what is buffered: the timer has expired, or the command has ended.
    pub fn flush(&mut self) {
        self.buffer.flush();
    }

    /// Says whether something waits in the buffer, so that the timer has to run.
    ///
    /// The timer starts when this becomes true and is not restarted by later data.
    pub fn is_buffering(&self) -> bool {
        self.buffer.is_buffering()
    }

    /// Gives the next batch to send: one `update` of msgpack, one `update` call per element of PB.
    pub fn next_batch(&mut self) -> Option<Vec<Update>> {
        self.buffer.next_batch()
    }

    /// Bytes held in batches, buffer, unfinished lines and characters, for backpressure.
    pub fn pending_bytes(&self) -> usize {
        let rests = self
            .streams
            .values()
            .map(|p| p.decoder.pending_bytes() + p.lines.pending_bytes());
        self.buffer.pending_bytes() + rests.sum::<usize>()
    }

    fn pass_on(&mut self, stream: &Stream, first_at: f64, now: f64) {
        if !self.complete.is_empty() {
            self.buffer.text(stream, &self.complete, first_at, now);
            self.complete.clear();
        }
    }
}

fn pipeline<'a>(
    streams: &'a mut BTreeMap<Stream, Pipeline>,
    stream: &Stream,
    encoding: &Encoding,
) -> &'a mut Pipeline {
    // Two look-ups instead of `entry`, which would clone the name of a log each time.
    if !streams.contains_key(stream) {
        let fresh = Pipeline {
            decoder: encoding.new_decoder(),
            lines: Lines::default(),
        };
        streams.insert(stream.clone(), fresh);
    }
    match streams.get_mut(stream) {
        Some(pipeline) => pipeline,
        None => unreachable!("inserted above"),
    }
}
