//! Who waits for the end of buildsets and requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use buildbot_db::tables::{build_requests, builders, builds, buildsets};
use buildbot_db::{Connection, ReadError, StatementError};
use buildbot_model::{BuildRequestId, BuildsetId, ChangeId, Results};
use buildbot_steps::{BuildsetEnd, TriggeredBuild};
use tokio::sync::oneshot;

use crate::shell::Shell;

/// Who waits for the end of buildsets and requests.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    pub(crate) buildsets: Table<BuildsetId>,
    pub(crate) requests: Table<BuildRequestId>,
    /// Changes, until all that follows from them at once is stored.
    pub(crate) changes: Table<ChangeId>,
}

/// Who waits for the end of things of one kind.
#[derive(Debug)]
pub(crate) struct Table<K>(Mutex<BTreeMap<K, Vec<Waiter>>>);

#[derive(Debug)]
struct Waiter {
    /// Whether it is complete; else the scheduler is gone.
    sender: oneshot::Sender<bool>,
    /// The scheduler that made it.
    scheduler: Option<String>,
}

/// Why somebody does not hear of an end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The text is the reference's.
    #[error("Triggerable scheduler stopped before build was complete")]
    SchedulerStopped,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Table<K> {
    pub(crate) fn wait(&self, key: K, scheduler: Option<String>) -> oneshot::Receiver<bool> {
        let (sender, receiver) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.entry(key).or_default();
        waiting.retain(|waiter| !waiter.sender.is_closed());
        waiting.push(Waiter { sender, scheduler });
        receiver
    }

    /// Nobody waits any more who does not listen.
    fn give_up(&self, key: &K) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = all.get_mut(key) {
            waiting.retain(|waiter| !waiter.sender.is_closed());
            if waiting.is_empty() {
                all.remove(key);
            }
        }
    }

    /// It is over.
    pub(crate) fn complete(&self, key: &K) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for waiter in all.remove(key).into_iter().flatten() {
            // It may have given up.
            let _ = waiter.sender.send(true);
        }
    }

    /// A scheduler is configured no more: nobody waits any longer for what it has made.
    ///
    /// Differs: after a reconfiguration that changes the arguments of a triggered scheduler, `Trigger` waits on for
    /// what it has triggered, because nothing that those builds do depends on it; the reference gives up.
    pub(crate) fn scheduler_stopped(&self, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in all.values_mut() {
            let of_scheduler = |waiter: &mut Waiter| waiter.scheduler.as_deref() == Some(name);
            for waiter in waiting.extract_if(.., of_scheduler) {
                // It may have given up.
                let _ = waiter.sender.send(false);
            }
        }
        all.retain(|_, waiting| !waiting.is_empty());
    }
}

/// Waits until a request is complete, and gives the results of its builds.
pub(crate) async fn request_results(
    shell: &Shell,
    request: BuildRequestId,
) -> Result<Vec<Results>, ReadError> {
    let complete = shell.waiters.requests.wait(request, None);
    let read = || {
        shell.store.read(move |connection| {
            let row = build_requests::by_id(connection, request)?;
            if row.is_some_and(|row| !row.complete) {
                return Ok(None);
            }
            let builds = builds::of_request(connection, request)?;
            Ok(Some(
                builds
                    .into_iter()
                    .filter_map(|build| build.results)
                    .collect(),
            ))
        })
    };
    let known = read().await.transpose();
    if let Some(known) = known {
        drop(complete);
        shell.waiters.requests.give_up(&request);
        return known;
    }
    if complete.await.is_err() {
        return Err(ReadError::Stopped);
    }
    Ok(read().await?.unwrap_or_default())
}

/// Waits until a buildset is complete, and says how it ended.
pub(crate) async fn buildset_end(
    shell: &Shell,
    buildset: BuildsetId,
    scheduler: Option<String>,
) -> Result<BuildsetEnd, WaitError> {
    // First, so that an end between the question and the answer is not missed.
    let complete = shell.waiters.buildsets.wait(buildset, scheduler);
    let read = || {
        shell
            .store
            .read(move |connection| read_end(connection, buildset))
    };
    let known = read().await.transpose();
    if let Some(known) = known {
        drop(complete);
        shell.waiters.buildsets.give_up(&buildset);
        return Ok(known?);
    }
    match complete.await {
        Ok(true) => Ok(read().await?.ok_or(ReadError::Stopped)?),
        Ok(false) => Err(WaitError::SchedulerStopped),
        Err(_) => Err(ReadError::Stopped.into()),
    }
}

/// Nothing if it is not complete.
fn read_end(
    connection: &Connection,
    id: BuildsetId,
) -> Result<Option<BuildsetEnd>, StatementError> {
    let Some(buildset) = buildsets::by_id(connection, id)?.filter(|it| it.complete) else {
        return Ok(None);
    };
    let mut triggered = Vec::new();
    for request in build_requests::of_buildset(connection, id)? {
        let builder = builders::by_id(connection, request.builder)?;
        let name = builder.map(|builder| builder.name).unwrap_or_default();
        for build in builds::of_request(connection, request.id)? {
            triggered.push(TriggeredBuild {
                builder: name.clone(),
                builder_id: build.builder.0,
                number: build.number.0,
                results: build.results.unwrap_or(Results::Retry),
            });
        }
    }
    Ok(Some(BuildsetEnd {
        results: buildset.results.unwrap_or(Results::Success),
        builds: triggered,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_needs_not_wait_leaves_nothing_behind() {
        let table = Table::default();
        let (first, second) = (table.wait(1, None), table.wait(1, None));
        drop(first);
        table.give_up(&1);
        table.complete(&1);
        assert!(second.await.is_ok(), "the other one still waits");
        drop(table.wait(2, None));
        table.give_up(&2);
        assert!(table.0.lock().expect("no panic").is_empty());
    }
}
