//! Banana: the self-delimiting encoding below everything else.
//!
//! Source: `docs/formats/pb.md`, "Banana".

use crate::Limits;

/// Longest STRING and LIST that either side may send (640 KiB).
pub const ELEMENT_SIZE_MAX: usize = 655_360;

/// Longest run of digits before a type byte.
const DIGITS_MAX: usize = 64;

/// Room for input that is kept between messages.
const KEPT_INPUT_BYTES: usize = 64 << 10;

const LIST: u8 = 0x80;
const INT: u8 = 0x81;
const STRING: u8 = 0x82;
const NEG: u8 = 0x83;
const FLOAT: u8 = 0x84;
const LONGINT: u8 = 0x85;
const LONGNEG: u8 = 0x86;
const VOCAB: u8 = 0x87;

/// The words that the dialect `pb` abbreviates, by their index; 0 is not used.
const VOCABULARY: [&str; 32] = [
    "",
    "None",
    "class",
    "dereference",
    "reference",
    "dictionary",
    "function",
    "instance",
    "list",
    "module",
    "persistent",
    "tuple",
    "unpersistable",
    "copy",
    "cache",
    "cached",
    "remote",
    "local",
    "lcache",
    "version",
    "login",
    "password",
    "challenge",
    "logged_in",
    "not_logged_in",
    "cachemessage",
    "message",
    "answer",
    "error",
    "decref",
    "decache",
    "uncache",
];

/// Which elements are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Before the dialect is agreed: no vocabulary.
    None,
    /// Perspective Broker's dialect, with its vocabulary.
    Pb,
}

/// A decoded expression. Abbreviations have been expanded.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// INT, NEG, LONGINT, LONGNEG.
    Int(i128),
    /// FLOAT.
    Float(f64),
    /// STRING and VOCAB.
    Bytes(Vec<u8>),
    /// LIST.
    List(Vec<Element>),
}

/// Why bytes are not banana. Every such error ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BananaError {
    /// No type byte after 64 digits.
    #[error("a number of more than {DIGITS_MAX} digits")]
    TooManyDigits,
    /// An integer that needs more than 127 bits.
    #[error("an integer of more than 127 bits")]
    IntegerTooLarge,
    /// A type byte that does not exist.
    #[error("unknown element type 0x{0:02x}")]
    UnknownType(u8),
    /// A word that does not exist, or any word before the dialect is agreed.
    #[error("unknown vocabulary index {0}")]
    UnknownWord(i128),
    /// A STRING or LIST longer than 640 Ki.
    #[error("an element of size {0}, more than {ELEMENT_SIZE_MAX}")]
    ElementTooLarge(i128),
    /// Lists nested too deeply.
    #[error("lists nested more than {0} deep")]
    TooDeep(usize),
    /// An expression that is too long altogether.
    #[error("an expression of more than {0} bytes")]
    ExpressionTooLong(usize),
    /// An expression of too many elements.
    #[error("an expression of more than {0} elements")]
    TooManyElements(usize),
}

/// A list that is still being read.
#[derive(Debug)]
struct OpenList {
    missing: usize,
    items: Vec<Element>,
}

/// Turns a stream of bytes into expressions, whatever the boundaries of the reads.
#[derive(Debug)]
pub struct Decoder {
    dialect: Dialect,
    limits: Limits,
    input: Vec<u8>,
    consumed: usize,
    open: Vec<OpenList>,
    expression_bytes: usize,
    expression_elements: usize,
}

