//! What schedulers keep, on its way to the database: in order, many things in one transaction, and again after a pause
//! while what is wrong may pass.

use std::sync::Arc;
use std::time::Duration;

use buildbot_db::{Connection, StatementError, WriteError};
use tokio::sync::mpsc;

use crate::store::Store;

/// What waits for the database, filled by changes while it is busy. Schedulers wait when it is full.
const WAITING_MAX: usize = 1024;

/// How many are written in one transaction.
const TOGETHER_MAX: usize = 256;

/// Least and greatest pause before something is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

type Work = dyn Fn(&Connection) -> Result<(), StatementError> + Send + Sync;

/// What is done in order.
enum Item {
    Write(&'static str, Arc<Work>),
    /// Done when all from before is durable.
    Then(Box<dyn FnOnce() + Send>),
}

/// Where it goes. When this is dropped, what waits is written all the same.
#[derive(Clone)]
pub(crate) struct SchedulerWrites(mpsc::Sender<Item>);

/// The other end.
pub(crate) struct WaitingWrites(mpsc::Receiver<Item>);

/// Both ends.
pub(crate) fn queue() -> (SchedulerWrites, WaitingWrites) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (SchedulerWrites(sender), WaitingWrites(receiver))
}

impl SchedulerWrites {
    /// Writes after what was put before; does not wait for the disk.
    pub(crate) async fn put(
        &self,
        doing: &'static str,
        work: impl Fn(&Connection) -> Result<(), StatementError> + Send + Sync + 'static,
    ) {
        self.send(Item::Write(doing, Arc::new(work))).await;
    }

    /// Does something once what was put before is durable.
    pub(crate) async fn then(&self, act: impl FnOnce() + Send + 'static) {
        self.send(Item::Then(Box::new(act))).await;
    }

    async fn send(&self, item: Item) {
        // A master that ends writes nothing more.
        drop(self.0.send(item).await);
    }
}

impl WaitingWrites {
    /// Writes until nobody puts anything any more.
    pub(crate) async fn run(self, store: Store) {
        self.run_with(PAUSES, |works| {
            let works: Vec<_> = works.to_vec();
            store.write(move |connection| works.iter().try_for_each(|work| work(connection)))
        })
        .await;
    }

    async fn run_with<F: Future<Output = Result<(), WriteError>>>(
        mut self,
        pauses: (Duration, Duration),
        write: impl Fn(&[Arc<Work>]) -> F,
    ) {
        let mut items = Vec::new();
        while self.0.recv_many(&mut items, TOGETHER_MAX).await > 0 {
            let mut works = Vec::new();
            for item in items.drain(..) {
                match item {
                    Item::Write(doing, work) => works.push((doing, work)),
                    Item::Then(act) => {
                        write_all(std::mem::take(&mut works), pauses, &write).await;
                        act();
                    }
                }
            }
            write_all(works, pauses, &write).await;
        }
    }
}

/// Writes these, all together or, if one of them is a fault of ours, one by one.
async fn write_all<F: Future<Output = Result<(), WriteError>>>(
    works: Vec<(&'static str, Arc<Work>)>,
    pauses: (Duration, Duration),
    write: &impl Fn(&[Arc<Work>]) -> F,
) {
    let all: Vec<_> = works.iter().map(|(_, work)| work.clone()).collect();
    let doing = works.first().map_or("", |(doing, _)| *doing);
    if all.is_empty() || patiently(&all, doing, pauses, write).await {
        return;
    }
    if works.len() > 1 {
        for (doing, work) in works {
            patiently(&[work], doing, pauses, write).await;
        }
    }
}

/// Whether it was written.
async fn patiently<F: Future<Output = Result<(), WriteError>>>(
    works: &[Arc<Work>],
    doing: &'static str,
    pauses: (Duration, Duration),
    write: &impl Fn(&[Arc<Work>]) -> F,
) -> bool {
    let mut pause = pauses.0;
    loop {
        match write(works).await {
            Ok(()) => return true,
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "while {doing}; it is tried again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(pauses.1);
            }
            Err(error) => {
                tracing::error!(%error, "while {doing}");
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const SHORT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(1));

    fn broken() -> WriteError {
        WriteError::Statement(Arc::new(StatementError::Missing {
            noun: "scheduler",
            id: 1,
        }))
    }

    /// Runs the queue with a database that gives these outcomes, and then takes everything. Returns how much was in
    /// each transaction, and whether it was there at the given moment.
    async fn check(outcomes: Vec<Result<(), WriteError>>, puts: usize) -> (Vec<usize>, usize) {
        let (writes, waiting) = queue();
        for _ in 0..puts {
            writes.put("keeping something", |_| Ok(())).await;
        }
        let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
        let at_then: Arc<Mutex<usize>> = Arc::default();
        {
            let (seen, at_then) = (seen.clone(), at_then.clone());
            let then =
                move || *at_then.lock().expect("no panic") = seen.lock().expect("no panic").len();
            writes.then(then).await;
        }
        drop(writes);
        let outcomes = Mutex::new(outcomes.into_iter());
        let write = |works: &[Arc<Work>]| {
            seen.lock().expect("no panic").push(works.len());
            let outcome = outcomes.lock().expect("no panic").next();
            async move { outcome.unwrap_or(Ok(())) }
        };
        waiting.run_with(SHORT, write).await;
        let at_then = *at_then.lock().expect("no panic");
        (seen.lock().expect("no panic").clone(), at_then)
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_nothing_overtakes_it() {
        let outcomes = vec![Err(WriteError::Busy), Err(WriteError::Busy)];
        assert_eq!(check(outcomes, 3).await, (vec![3, 3, 3], 3));
    }

    #[tokio::test]
    async fn one_that_is_wrong_takes_no_other_with_it() {
        let outcomes = vec![Err(broken()), Ok(()), Err(broken())];
        assert_eq!(check(outcomes, 3).await, (vec![3, 1, 1, 1], 4));
    }
}
