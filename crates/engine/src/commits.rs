//! What is on its way to the database, and what follows once it is durable.

use std::collections::BTreeMap;
use std::time::Duration;

use buildbot_model::{BuildId, BuildRequestId, Results, Transaction, WorkerId, Write};

use crate::Engine;
use crate::effect::Effect;
use crate::event::{CommitId, CommitOutcome, SubmissionId};
use crate::timers::Timer;

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What follows a transaction. Nothing that depends on it is announced or done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// A buildset is stored; older requests may be collapsed.
    Stored(SubmissionId),
    /// Older requests are collapsed.
    Collapsed(SubmissionId),
    /// A request is claimed, and its build has a row.
    Claimed(BuildRequestId),
    /// A step has ended, or the next one has begun, or both.
    Stepped(BuildId),
    /// A build has ended.
    Finished(BuildId),
    /// Something about a build is shown that nothing depends on.
    Shown(BuildId),
    /// A request that nobody built is ended.
    Ended(BuildRequestId, Results),
    /// What people said about a worker is stored.
    WorkerStored(WorkerId),
    /// Nothing depends on it.
    Nothing,
}

/// Transactions without an answer.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    last: u64,
    open: BTreeMap<CommitId, Open>,
}

#[derive(Debug)]
struct Open {
    transaction: Transaction,
    then: Then,
    retry: Duration,
}

impl Commits {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl Engine {
    pub(crate) fn commit(&mut self, writes: Vec<Write>, then: Then) {
        self.commits.last += 1;
        let commit = CommitId(self.commits.last);
        let transaction = Transaction { writes };
        let open = Open {
            transaction: transaction.clone(),
            then,
            retry: RETRY_MIN,
        };
        self.commits.open.insert(commit, open);
        self.effects.push_back(Effect::Commit {
            commit,
            transaction,
        });
    }

    pub(crate) fn commit_answered(&mut self, commit: CommitId, outcome: CommitOutcome) {
        if outcome == CommitOutcome::Unavailable {
            self.commit_later(commit);
            return;
        }
        self.timers.cancel(Timer::Commit(commit));
        let Some(open) = self.commits.open.remove(&commit) else {
            return;
        };
        match outcome {
            CommitOutcome::Committed(answers) => match open.then {
                Then::Stored(submission) => self.buildset_stored(submission, &answers),
                Then::Collapsed(submission) => self.collapse_done(submission, &answers),
                Then::Claimed(request) => self.claim_won(request, &answers),
                Then::Stepped(build) | Then::Finished(build) | Then::Shown(build) => {
                    self.build_committed(build, open.then, &answers);
                }
                Then::Ended(request, results) => {
                    self.ended_unbuilt(request, results, &answers);
                }
                Then::WorkerStored(worker) => self.worker_stored(worker),
                Then::Nothing => {}
            },
            CommitOutcome::Conflict(conflict) => match open.then {
                Then::Collapsed(submission) => self.collapse_refused(submission, conflict),
                Then::Claimed(request) => self.claim_lost(request),
                Then::Ended(request, _) => self.request_lost(request),
                Then::Stored(_)
                | Then::Stepped(_)
                | Then::Finished(_)
                | Then::Shown(_)
                | Then::WorkerStored(_)
                | Then::Nothing => {
                    unreachable!("only claims can be refused")
                }
            },
            CommitOutcome::Unavailable => unreachable!("handled above"),
        }
    }

    /// The database could not take it: it is sent again after a while, for what it says stays true.
    fn commit_later(&mut self, commit: CommitId) {
        let Some(open) = self.commits.open.get_mut(&commit) else {
            return;
        };
        let at = self.now + open.retry;
        open.retry = (open.retry * 2).min(RETRY_MAX);
        self.timers.set(Timer::Commit(commit), at);
    }

    pub(crate) fn commit_again(&mut self, commit: CommitId) {
        if let Some(open) = self.commits.open.get(&commit) {
            self.effects.push_back(Effect::Commit {
                commit,
                transaction: open.transaction.clone(),
            });
        }
    }
}