impl Decoder {
    /// A decoder at the start of a stream, before a dialect is agreed.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            dialect: Dialect::None,
            limits,
            input: Vec::new(),
            consumed: 0,
            open: Vec::new(),
            expression_bytes: 0,
            expression_elements: 0,
        }
    }

    /// Changes the dialect from the next expression on.
    pub fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// Appends bytes as they came from the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.consumed > 0 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
            if self.input.is_empty() {
                // A large message must not be held for the rest of a long life.
                self.input.shrink_to(KEPT_INPUT_BYTES);
            }
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next whole expression, or `None` until more bytes have come.
    pub fn next_expression(&mut self) -> Result<Option<Element>, BananaError> {
        loop {
            let before = self.consumed;
            let Some(header) = self.read_header()? else {
                return Ok(None);
            };
            let Some(element) = self.read_element(header)? else {
                self.consumed = before;
                return Ok(None);
            };
            self.expression_bytes += self.consumed - before;
            self.expression_elements += 1;
            if self.expression_bytes > self.limits.message_bytes {
                return Err(BananaError::ExpressionTooLong(self.limits.message_bytes));
            }
            if self.expression_elements > self.limits.message_values {
                return Err(BananaError::TooManyElements(self.limits.message_values));
            }
            let Read::Whole(element) = element else {
                continue;
            };
            if let Some(expression) = self.close_lists(element) {
                self.expression_bytes = 0;
                self.expression_elements = 0;
                return Ok(Some(expression));
            }
        }
    }

    /// Digits and type byte, consumed only when both are there.
    fn read_header(&mut self) -> Result<Option<Header>, BananaError> {
        let rest = &self.input[self.consumed..];
        let digits = rest
            .iter()
            .take(DIGITS_MAX + 1)
            .take_while(|byte| **byte < 0x80)
            .count();
        if digits > DIGITS_MAX {
            return Err(BananaError::TooManyDigits);
        }
        let Some(&kind) = rest.get(digits) else {
            return Ok(None);
        };
        let number = match kind {
            FLOAT => 0,
            _ => number(&rest[..digits])?,
        };
        self.consumed += digits + 1;
        Ok(Some(Header { kind, number }))
    }

    fn read_element(&mut self, header: Header) -> Result<Option<Read>, BananaError> {
        let number = header.number;
        let element = match header.kind {
            INT | LONGINT => Element::Int(number),
            NEG | LONGNEG => Element::Int(-number),
            FLOAT => {
                let Some(payload) = self.payload(8) else {
                    return Ok(None);
                };
                let mut bytes = [0; 8];
                bytes.copy_from_slice(payload);
                Element::Float(f64::from_be_bytes(bytes))
            }
            STRING => {
                let size = element_size(number)?;
                let Some(payload) = self.payload(size) else {
                    return Ok(None);
                };
                Element::Bytes(payload.to_vec())
            }
            VOCAB => {
                let word = match self.dialect {
                    Dialect::None => None,
                    Dialect::Pb => usize::try_from(number).ok().filter(|index| *index > 0),
                };
                let word = word.and_then(|index| VOCABULARY.get(index));
                let Some(word) = word else {
                    return Err(BananaError::UnknownWord(number));
                };
                Element::Bytes(word.as_bytes().to_vec())
            }
            LIST => {
                let missing = element_size(number)?;
                if self.open.len() >= self.limits.depth {
                    return Err(BananaError::TooDeep(self.limits.depth));
                }
                if missing > 0 {
                    self.open.push(OpenList {
                        missing,
                        items: Vec::new(),
                    });
                    return Ok(Some(Read::ListOpened));
                }
                Element::List(Vec::new())
            }
            other => return Err(BananaError::UnknownType(other)),
        };
        Ok(Some(Read::Whole(element)))
    }

    fn payload(&mut self, size: usize) -> Option<&[u8]> {
        let end = self.consumed + size;
        let payload = self.input.get(self.consumed..end)?;
        self.consumed = end;
        Some(payload)
    }

    /// Puts a finished element into the innermost open list, and closes all lists that it fills.
    fn close_lists(&mut self, mut element: Element) -> Option<Element> {
        while let Some(mut list) = self.open.pop() {
            list.items.push(element);
            list.missing -= 1;
            if list.missing > 0 {
                self.open.push(list);
                return None;
            }
            element = Element::List(list.items);
        }
        Some(element)
    }
}

