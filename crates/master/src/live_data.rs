//! What the REST API tells of the configuration and no table holds.

use std::sync::{Arc, PoisonError, RwLock};

use buildbot_data::Live;
use serde_json::Value as Json;

/// The forms of force schedulers, as the web server asks for them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveData(Arc<RwLock<Vec<Json>>>);

impl LiveData {
    /// The forms have changed.
    pub(crate) fn set_forms(&self, forms: Vec<Json>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = forms;
    }
}

impl Live for LiveData {
    fn force_schedulers(&self) -> Vec<Json> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
