//! The threads that read segments.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot};

use crate::reader::ReadError;

/// How many reads wait, filled by people who look at logs. One more waits without being in the queue.
const QUEUE_MAX: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    is_ending: bool,
}

struct Shared {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    room: Semaphore,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands work to the threads that read.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// The threads. Dropping it ends them.
pub(crate) struct Threads {
    pool: Pool,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let pool = Pool(Arc::new(Shared {
            jobs: Mutex::default(),
            changed: Condvar::new(),
            room: Semaphore::new(QUEUE_MAX),
        }));
        let mut threads = Self {
            pool,
            threads: Vec::new(),
        };
        for number in 0..count.max(1) {
            let shared = threads.pool.0.clone();
            let thread = std::thread::Builder::new()
                .name(format!("log-read-{number}"))
                .spawn(move || work(&shared))?;
            threads.threads.push(thread);
        }
        Ok(threads)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        {
            let mut jobs = self.pool.0.lock();
            jobs.is_ending = true;
            // Whoever waits for one hears that there are no readers any more.
            jobs.waiting.clear();
        }
        self.pool.0.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of logs panicked");
            }
        }
    }
}

impl Pool {
    /// Has `work` done by a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = self.0.room.acquire().await;
        let _permit = permit.map_err(|_| ReadError::Stopped)?;
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                drop(answer.send(work()));
            }
        });
        {
            let mut jobs = self.0.lock();
            if jobs.is_ending {
                return Err(ReadError::Stopped);
            }
            jobs.waiting.push_back(job);
        }
        self.0.changed.notify_one();
        answered.await.map_err(|_| ReadError::Stopped)
    }
}

fn work(shared: &Shared) {
    loop {
        let mut jobs = shared.lock();
        let job = loop {
            if let Some(job) = jobs.waiting.pop_front() {
                break job;
            }
            if jobs.is_ending {
                return;
            }
            jobs = shared
                .changed
                .wait(jobs)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(jobs);
        job();
    }
}
