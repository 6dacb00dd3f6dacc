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

/// How many of them may read for clients, so that builds never wait for somebody's long question.
const CLIENT_READERS: usize = READERS - 1;

/// How many reads of each kind wait. One more of a client is refused; whoever submits one more for the master blocks,
/// so its tasks see to it that there are fewer.
pub const READ_QUEUE_MAX: usize = 1024;

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The master itself: builds, schedulers, workers.
    Master,
    /// Somebody who looks at it. These reads wait for those of the master.
    Client,
}

/// Why there is no answer to a read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Too many clients want to know something.
    #[error("the database is asked too much at once")]
    Busy,
    /// The readers have ended.
    #[error("the readers of the database have ended")]
    Stopped,
}

/// What is done with a connection, or without one because too much waits.
type Work = Box<dyn FnOnce(Option<&Connection>) + Send>;

struct Job {
    whose: Reader,
    work: Work,
}

#[derive(Default)]
struct Jobs {
    of_master: VecDeque<Work>,
    of_clients: VecDeque<Work>,
    /// How many threads read for clients at this moment.
    clients: usize,
    is_ending: bool,
}

impl Jobs {
    fn waiting(&mut self, whose: Reader) -> &mut VecDeque<Work> {
        match whose {
            Reader::Master => &mut self.of_master,
            Reader::Client => &mut self.of_clients,
        }
    }

    /// The next one that may be done now.
    fn next(&mut self) -> Option<Job> {
        if let Some(work) = self.of_master.pop_front() {
            let whose = Reader::Master;
            return Some(Job { whose, work });
        }
        // At the end nobody else needs a thread.
        if self.clients >= CLIENT_READERS && !self.is_ending {
            return None;
        }
        let work = self.of_clients.pop_front()?;
        self.clients += 1;
        let whose = Reader::Client;
        Some(Job { whose, work })
    }
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

    /// Gives the work back if there is no room for it.
    fn put(&self, whose: Reader, work: Work) -> Result<(), Work> {
        let mut jobs = self.lock();
        while jobs.waiting(whose).len() >= READ_QUEUE_MAX {
            if whose == Reader::Client {
                return Err(work);
            }
            let waited = self.taken.wait(jobs);
            jobs = waited.unwrap_or_else(PoisonError::into_inner);
        }
        jobs.waiting(whose).push_back(work);
        drop(jobs);
        self.added.notify_one();
        Ok(())
    }

    /// The next one; nothing at the end, when nothing waits. Whoever was wakened in vain for a client, because enough
    /// read for clients already, sleeps again: the first of those to be done takes it.
    fn take(&self) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            let was_full = jobs.of_master.len() >= READ_QUEUE_MAX;
            if let Some(job) = jobs.next() {
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

    fn done(&self, whose: Reader) {
        if whose == Reader::Client {
            self.lock().clients -= 1;
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
                    while let Some(Job { whose, work }) = queue.take() {
                        run(work, &connection);
                        queue.done(whose);
                    }
                })
                .map_err(OpenError::Thread)?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Puts a read into the queue. `answer` is called on a reader's thread, or at once if there is no room; all statements
    /// of `work` see the database as it was at one moment. What nobody waits for any more when its turn comes is
    /// dropped.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        whose: Reader,
        is_wanted: impl FnOnce() -> bool + Send + 'static,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
        answer: impl FnOnce(Result<T, ReadError>) + Send + 'static,
    ) {
        let work = move |connection: Option<&Connection>| match connection {
            Some(connection) if is_wanted() => answer(in_snapshot(connection, work)),
            Some(_) => {}
            None => answer(Err(ReadError::Busy)),
        };
        if let Err(refused) = self.queue.put(whose, Box::new(work)) {
            refused(None);
        }
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
fn run(work: Work, connection: &Connection) {
    if catch_unwind(AssertUnwindSafe(|| work(Some(connection)))).is_ok() {
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
