//! The hashes by which rows with long texts are found.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};

use crate::value::Value;

/// What stands for NULL: no UTF-8 text holds this byte.
const NULL: u8 = 0xf5;

/// The hash of several columns: SHA-1 of the values, with a NUL byte between them, in hexadecimal digits.
///
/// Buildbot: database, columns `name_hash` and `ss_hash`.
pub(crate) fn of_columns(values: &[Value<'_>]) -> String {
    let mut hash = Sha1::new();
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            hash.update([0]);
        }
        match value {
            Value::Null => hash.update([NULL]),
            Value::Integer(value) => hash.update(value.to_string()),
            Value::Text(value) => hash.update(value),
            Value::Blob(value) => hash.update(value),
        }
    }
    HEXLOWER.encode(&hash.finalize())
}

/// A text that fits into a column: one that is too long is cut in half of that, and the rest is told by a hash.
///
/// Buildbot: names of `objects` and of `object_state`.
pub(crate) fn fitting(text: &str, characters_max: usize) -> Cow<'_, str> {
    if text.chars().count() <= characters_max {
        return Cow::Borrowed(text);
    }
    let half = characters_max / 2;
    let hash = HEXLOWER.encode(&Sha1::digest(text));
    let cut = text.chars().take(half).chain(hash.chars().take(half));
    Cow::Owned(cut.collect())
}

#[cfg(test)]
mod tests {
    use super::{fitting, of_columns};
    use crate::connection::values;

    #[test]
    fn a_text_that_is_too_long_is_cut_and_told_apart() {
        assert_eq!(fitting("b1", 2), "b1");
        // printf aé1 | sha1sum
        assert_eq!(fitting("aé1", 2), "af");
        let long = "x".repeat(300);
        let cut = fitting(&long, 128);
        assert_eq!(cut.len(), 64 + 40);
        assert!(cut.starts_with(&"x".repeat(64)));
        assert_ne!(cut, fitting(&"x".repeat(301), 128));
    }

    #[test]
    fn a_name_alone_is_hashed_as_it_is() {
        // printf b1 | sha1sum
        assert_eq!(
            of_columns(values!["b1"]),
            "7e83ca2a65d6f90a809c8570c6c905a941b87732"
        );
    }

    #[test]
    fn nothing_differs_from_no_text_and_columns_do_not_run_together() {
        assert_ne!(of_columns(values![None::<i64>]), of_columns(values![""]));
        assert_ne!(
            of_columns(values!["ab", "c"]),
            of_columns(values!["a", "bc"])
        );
        assert_eq!(of_columns(values![7_i64]), of_columns(values!["7"]));
    }
}
