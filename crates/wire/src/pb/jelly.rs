//! Jelly: typed values as banana expressions.
//!
//! Source: `docs/formats/pb.md`, "Jelly".

use std::collections::BTreeMap;

use super::banana::{self, Dialect, ELEMENT_SIZE_MAX, Element};
use crate::{Limits, Value};

/// Why an expression is not a value that this connection carries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JellyError {
    /// A list that does not begin with the name of a form.
    #[error("an expression without the name of a form")]
    NoForm,
    /// A form that does not exist or that Buildbot does not use.
    #[error("the form {0:?} is not accepted")]
    UnknownForm(String),
    /// A known form with the wrong parts.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A shared value that has not been seen, or a cycle.
    #[error("no shared value has the number {0}")]
    UnknownReference(i128),
    /// Shared values that expand to more than the limit.
    #[error("shared values expand to more than {0} values or bytes")]
    ExpandsTooFar(usize),
}

/// Why a value cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text or byte string longer than 640 KiB, or a list of as many elements.
    #[error("a value of size {0} cannot be sent; at most {ELEMENT_SIZE_MAX} is possible")]
    TooLarge(usize),
}

/// Turns one expression (an argument list, keyword arguments, a result) into a value.
pub fn decode(element: Element, limits: &Limits) -> Result<Value, JellyError> {
    let mut decoder = Decoder {
        shared: BTreeMap::new(),
        expansion_left: limits.message_bytes,
        limits,
    };
    decoder.value(element)
}

struct Decoder<'a> {
    /// Values by their number, with the cost of one more copy.
    shared: BTreeMap<i128, (Value, usize)>,
    /// Copies of shared values may use this much more memory.
    expansion_left: usize,
    limits: &'a Limits,
}

impl Decoder<'_> {
    fn value(&mut self, element: Element) -> Result<Value, JellyError> {
        let items = match element {
            Element::Int(number) => return Ok(Value::Int(number)),
            Element::Float(number) => return Ok(Value::Float(number)),
            Element::Bytes(bytes) => return Ok(Value::Bytes(bytes)),
            Element::List(items) => items,
        };
        let mut parts = items.into_iter();
        let Some(Element::Bytes(form)) = parts.next() else {
            return Err(JellyError::NoForm);
        };
        match form.as_slice() {
            b"None" => no_more("None", parts, Value::None),
            b"unicode" => match (parts.next(), parts.next()) {
                (Some(Element::Bytes(utf8)), None) => {
                    let text = String::from_utf8(utf8);
                    text.map(Value::Text)
                        .map_err(|_| JellyError::Malformed("unicode"))
                }
                _ => Err(JellyError::Malformed("unicode")),
            },
            b"boolean" => match (parts.next(), parts.next()) {
                (Some(Element::Bytes(truth)), None) if truth == b"true" => Ok(Value::Bool(true)),
                (Some(Element::Bytes(truth)), None) if truth == b"false" => Ok(Value::Bool(false)),
                _ => Err(JellyError::Malformed("boolean")),
            },
            b"list" => self.values(parts).map(Value::List),
            b"tuple" => self.values(parts).map(Value::Tuple),
            b"dictionary" => self.pairs(parts).map(Value::Dict),
            b"reference" => match (parts.next(), parts.next(), parts.next()) {
                (Some(Element::Int(number)), Some(shared), None) => self.share(number, shared),
                _ => Err(JellyError::Malformed("reference")),
            },
            b"dereference" => match (parts.next(), parts.next()) {
                (Some(Element::Int(number)), None) => self.shared_again(number),
                _ => Err(JellyError::Malformed("dereference")),
            },
            b"remote" => object_number("remote", parts).map(Value::Remote),
            b"local" => object_number("local", parts).map(Value::Local),
            class if class.contains(&b'.') => match (parts.next(), parts.next()) {
                (Some(state), None) => Ok(Value::Copied {
                    class: form_name(class),
                    state: Box::new(self.value(state)?),
                }),
                _ => Err(JellyError::Malformed("copied object")),
            },
            unknown => Err(JellyError::UnknownForm(form_name(unknown))),
        }
    }

    fn values(&mut self, parts: impl Iterator<Item = Element>) -> Result<Vec<Value>, JellyError> {
        parts.map(|part| self.value(part)).collect()
    }

    fn pairs(
        &mut self,
        parts: impl Iterator<Item = Element>,
    ) -> Result<Vec<(Value, Value)>, JellyError> {
        parts
            .map(|part| {
                let Element::List(pair) = part else {
                    return Err(JellyError::Malformed("dictionary"));
                };
                let Ok([key, value]) = <[Element; 2]>::try_from(pair) else {
                    return Err(JellyError::Malformed("dictionary"));
                };
                Ok((self.value(key)?, self.value(value)?))
            })
            .collect()
    }

    fn share(&mut self, number: i128, shared: Element) -> Result<Value, JellyError> {
        let value = self.value(shared)?;
        self.shared
            .insert(number, (value.clone(), value.memory_cost()));
        Ok(value)
    }

    fn shared_again(&mut self, number: i128) -> Result<Value, JellyError> {
        let Some((value, cost)) = self.shared.get(&number) else {
            return Err(JellyError::UnknownReference(number));
        };
        let Some(left) = self.expansion_left.checked_sub(*cost) else {
            return Err(JellyError::ExpandsTooFar(self.limits.message_bytes));
        };
        self.expansion_left = left;
        Ok(value.clone())
    }
}

