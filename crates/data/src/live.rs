//! What the REST API tells and no table holds.

use serde_json::Value as Json;

/// What the configuration that is in force says.
pub trait Live: Send + Sync {
    /// The force schedulers of this master: objects with `name`, `button_name`, `label`, `builder_names`, `enabled` and
    /// `all_fields`, as the REST API has them.
    fn force_schedulers(&self) -> Vec<Json>;
}

/// A configuration without anything.
impl Live for () {
    fn force_schedulers(&self) -> Vec<Json> {
        Vec::new()
    }
}
