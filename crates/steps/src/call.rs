//! What code of the user's is called with.

use buildbot_model::Results;
use buildbot_render::{Regex, Value};

/// One argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Data.
    Value(Value),
    /// The step as it is now.
    Step(LiveStep),
    /// The build.
    Build,
    /// The source stamps of the build.
    SourceStamps,
    /// What `match` of the pattern finds in the text.
    Match {
        /// The pattern.
        pattern: Regex,
        /// The text.
        text: String,
    },
}

/// What code of the user's sees of a step; the port knows the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveStep {
    /// The most derived class of ours that it is of.
    pub class: String,
    /// Its result, when it has one.
    pub results: Option<Results>,
    /// The argument `description`.
    pub description: Value,
    /// Statistics by name.
    pub statistics: Vec<(String, Value)>,
    /// Whether it was interrupted.
    pub stopped: bool,
    /// Its arguments by Python's names, rendered.
    pub arguments: Vec<(String, Value)>,
}
