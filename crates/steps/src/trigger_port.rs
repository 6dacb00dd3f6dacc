//! Other builds that a step causes.

use buildbot_model::Results;
use buildbot_render::Value;

/// A scheduler that is triggered, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerRequest {
    /// Its name.
    pub scheduler: String,
    /// Whether the step waits for the builds.
    pub waited_for: bool,
    /// Attributes of the source stamps: `codebase`, `branch`, `revision`, `repository`, `project`, `patch_…`.
    pub source_stamps: Vec<Vec<(String, Value)>>,
    /// Properties: name, value, source.
    pub properties: Vec<(String, Value, String)>,
    /// What is shown of the relationship to this build.
    pub parent_relationship: String,
}

/// What a scheduler has submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// The buildset; nothing if it is submitted later.
    pub buildset: Option<i64>,
    /// Its build requests by builder.
    pub requests: Vec<(i64, i64)>,
}

/// How a buildset ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildsetEnd {
    /// Its result.
    pub results: Results,
    /// Its builds, by request and then by number.
    pub builds: Vec<TriggeredBuild>,
}

/// A build that was triggered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggeredBuild {
    /// The name of its builder.
    pub builder: String,
    /// The number of its builder.
    pub builder_id: i64,
    /// Its number.
    pub number: i64,
    /// Its result.
    pub results: Results,
}
