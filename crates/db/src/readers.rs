//! The threads that read. They never wait for the writer, nor it for them.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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

/// The threads that read.
pub(crate) struct Readers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut readers = Self {
            queue: Some(queue),
            threads: Vec::new(),
        };
        for number in 0..READERS {
            let connection = Connection::open_to_read(path).map_err(driver(path))?;
            let jobs = jobs.clone();
            let thread = std::thread::Builder::new()
                .name(format!("db-read-{number}"))
                .spawn(move || read(&connection, &jobs))
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
        let job: Job = Box::new(move |connection| answer(in_snapshot(connection, work)));
        if let Some(queue) = &self.queue {
            // A refused read is dropped with its answer: whoever waits for that hears that it is gone.
            drop(queue.send(job));
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the database panicked");
            }
        }
    }
}

fn read(connection: &Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(connection);
    }
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
