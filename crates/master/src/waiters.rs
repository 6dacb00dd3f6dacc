//! Who waits for the end of things.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use buildbot_db::tables::{build_requests, builders, builds, buildsets};
use buildbot_db::{Connection, ReadError, StatementError};
use buildbot_model::{BuildRequestId, BuildsetId, ChangeId, Results};
use buildbot_steps::{BuildsetEnd, TriggeredBuild};
use tokio::sync::oneshot;

use crate::shell::Shell;

/// Who waits for the end of things.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    pub(crate) buildsets: Table<BuildsetId>,
    pub(crate) requests: Table<BuildRequestId>,
    /// Changes, until all that follows from them at once is stored.
    pub(crate) changes: Table<ChangeId>,
    /// Schedulers, until they are configured no more.
    ///
    /// Differs: a scheduler whose arguments change is no other one, and what it has triggered is waited for, because
    /// nothing that the builds do depends on it.
    pub(crate) schedulers: Table<String>,
}

/// Who waits for the end of things of one kind.
#[derive(Debug)]
pub(crate) struct Table<K>(Mutex<Rows<K>>);

#[derive(Debug)]
struct Rows<K> {
    waiting: BTreeMap<K, BTreeMap<u64, oneshot::Sender<()>>>,
    last_number: u64,
}

/// One who waits. Nothing is left of it when it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'a, K: Ord> {
    table: &'a Table<K>,
    key: K,
    number: u64,
    ended: oneshot::Receiver<()>,
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
        Self(Mutex::new(Rows {
            waiting: BTreeMap::new(),
            last_number: 0,
        }))
    }
}

impl<K: Ord> Table<K> {
    fn lock(&self) -> MutexGuard<'_, Rows<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What ends from now on is heard of.
    pub(crate) fn wait(&self, key: K) -> Waiting<'_, K>
    where
        K: Clone,
    {
        let (sender, ended) = oneshot::channel();
        let mut rows = self.lock();
        rows.last_number += 1;
        let number = rows.last_number;
        let of_key = rows.waiting.entry(key.clone()).or_default();
        of_key.insert(number, sender);
        Waiting {
            table: self,
            key,
            number,
            ended,
        }
    }

    /// It is over.
    pub(crate) fn complete(&self, key: &K) {
        let ended = self.lock().waiting.remove(key);
        for sender in ended.into_iter().flat_map(BTreeMap::into_values) {
            // It may have given up.
            let _ = sender.send(());
        }
    }
}

impl<K: Ord> Waiting<'_, K> {
    /// Waits for it.
    pub(crate) async fn end(&mut self) {
        // The other end is in the table until it is over.
        let _ = (&mut self.ended).await;
    }
}

impl<K: Ord> Drop for Waiting<'_, K> {
    fn drop(&mut self) {
        let mut rows = self.table.lock();
        if let Some(of_key) = rows.waiting.get_mut(&self.key) {
            of_key.remove(&self.number);
            if of_key.is_empty() {
                rows.waiting.remove(&self.key);
            }
        }
    }
}

/// Waits until a request is complete, and gives the results of its builds.
pub(crate) async fn request_results(
    shell: &Shell,
    request: BuildRequestId,
) -> Result<Vec<Results>, ReadError> {
    // First, so that an end between the question and the answer is not missed.
    let mut complete = shell.waiters.requests.wait(request);
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
    if let Some(known) = read().await? {
        return Ok(known);
    }
    complete.end().await;
    Ok(read().await?.unwrap_or_default())
}

/// Waits until a buildset is complete, and says how it ended.
pub(crate) async fn buildset_end(
    shell: &Shell,
    buildset: BuildsetId,
    scheduler: Option<String>,
) -> Result<BuildsetEnd, WaitError> {
    // First, as above.
    let mut complete = shell.waiters.buildsets.wait(buildset);
    let mut stopped = scheduler.map(|name| shell.waiters.schedulers.wait(name));
    let read = || {
        shell
            .store
            .read(move |connection| read_end(connection, buildset))
    };
    if let Some(known) = read().await? {
        return Ok(known);
    }
    let stop = async {
        match &mut stopped {
            Some(stopped) => stopped.end().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = complete.end() => Ok(read().await?.ok_or(ReadError::Stopped)?),
        () = stop => Err(WaitError::SchedulerStopped),
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
    async fn who_waits_no_more_leaves_nothing_behind_and_the_others_wait() {
        let table = Table::default();
        let (first, mut second) = (table.wait(1), table.wait(1));
        drop(first);
        table.complete(&2);
        assert!(second.ended.try_recv().is_err(), "it still waits");
        table.complete(&1);
        second.end().await;
        drop(table.wait(2));
        assert!(table.lock().waiting.is_empty());
    }
}
