//! MessagePack, as far as the protocol uses it: no extension types, text keys only.
//!
//! Source: `docs/formats/msgpack.md`, "Encoding".

use rmp::Marker;

use crate::{Limits, LineMarks, Stream, Update, Value};

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends within a value.
    #[error("the message ends too early")]
    Truncated,
    /// Bytes are left over after the value.
    #[error("{0} bytes follow the message")]
    TrailingBytes(usize),
    /// A type that the protocol does not use.
    #[error("the MessagePack type {0:?} is not accepted")]
    UnknownType(String),
    /// Text that is not UTF-8.
    #[error("a text is not valid UTF-8")]
    NotUtf8,
    /// A map key that is no text.
    #[error("a key is not a text")]
    KeyNotText,
    /// Nested too deeply.
    #[error("values nested more than {0} deep")]
    TooDeep(usize),
    /// Too many values.
    #[error("a message of more than {0} values")]
    TooManyValues(usize),
}

/// Why a value cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// An integer outside of 64 bits.
    #[error("the integer {0} needs more than 64 bits")]
    IntegerTooLarge(i128),
    /// A key that is no text.
    #[error("a key is not a text")]
    KeyNotText,
    /// Something that only Perspective Broker carries.
    #[error("references and copied objects exist in Perspective Broker only")]
    NotSupported,
    /// More than 2³² bytes or elements.
    #[error("a value of size {0} is too large")]
    TooLarge(usize),
}

