//! How calls of users are refused.

use buildbot_gateway::Failure;

/// A method that a perspective does not have.
pub(super) fn no_such_perspective(class: &str, method: &str) -> Failure {
    let text = format!("'{class}' object has no attribute 'perspective_{method}'");
    Failure::new("builtins.AttributeError", &[], text)
}

/// What goes wrong on the side of the master.
pub(super) fn runtime_error(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("builtins.RuntimeError", &[], error.to_string())
}
