//! Jobs of `buildbot try`.

use buildbot_render::Value;

/// What a client wants tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TryJob {
    /// The client's own name for it.
    pub id: Option<String>,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision that the patch is made against; `None` is the newest.
    pub revision: Option<String>,
    /// How many parts of file names are taken off.
    pub patch_level: i64,
    /// The patch.
    pub patch_body: Vec<u8>,
    /// Where the sources are kept.
    pub repository: String,
    /// The project that they belong to.
    pub project: String,
    /// Who tries it.
    pub who: String,
    /// What they say about it.
    pub comment: String,
    /// The builders that are asked for; none is all of them.
    pub builders: Vec<String>,
    /// Properties for the builds.
    pub properties: Vec<(String, Value)>,
}
