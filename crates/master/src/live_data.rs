//! What the REST API tells of the configuration and no table holds.

use std::sync::{Arc, PoisonError, RwLock};

use buildbot_data::Live;
use serde_json::Value as Json;

use crate::site::Site;

/// The configuration that is in force, as the web server asks for it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LiveData(Arc<RwLock<Arc<Site>>>);

impl LiveData {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self(Arc::new(RwLock::new(site)))
    }

    /// Another one is in force.
    pub(crate) fn replace(&self, site: Arc<Site>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = site;
    }
}

impl Live for LiveData {
    fn force_schedulers(&self) -> Vec<Json> {
        Vec::new()
    }
}
