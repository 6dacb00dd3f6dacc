//! Patterns of arguments, and what is raised when they cannot be used.

use buildbot_python_regex::{Pattern, PatternError, SearchError};
use buildbot_render::{Kind, Regex};

use crate::error::StepError;
use crate::step::type_error;

/// Compiles a pattern of an argument.
pub(crate) fn compile(regex: &Regex) -> Result<Pattern, StepError> {
    let Some(text) = regex.pattern.as_text() else {
        return Err(type_error(
            "cannot use a bytes pattern on a string-like object",
        ));
    };
    Pattern::new(text, regex.flags).map_err(raise)
}

/// A pattern that cannot be used.
pub(crate) fn raise(error: PatternError) -> StepError {
    StepError::of_class("re.error", error.to_string())
}

/// A search that takes too long.
pub(crate) fn search_error(error: SearchError) -> StepError {
    StepError::raise(Kind::Runtime, error.to_string())
}
