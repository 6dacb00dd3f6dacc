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
            buffer: Buffer::new(settings.buffer_size.min(Settings::BUFFER_SIZE_MAX), marks),
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
    /// The timer starts when this becomes true and is not restarted by later data. A batch that a full
    /// buffer has become does not stop it: the next one is then sent earlier than it need be, never later.
    pub fn is_buffering(&self) -> bool {
        self.buffer.is_buffering()
    }

    /// Gives the next batch to send: one `update` of msgpack, one `update` call per element of PB.
    pub fn next_batch(&mut self) -> Option<Vec<Update>> {
        self.buffer.next_batch()
    }

    /// Bytes held in batches that nobody has taken: when they are many, stop reading.
    ///
    /// For backpressure this is the number to look at, because taking batches makes it smaller at once. The
    /// rest of [`pending_bytes`](Self::pending_bytes) is bounded by the settings, and some of it only
    /// goes away by reading on.
    pub fn ready_bytes(&self) -> usize {
        self.buffer.ready_bytes()
    }

    /// Bytes held altogether: batches, buffer, unfinished lines and characters.
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
    streams.entry(stream.clone()).or_insert_with(|| Pipeline {
        decoder: encoding.new_decoder(),
        lines: Lines::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives at the master, update by update, when stdout says `chunks` at the times 1, 2, …
    #[track_caller]
    fn check(max_line_length: usize, chunks: &[&str], expected: &[(&str, &[u32], &[f64])]) {
        let settings = Settings {
            max_line_length,
            ..Settings::default()
        };
        let encoding = Encoding::named(None).expect("UTF-8 is known");
        let mut output = Output::new(Arc::new(settings), &encoding, true);
        for (chunk, time) in chunks.iter().zip(1u32..) {
            output.bytes(&Stream::Stdout, chunk.as_bytes(), f64::from(time));
            output.flush();
        }
        output.finish_lines(99.0);
        output.flush();
        let updates: Vec<Update> = std::iter::from_fn(|| output.next_batch())
            .flatten()
            .collect();
        let expected = expected.iter().map(|(text, newlines, times)| Update::Text {
            stream: Stream::Stdout,
            text: (*text).to_owned(),
            marks: Some(LineMarks {
                newlines: newlines.to_vec(),
                times: times.to_vec(),
            }),
        });
        assert_eq!(updates, expected.collect::<Vec<_>>());
    }

    // Seen: what the worker 4.3.0 makes of the same chunks.

    #[test]
    fn a_carriage_return_waits_for_what_follows() {
        check(4096, &["abc\r"], &[("abc\n", &[3], &[1.0])]);
        check(4096, &["abc\r", "\n"], &[("abc\n", &[3], &[1.0])]);
        check(
            4096,
            &["abc\r", "d"],
            &[("abc\n", &[3], &[1.0]), ("d\n", &[1], &[2.0])],
        );
        check(
            4096,
            &["\r", "\r", "\r"],
            &[
                ("\n", &[0], &[1.0]),
                ("\n", &[0], &[2.0]),
                ("\n", &[0], &[3.0]),
            ],
        );
    }

    #[test]
    fn escape_sequences_are_seen_across_reads_and_runs_of_backspaces_are_not() {
        check(
            4096,
            &["ab\x1b[", "2Jxy\n"],
            &[("ab\nxy\n", &[2, 5], &[1.0, 2.0])],
        );
        check(
            4096,
            &["a\x08\x08", "\x08b\n"],
            &[("a\n", &[1], &[1.0]), ("\nb\n", &[0, 2], &[2.0, 2.0])],
        );
    }

    // Here the worker 4.3.0 loses text or times.

    #[test]
    fn long_lines_are_cut_without_loss() {
        check(4, &["abc\n"], &[("abc\n", &[3], &[1.0])]);
        check(
            4,
            &["abcdefgh\n"],
            &[("abc\ndef\ngh\n", &[3, 7, 10], &[1.0, 1.0, 1.0])],
        );
        check(
            4,
            &["ab", "cdef\n"],
            &[("abc\ndef\n", &[3, 7], &[1.0, 2.0])],
        );
        check(
            4,
            &["éééé", "é"],
            &[("ééé\n", &[3], &[1.0]), ("éé\n", &[2], &[1.0])],
        );
    }

    #[test]
    fn settings_beyond_reason_are_bounded() {
        check(0, &["ab"], &[("a\n", &[1], &[1.0]), ("b\n", &[1], &[1.0])]);
        let settings = Settings {
            max_line_length: usize::MAX,
            buffer_size: usize::MAX,
            ..Settings::default()
        };
        let encoding = Encoding::named(None).expect("UTF-8 is known");
        let mut output = Output::new(Arc::new(settings), &encoding, false);
        for _ in 0..4 {
            output.bytes(
                &Stream::Stdout,
                "x".repeat(Settings::BUFFER_SIZE_MAX / 2).as_bytes(),
                1.0,
            );
        }
        assert!(output.ready_bytes() >= Settings::BUFFER_SIZE_MAX / 2);
        assert!(
            output.pending_bytes() - output.ready_bytes()
                <= Settings::BUFFER_SIZE_MAX + Settings::LINE_LENGTH_MAX
        );
    }

    #[test]
    fn what_is_left_at_the_end_comes_in_the_order_of_the_streams() {
        let encoding = Encoding::named(Some("UTF-8")).expect("UTF-8 is known");
        let mut output = Output::new(Arc::default(), &encoding, false);
        output.bytes(&Stream::Stdout, b"out\xe2", 1.0);
        output.bytes(&Stream::Log("z".to_owned()), b"log", 1.0);
        output.bytes(&Stream::Stderr, b"err", 1.0);
        output.text(&Stream::Header, "head", 1.0);
        output.value(Update::Rc(1));
        output.finish_lines(2.0);
        output.flush();
        let text = |stream, text: &str| Update::Text {
            stream,
            text: text.to_owned(),
            marks: None,
        };
        let expected = vec![
            Update::Rc(1),
            text(Stream::Header, "head\n"),
            text(Stream::Log("z".to_owned()), "log\n"),
            text(Stream::Stderr, "err\n"),
            text(Stream::Stdout, "out\u{fffd}\n"),
        ];
        assert_eq!(output.next_batch(), Some(expected));
        assert_eq!(output.next_batch(), None);
    }

    #[test]
    fn an_unknown_encoding_is_refused_with_the_known_ones() {
        let error = Encoding::named(Some("klingon"))
            .expect_err("there is no such encoding")
            .to_string();
        assert!(
            error.contains("\"klingon\"") && error.contains("utf_8") && error.contains("euc_jp"),
            "{error}"
        );
    }

    #[test]
    fn a_character_that_an_encoding_lacks_is_named() {
        let latin_1 = Encoding::named(Some("ISO-8859-1")).expect("latin-1 is known");
        let error = latin_1
            .encode("für 5 €")
            .expect_err("there is no euro sign")
            .to_string();
        assert!(
            error.contains("'€' (U+20AC) at index 6") && error.contains("latin_1"),
            "{error}"
        );
    }
}