/// Decodes one message.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
    let mut decoder = Decoder {
        rest: bytes,
        values_left: limits.message_values,
        limits,
    };
    let value = decoder.value(limits.depth)?;
    match decoder.rest.len() {
        0 => Ok(value),
        left => Err(DecodeError::TrailingBytes(left)),
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
    values_left: usize,
    limits: &'a Limits,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth_left: usize) -> Result<Value, DecodeError> {
        let Some(values_left) = self.values_left.checked_sub(1) else {
            return Err(DecodeError::TooManyValues(self.limits.message_values));
        };
        self.values_left = values_left;
        let [marker] = self.array()?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Value::None,
            Marker::True => Value::Bool(true),
            Marker::False => Value::Bool(false),
            Marker::FixPos(number) => Value::Int(number.into()),
            Marker::FixNeg(number) => Value::Int(number.into()),
            Marker::U8 => Value::Int(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => Value::Int(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Value::Int(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Value::Int(u64::from_be_bytes(self.array()?).into()),
            Marker::I8 => Value::Int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Value::Int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Value::Int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Value::Int(i64::from_be_bytes(self.array()?).into()),
            Marker::F32 => Value::Float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => Value::Float(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(length) => self.text(length.into())?,
            Marker::Str8 => self.length8().and_then(|length| self.text(length))?,
            Marker::Str16 => self.length16().and_then(|length| self.text(length))?,
            Marker::Str32 => self.length32().and_then(|length| self.text(length))?,
            Marker::Bin8 => self.length8().and_then(|length| self.bytes(length))?,
            Marker::Bin16 => self.length16().and_then(|length| self.bytes(length))?,
            Marker::Bin32 => self.length32().and_then(|length| self.bytes(length))?,
            Marker::FixArray(length) => self.list(length.into(), depth_left)?,
            Marker::Array16 => self
                .length16()
                .and_then(|length| self.list(length, depth_left))?,
            Marker::Array32 => self
                .length32()
                .and_then(|length| self.list(length, depth_left))?,
            Marker::FixMap(length) => self.map(length.into(), depth_left)?,
            Marker::Map16 => self
                .length16()
                .and_then(|length| self.map(length, depth_left))?,
            Marker::Map32 => self
                .length32()
                .and_then(|length| self.map(length, depth_left))?,
            other @ (Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32
            | Marker::Reserved) => return Err(DecodeError::UnknownType(format!("{other:?}"))),
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length8(&mut self) -> Result<usize, DecodeError> {
        Ok(u8::from_be_bytes(self.array()?).into())
    }

    fn length16(&mut self) -> Result<usize, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn length32(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| DecodeError::Truncated)
    }

    fn text(&mut self, length: usize) -> Result<Value, DecodeError> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::NotUtf8)?;
        Ok(Value::from(text))
    }

    fn bytes(&mut self, length: usize) -> Result<Value, DecodeError> {
        Ok(Value::Bytes(self.take(length)?.to_vec()))
    }

    /// Room for a container; a length that cannot be true is refused before memory is taken.
    fn room<T>(&self, length: usize, depth_left: usize) -> Result<Vec<T>, DecodeError> {
        if depth_left == 0 {
            return Err(DecodeError::TooDeep(self.limits.depth));
        }
        if length > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        if length > self.values_left {
            return Err(DecodeError::TooManyValues(self.limits.message_values));
        }
        Ok(Vec::new())
    }

    fn list(&mut self, length: usize, depth_left: usize) -> Result<Value, DecodeError> {
        let mut items = self.room(length, depth_left)?;
        for _ in 0..length {
            items.push(self.value(depth_left - 1)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, length: usize, depth_left: usize) -> Result<Value, DecodeError> {
        let mut pairs = self.room(length, depth_left)?;
        for _ in 0..length {
            let key @ Value::Text(_) = self.value(depth_left - 1)? else {
                return Err(DecodeError::KeyNotText);
            };
            pairs.push((key, self.value(depth_left - 1)?));
        }
        Ok(Value::Dict(pairs))
    }
}

/// Writes to a `Vec` cannot fail.
macro_rules! put {
    ($write:expr) => {
        match $write {
            Ok(_) => {}
            Err(_) => unreachable!("a Vec takes every write"),
        }
    };
}

/// Appends a value in its smallest form. What was appended before an error is left in `out`.
pub fn encode(out: &mut Vec<u8>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::None => put!(rmp::encode::write_nil(out)),
        Value::Bool(truth) => put!(rmp::encode::write_bool(out, *truth)),
        Value::Int(number) => put_int(out, *number)?,
        Value::Float(number) => put!(rmp::encode::write_f64(out, *number)),
        Value::Bytes(bytes) => {
            put!(rmp::encode::write_bin_len(out, size(bytes.len())?));
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => put_text(out, text)?,
        Value::List(items) | Value::Tuple(items) => {
            put_array(out, items.len())?;
            items.iter().try_for_each(|item| encode(out, item))?;
        }
        Value::Dict(pairs) => {
            put_map(out, pairs.len())?;
            for (key, value) in pairs {
                put_text(out, key.as_text().ok_or(EncodeError::KeyNotText)?)?;
                encode(out, value)?;
            }
        }
        Value::Remote(_) | Value::Local(_) | Value::Copied { .. } => {
            return Err(EncodeError::NotSupported);
        }
    }
    Ok(())
}

/// Appends the head of a map; its pairs follow.
pub(super) fn put_map(out: &mut Vec<u8>, length: usize) -> Result<(), EncodeError> {
    put!(rmp::encode::write_map_len(out, size(length)?));
    Ok(())
}

fn put_array(out: &mut Vec<u8>, length: usize) -> Result<(), EncodeError> {
    put!(rmp::encode::write_array_len(out, size(length)?));
    Ok(())
}

/// Appends a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    put!(rmp::encode::write_str_len(out, size(text.len())?));
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_int(out: &mut Vec<u8>, number: i128) -> Result<(), EncodeError> {
    if let Ok(number) = u64::try_from(number) {
        put!(rmp::encode::write_uint(out, number));
    } else if let Ok(number) = i64::try_from(number) {
        put!(rmp::encode::write_sint(out, number));
    } else {
        return Err(EncodeError::IntegerTooLarge(number));
    }
    Ok(())
}

fn size(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| EncodeError::TooLarge(length))
}

/// Appends the array of `[key, value]` pairs that `update` carries.
///
/// Written directly, because a line would otherwise cost two [`Value`]s.
pub(super) fn put_updates(out: &mut Vec<u8>, updates: &[Update]) -> Result<(), EncodeError> {
    put_array(out, updates.len())?;
    for update in updates {
        put_array(out, 2)?;
        match update {
            Update::Text {
                stream,
                text,
                marks,
            } => {
                put_text(out, stream.key())?;
                if let Stream::Log(name) = stream {
                    put_array(out, 2)?;
                    put_text(out, name)?;
                }
                put_lines(out, text, marks.as_ref())?;
            }
            other => {
                let (key, value) = other.clone().into_plain_pair();
                encode(out, &key)?;
                encode(out, &value)?;
            }
        }
    }
    Ok(())
}

fn put_lines(out: &mut Vec<u8>, text: &str, marks: Option<&LineMarks>) -> Result<(), EncodeError> {
    put_array(out, 3)?;
    put_text(out, text)?;
    let (newlines, times) = match marks {
        Some(marks) => (marks.newlines.as_slice(), marks.times.as_slice()),
        None => (&[][..], &[][..]),
    };
    put_array(out, newlines.len())?;
    for newline in newlines {
        put!(rmp::encode::write_uint(out, u64::from(*newline)));
    }
    put_array(out, times.len())?;
    for time in times {
        put!(rmp::encode::write_f64(out, *time));
    }
    Ok(())
}

/// The updates in the arguments of `update`.
pub(super) fn updates_of(args: &Value) -> Option<Vec<Update>> {
    let pairs = args.as_sequence()?.iter().map(|pair| {
        let [key, value] = pair.as_sequence()? else {
            return None;
        };
        let stream = match key.as_text()? {
            "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            "header" => Stream::Header,
            "log" => {
                let [name, lines] = value.as_sequence()? else {
                    return None;
                };
                return lines_of(Stream::Log(name.as_text()?.to_owned()), lines);
            }
            other => return Some(Update::from_plain_pair(other, value.clone())),
        };
        lines_of(stream, value)
    });
    pairs.collect()
}

fn lines_of(stream: Stream, value: &Value) -> Option<Update> {
    let [text, newlines, times] = value.as_sequence()? else {
        return None;
    };
    let newlines = newlines
        .as_sequence()?
        .iter()
        .map(|index| u32::try_from(index.as_int()?).ok());
    let times = times.as_sequence()?.iter().map(Value::as_float);
    let marks = LineMarks {
        newlines: newlines.collect::<Option<_>>()?,
        times: times.collect::<Option<_>>()?,
    };
    Some(Update::Text {
        stream,
        text: text.as_text()?.to_owned(),
        marks: Some(marks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, bytes: &[u8]) {
        let mut encoded = Vec::new();
        encode(&mut encoded, &value).unwrap();
        assert_eq!(encoded, bytes, "{value:?}");
        assert_eq!(decode(bytes, &Limits::default()), Ok(value));
    }

    fn refuse(bytes: &[u8], error: DecodeError) {
        let limits = Limits {
            depth: 3,
            message_values: 10,
            ..Limits::default()
        };
        assert_eq!(decode(bytes, &limits), Err(error));
    }

    #[test]
    fn values_take_their_smallest_form() {
        check(Value::None, b"\xc0");
        check(Value::Bool(true), b"\xc3");
        check(Value::Int(127), b"\x7f");
        check(Value::Int(128), b"\xcc\x80");
        check(Value::Int(-32), b"\xe0");
        check(Value::Int(-33), b"\xd0\xdf");
        check(
            Value::Int(u64::MAX.into()),
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        );
        check(Value::Int(i64::MIN.into()), b"\xd3\x80\0\0\0\0\0\0\0");
        check(Value::Float(1.5), b"\xcb\x3f\xf8\0\0\0\0\0\0");
        check(Value::from("é"), b"\xa2\xc3\xa9");
        check(Value::Bytes(vec![0xff]), b"\xc4\x01\xff");
        check(Value::List(vec![Value::Int(1)]), b"\x91\x01");
        check(
            Value::Dict(vec![(Value::from("a"), Value::None)]),
            b"\x81\xa1a\xc0",
        );
    }

    #[test]
    fn any_form_is_accepted() {
        let limits = Limits::default();
        assert_eq!(decode(b"\xcd\x00\x01", &limits), Ok(Value::Int(1)));
        assert_eq!(decode(b"\xca\x3f\xc0\0\0", &limits), Ok(Value::Float(1.5)));
        assert_eq!(decode(b"\xdb\0\0\0\x01a", &limits), Ok(Value::from("a")));
        assert_eq!(
            decode(b"\xdd\0\0\0\0", &limits),
            Ok(Value::List(Vec::new()))
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        refuse(b"", DecodeError::Truncated);
        refuse(b"\xa2a", DecodeError::Truncated);
        refuse(b"\xdd\xff\xff\xff\xff\xc0", DecodeError::Truncated);
        refuse(b"\xc0\xc0", DecodeError::TrailingBytes(1));
        refuse(b"\xa1\xff", DecodeError::NotUtf8);
        refuse(b"\x81\x01\x01", DecodeError::KeyNotText);
        refuse(b"\xc1", DecodeError::UnknownType("Reserved".to_owned()));
        refuse(b"\x91\x91\x91\x91\xc0", DecodeError::TooDeep(3));
        refuse(
            b"\x9b\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0",
            DecodeError::TooManyValues(10),
        );
    }

    #[test]
    fn what_msgpack_cannot_carry_is_not_sent() {
        let mut out = Vec::new();
        assert_eq!(
            encode(&mut out, &Value::Remote(1)),
            Err(EncodeError::NotSupported)
        );
        let too_large = i128::from(u64::MAX) + 1;
        assert_eq!(
            encode(&mut out, &Value::Int(too_large)),
            Err(EncodeError::IntegerTooLarge(too_large))
        );
        let numbered = Value::Dict(vec![(Value::Int(1), Value::None)]);
        assert_eq!(encode(&mut out, &numbered), Err(EncodeError::KeyNotText));
    }
}
