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

/// Python's `repr` of a `str`.
pub fn repr_of_text(value: &str) -> String {
    let quote = quote_for(value.contains('\''), value.contains('"'));
    let mut text = String::from(quote);
    for character in value.chars() {
        if is_printable(character) {
            push_printable(&mut text, character, quote);
        } else {
            push_escaped(&mut text, character);
        }
    }
    text.push(quote);
    text
}

/// Whether Python prints a character as it is.
///
/// Rust's `str::escape_debug` escapes the same categories of Unicode, but also combining characters at the
/// start; hence the letter before.
fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\0'..='\u{a0}' | '\u{ad}' => false,
        _ => {
            let text = String::from_iter(['a', character]);
            text.escape_debug().nth(1) != Some('\\')
        }
    }
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
            let _ = match u32::from(other) {
                code @ 0..0x100 => write!(text, "\\x{code:02x}"),
                code @ 0x100..0x1_0000 => write!(text, "\\u{code:04x}"),
                code => write!(text, "\\U{code:08x}"),
            };
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
        assert_eq!(
            repr_of_text("é\u{301}\u{a0}\u{ad}\u{200b}\u{3000}\u{e000}\u{1f600}\u{10ffff}"),
            "'é\u{301}\\xa0\\xad\\u200b\\u3000\\ue000\u{1f600}\\U0010ffff'"
        );
        assert_eq!(repr_of_bytes(b"a\xff"), "b'a\\xff'");
    }
}
