//! How calls of users are refused.

use buildbot_gateway::Failure;

/// A method that a perspective does not have.
pub(super) fn no_such_perspective(class: &str, method: &str) -> Failure {
    let text = format!("'{class}' object has no attribute 'perspective_{method}'");
    Failure::new("builtins.AttributeError", &[], text)
}

/// A method that another object does not have.
pub(super) fn no_such_method(method: &str) -> Failure {
    let text = format!("No such method: remote_{method}");
    Failure::new(
        "twisted.spread.flavors.NoSuchMethod",
        &["builtins.AttributeError"],
        text,
    )
}

/// Arguments of the wrong number or type.
pub(super) fn type_error(text: impl Into<String>) -> Failure {
    Failure::new("builtins.TypeError", &[], text)
}

/// What goes wrong on the side of the master.
pub(super) fn runtime_error(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("builtins.RuntimeError", &[], error.to_string())
}
