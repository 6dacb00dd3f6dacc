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

/// What makes a source stamp. Equal data is one row; the one with a patch is always a new one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NewSourceStamp {
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// Where the sources are kept.
    pub repository: String,
    /// The project that it belongs to.
    pub project: String,
    /// Which of the codebases of a buildset.
    pub codebase: String,
    /// What is applied to it. Then the source stamp is a new one in any case.
    pub patch: Option<NewPatch>,
}

/// A patch that is about to be added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NewPatch {
    /// How many directories are cut from its paths.
    pub level: i64,
    /// The patch.
    pub body: Vec<u8>,
    /// Who made it.
    pub author: String,
    /// What they say about it.
    pub comment: String,
    /// Where it is applied.
    pub subdir: Option<String>,
}

/// A source stamp that a buildset wants: one that has a row, or one that is found or added with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a buildset has a few, and they are not kept"
)]
pub enum WantedSource {
    /// It has a row: the one of a change, or of the build that is done again.
    Stored(SourceStampId),
    /// It may have none yet.
    New(NewSourceStamp),
}
