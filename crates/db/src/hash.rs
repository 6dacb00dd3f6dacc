//! The hashes by which rows with long texts are found.

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

#[cfg(test)]
mod tests {
    use super::of_columns;
    use crate::connection::values;

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
