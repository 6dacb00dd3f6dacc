//! Which sources are built.

use crate::SourceStampId;

/// A place in the history of one codebase. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceStamp {
    /// Its row.
    pub id: SourceStampId,
    /// Which of the codebases of a buildset; `""` if there is only one.
    pub codebase: String,
    /// Where the sources are kept.
    pub repository: String,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// The project that it belongs to.
    pub project: String,
    /// Whether a patch is applied to it.
    pub has_patch: bool,
    /// Whether changes belong to it.
    pub has_changes: bool,
}
