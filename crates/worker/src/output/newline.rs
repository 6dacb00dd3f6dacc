//! What counts as a newline in output.

use std::borrow::Cow;

use memchr::memchr3;
use memchr::memrchr;

const CR: u8 = b'\r';
const BACKSPACE: u8 = 0x08;
const ESC: u8 = 0x1b;

/// The pattern that masters send, for which there is an equivalent by hand.
const USUAL: &str = r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)";

/// A pattern whose matches become newlines; the default is the one that masters send.
#[derive(Debug, Clone, Default)]
pub struct NewlinePattern {
    kind: Kind,
}

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    Usual,
}

/// A newline pattern that is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("newline_re {pattern:?} is not usable: {reason}")]
pub struct NewlinePatternError {
    /// The pattern as the master sent it.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl NewlinePattern {
    /// Reads a regular expression in Python's syntax, as `newline_re` of the worker settings has it.
    pub fn from_python_regex(pattern: &str) -> Result<Self, NewlinePatternError> {
        if pattern == USUAL {
            return Ok(Self::default());
        }
        Err(NewlinePatternError {
            pattern: pattern.to_owned(),
            reason: "not the usual one".to_owned(),
        })
    }

    /// Replaces every match by `\n`.
    pub(super) fn replace<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.kind {
            Kind::Usual => replace_usual(text),
        }
    }

    /// How many bytes at the end of a replaced text may become part of a match; `None` for all of it.
    pub(super) fn open_bytes(&self, text: &str) -> Option<usize> {
        match self.kind {
            Kind::Usual => Some(open_bytes_usual(text.as_bytes())),
        }
    }
}

fn replace_usual(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(first) = memchr3(CR, ESC, BACKSPACE, bytes) else {
        return Cow::Borrowed(text);
    };
    let mut replaced = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, first);
    loop {
        let length = match_length(&bytes[at..]);
        if length > 0 {
            replaced.push_str(&text[copied..at]);
            replaced.push('\n');
            copied = at + length;
        }
        let next = at + length.max(1);
        match memchr3(CR, ESC, BACKSPACE, &bytes[next..]) {
            Some(distance) => at = next + distance,
            None => break,
        }
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

/// Length of the match at the start of `bytes`, 0 if there is none.
fn match_length(bytes: &[u8]) -> usize {
    match bytes {
        [CR, b'\n', ..] => 2,
        [CR, _, ..] => 1,
        [BACKSPACE, ..] => bytes.iter().take_while(|&&byte| byte == BACKSPACE).count(),
        [ESC, b'[', b'u', ..] => 3,
        [ESC, b'[', b'2', b'J', ..] => 4,
        [ESC, b'[', numbers @ ..] => {
            let first = digits(numbers);
            let [b';', second @ ..] = &numbers[first..] else {
                return 0;
            };
            let length = digits(second);
            match second.get(length) {
                Some(b'H' | b'f') if first > 0 && length > 0 => 2 + first + 1 + length + 1,
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn open_bytes_usual(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&CR) {
        return 1;
    }
    let Some(escape) = memrchr(ESC, bytes) else {
        return 0;
    };
    let sequence = &bytes[escape..];
    let is_open = match sequence {
        [_] | [_, b'['] => true,
        [_, b'[', numbers @ ..] => {
            let first = digits(numbers);
            match &numbers[first..] {
                [] => true,
                [b';', second @ ..] => first > 0 && digits(second) == second.len(),
                _ => false,
            }
        }
        _ => false,
    };
    if is_open { sequence.len() } else { 0 }
}
