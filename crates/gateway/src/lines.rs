//! Whole lines from what workers send.
//!
//! Workers of recent versions send whole lines and settle what a newline is. Older ones send what they read:
//! their pieces are joined here, per stream, and cleaned as those of recent workers are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use buildbot_wire::{Stream, Update};

use crate::Budget;

/// Bytes of a line that a worker does not end, after which it is ended here.
///
/// Differs: a line of output that is longer than 1 MiB goes on in the next one; the reference keeps it, whatever its length.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes of the longest sequence that stands for a newline, as programs write them.
const SEQUENCE_BYTES_MAX: usize = 16;

/// Bytes that a stream takes whose name is remembered.
const STREAM_BYTES: usize = 128;

/// The unfinished lines of one command. Names of streams are the worker's: it may invent as many as its budget bears.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rests: BTreeMap<Stream, String>,
}

impl Lines {
    /// The whole lines that a text ends or consists of; `None` if it ends no line. What is kept is taken from the
    /// budget; what it does not bear is dropped.
    pub(crate) fn push(&mut self, stream: Stream, text: String, budget: &Budget) -> Option<Update> {
        let rest = self.rests.get_mut(&stream).map(mem::take);
        let is_new = rest.is_none();
        let mut joined = rest.unwrap_or_default();
        let old = joined.len();
        budget.give_back(old);
        // Only what may have become a newline by this text is looked at again.
        let tail = joined.len().saturating_sub(SEQUENCE_BYTES_MAX);
        let is_special = joined
            .bytes()
            .skip(tail)
            .chain(text.bytes())
            .any(is_special);
        match joined.is_empty() {
            true => joined = text,
            false => joined.push_str(&text),
        }
        let end = joined.as_bytes().get(old..).unwrap_or_default();
        let end = end.iter().rposition(|byte| *byte == b'\n');
        let mut rest = match end {
            Some(end) => joined.split_off(old + end + 1),
            None => mem::take(&mut joined),
        };
        let mut lines = joined;
        if rest.len() > LINE_BYTES_MAX {
            lines.push_str(&mem::take(&mut rest));
            lines.push('\n');
        }
        // What a carriage return or the like ends within the rest is a line, too.
        if is_special
            && let Cow::Owned(mut cleaned) = clean(&rest)
            && let Some(end) = cleaned.rfind('\n')
        {
            rest = cleaned.split_off(end + 1);
            lines.push_str(&cleaned);
        }
        if !rest.is_empty() || !is_new {
            let of_stream = match is_new {
                true => STREAM_BYTES + name_bytes(&stream),
                false => 0,
            };
            if budget.take(rest.len() + of_stream) {
                self.rests.insert(stream.clone(), rest);
            }
        }
        if lines.is_empty() {
            return None;
        }
        let text = match clean(&lines) {
            Cow::Borrowed(_) => lines,
            Cow::Owned(cleaned) => cleaned,
        };
        Some(text_update(stream, text))
    }

    /// Ends the unfinished lines of all streams, in the order of their names.
    pub(crate) fn finish(&mut self) -> Vec<Update> {
        let rests = mem::take(&mut self.rests).into_iter();
        rests
            .filter(|(_, rest)| !rest.is_empty())
            .map(|(stream, mut rest)| {
                rest.push('\n');
                let cleaned = clean(&rest).into_owned();
                text_update(stream, cleaned)
            })
            .collect()
    }
}

fn name_bytes(stream: &Stream) -> usize {
    match stream {
        Stream::Log(name) => name.len(),
        Stream::Header | Stream::Stderr | Stream::Stdout => 0,
    }
}

fn text_update(stream: Stream, text: String) -> Update {
    Update::Text {
        stream,
        text,
        marks: None,
    }
}

/// Makes a newline of everything that moves the cursor of a terminal to another place: CR LF, CR before another
/// character, ESC `[u`, ESC `[2J`, ESC `[` number `;` number `H` or `f`, and runs of backspaces.
///
/// Whoever adds to a log what no worker has sent cleans it, too. Measured: Buildbot 4.3.0, output of a worker that
/// sends these.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(is_special) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\r', '\x1b', '\x08']) {
        let (before, from) = rest.split_at(start);
        cleaned.push_str(before);
        let length = newline_length(from);
        let taken = from.chars().next().map_or(0, char::len_utf8);
        match length {
            Some(length) => {
                cleaned.push('\n');
                rest = from.get(length..).unwrap_or_default();
            }
            None => {
                cleaned.push_str(from.get(..taken).unwrap_or_default());
                rest = from.get(taken..).unwrap_or_default();
            }
        }
    }
    cleaned.push_str(rest);
    Cow::Owned(cleaned)
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\x1b' | b'\x08')
}

