//! Changes, as schedulers see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_model::{ChangeId, SourceStampId};
use buildbot_render::Value;

/// A change that the database has.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its row.
    pub id: ChangeId,
    /// Who made it.
    pub author: String,
    /// Who committed it.
    pub committer: Option<String>,
    /// The files that it touches.
    pub files: Vec<String>,
    /// What its author says about it.
    pub comments: String,
    /// The revision; `None` if there is none.
    pub revision: Option<String>,
    /// When it was made, in seconds since the epoch.
    pub when: i64,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// A page about it.
    pub revlink: Option<String>,
    /// Its properties: value and source.
    pub properties: BTreeMap<String, (Value, String)>,
    /// Where the sources are kept.
    pub repository: String,
    /// The project that it belongs to.
    pub project: String,
    /// Which of several repositories that are built together.
    pub codebase: String,
    /// The source stamp that has it.
    pub source_stamp: SourceStampId,
    /// The change before it.
    pub parents: Vec<ChangeId>,
}

/// Changes are shared between schedulers.
pub type SharedChange = Arc<Change>;

impl Change {
    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties.get(name).map(|(value, _)| value)
    }
}
