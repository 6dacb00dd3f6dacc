//! The one thread that writes, and group commit.
//!
//! Transactions that arrive while a commit runs are committed together: the disk is awaited once for all of them. Each
//! has a savepoint of its own, so that one that fails, or decides against itself, takes no other with it. An answer is
//! given only after the commit has reached the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::connection::{Connection, StatementError};

/// How many transactions one commit makes durable.
pub const GROUP_MAX: usize = 512;

/// How many transactions wait for the writer, filled by builds that end faster than the disk is: eight groups. Whoever
/// submits one more waits.
pub const QUEUE_MAX: usize = 8 * GROUP_MAX;

/// How often a group asks for the lock of the database, each time for the busy wait of the connection, 1 s.
const ATTEMPTS_MAX: usize = 30;

/// What becomes of the writes of a transaction, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// They are committed.
    Keep(T),
    /// They are undone. It is an outcome, not an error: a claim that somebody else was faster with.
    Undo(T),
}

/// Why a transaction did not become true. Nothing of it is in the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// One of its statements failed.
    #[error("{0}")]
    Statement(Arc<StatementError>),
    /// Another process held the lock all the time.
    #[error("the database is locked by another process for {ATTEMPTS_MAX} s")]
    Busy,
    /// The disk or the file failed.
    #[error("while committing: {0}")]
    Commit(Arc<rusqlite::Error>),
    /// The writer has ended.
    #[error("the writer of the database has ended")]
    Stopped,
}

impl WriteError {
    /// Whether the same transaction may succeed later: when there is room on the disk, when the lock is free.
    ///
    /// The others are faults of ours, and doing it again gives the same.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy | Self::Commit(_) => true,
            Self::Statement(error) => error.may_pass(),
            Self::Stopped => false,
        }
    }
}

/// A transaction in the queue.
trait Job: Send {
    /// Makes the writes. Returns whether they are kept. May be called again when they were lost with those of others.
    fn run(&mut self, connection: &Connection) -> Result<bool, StatementError>;

    /// Tells whoever waits.
    fn answer(self: Box<Self>, outcome: Result<(), WriteError>);
}

struct Pending<T, W, A>
where
    A: FnOnce(Result<T, WriteError>),
{
    work: W,
    /// Nothing, once it has been called.
    answer: Option<A>,
    done: Option<T>,
}

/// Whoever waits hears of it even if the writer panics and its queue is dropped.
impl<T, W, A> Drop for Pending<T, W, A>
where
    A: FnOnce(Result<T, WriteError>),
{
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer(Err(WriteError::Stopped));
        }
    }
}

impl<T, W, A> Job for Pending<T, W, A>
where
    T: Send,
    W: Fn(&Connection) -> Result<Verdict<T>, StatementError> + Send,
    A: FnOnce(Result<T, WriteError>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<bool, StatementError> {
        self.done = None;
        let (keeps, done) = match (self.work)(connection)? {
            Verdict::Keep(done) => (true, done),
            Verdict::Undo(done) => (false, done),
        };
        self.done = Some(done);
        Ok(keeps)
    }

    fn answer(mut self: Box<Self>, outcome: Result<(), WriteError>) {
        let done = self.done.take();
        if let Some(answer) = self.answer.take() {
            answer(outcome.and_then(|()| done.ok_or(WriteError::Stopped)));
        }
    }
}

/// The thread that writes. Dropping it lets the queue run empty first.
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("db-write".to_owned())
            .spawn(move || write_groups(&connection, &jobs))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Puts a transaction into the queue, and waits while that is full. `answer` is called on the writer's thread.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<Verdict<T>, StatementError> + Send + 'static,
        answer: impl FnOnce(Result<T, WriteError>) + Send + 'static,
    ) {
        let job = Box::new(Pending {
            work,
            answer: Some(answer),
            done: None,
        });
        if let Some(queue) = &self.queue {
            // A refused one is dropped, and answers by that.
            drop(queue.send(job));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database panicked");
        }
    }
}

