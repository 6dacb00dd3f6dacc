//! JSON as the reference writes it: sorted keys, nothing but ASCII, compact or with two blanks.

use std::io;

use serde::Serialize as _;
use serde_json::Value as Json;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Writes nothing but ASCII.
struct Ascii<F>(F);

impl<F: Formatter> Formatter for Ascii<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|character: char| !character.is_ascii()) {
            let (plain, other) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = other.chars();
            let mut units = [0; 2];
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Compact, in the order of its keys.
pub(crate) fn ascii(value: &Json) -> String {
    write(value, CompactFormatter)
}

/// Compact, with sorted keys.
pub fn compact(mut value: Json) -> String {
    value.sort_all_objects();
    write(&value, CompactFormatter)
}

/// Over several lines, with sorted keys.
pub fn pretty(mut value: Json) -> String {
    value.sort_all_objects();
    write(&value, PrettyFormatter::with_indent(b"  "))
}

/// Over several lines, in the order of its keys.
pub(crate) fn indented(value: &Json) -> String {
    write(value, PrettyFormatter::with_indent(b"  "))
}

/// How many lines it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One.
    Compact,
    /// Several.
    Pretty,
}

/// Writes what [`compact`] and [`pretty`] make, and holds no copy of it.
pub fn write_to(writer: impl io::Write, mut value: Json, layout: Layout) -> io::Result<()> {
    value.sort_all_objects();
    match layout {
        Layout::Compact => serialize(writer, &value, CompactFormatter),
        Layout::Pretty => serialize(writer, &value, PrettyFormatter::with_indent(b"  ")),
    }
}

fn serialize(writer: impl io::Write, value: &Json, formatter: impl Formatter) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(writer, Ascii(formatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

fn write(value: &Json, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    match serialize(&mut bytes, value, formatter) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        // Writing to memory does not fail, and every value can be written.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{compact, pretty};
    use serde_json::json;

    #[test]
    fn what_is_not_ascii_is_escaped_and_keys_are_sorted() {
        let value = json!({"b": "\u{e9}\u{1f600}\n\u{7f}", "a": {"d": 1, "c": []}});
        assert_eq!(
            compact(value.clone()),
            "{\"a\":{\"c\":[],\"d\":1},\"b\":\"\\u00e9\\ud83d\\ude00\\n\u{7f}\"}"
        );
        assert!(pretty(value).starts_with("{\n  \"a\": {\n    \"c\": [],\n"));
    }
}
