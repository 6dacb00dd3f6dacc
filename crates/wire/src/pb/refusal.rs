//! How calls that cannot be made are refused, in the classes that peers look for.

use crate::Failure;

/// Masters look for this class to find out that a worker is old.
pub(super) fn no_such_method(method: &str) -> Failure {
    let text = format!("No such method: remote_{method}");
    Failure::new(
        "twisted.spread.flavors.NoSuchMethod",
        &["builtins.AttributeError"],
        text,
    )
}

/// Arguments of the wrong number or type.
pub(super) fn type_error(method: &str, what: &str) -> Failure {
    Failure::new(
        "builtins.TypeError",
        &[],
        format!("remote_{method}: {what}"),
    )
}
