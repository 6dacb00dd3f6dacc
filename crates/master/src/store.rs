//! The database for tasks: they await the writer and the readers, which answer on their own threads.

use std::sync::Arc;

use buildbot_db::{
    Connection, Database, READ_QUEUE_MAX, ReadError, Reader, StatementError, Verdict,
    WRITE_QUEUE_MAX, WriteError,
};
use tokio::sync::{Semaphore, oneshot};

/// Transactions of tasks that wait for the writer. The rest of its queue is the engine's, so that a task that submits
/// one does not block its thread.
const TASK_WRITES_MAX: usize = WRITE_QUEUE_MAX / 2;

/// Reads of tasks that wait for a reader; the same holds there.
const TASK_READS_MAX: usize = READ_QUEUE_MAX / 2;

/// The database, to be awaited. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Arc<Database>,
    room: Arc<Semaphore>,
    read_room: Arc<Semaphore>,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            room: Arc::new(Semaphore::new(TASK_WRITES_MAX)),
            read_room: Arc::new(Semaphore::new(TASK_READS_MAX)),
        }
    }

    /// The database itself.
    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Makes a transaction, and waits until it is durable. `work` may run twice.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let Ok(permit) = self.room.clone().acquire_owned().await else {
            return Err(WriteError::Stopped);
        };
        let (answer, answered) = oneshot::channel();
        self.database.submit(
            move |connection| work(connection).map(Verdict::Keep),
            move |outcome| {
                drop(permit);
                // Whoever asked is gone: nobody misses the answer.
                drop(answer.send(outcome));
            },
        );
        answered.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Makes a transaction that nobody waits for. What goes wrong is logged.
    pub(crate) async fn note(
        &self,
        doing: &'static str,
        work: impl Fn(&Connection) -> Result<(), StatementError> + Send + 'static,
    ) {
        if let Err(error) = self.write(work).await {
            tracing::error!(%error, "while {doing}");
        }
    }

    /// Reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let Ok(permit) = self.read_room.clone().acquire_owned().await else {
            return Err(ReadError::Stopped);
        };
        let (answer, answered) = oneshot::channel();
        let answer = move |outcome| {
            drop(permit);
            // Whoever asked may be gone.
            drop(answer.send(outcome));
        };
        self.database.ask(Reader::Master, || true, work, answer);
        answered.await.unwrap_or(Err(ReadError::Stopped))
    }
}
