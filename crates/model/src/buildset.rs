//! Buildsets and their requests.

use std::collections::BTreeSet;

use crate::{
    BuildId, BuildRequestId, BuilderId, BuildsetId, Properties, SourceStamp, Timestamp,
    WantedSource,
};

/// A buildset that is about to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBuildset {
    /// For which builders a build is wanted. A buildset without any is complete, and a success, as soon as it is added.
    pub builders: BTreeSet<BuilderId>,
    /// One for each codebase.
    pub source_stamps: Vec<WantedSource>,
    /// What every request of it carries.
    pub properties: Properties,
    /// What a client calls it.
    pub external_id: Option<String>,
    /// Why it is wanted.
    pub reason: String,
    /// A higher one is built earlier.
    pub priority: i64,
    /// Whether the build that asked for it waits for its end.
    pub waited_for: bool,
    /// The build that asked for it.
    pub parent_build: Option<BuildId>,
    /// How that build calls it.
    pub parent_relationship: Option<String>,
    /// The build that it does again.
    pub rebuilt_build: Option<BuildId>,
    /// When somebody asked for it.
    pub submitted_at: Timestamp,
}

/// A request for one build that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    /// Its row.
    pub id: BuildRequestId,
    /// The buildset that it belongs to.
    pub buildset: BuildsetId,
    /// The builder that shall build it.
    pub builder: BuilderId,
    /// A higher one is built earlier.
    pub priority: i64,
    /// When somebody asked for it.
    pub submitted_at: Timestamp,
    /// Whether the build that asked for it waits for its end.
    pub waited_for: bool,
    /// Whether a build asked for it.
    pub has_parent: bool,
    /// One for each codebase.
    pub source_stamps: Vec<SourceStamp>,
    /// The properties of its buildset.
    pub properties: Properties,
}
