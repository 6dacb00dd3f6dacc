//! Decoding of a stream that arrives in pieces.

use std::borrow::Cow;
use std::fmt;

use super::encoding::Charset;
use super::multi_byte::{MultiByte, Next};

const REPLACEMENT: &str = "\u{fffd}";

/// Decodes a stream of bytes piece by piece; what cannot be decoded becomes U+FFFD.
///
/// A character that is split between two pieces is kept together. The result is that of Python's
/// incremental decoder with `errors="replace"`, whatever the pieces are.
///
/// Differs: `euc_kr` does not compose Hangul from sequences of eight bytes, because no other
/// program writes them; their first two bytes are invalid.
pub struct Decoder {
    charset: Charset,
    /// The beginning of a character; at most three bytes.
    incomplete: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(charset: Charset) -> Self {
        Self {
            charset,
            incomplete: Vec::new(),
        }
    }

    /// Decodes the next piece; an incomplete character at its end waits for the next one.
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if self.incomplete.is_empty() {
            return match &self.charset {
                Charset::Latin1 => encoding_rs::mem::decode_latin1(bytes),
                Charset::Utf8 | Charset::Ascii | Charset::SingleByte(_) | Charset::MultiByte(_) => {
                    self.decode_from_start(bytes)
                }
            };
        }
        let mut joined = std::mem::take(&mut self.incomplete);
        joined.extend_from_slice(bytes);
        Cow::Owned(self.decode_from_start(&joined).into_owned())
    }

    /// Ends the stream: an incomplete character becomes U+FFFD.
    pub fn finish(&mut self) -> &'static str {
        if self.incomplete.is_empty() {
            return "";
        }
        self.incomplete.clear();
        REPLACEMENT
    }

    /// Bytes of an incomplete character.
    pub fn pending_bytes(&self) -> usize {
        self.incomplete.len()
    }

    /// Decodes bytes that begin with the beginning of a character.
    fn decode_from_start<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        // What is valid UTF-8 is text as it is: for UTF-8 all of it, for the others ASCII.
        let plain = match &self.charset {
            Charset::Utf8 => bytes,
            Charset::Ascii | Charset::Latin1 | Charset::SingleByte(_) | Charset::MultiByte(_) => {
                &bytes[..encoding_rs::Encoding::ascii_valid_up_to(bytes)]
            }
        };
        let plain = match std::str::from_utf8(plain) {
            Ok(text) if text.len() == bytes.len() => return Cow::Borrowed(text),
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&plain[..error.valid_up_to()]).unwrap_or_default(),
        };
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
        text.push_str(plain);
        let rest = &bytes[plain.len()..];
        let incomplete = match &self.charset {
            Charset::Utf8 => decode_utf8(rest, &mut text),
            Charset::MultiByte(table) => decode_multi_byte(table, rest, &mut text),
            Charset::SingleByte(table) => {
                table.decode(rest, &mut text);
                &[]
            }
            Charset::Latin1 => {
                text.extend(rest.iter().map(|byte| char::from(*byte)));
                &[]
            }
            Charset::Ascii => {
                let characters = rest.iter().map(|byte| char::from(*byte));
                text.extend(characters.map(|c| {
                    if c.is_ascii() {
                        c
                    } else {
                        char::REPLACEMENT_CHARACTER
                    }
                }));
                &[]
            }
        };
        self.incomplete.extend_from_slice(incomplete);
        Cow::Owned(text)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("incomplete", &self.incomplete)
            .finish_non_exhaustive()
    }
}

/// Appends the characters of `bytes`; returns an incomplete one at the end.
///
/// Each longest beginning of a valid sequence gives one U+FFFD, in Rust as in Python.
fn decode_utf8<'a>(mut bytes: &'a [u8], text: &mut String) -> &'a [u8] {
    loop {
        let (valid, error) = match std::str::from_utf8(bytes) {
            Ok(valid) => (valid, None),
            Err(error) => {
                let valid = &bytes[..error.valid_up_to()];
                (std::str::from_utf8(valid).unwrap_or_default(), Some(error))
            }
        };
        text.push_str(valid);
        let Some(error) = error else { return &[] };
        bytes = &bytes[error.valid_up_to()..];
        let Some(invalid) = error.error_len() else {
            return bytes;
        };
        text.push_str(REPLACEMENT);
        bytes = &bytes[invalid..];
    }
}

/// Appends the characters of `bytes`; returns an incomplete one at the end.
fn decode_multi_byte<'a>(table: &MultiByte, mut bytes: &'a [u8], text: &mut String) -> &'a [u8] {
    loop {
        let ascii = encoding_rs::Encoding::ascii_valid_up_to(bytes);
        text.push_str(std::str::from_utf8(&bytes[..ascii]).unwrap_or_default());
        bytes = &bytes[ascii..];
        if bytes.is_empty() {
            return bytes;
        }
        let length = match table.next(bytes) {
            Next::Character(character, length) => {
                text.push(character);
                length
            }
            Next::Invalid => {
                text.push_str(REPLACEMENT);
                1
            }
            Next::Incomplete => return bytes,
        };
        bytes = &bytes[length..];
    }
}
