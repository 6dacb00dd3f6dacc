//! Buildsets on their way into the database, and who waits for their ids.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use buildbot_engine::Event;
use buildbot_engine::event::SubmissionId;
use buildbot_model::{BuildRequestId, BuilderId, BuildsetId, NewBuildset};
use tokio::sync::oneshot;

use crate::shell::Shell;

/// The ids of a buildset.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    pub(crate) buildset: BuildsetId,
    pub(crate) requests: Vec<(BuilderId, BuildRequestId)>,
}

/// What is remembered of a buildset until it is stored.
#[derive(Debug)]
pub(crate) struct Submission {
    /// Who submits it.
    pub(crate) scheduler: String,
    /// Its builders, in the order of the requests.
    pub(crate) builders: Vec<BuilderId>,
    pub(crate) reply: oneshot::Sender<Submitted>,
}

/// Buildsets that are not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Submissions(Mutex<BTreeMap<SubmissionId, Submission>>);

impl Submissions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SubmissionId, Submission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self, id: SubmissionId) -> Option<Submission> {
        self.lock().remove(&id)
    }
}

/// Submits a buildset, and waits for its ids; `None` if the master ends before.
pub(crate) async fn submit(
    shell: &Shell,
    scheduler: &str,
    buildset: NewBuildset,
) -> Option<Submitted> {
    let id = SubmissionId(shell.next_number());
    let (reply, submitted) = oneshot::channel();
    let submission = Submission {
        scheduler: scheduler.to_owned(),
        builders: buildset.builders.iter().copied().collect(),
        reply,
    };
    shell.submissions.lock().insert(id, submission);
    let event = Event::BuildsetSubmitted {
        submission: id,
        buildset,
    };
    shell.engine.send(event).await;
    submitted.await.ok()
}