fn no_more(
    form: &'static str,
    mut parts: impl Iterator<Item = Element>,
    value: Value,
) -> Result<Value, JellyError> {
    match parts.next() {
        None => Ok(value),
        Some(_) => Err(JellyError::Malformed(form)),
    }
}

fn object_number(
    form: &'static str,
    mut parts: impl Iterator<Item = Element>,
) -> Result<u64, JellyError> {
    match (parts.next(), parts.next()) {
        (Some(Element::Int(number)), None) => {
            u64::try_from(number).map_err(|_| JellyError::Malformed(form))
        }
        _ => Err(JellyError::Malformed(form)),
    }
}

fn form_name(form: &[u8]) -> String {
    String::from_utf8_lossy(form).chars().take(100).collect()
}

/// Appends a value. What was appended before an error is left in `out`.
pub fn encode(out: &mut Vec<u8>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::None => {
            banana::put_list(out, 1);
            put_word(out, "None");
        }
        Value::Bool(truth) => {
            banana::put_list(out, 2);
            put_word(out, "boolean");
            put_word(out, if *truth { "true" } else { "false" });
        }
        Value::Int(number) => banana::put_int(out, *number),
        Value::Float(number) => banana::put_float(out, *number),
        Value::Bytes(bytes) => put_bytes(out, bytes)?,
        Value::Text(text) => encode_text(out, text)?,
        Value::List(items) => encode_items(out, "list", items)?,
        Value::Tuple(items) => encode_items(out, "tuple", items)?,
        Value::Dict(pairs) => {
            put_form(out, "dictionary", pairs.len())?;
            for (key, value) in pairs {
                banana::put_list(out, 2);
                encode(out, key)?;
                encode(out, value)?;
            }
        }
        Value::Remote(number) => {
            put_form(out, "remote", 1)?;
            banana::put_int(out, i128::from(*number));
        }
        Value::Local(number) => {
            put_form(out, "local", 1)?;
            banana::put_int(out, i128::from(*number));
        }
        Value::Copied { class, state } => {
            put_form(out, class, 1)?;
            encode(out, state)?;
        }
    }
    Ok(())
}

fn encode_text(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    put_form(out, "unicode", 1)?;
    put_bytes(out, text.as_bytes())
}

pub(crate) fn encode_items(
    out: &mut Vec<u8>,
    form: &str,
    items: &[Value],
) -> Result<(), EncodeError> {
    put_form(out, form, items.len())?;
    items.iter().try_for_each(|item| encode(out, item))
}

fn put_form(out: &mut Vec<u8>, form: &str, parts: usize) -> Result<(), EncodeError> {
    if parts >= ELEMENT_SIZE_MAX {
        return Err(EncodeError::TooLarge(parts));
    }
    banana::put_list(out, parts + 1);
    put_word(out, form);
    Ok(())
}