/// Bytes at the beginning of `text` that stand for a newline.
fn newline_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        // At the very end the next character decides.
        [b'\r', _, ..] => Some(1),
        [b'\x08', ..] => Some(bytes.iter().take_while(|byte| **byte == b'\x08').count()),
        [b'\x1b', b'[', b'u', ..] => Some(3),
        [b'\x1b', b'[', b'2', b'J', ..] => Some(4),
        [b'\x1b', b'[', position @ ..] => {
            let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            let row = digits(position);
            let behind = position.get(row..)?;
            let (b';', behind) = behind.split_first()? else {
                return None;
            };
            let column = digits(behind);
            let is_end = matches!(behind.get(column), Some(b'H' | b'f'));
            (row > 0 && column > 0 && is_end).then_some(2 + row + 1 + column + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of stdout's pieces, and of the end.
    fn check(pieces: &[&str], expected: &[&str], at_end: &[&str]) {
        let texts = |updates: Vec<Update>| -> Vec<String> {
            let text = |update| match update {
                Update::Text { text, .. } => text,
                other => panic!("{other:?}"),
            };
            updates.into_iter().map(text).collect()
        };
        let mut lines = Lines::default();
        let budget = Budget::default();
        let pushed = pieces
            .iter()
            .filter_map(|piece| lines.push(Stream::Stdout, (*piece).to_owned(), &budget))
            .collect();
        assert_eq!(texts(pushed), expected, "{pieces:?}");
        assert_eq!(texts(lines.finish()), at_end, "{pieces:?}");
    }

    #[test]
    fn lines_are_what_the_reference_makes_of_the_same_pieces() {
        check(&["a\nb\n"], &["a\nb\n"], &[]);
        check(
            &["abc", "def\nxy", "\r", "\nq\rz\n"],
            &["abcdef\n", "xy\nq\nz\n"],
            &[],
        );
        check(&["\x08\x08b\n"], &["\nb\n"], &[]);
        check(&["b\n\x1b[2Jfoo\n", "bar"], &["b\n\nfoo\n"], &["bar\n"]);
        check(&["a\x1b[12;3Hb\x1b[ux\n"], &["a\nb\nx\n"], &[]);
        check(&["a\x1b[1mb\n"], &["a\x1b[1mb\n"], &[]);
        check(&["10%\r20%\r", "30%\n"], &["10%\n", "20%\n30%\n"], &[]);
        check(&["end\r"], &[], &["end\n"]);
    }

    #[test]
    fn streams_do_not_mix_and_end_in_the_order_of_their_names() {
        let mut lines = Lines::default();
        for (stream, text) in [
            (Stream::Stdout, "o"),
            (Stream::Header, "h"),
            (Stream::Log("l".to_owned()), "l"),
            (Stream::Stderr, "e"),
        ] {
            let budget = Budget::default();
            assert_eq!(lines.push(stream, text.to_owned(), &budget), None);
        }
        let ended: Vec<Stream> = lines
            .finish()
            .into_iter()
            .filter_map(|update| match update {
                Update::Text { stream, .. } => Some(stream),
                _ => None,
            })
            .collect();
        let log = Stream::Log("l".to_owned());
        assert_eq!(ended, [Stream::Header, log, Stream::Stderr, Stream::Stdout]);
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let mut lines = Lines::default();
        let piece = "x".repeat(LINE_BYTES_MAX);
        let budget = Budget::default();
        assert_eq!(lines.push(Stream::Stdout, piece.clone(), &budget), None);
        assert!(lines.push(Stream::Stdout, piece, &budget).is_some());
        assert!(lines.finish().is_empty());
    }

    #[test]
    fn streams_without_a_line_take_from_the_budget_until_it_is_exceeded() {
        let mut lines = Lines::default();
        let budget = Budget::new(10_000);
        let log = |number: usize| Stream::Log(format!("invented {number}"));
        for number in 0..1000 {
            lines.push(log(number), "no end".to_owned(), &budget);
        }
        assert!(budget.is_exceeded());
        let kept: usize = lines.rests.values().map(String::len).sum();
        assert!(lines.rests.len() < 100 && kept < 10_000, "{kept}");

        // What is passed on is given back.
        let budget = Budget::new(1000);
        for _ in 0..1000 {
            lines.push(log(0), "x".repeat(400), &budget);
            lines.push(log(0), "\n".to_owned(), &budget);
        }
        assert!(!budget.is_exceeded());
    }
}
