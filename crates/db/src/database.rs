//! The database of a master: one writer, some readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::sync::{Semaphore, oneshot};

use crate::connection::{Connection, StatementError};
use crate::readers::{READ_QUEUE_MAX, ReadError, Reader, Readers};
use crate::schema::{self, OpenError};
use crate::writer::{Verdict, WriteError, Writer};

/// How many reads of tasks of the master wait for a reader. The rest of the queue is for threads, so that a task that
/// submits one does not block its own.
const TASK_READS_MAX: usize = READ_QUEUE_MAX / 2;

/// An open database. Dropping it writes what is queued and ends its threads.
pub struct Database {
    path: PathBuf,
    // First, so that it is dropped first: the last connection tidies the write-ahead log up.
    readers: Readers,
    writer: Writer,
    task_reads: Arc<Semaphore>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database of the schema revision [`crate::REVISION`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = schema::open(path)?;
        let readers = Readers::start(path)?;
        let writer = Writer::start(connection).map_err(OpenError::Thread)?;
        Ok(Self {
            path: path.to_owned(),
            readers,
            writer,
            task_reads: Arc::new(Semaphore::new(TASK_READS_MAX)),
        })
    }

    /// Puts the write-ahead log into the file, so that the file alone is the whole database, as somebody who copies it
    /// expects. What a reader still looks at stays where it is. Waits for the disk.
    pub fn fold_log(&self) -> Result<(), OpenError> {
        let connection = Connection::open(&self.path).map_err(schema::driver(&self.path))?;
        let folded = connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
        folded.map_err(schema::driver(&self.path))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has the writer make a transaction; `answer` hears about it on the writer's thread, after the commit.
    ///
    /// Waits while [`crate::WRITE_QUEUE_MAX`] transactions are ahead. `work` may run twice, with nothing of the first
    /// time left.
    pub fn submit<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<Verdict<T>, StatementError> + Send + 'static,
        answer: impl FnOnce(Result<T, WriteError>) + Send + 'static,
    ) {
        self.writer.submit(work, answer);
    }

    /// Has the writer make a transaction, and waits for its commit.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (answer, answered) = sync_channel(1);
        self.submit(
            move |connection| work(connection).map(Verdict::Keep),
            // Whoever asked is gone: nobody misses the answer.
            move |outcome| drop(answer.send(outcome)),
        );
        answered.recv().unwrap_or(Err(WriteError::Stopped))
    }

    /// Has a reader answer a question; `answer` hears it on that thread, and is dropped unheard at the end, or if the
    /// question is not wanted any more when its turn comes. While [`READ_QUEUE_MAX`](crate::READ_QUEUE_MAX) questions of
    /// this kind wait, one of a client is refused, and one of the master blocks.
    pub fn ask<T: Send + 'static>(
        &self,
        whose: Reader,
        is_wanted: impl FnOnce() -> bool + Send + 'static,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
        answer: impl FnOnce(Result<T, ReadError>) + Send + 'static,
    ) {
        self.readers.submit(whose, is_wanted, work, answer);
    }

    /// Has a reader answer a question, and waits for it.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (answer, answered) = sync_channel(1);
        let answer = move |outcome| drop(answer.send(outcome));
        self.ask(Reader::Master, || true, work, answer);
        answered.recv().unwrap_or(Err(ReadError::Stopped))
    }

    /// The same for a task, whose thread is not held up. What nobody awaits any more when its turn comes is dropped.
    pub async fn read_in_task<T: Send + 'static>(
        &self,
        whose: Reader,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = match whose {
            Reader::Client => None,
            Reader::Master => {
                let permit = self.task_reads.clone().acquire_owned().await;
                Some(permit.map_err(|_| ReadError::Stopped)?)
            }
        };
        let (answer, answered) = oneshot::channel();
        // Gone with whoever waits.
        let waits = Arc::new(());
        let is_awaited = Arc::downgrade(&waits);
        let answer = move |outcome| {
            drop(permit);
            drop(answer.send(outcome));
        };
        self.ask(whose, move || is_awaited.strong_count() > 0, work, answer);
        let outcome = answered.await;
        drop(waits);
        outcome.unwrap_or(Err(ReadError::Stopped))
    }
}

/// Makes the file as small as what is in it. Nobody else may work with it, and the disk needs room for a second one.
pub fn vacuum(path: &Path) -> Result<(), OpenError> {
    let connection = schema::open(path)?;
    connection.run("VACUUM").map_err(schema::driver(path))?;
    let folded = connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
    folded.map_err(schema::driver(path))
}
