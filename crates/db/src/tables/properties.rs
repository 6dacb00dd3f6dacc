//! Properties as the database keeps them, and JSON such that equal values have equal texts.

use std::collections::BTreeMap;

use buildbot_model::Property;
use serde_json::value::RawValue;

use crate::value::{Column, ColumnError, Row};

/// How deeply JSON may be nested to be brought into one form; Python nests no deeper by default than ten times that.
const DEPTH_MAX: usize = 100;

/// For changes and buildsets: `[value, source]`.
pub(crate) fn encode(property: &Property) -> String {
    let source = serde_json::Value::from(property.source.as_str());
    format!("[{}, {source}]", property.value)
}

/// The value and its source; what is no such list is taken for a value without a source.
pub(crate) fn decode(text: String) -> Property {
    match serde_json::from_str::<(Box<RawValue>, String)>(&text) {
        Ok((value, source)) => Property {
            value: canonical(value.get()),
            source,
        },
        Err(_) => Property {
            value: text,
            source: String::new(),
        },
    }
}

/// The same value without blanks, with the keys of objects in order, and with characters for their escapes.
///
/// Numbers stay as they are: there is no type that holds all of Python's.
pub(crate) fn canonical(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    match append(&mut text, json, 0) {
        Some(()) => text,
        None => json.to_owned(),
    }
}

fn append(text: &mut String, json: &str, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match json.trim_ascii_start().as_bytes().first()? {
        b'{' => {
            let object: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            let mut before = '{';
            for (key, value) in &object {
                text.push(before);
                before = ',';
                text.push_str(&serde_json::to_string(key).ok()?);
                text.push(':');
                append(text, value.get(), depth + 1)?;
            }
            text.push_str(if object.is_empty() { "{}" } else { "}" });
        }
        b'[' => {
            let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let mut before = '[';
            for value in &list {
                text.push(before);
                before = ',';
                append(text, value.get(), depth + 1)?;
            }
            text.push_str(if list.is_empty() { "[]" } else { "]" });
        }
        b'"' => {
            let string: String = serde_json::from_str(json).ok()?;
            text.push_str(&serde_json::to_string(&string).ok()?);
        }
        _ => text.push_str(json.trim_ascii()),
    }
    Some(())
}

/// A name and such a list.
pub(crate) fn read(row: &mut Row<'_>) -> Result<(String, Property), ColumnError> {
    Ok((row.take()?, decode(row.take()?)))
}

/// A row of two columns.
pub(crate) fn pair<A: Column, B: Column>(row: &mut Row<'_>) -> Result<(A, B), ColumnError> {
    Ok((row.take()?, row.take()?))
}

#[cfg(test)]
mod tests {
    use super::{canonical, decode, encode};
    use buildbot_model::Property;

    #[test]
    fn equal_values_have_equal_texts() {
        for (json, expected) in [
            (r#"{"b": [1, 2.50], "a": {}}"#, r#"{"a":{},"b":[1,2.50]}"#),
            (r#" "\u00fc\u0022" "#, r#""ü\"""#),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("NaN", "NaN"),
            ("[ ]", "[]"),
            ("[1, oops]", "[1, oops]"),
            ("", ""),
        ] {
            assert_eq!(canonical(json), expected, "{json}");
        }
        let deep = format!("{}{}", "[ ".repeat(5000), "]".repeat(5000));
        assert_eq!(canonical(&deep), deep);
    }

    #[test]
    fn a_property_is_read_as_it_was_written() {
        for (value, source) in [("null", "Change"), (r#"{"a":["x"]}"#, "say \"hi\"")] {
            let property = Property {
                value: value.to_owned(),
                source: source.to_owned(),
            };
            assert_eq!(decode(encode(&property)), property);
        }
        let odd = decode("no list".to_owned());
        assert_eq!((odd.value.as_str(), odd.source.as_str()), ("no list", ""));
    }
}
