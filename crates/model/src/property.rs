//! Properties: named values that travel with requests and builds.

use std::collections::BTreeMap;

/// A value, and who set it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Property {
    /// JSON as the database keeps it: equal values have equal texts, for keys of objects are sorted.
    pub value: String,
    /// Who set it: `Scheduler`, `Force Build Form`, `Change` …
    pub source: String,
}

/// Properties by name.
pub type Properties = BTreeMap<String, Property>;
