//! What the REST API tells and no table holds.

use std::sync::Arc;

use buildbot_model::LogId;
use serde_json::Value as Json;

/// What the configuration that is in force says, and what is happening.
pub trait Live: Send + Sync {
    /// The force schedulers of this master: objects with `name`, `button_name`, `label`, `builder_names`, `enabled` and
    /// `all_fields`, as the REST API has them.
    fn force_schedulers(&self) -> Arc<[Json]>;

    /// How many lines a log has that is being written here. The database knows that of those that are complete.
    fn lines_of_log(&self, log: LogId) -> Option<u64>;
}

/// A configuration without anything.
impl Live for () {
    fn force_schedulers(&self) -> Arc<[Json]> {
        Arc::default()
    }

    fn lines_of_log(&self, _log: LogId) -> Option<u64> {
        None
    }
}
