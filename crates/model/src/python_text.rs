//! Python's text forms of plain values: what users, logs and error messages of the reference show.

use std::fmt::Write as _;

/// Python's `repr` of a `float`: the shortest digits, an exponent outside of 1e-4 … 1e16.
pub fn repr_of_float(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let text = number.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// Python's `repr` of a `bytes`.
pub fn repr_of_bytes(bytes: &[u8]) -> String {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut text = format!("b{quote}");
    for byte in bytes {
        match char::from(*byte) {
            character @ (' '..='~') => push_printable(&mut text, character, quote),
            character => push_escaped(&mut text, character),
        }
    }
    text.push(quote);
    text
}

/// Python's `repr` of a `str`; characters beyond Latin-1 count as printable.
pub fn repr_of_text(value: &str) -> String {
    let quote = quote_for(value.contains('\''), value.contains('"'));
    let mut text = String::from(quote);
    for character in value.chars() {
        if character.is_control() {
            push_escaped(&mut text, character);
        } else {
            push_printable(&mut text, character, quote);
        }
    }
    text.push(quote);
    text
}

fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn push_printable(text: &mut String, character: char, quote: char) {
    if character == quote || character == '\\' {
        text.push('\\');
    }
    text.push(character);
}

fn push_escaped(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{:02x}", u32::from(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{repr_of_bytes, repr_of_float, repr_of_text};

    #[test]
    fn values_look_as_in_python() {
        assert_eq!(repr_of_float(1.0), "1.0");
        assert_eq!(repr_of_float(1e16), "1e+16");
        assert_eq!(repr_of_float(1.5e-7), "1.5e-07");
        assert_eq!(repr_of_text("it's"), "\"it's\"");
        assert_eq!(repr_of_text("tab\there"), "'tab\\there'");
        assert_eq!(repr_of_bytes(b"a\xff"), "b'a\\xff'");
    }
}