struct Header {
    kind: u8,
    number: i128,
}

enum Read {
    Whole(Element),
    ListOpened,
}

/// Base 128, least significant digit first; no digits mean 0.
fn number(digits: &[u8]) -> Result<i128, BananaError> {
    let mut number = 0_u128;
    for (place, digit) in digits.iter().enumerate().filter(|(_, digit)| **digit != 0) {
        let digit = u128::from(*digit);
        let shift = 7 * place;
        if shift >= 128 || digit << shift >> shift != digit {
            return Err(BananaError::IntegerTooLarge);
        }
        number |= digit << shift;
    }
    i128::try_from(number).map_err(|_| BananaError::IntegerTooLarge)
}

fn element_size(number: i128) -> Result<usize, BananaError> {
    match usize::try_from(number) {
        Ok(size) if size <= ELEMENT_SIZE_MAX => Ok(size),
        _ => Err(BananaError::ElementTooLarge(number)),
    }
}

/// Writes an integer in the form that its size asks for.
pub fn put_int(out: &mut Vec<u8>, number: i128) {
    let kind = match number {
        0..=0x7fff_ffff => INT,
        -0x8000_0000..0 => NEG,
        0x8000_0000.. => LONGINT,
        _ => LONGNEG,
    };
    put_header(out, number.unsigned_abs(), kind);
}

