//! What the REST API tells and no table holds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use buildbot_data::Live;
use buildbot_logs::LogWriter;
use buildbot_model::LogId;
use serde_json::Value as Json;

/// The forms of force schedulers, as the web server asks for them, and the logs that are being written. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveData(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    forms: RwLock<Arc<[Json]>>,
    logs: RwLock<BTreeMap<LogId, LogWriter>>,
}

impl LiveData {
    /// The forms have changed.
    pub(crate) fn set_forms(&self, forms: Vec<Json>) {
        *self.0.forms.write().unwrap_or_else(PoisonError::into_inner) = forms.into();
    }

    /// A log is written from here on.
    pub(crate) fn log_begins(&self, writer: LogWriter) {
        let mut logs = self.0.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.insert(writer.log(), writer);
    }

    /// It gets nothing more.
    pub(crate) fn log_ends(&self, log: LogId) {
        let mut logs = self.0.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.remove(&log);
    }
}

impl Live for LiveData {
    fn force_schedulers(&self) -> Arc<[Json]> {
        let forms = self.0.forms.read();
        forms.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lines_of_log(&self, log: LogId) -> Option<u64> {
        let logs = self.0.logs.read().unwrap_or_else(PoisonError::into_inner);
        Some(logs.get(&log)?.progress().lines)
    }
}
