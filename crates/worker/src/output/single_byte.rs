//! Encodings with one byte per character whose lower half is ASCII.

use super::tables::{Entry, hex};

/// The upper half of an encoding with one byte per character.
#[derive(Debug)]
pub(super) struct SingleByte {
    /// Characters of the bytes 0x80 to 0xff.
    upper: [Option<char>; 128],
}

impl SingleByte {
    /// Reads the table of an encoding; `None` if the table is broken.
    pub(super) fn read(entry: &Entry) -> Option<Self> {
        let mut upper = [None; 128];
        let mut cells = upper.iter_mut();
        for word in entry.words() {
            if let Some(undefined) = word.strip_prefix('.') {
                cells.nth(undefined.parse::<usize>().ok()?.checked_sub(1)?)?;
                continue;
            }
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            for code in hex(first)?..=hex(last)? {
                *cells.next()? = Some(char::from_u32(code)?);
            }
        }
        cells.next().is_none().then_some(Self { upper })
    }

    /// Appends the characters of `bytes`.
    pub(super) fn decode(&self, bytes: &[u8], text: &mut String) {
        for &byte in bytes {
            text.push(match byte.checked_sub(0x80) {
                None => char::from(byte),
                Some(index) => {
                    self.upper[usize::from(index)].unwrap_or(char::REPLACEMENT_CHARACTER)
                }
            });
        }
    }

    /// The byte of a character beyond ASCII.
    ///
    /// The last one if there are several, as Python's tables have it.
    pub(super) fn encode(&self, character: char) -> Option<u8> {
        let index = self
            .upper
            .iter()
            .rposition(|cell| *cell == Some(character))?;
        u8::try_from(0x80 + index).ok()
    }
}
