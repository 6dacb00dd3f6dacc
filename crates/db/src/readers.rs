//! The threads that read. They never wait for the writer, nor it for them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::connection::{Connection, StatementError};
use crate::schema::{OpenError, driver};

/// How many read at the same time.
pub(crate) const READERS: usize = 4;

/// How many reads wait, filled by clients of the REST API. Whoever submits one more waits.
pub(crate) const QUEUE_MAX: usize = 1024;

/// Why there is no answer to a read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The readers have ended.
    #[error("the readers of the database have ended")]
    Stopped,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    is_ending: bool,
}

/// What waits to be read. A read wakes one thread, and only that.
#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    /// A job has come, or the end.
    added: Condvar,
    /// A job was taken from a full queue.
    taken: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, job: Job) {
        let mut jobs = self.lock();
        while jobs.waiting.len() >= QUEUE_MAX {
            let waited = self.taken.wait(jobs);
            jobs = waited.unwrap_or_else(PoisonError::into_inner);
        }
        jobs.waiting.push_back(job);
        drop(jobs);
        self.added.notify_one();
    }

    /// The next one; nothing at the end, when nothing waits.
    fn take(&self) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            let was_full = jobs.waiting.len() >= QUEUE_MAX;
            if let Some(job) = jobs.waiting.pop_front() {
                drop(jobs);
                if was_full {
                    self.taken.notify_all();
                }
                return Some(job);
            }
            if jobs.is_ending {
                return None;
            }
            let waited = self.added.wait(jobs);
            jobs = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The threads that read.
pub(crate) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, OpenError> {
        let mut readers = Self {
            queue: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..READERS {
            let connection = Connection::open_to_read(path).map_err(driver(path))?;
            let queue = readers.queue.clone();
            let thread = std::thread::Builder::new()
                .name(format!("db-read-{number}"))
                .spawn(move || {
                    while let Some(job) = queue.take() {
                        run(job, &connection);
                    }
                })
                .map_err(OpenError::Thread)?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Puts a read into the queue, and waits while that is full. `answer` is called on a reader's thread; all
    /// statements of `work` see the database as it was at one moment.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
        answer: impl FnOnce(Result<T, ReadError>) + Send + 'static,
    ) {
        self.queue.put(Box::new(move |connection| {
            answer(in_snapshot(connection, work));
        }));
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.lock().is_ending = true;
        self.queue.added.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the database panicked");
            }
        }
    }
}

/// A fault in one read must not end the thread: when none is left, every read would wait for ever. Whoever asked hears
/// that the answer is gone.
fn run(job: Job, connection: &Connection) {
    if catch_unwind(AssertUnwindSafe(|| job(connection))).is_ok() {
        return;
    }
    tracing::error!("a read of the database panicked");
    // It may have panicked outside its transaction; then there is nothing to end.
    drop(connection.boundary("ROLLBACK"));
}

fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StatementError>,
) -> Result<T, ReadError> {
    connection.boundary("BEGIN")?;
    let outcome = work(connection);
    connection.boundary("COMMIT")?;
    Ok(outcome?)
}
