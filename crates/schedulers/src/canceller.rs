//! Which requests nobody needs any more: `OldBuildCanceller`, `FailingBuildsetCanceller`.

use buildbot_model::{BuildRequestId, BuildsetId, Results};

use crate::change::SharedChange;
use crate::output::NewSourceStamp;

/// What cancellers are told.
#[derive(Debug)]
pub enum Happened {
    /// A change was stored.
    ChangeAdded(SharedChange),
    /// A request was stored, or was there when the configuration came.
    RequestAdded(TrackedRequest),
    /// A request is complete.
    RequestCompleted(BuildRequestId),
    /// A build ended.
    BuildFinished {
        /// The request that it built.
        request: BuildRequestId,
        /// How it ended.
        results: Results,
    },
}

/// A request as cancellers see it.
#[derive(Debug, Clone)]
pub struct TrackedRequest {
    /// Its row.
    pub id: BuildRequestId,
    /// Its buildset.
    pub buildset: BuildsetId,
    /// The name of its builder.
    pub builder: String,
    /// What it builds.
    pub source_stamps: Vec<NewSourceStamp>,
}

/// A request to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The request.
    pub request: BuildRequestId,
    /// Why, as the reference says it.
    pub reason: &'static str,
}
