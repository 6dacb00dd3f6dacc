//! Encodings of East Asia with several bytes per character.
//!
//! The characters come from the Encoding Standard's tables, corrected where Python's codecs differ;
//! what to do about invalid bytes is Python's way: U+FFFD for one byte, then on with the next.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::tables::{Entry, hex, hex_char};

/// Cells of the plane that EUC-JP reaches through 0x8f.
const TRIPLE_SIDE: usize = 94;

/// How an encoding is made of bytes above 0x7f.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One or two bytes.
    Pairs,
    /// Two bytes, three after 0x8f.
    EucJp,
    /// Two bytes, four if the second is a digit.
    Gb18030,
}

/// An encoding with several bytes per character; its lower half is ASCII.
#[derive(Debug)]
pub(super) struct MultiByte {
    shape: Shape,
    standard: &'static encoding_rs::Encoding,
    /// Characters of single bytes from 0x80; 0 is none, as everywhere below.
    singles: [u16; 128],
    /// Characters of pairs by `(lead - 0x80) * 256 + trail`.
    pairs: Box<[u16]>,
    /// Characters after 0x8f by `(second - 0xa1) * 94 + third - 0xa1`; only EUC-JP has them.
    triples: Box<[u16]>,
    /// Codes of four bytes for which the standard's character is not Python's.
    quadruples: BTreeMap<u32, char>,
    /// Characters whose code does not follow from decoding; without one the character is refused.
    encoded: BTreeMap<char, Option<u32>>,
    /// Characters and their codes, sorted; made when something is encoded.
    codes: OnceLock<Vec<(char, u32)>>,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A character and the number of its bytes.
    Character(char, usize),
    /// The first byte begins no character.
    Invalid,
    /// It takes more bytes to say.
    Incomplete,
}

impl MultiByte {
    /// Reads the table of an encoding; `None` if the table is broken.
    pub(super) fn read(entry: &Entry) -> Option<Self> {
        let mut words = entry.words();
        let (standard, shape) = match words.next()? {
            "euc_jp" => (encoding_rs::EUC_JP, Shape::EucJp),
            "gb18030" => (encoding_rs::GB18030, Shape::Gb18030),
            "shift_jis" => (encoding_rs::SHIFT_JIS, Shape::Pairs),
            "gbk" => (encoding_rs::GBK, Shape::Pairs),
            "big5" => (encoding_rs::BIG5, Shape::Pairs),
            "euc_kr" => (encoding_rs::EUC_KR, Shape::Pairs),
            _ => return None,
        };
        let mut this = Self {
            shape,
            standard,
            singles: [0; 128],
            pairs: vec![0; 128 * 256].into(),
            triples: vec![
                0;
                if shape == Shape::EucJp {
                    TRIPLE_SIDE * TRIPLE_SIDE
                } else {
                    0
                }
            ]
            .into(),
            quadruples: BTreeMap::new(),
            encoded: BTreeMap::new(),
            codes: OnceLock::new(),
        };
        this.fill();
        for word in words {
            this.correct(word)?;
        }
        Some(this)
    }

    /// Says what comes first in `bytes`, which begin above 0x7f.
    pub(super) fn next(&self, bytes: &[u8]) -> Next {
        let &[lead, ref more @ ..] = bytes else {
            return Next::Incomplete;
        };
        if let Some(single) = character(self.singles.get(usize::from(lead) & 0x7f)) {
            return Next::Character(single, 1);
        }
        let &[second, ref more @ ..] = more else {
            return Next::Incomplete;
        };
        let (found, length) = match self.shape {
            Shape::EucJp if lead == 0x8f => {
                let Some(&third) = more.first() else {
                    return Next::Incomplete;
                };
                (
                    self.triple_index(second, third)
                        .and_then(|index| character(self.triples.get(index))),
                    3,
                )
            }
            Shape::Gb18030 if second.is_ascii_digit() => {
                let &[third, fourth, ..] = more else {
                    return Next::Incomplete;
                };
                (self.quadruple([lead, second, third, fourth]), 4)
            }
            Shape::Pairs | Shape::EucJp | Shape::Gb18030 => {
                (character(self.pairs.get(pair_index(lead, second))), 2)
            }
        };
        found.map_or(Next::Invalid, |found| Next::Character(found, length))
    }

    /// Appends the code of a character beyond ASCII; false if it has none.
    pub(super) fn encode(&self, character: char, bytes: &mut Vec<u8>) -> bool {
        let Some(code) = self.code(character) else {
            return false;
        };
        let code = code.to_be_bytes();
        let zeros = code.iter().take_while(|byte| **byte == 0).count();
        bytes.extend_from_slice(&code[zeros..]);
        true
    }