/// Writes a double.
pub fn put_float(out: &mut Vec<u8>, number: f64) {
    out.push(FLOAT);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Writes a byte string, abbreviated if `dialect` has a word for it.
///
/// The caller keeps to [`ELEMENT_SIZE_MAX`]; a peer drops the connection otherwise.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8], dialect: Dialect) {
    if dialect == Dialect::Pb
        && let Some(index) = word_index(bytes)
    {
        put_header(out, index, VOCAB);
        return;
    }
    put_bytes_head(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes the head of a byte string of `length` bytes, which follow.
pub fn put_bytes_head(out: &mut Vec<u8>, length: usize) {
    put_header(out, length as u128, STRING);
}

/// Writes the head of a list; its `length` elements follow.
pub fn put_list(out: &mut Vec<u8>, length: usize) {
    put_header(out, length as u128, LIST);
}

/// Writes an expression.
pub fn put_element(out: &mut Vec<u8>, element: &Element, dialect: Dialect) {
    match element {
        Element::Int(number) => put_int(out, *number),
        Element::Float(number) => put_float(out, *number),
        Element::Bytes(bytes) => put_bytes(out, bytes, dialect),
        Element::List(items) => {
            put_list(out, items.len());
            for item in items {
                put_element(out, item, dialect);
            }
        }
    }
}

fn put_header(out: &mut Vec<u8>, mut number: u128, kind: u8) {
    loop {
        out.push((number & 0x7f) as u8);
        number >>= 7;
        if number == 0 {
            break;
        }
    }
    out.push(kind);
}

fn word_index(bytes: &[u8]) -> Option<u128> {
    const LONGEST_WORD: usize = 13;
    if bytes.is_empty() || bytes.len() > LONGEST_WORD {
        return None;
    }
    let index = VOCABULARY
        .iter()
        .position(|word| word.as_bytes() == bytes)?;
    Some(index as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<Element>, BananaError> {
        let mut decoder = Decoder::new(Limits {
            depth: 4,
            ..Limits::default()
        });
        decoder.set_dialect(Dialect::Pb);
        decoder.feed(bytes);
        decoder.next_expression()
    }

    fn check(bytes: &[u8], element: Element) {
        assert_eq!(decode(bytes), Ok(Some(element.clone())));
        let mut encoded = Vec::new();
        put_element(&mut encoded, &element, Dialect::Pb);
        assert_eq!(encoded, bytes, "{element:?}");
    }

    #[test]
    fn elements_have_one_encoding() {
        check(b"\x00\x81", Element::Int(0));
        check(b"\x7f\x7f\x7f\x7f\x07\x81", Element::Int(0x7fff_ffff));
        check(b"\x00\x00\x00\x00\x08\x85", Element::Int(0x8000_0000));
        check(b"\x00\x00\x00\x00\x08\x83", Element::Int(-0x8000_0000));
        check(b"\x01\x00\x00\x00\x08\x86", Element::Int(-0x8000_0001));
        check(b"\x84\x3f\xf8\0\0\0\0\0\0", Element::Float(1.5));
        check(b"\x02\x82pb", Element::Bytes(b"pb".to_vec()));
        check(b"\x1a\x87", Element::Bytes(b"message".to_vec()));
        check(b"\x00\x82", Element::Bytes(Vec::new()));
        check(
            b"\x02\x80\x00\x80\x05\x81",
            Element::List(vec![Element::List(Vec::new()), Element::Int(5)]),
        );
    }

    #[test]
    fn absent_digits_are_zero() {
        assert_eq!(decode(b"\x80"), Ok(Some(Element::List(Vec::new()))));
        assert_eq!(decode(b"\x81"), Ok(Some(Element::Int(0))));
    }

    #[test]
    fn large_numbers_are_kept_or_refused() {
        let mut bytes = Vec::new();
        put_int(&mut bytes, i128::MAX);
        assert_eq!(decode(&bytes), Ok(Some(Element::Int(i128::MAX))));
        let mut too_large = vec![0x7f; 19];
        too_large.push(LONGINT);
        assert_eq!(decode(&too_large), Err(BananaError::IntegerTooLarge));
        let mut padded = vec![0x01];
        padded.extend([0; 63]);
        padded.push(INT);
        assert_eq!(decode(&padded), Ok(Some(Element::Int(1))));
        assert_eq!(decode(&[1; 65]), Err(BananaError::TooManyDigits));
    }

    #[test]
    fn what_the_format_forbids_is_refused() {
        assert_eq!(decode(b"\x00\x88"), Err(BananaError::UnknownType(0x88)));
        assert_eq!(decode(b"\x00\x87"), Err(BananaError::UnknownWord(0)));
        assert_eq!(decode(b"\x20\x87"), Err(BananaError::UnknownWord(32)));
        assert_eq!(
            decode(b"\x01\x00\x28\x82"),
            Err(BananaError::ElementTooLarge(655_361))
        );
        assert_eq!(
            decode(b"\x01\x00\x28\x80"),
            Err(BananaError::ElementTooLarge(655_361))
        );
        assert_eq!(decode(&b"\x01\x80".repeat(5)), Err(BananaError::TooDeep(4)));
        let mut plain = Decoder::new(Limits::default());
        plain.feed(b"\x01\x87");
        assert_eq!(plain.next_expression(), Err(BananaError::UnknownWord(1)));
    }

    #[test]
    fn an_expression_is_bounded_as_a_whole() {
        let mut decoder = Decoder::new(Limits {
            message_bytes: 10,
            message_values: 3,
            ..Limits::default()
        });
        decoder.feed(b"\x05\x82hello\x05\x82hello");
        assert!(matches!(decoder.next_expression(), Ok(Some(_))));
        assert!(matches!(decoder.next_expression(), Ok(Some(_))));
        decoder.feed(b"\x02\x80\x07\x82hello w");
        assert_eq!(
            decoder.next_expression(),
            Err(BananaError::ExpressionTooLong(10))
        );
        let mut decoder = Decoder::new(Limits {
            message_values: 3,
            ..Limits::default()
        });
        decoder.feed(b"\x04\x80\x00\x81\x00\x81\x00\x81");
        assert_eq!(
            decoder.next_expression(),
            Err(BananaError::TooManyElements(3))
        );
    }
}
