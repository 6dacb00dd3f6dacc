//! Character encodings by their Python names.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Decoder;
use super::multi_byte::MultiByte;
use super::single_byte::SingleByte;
use super::tables::{self, Entry};

const UTF_8: &str = "utf_8";
const ASCII: &str = "ascii";
const LATIN_1: &str = "latin_1";

/// Encodings that need no table: Python's name and aliases.
const BUILT_IN: [(&str, &[&str]); 3] = [
    (
        UTF_8,
        &["cp65001", "u8", "utf", "utf8", "utf8_ucs2", "utf8_ucs4"],
    ),
    (
        ASCII,
        &[
            "646",
            "ansi_x3_4_1968",
            "ansi_x3_4_1986",
            "cp367",
            "csascii",
            "ibm367",
            "iso646_us",
            "iso_646_irv_1991",
            "iso_ir_6",
            "us",
            "us_ascii",
        ],
    ),
    (
        LATIN_1,
        &[
            "8859",
            "cp819",
            "csisolatin1",
            "ibm819",
            "iso8859",
            "iso8859_1",
            "iso_8859_1",
            "iso_8859_1_1987",
            "iso_ir_100",
            "l1",
            "latin",
            "latin1",
        ],
    ),
];

/// The encoding of a program's bytes and arguments, `unicode_encoding` of the worker.
///
/// Its characters are those of the Python codec of the same name. Cheap to clone.
///
/// Differs: encodings that do not contain ASCII byte for byte (UTF-7, UTF-16, UTF-32, EBCDIC,
/// ISO-2022), and `utf_8_sig`, `idna`, `punycode` and the like, are refused, because no argument of a
/// POSIX program can be written in them or no program's output is; `big5hkscs`, `johab`, the JIS X 0213 family
/// and the right-to-left Macintosh ones are refused as well, because nobody uses them for that.
#[derive(Clone)]
pub struct Encoding {
    name: &'static str,
    pub(super) charset: Charset,
}

/// The characters of an encoding.
#[derive(Clone)]
pub(super) enum Charset {
    /// UTF-8.
    Utf8,
    /// Seven bits.
    Ascii,
    /// The first 256 code points.
    Latin1,
    /// ASCII and 128 more.
    SingleByte(Arc<SingleByte>),
    /// ASCII and sequences of bytes above 0x7f.
    MultiByte(Arc<MultiByte>),
}

/// A name that is no encoding known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unicode_encoding {name:?} is not known; known are {} and Python's aliases of these",
    known_names()
)]
pub struct UnknownEncoding {
    /// The name as it was given.
    pub name: String,
}

/// A text that has a character which the encoding lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{character:?} (U+{:04X}) at index {index} cannot be written in unicode_encoding {encoding}; utf-8 has all characters",
    u32::from(*.character)
)]
pub struct EncodeError {
    /// The character.
    pub character: char,
    /// Where it stands, in characters.
    pub index: usize,
    /// Python's name of the encoding.
    pub encoding: &'static str,
}

impl Encoding {
    /// Finds an encoding by a name or alias that Python knows; without a name it is UTF-8.
    ///
    /// Upper and lower case are the same, and so are `-`, `_`, blank and other punctuation.
    ///
    /// Differs: without a name the reference takes the encoding of the file system, which depends on
    /// the locale; it is UTF-8 here, because Python uses that as well unless a locale says otherwise.
    pub fn named(name: Option<&str>) -> Result<Self, UnknownEncoding> {
        let Some(name) = name else {
            return Ok(Self {
                name: UTF_8,
                charset: Charset::Utf8,
            });
        };
        find(&normalise(name)).ok_or_else(|| UnknownEncoding {
            name: name.to_owned(),
        })
    }

    /// Python's names of all encodings known.
    pub fn known() -> impl Iterator<Item = &'static str> {
        let lists = [tables::SINGLE_BYTE, tables::MULTI_BYTE];
        let listed = lists
            .into_iter()
            .flat_map(tables::entries)
            .map(|entry| entry.name);
        BUILT_IN.iter().map(|(name, _)| *name).chain(listed)
    }

    /// Python's name, such as `utf_8`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Encodes arguments and standard input.
    pub fn encode<'a>(&self, text: &'a str) -> Result<Cow<'a, [u8]>, EncodeError> {
        if matches!(self.charset, Charset::Utf8) || text.is_ascii() {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let mut bytes = Vec::with_capacity(text.len());
        for (index, character) in text.chars().enumerate() {
            if !self.encode_character(character, &mut bytes) {
                return Err(EncodeError {
                    character,
                    index,
                    encoding: self.name,
                });
            }
        }
        Ok(Cow::Owned(bytes))
    }

    /// A decoder at the start of a stream.
    pub fn new_decoder(&self) -> Decoder {
        Decoder::new(self.charset.clone())
    }

    fn encode_character(&self, character: char, bytes: &mut Vec<u8>) -> bool {
        let byte = match &self.charset {
            _ if character.is_ascii() => u8::try_from(character).ok(),
            Charset::Utf8 => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return true;
            }
            Charset::MultiByte(table) => return table.encode(character, bytes),
            Charset::Ascii => None,
            Charset::Latin1 => u8::try_from(character).ok(),
            Charset::SingleByte(table) => table.encode(character),
        };
        bytes.extend(byte);
        byte.is_some()
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encoding").field(&self.name).finish()
    }
}

fn known_names() -> String {
    Encoding::known().collect::<Vec<_>>().join(", ")
}

/// Lower case, with one `_` for each run of anything that is neither letter nor digit.
fn normalise(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

fn find(normalised: &str) -> Option<Encoding> {
    for (name, aliases) in BUILT_IN {
        if name == normalised || aliases.contains(&normalised) {
            let charset = match name {
                ASCII => Charset::Ascii,
                LATIN_1 => Charset::Latin1,
                _ => Charset::Utf8,
            };
            return Some(Encoding { name, charset });
        }
    }
    let listed = |list| tables::entries(list).find(|entry: &Entry| entry.is_named(normalised));
    // A broken table would be a fault of the build; a test reads all of them.
    if let Some(entry) = listed(tables::SINGLE_BYTE) {
        let table = SingleByte::read(&entry)?;
        return Some(Encoding {
            name: entry.name,
            charset: Charset::SingleByte(Arc::new(table)),
        });
    }
    let entry = listed(tables::MULTI_BYTE)?;
    let table = MultiByte::read(&entry)?;
    Some(Encoding {
        name: entry.name,
        charset: Charset::MultiByte(Arc::new(table)),
    })
}