fn write_groups(connection: &Connection, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP_MAX - 1));
        // A fault of ours ends what it is in, and not the thread: everything else goes on.
        if unwound(|| write_group(connection, group)).is_err() {
            roll_back(connection);
        }
    }
}

/// Nothing of what it does is looked at any more if it panics, but what SQLite keeps.
fn unwound<T>(work: impl FnOnce() -> T) -> Result<T, StatementError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| StatementError::Broke)
}

fn roll_back(connection: &Connection) {
    if connection.is_in_transaction()
        && let Err(error) = connection.run("ROLLBACK")
    {
        tracing::error!(%error, "while rolling back");
    }
}

/// Who hears the answer may break, which is not the matter of the others.
fn tell(job: Box<dyn Job>, outcome: Result<(), WriteError>) {
    if unwound(|| job.answer(outcome)).is_err() {
        tracing::error!("who waited for a transaction broke");
    }
}

fn write_group(connection: &Connection, mut group: Vec<Box<dyn Job>>) {
    match attempt(connection, &mut group) {
        Ok(outcomes) => {
            for (job, outcome) in group.into_iter().zip(outcomes) {
                tell(job, outcome);
            }
        }
        // Whose fault it was is not known: a full disk, or one transaction that is too large for it. Alone, each gets
        // what it deserves.
        Err(WriteError::Commit(error)) if group.len() > 1 => {
            tracing::warn!(%error, transactions = group.len(), "a group was not committed: one at a time now");
            for job in group {
                write_group(connection, vec![job]);
            }
        }
        Err(error) => {
            tracing::error!(%error, transactions = group.len(), "the database took nothing");
            for job in group {
                tell(job, Err(error.clone()));
            }
        }
    }
}

/// One transaction of the database: the outcome of each job once it is durable, or nothing of any.
fn attempt(
    connection: &Connection,
    group: &mut [Box<dyn Job>],
) -> Result<Vec<Result<(), WriteError>>, WriteError> {
    patiently(connection, "BEGIN IMMEDIATE")?;
    let outcomes = run_all(connection, group);
    let committed = outcomes.and_then(|outcomes| {
        patiently(connection, "COMMIT")?;
        Ok(outcomes)
    });
    if committed.is_err() {
        roll_back(connection);
    }
    committed
}

fn run_all(
    connection: &Connection,
    group: &mut [Box<dyn Job>],
) -> Result<Vec<Result<(), WriteError>>, WriteError> {
    group
        .iter_mut()
        .map(|job| run_one(connection, job.as_mut()))
        .collect()
}

/// Runs a job inside of a savepoint. The outer error is the loss of the whole group.
fn run_one(
    connection: &Connection,
    job: &mut dyn Job,
) -> Result<Result<(), WriteError>, WriteError> {
    let lost = |error| WriteError::Commit(Arc::new(error));
    connection.run_prepared("SAVEPOINT job").map_err(lost)?;
    let outcome = unwound(|| job.run(connection)).flatten();
    if !connection.is_in_transaction() {
        // SQLite has rolled everything back: the disk is full, or memory is.
        return Err(match outcome {
            Err(StatementError::Failed { source, .. }) => lost(source),
            Ok(_) | Err(_) => lost(rusqlite::Error::InvalidQuery),
        });
    }
    if !matches!(outcome, Ok(true)) {
        connection.run_prepared("ROLLBACK TO job").map_err(lost)?;
    }
    connection.run_prepared("RELEASE job").map_err(lost)?;
    Ok(match outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(WriteError::Statement(Arc::new(error))),
    })
}

/// Runs a statement that needs the lock of the database, again while another process has it.
fn patiently(connection: &Connection, text: &'static str) -> Result<(), WriteError> {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    for attempt in 1..=ATTEMPTS_MAX {
        match connection.run_prepared(text) {
            Ok(()) => return Ok(()),
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(DatabaseBusy | DatabaseLocked)
                ) =>
            {
                tracing::warn!(attempt, "the database is locked by another process");
            }
            Err(error) => return Err(WriteError::Commit(Arc::new(error))),
        }
    }
    Err(WriteError::Busy)
}
