//! A change on its way into the database.

use buildbot_render::Value;

/// A change as a change source, a hook or a client gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewChange {
    /// Who made it.
    pub author: Option<String>,
    /// Who committed it.
    pub committer: Option<String>,
    /// The files that it touches.
    pub files: Option<Vec<String>>,
    /// What its author says about it.
    pub comments: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// When it was made, in seconds since the epoch; `None` is now.
    pub when: Option<i64>,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// Its category: a text, or a callable that finds it.
    pub category: Value,
    /// A page about it.
    pub revlink: Option<String>,
    /// Its properties.
    pub properties: Vec<(String, Value)>,
    /// Where the sources are kept.
    pub repository: Option<String>,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// The codebase, if whoever gives it knows.
    pub codebase: Option<String>,
    /// The version control system: `git`, `svn` … its author becomes a user then.
    pub source: Option<String>,
}
