//! What uploads and downloads have in common: how they end.

use std::path::Path;

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Stream, Update};

use super::{RemoteFailure, Report};

/// Most bytes of a block, whatever `blocksize` says: PB has no longer strings.
pub(super) const BLOCK_BYTES_MAX: u64 = 655_360;

/// What has gone wrong with a transfer so far. What happens first counts.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `rc` will be 1.
    failed: bool,
    message: Option<String>,
    /// A call that the master answered with an error.
    failure: Option<Failure>,
}

impl Progress {
    /// Notes a failure that the master learns from `rc` and a text on standard error.
    pub(super) fn fail(&mut self, message: String) {
        self.failed = true;
        self.message.get_or_insert(message);
    }

    /// Notes that the transfer was interrupted.
    pub(super) fn interrupt(&mut self) {
        self.failed = true;
    }

    /// Notes that the file is longer than allowed.
    pub(super) fn truncate(&mut self, path: &Path, report: &Report) {
        self.fail(format!(
            "Maximum filesize reached, truncating file '{}'",
            report.shown(path)
        ));
    }

    /// Notes that the master refused a call.
    pub(super) fn refused(&mut self, failure: RemoteFailure) {
        self.failed = true;
        match failure {
            RemoteFailure::Answered(failure) => {
                self.failure.get_or_insert(failure);
            }
            // Then nobody hears the end either.
            RemoteFailure::Lost => {}
        }
    }

    /// Makes the call that ends the transfer.
    ///
    /// After an interrupt a refusal does not matter: the rest of an archive is missing, say.
    pub(super) async fn close(&mut self, request: TransferRequest, report: &mut Report) {
        match report.call(request).await {
            Ok(_) => {}
            Err(error) if report.is_interrupted() => {
                tracing::debug!(%error, "closing an interrupted transfer");
            }
            Err(error) => self.refused(error),
        }
    }

    /// Sends `rc`, and the text if there is one.
    pub(super) fn conclude(self, report: &mut Report) -> Result<(), Failure> {
        report.value(Update::Rc(i64::from(self.failed)));
        if let Some(message) = self.message {
            report.text(&Stream::Stderr, &message);
        }
        self.failure.map_or(Ok(()), Err)
    }
}
