//! All schedulers of a master.

use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{Description, Scheduler as Configured};
use buildbot_model::Timestamp;
use jiff::tz::TimeZone;

use crate::input::Input;
use crate::output::Output;

/// How often a master tries to claim a scheduler that another one runs.
pub const CLAIM_INTERVAL: Duration = Duration::from_secs(300);

/// All schedulers of a master.
#[derive(Debug)]
pub struct Schedulers {
    zone: TimeZone,
}

/// A scheduler that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scheduler '{scheduler}': {reason}")]
pub struct Refused {
    /// Its name.
    pub scheduler: String,
    /// Why.
    pub reason: String,
}

impl Schedulers {
    /// No scheduler yet. Times of the day are those of `zone`, the master's own.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// Replaces the configuration. Schedulers that stay keep what they are doing.
    ///
    /// # Errors
    ///
    /// When a scheduler cannot be run; then nothing has changed.
    pub fn configure(
        &mut self,
        now: Timestamp,
        schedulers: &[Configured],
        description: &Arc<Description>,
    ) -> Result<Vec<Output>, Vec<Refused>> {
        let _ = (now, schedulers, description, &self.zone);
        Ok(Vec::new())
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let _ = (now, input);
        Vec::new()
    }

    /// When [`Schedulers::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Output> {
        let _ = now;
        Vec::new()
    }
}
