//! Values as words of a command line.

use buildbot_render::Value;

use crate::error::StepError;

/// Words of a command.
pub(crate) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    words.into_iter().map(Value::from).collect()
}

/// The text of an argument that must be one; Python stumbles over its `attribute` otherwise.
pub(crate) fn required<'a>(value: &'a Value, attribute: &str) -> Result<&'a str, StepError> {
    value.as_text().ok_or_else(|| {
        StepError::raise(
            buildbot_render::Kind::Attribute,
            format!(
                "'{}' object has no attribute '{attribute}'",
                value.type_name()
            ),
        )
    })
}

/// The text that an argument must be.
pub(crate) fn argument(value: &Value, name: &str) -> Result<String, StepError> {
    match value {
        Value::Text(text) | Value::Path(text) => Ok(text.clone()),
        other => Err(StepError::raise(
            buildbot_render::Kind::Type,
            format!("{name} must be a text, not {}", other.type_name()),
        )),
    }
}
