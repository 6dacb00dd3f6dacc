//! How arguments are refused, in the words that peers know.

use crate::Failure;

/// Arguments of the wrong number or type.
pub(super) fn type_error(method: &str, what: &str) -> Failure {
    Failure::type_error(format!("remote_{method}: {what}"))
}