    fn code(&self, character: char) -> Option<u32> {
        if let Some(code) = self.encoded.get(&character) {
            return *code;
        }
        let codes = self.codes.get_or_init(|| self.sorted_codes());
        if let Ok(index) = codes.binary_search_by_key(&character, |(character, _)| *character) {
            return codes.get(index).map(|(_, code)| *code);
        }
        if self.shape != Shape::Gb18030 {
            return None;
        }
        let mut utf8 = [0; 4];
        let (bytes, _, _) = self.standard.encode(character.encode_utf8(&mut utf8));
        let code: [u8; 4] = bytes.as_ref().try_into().ok()?;
        (self.quadruple(code) == Some(character)).then_some(u32::from_be_bytes(code))
    }

    /// Every character with its lowest code, shorter codes first.
    fn sorted_codes(&self) -> Vec<(char, u32)> {
        let singles = self.singles.iter().zip(0x80u32..);
        let pairs = self.pairs.iter().zip(0x8000u32..);
        let triples = self.triples.iter().zip(0u32..).map(|(cell, index)| {
            let side = 94;
            (cell, 0x8f_a1a1 + (index / side) * 256 + index % side)
        });
        let mut codes: Vec<(char, u32)> = singles
            .chain(pairs)
            .chain(triples)
            .filter_map(|(cell, code)| Some((character(Some(cell))?, code)))
            .chain(
                self.quadruples
                    .iter()
                    .map(|(code, character)| (*character, *code)),
            )
            .collect();
        codes.sort_unstable();
        codes.dedup_by_key(|(character, _)| *character);
        codes
    }

    /// Fills the tables with what the standard says.
    fn fill(&mut self) {
        for lead in 0x80..=0xff {
            if let Some(single) = self.standard_character(&[lead])
                && let Some(cell) = self.singles.get_mut(usize::from(lead) & 0x7f)
            {
                *cell = single;
            }
            for second in 0x30..=0xff {
                if let Some(pair) = self.standard_character(&[lead, second])
                    && let Some(cell) = self.pairs.get_mut(pair_index(lead, second))
                {
                    *cell = pair;
                }
            }
        }
        if self.shape == Shape::EucJp {
            for second in 0xa1..=0xfe {
                for third in 0xa1..=0xfe {
                    let Some(triple) = self.standard_character(&[0x8f, second, third]) else {
                        continue;
                    };
                    if let Some(index) = self.triple_index(second, third)
                        && let Some(cell) = self.triples.get_mut(index)
                    {
                        *cell = triple;
                    }
                }
            }
        }
    }

    /// The standard's character for exactly these bytes, if it is within 16 bits.
    fn standard_character(&self, bytes: &[u8]) -> Option<u16> {
        let text = self
            .standard
            .decode_without_bom_handling_and_without_replacement(bytes)?;
        let mut characters = text.chars();
        let only = characters.next()?;
        characters
            .next()
            .is_none()
            .then_some(only)
            .and_then(|only| u32::from(only).try_into().ok())
    }

    /// Applies one word of the table.
    fn correct(&mut self, word: &str) -> Option<()> {
        if let Some(range) = word.strip_prefix('-') {
            let (first, last) = range.split_once('-')?;
            for code in hex(first)?..=hex(last)? {
                *self.cell(code)? = 0;
            }
        } else if let Some((code, character)) = word.split_once('=') {
            let (code, character) = (hex(code)?, hex_char(character)?);
            if code > 0xff_ffff {
                self.quadruples.insert(code, character);
            } else {
                *self.cell(code)? = u16::try_from(u32::from(character)).ok()?;
            }
        } else {
            let (character, code) = word.split_once('>')?;
            let code = if code.is_empty() {
                None
            } else {
                Some(hex(code)?)
            };
            self.encoded.insert(hex_char(character)?, code);
        }
        Some(())
    }

    /// The cell of a code of at most three bytes.
    fn cell(&mut self, code: u32) -> Option<&mut u16> {
        match code.to_be_bytes() {
            [0, 0, 0, single] => self.singles.get_mut(usize::from(single.checked_sub(0x80)?)),
            [0, 0, lead, second] => self.pairs.get_mut(pair_index(lead, second)),
            [0, 0x8f, second, third] => {
                let index = self.triple_index(second, third)?;
                self.triples.get_mut(index)
            }
            _ => None,
        }
    }

    fn triple_index(&self, second: u8, third: u8) -> Option<usize> {
        let row = usize::from(second.checked_sub(0xa1)?);
        let column = usize::from(third.checked_sub(0xa1)?);
        (column < TRIPLE_SIDE).then_some(row * TRIPLE_SIDE + column)
    }

    fn quadruple(&self, code: [u8; 4]) -> Option<char> {
        if let Some(character) = self.quadruples.get(&u32::from_be_bytes(code)) {
            return Some(*character);
        }
        let text = self
            .standard
            .decode_without_bom_handling_and_without_replacement(&code)?;
        let mut characters = text.chars();
        let only = characters.next()?;
        characters.next().is_none().then_some(only)
    }
}

fn pair_index(lead: u8, second: u8) -> usize {
    (usize::from(lead) & 0x7f) * 256 + usize::from(second)
}

fn character(cell: Option<&u16>) -> Option<char> {
    cell.filter(|cell| **cell != 0)
        .and_then(|cell| char::from_u32(u32::from(*cell)))
}