fn put_word(out: &mut Vec<u8>, word: &str) {
    banana::put_bytes(out, word.as_bytes(), Dialect::Pb);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > ELEMENT_SIZE_MAX {
        return Err(EncodeError::TooLarge(bytes.len()));
    }
    banana::put_bytes(out, bytes, Dialect::Pb);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> Element {
        Element::Bytes(word.as_bytes().to_vec())
    }

    fn form(form: &str, parts: impl IntoIterator<Item = Element>) -> Element {
        Element::List([word(form)].into_iter().chain(parts).collect())
    }

    fn check(element: Element, value: Value) {
        assert_eq!(
            decode(element.clone(), &Limits::default()),
            Ok(value.clone())
        );
        let mut encoded = Vec::new();
        encode(&mut encoded, &value).unwrap();
        let mut expected = Vec::new();
        banana::put_element(&mut expected, &element, Dialect::Pb);
        assert_eq!(encoded, expected, "{value:?}");
    }

    fn refuse(element: Element, error: JellyError) {
        assert_eq!(decode(element, &Limits::default()), Err(error));
    }

    #[test]
    fn every_form_round_trips() {
        check(form("None", []), Value::None);
        check(
            form("unicode", [Element::Bytes("é".into())]),
            Value::from("é"),
        );
        check(form("boolean", [word("true")]), Value::Bool(true));
        check(form("boolean", [word("false")]), Value::Bool(false));
        check(
            form("list", [Element::Int(1)]),
            Value::List(vec![Value::Int(1)]),
        );
        check(form("tuple", []), Value::Tuple(Vec::new()));
        check(
            form(
                "dictionary",
                [Element::List(vec![Element::Int(1), Element::Float(2.0)])],
            ),
            Value::Dict(vec![(Value::Int(1), Value::Float(2.0))]),
        );
        check(form("remote", [Element::Int(7)]), Value::Remote(7));
        check(form("local", [Element::Int(7)]), Value::Local(7));
        check(
            form("a.B", [form("dictionary", [])]),
            Value::Copied {
                class: "a.B".to_owned(),
                state: Box::new(Value::Dict(Vec::new())),
            },
        );
    }

    #[test]
    fn shared_values_are_resolved() {
        let shared = form("reference", [Element::Int(1), form("tuple", [])]);
        let list = form("list", [shared, form("dereference", [Element::Int(1)])]);
        assert_eq!(
            decode(list, &Limits::default()),
            Ok(Value::List(vec![
                Value::Tuple(Vec::new()),
                Value::Tuple(Vec::new())
            ]))
        );
    }

    #[test]
    fn shared_values_cannot_be_made_to_explode() {
        let mut bomb = form("list", [Element::Bytes(vec![0; 1000])]);
        for number in 1..40 {
            let again = || form("dereference", [Element::Int(number)]);
            bomb = form(
                "list",
                [
                    form("reference", [Element::Int(number), bomb]),
                    again(),
                    again(),
                ],
            );
        }
        let limits = Limits::default();
        assert_eq!(
            decode(bomb, &limits),
            Err(JellyError::ExpandsTooFar(limits.message_bytes))
        );
    }

    #[test]
    fn what_is_not_a_value_is_refused() {
        refuse(Element::List(Vec::new()), JellyError::NoForm);
        refuse(form("set", []), JellyError::UnknownForm("set".to_owned()));
        refuse(
            form("dereference", [Element::Int(1)]),
            JellyError::UnknownReference(1),
        );
        refuse(
            form("unicode", [Element::Bytes(vec![0xff])]),
            JellyError::Malformed("unicode"),
        );
        refuse(
            form("boolean", [word("maybe")]),
            JellyError::Malformed("boolean"),
        );
        refuse(
            form("dictionary", [Element::Int(1)]),
            JellyError::Malformed("dictionary"),
        );
        refuse(
            form("remote", [Element::Int(-1)]),
            JellyError::Malformed("remote"),
        );
    }

    #[test]
    fn a_value_that_the_peer_would_refuse_is_not_sent() {
        let long = Value::Bytes(vec![0; ELEMENT_SIZE_MAX + 1]);
        assert_eq!(
            encode(&mut Vec::new(), &long),
            Err(EncodeError::TooLarge(ELEMENT_SIZE_MAX + 1))
        );
    }
}
