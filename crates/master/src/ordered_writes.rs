//! Writes on their way to the database that nobody waits for: in order, many in one transaction, and again after a pause
//! while what is wrong may pass.

use std::sync::Arc;
use std::time::Duration;

use buildbot_db::{Connection, StatementError, WriteError};
use tokio::sync::mpsc;

use crate::store::Store;

/// What waits for the database, filled while it is busy by changes, or by workers that come and go. Whoever puts something
/// waits when it is full.
const WAITING_MAX: usize = 1024;

/// How many are written in one transaction.
const TOGETHER_MAX: usize = 256;

/// Least and greatest pause before something is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

type Work = dyn Fn(&Connection) -> Result<(), StatementError> + Send + Sync;
type Act = Box<dyn FnOnce() + Send>;

/// What is done in order.
enum Item {
    Write(Write),
    /// Done when none from before is under way any more.
    After(Act),
}

struct Write {
    doing: &'static str,
    work: Arc<Work>,
    /// Done when it is durable.
    then: Option<Act>,
}

/// Where they go. When all of these are dropped, what waits is written all the same.
#[derive(Clone)]
pub(crate) struct OrderedWrites(mpsc::Sender<Item>);

/// The other end.
pub(crate) struct WaitingWrites(mpsc::Receiver<Item>);

/// Both ends.
pub(crate) fn queue() -> (OrderedWrites, WaitingWrites) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (OrderedWrites(sender), WaitingWrites(receiver))
}

impl OrderedWrites {
    /// Writes after what was put before; does not wait for the disk. What goes wrong is logged.
    pub(crate) async fn put(
        &self,
        doing: &'static str,
        work: impl Fn(&Connection) -> Result<(), StatementError> + Send + Sync + 'static,
    ) {
        let work = Arc::new(work);
        let then = None;
        self.send(Item::Write(Write { doing, work, then })).await;
    }

    /// The same, and `then` follows once it is durable: never if it is given up.
    pub(crate) async fn put_then(
        &self,
        doing: &'static str,
        work: impl Fn(&Connection) -> Result<(), StatementError> + Send + Sync + 'static,
        then: impl FnOnce() + Send + 'static,
    ) {
        let work = Arc::new(work);
        let then: Option<Act> = Some(Box::new(then));
        self.send(Item::Write(Write { doing, work, then })).await;
    }

    /// Does something once each that was put before is durable or, being a fault of ours, given up.
    pub(crate) async fn after(&self, act: impl FnOnce() + Send + 'static) {
        self.send(Item::After(Box::new(act))).await;
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
            let mut writes = Vec::new();
            for item in items.drain(..) {
                match item {
                    Item::Write(write) => writes.push(write),
                    Item::After(act) => {
                        write_all(std::mem::take(&mut writes), pauses, &write).await;
                        act();
                    }
                }
            }
            write_all(writes, pauses, &write).await;
        }
    }
}

/// Writes these, all together or, if one of them is a fault of ours, one by one.
async fn write_all<F: Future<Output = Result<(), WriteError>>>(
    mut writes: Vec<Write>,
    pauses: (Duration, Duration),
    write: &impl Fn(&[Arc<Work>]) -> F,
) {
    if writes.len() > 1 {
        let all: Vec<_> = writes.iter().map(|write| write.work.clone()).collect();
        let doing = writes.first().map_or("", |write| write.doing);
        if patiently(&all, doing, pauses, write).await {
            for then in writes.drain(..).filter_map(|write| write.then) {
                then();
            }
        }
    }
    for Write { doing, work, then } in writes {
        if patiently(&[work], doing, pauses, write).await
            && let Some(then) = then
        {
            then();
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
    /// each transaction, and how many of them there had been when which write was followed, and at the end.
    async fn check(outcomes: Vec<Result<(), WriteError>>, puts: usize) -> (Vec<usize>, String) {
        let (writes, waiting) = queue();
        let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
        let followed: Arc<Mutex<String>> = Arc::default();
        let note = |what: String| {
            let (seen, followed) = (seen.clone(), followed.clone());
            move || {
                let at = seen.lock().expect("no panic").len();
                let mut followed = followed.lock().expect("no panic");
                *followed += &format!("{what} at {at}, ");
            }
        };
        for number in 0..puts {
            let then = note(number.to_string());
            writes.put_then("keeping something", |_| Ok(()), then).await;
        }
        writes.after(note("end".to_owned())).await;
        drop(writes);
        let outcomes = Mutex::new(outcomes.into_iter());
        let write = |works: &[Arc<Work>]| {
            seen.lock().expect("no panic").push(works.len());
            let outcome = outcomes.lock().expect("no panic").next();
            async move { outcome.unwrap_or(Ok(())) }
        };
        waiting.run_with(SHORT, write).await;
        let followed = followed.lock().expect("no panic").clone();
        (seen.lock().expect("no panic").clone(), followed)
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_nothing_overtakes_it() {
        let outcomes = vec![Err(WriteError::Busy), Err(WriteError::Busy)];
        let (seen, followed) = check(outcomes, 3).await;
        assert_eq!(seen, [3, 3, 3]);
        assert_eq!(followed, "0 at 3, 1 at 3, 2 at 3, end at 3, ");
    }

    #[tokio::test]
    async fn one_that_is_wrong_takes_no_other_with_it_and_nothing_follows_from_it() {
        let outcomes = vec![Err(broken()), Ok(()), Err(broken())];
        let (seen, followed) = check(outcomes, 3).await;
        assert_eq!(seen, [3, 1, 1, 1]);
        assert_eq!(followed, "0 at 2, 2 at 4, end at 4, ");
    }
}
