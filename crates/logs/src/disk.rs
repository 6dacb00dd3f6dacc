//! The threads that write segments, and what waits for them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::running::{Scratch, Segment};

/// What one thread has to do. A segment is always written by the same thread, so its records need no order of their
/// own.
#[derive(Debug)]
pub(crate) struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    flush_after: Duration,
}

#[derive(Debug, Default)]
struct Jobs {
    /// Segments, each at most once: it knows that it is here. The flag says that everything is written, also what does
    /// not fill a frame.
    ready: VecDeque<(Arc<Segment>, bool)>,
    /// Segments, each at most once, and when they are to be written whole: first the first.
    later: VecDeque<(Instant, Arc<Segment>)>,
    is_ending: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a segment written now. Returns false if nobody writes any more.
    pub(crate) fn now(&self, segment: &Arc<Segment>, whole: bool) -> bool {
        let mut jobs = self.lock();
        if jobs.is_ending {
            return false;
        }
        jobs.ready.push_back((segment.clone(), whole));
        drop(jobs);
        self.changed.notify_one();
        true
    }

    /// Has a segment written soon. Returns false if nobody writes any more.
    pub(crate) fn later(&self, segment: &Arc<Segment>) -> bool {
        let mut jobs = self.lock();
        if jobs.is_ending {
            return false;
        }
        let at = Instant::now() + self.flush_after;
        jobs.later.push_back((at, segment.clone()));
        let is_first = jobs.later.len() == 1;
        drop(jobs);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    /// Has everything written now, because somebody waits for room.
    pub(crate) fn hurry(&self) {
        let mut jobs = self.lock();
        let jobs = &mut *jobs;
        jobs.ready
            .extend(jobs.later.drain(..).map(|(_, segment)| (segment, true)));
        self.changed.notify_one();
    }

    /// The next segment to write; nothing at the end, when nothing waits.
    fn next(&self) -> Option<(Arc<Segment>, bool)> {
        let mut jobs = self.lock();
        loop {
            let now = Instant::now();
            // What is due goes first: it comes once in a while, and a loud build is always ready.
            let is_due = |at: Instant, is_ending: bool| at <= now || is_ending;
            match jobs.later.front() {
                Some((at, _)) if is_due(*at, jobs.is_ending) => {
                    return jobs.later.pop_front().map(|(_, segment)| (segment, true));
                }
                Some(_) | None => {}
            }
            if let Some(job) = jobs.ready.pop_front() {
                return Some(job);
            }
            match jobs.later.front() {
                Some((at, _)) => {
                    let rest = at.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(jobs, rest);
                    jobs = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None if jobs.is_ending => return None,
                None => {
                    let waited = self.changed.wait(jobs);
                    jobs = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// The threads. Dropping it writes what waits, and ends them.
pub(crate) struct Disk {
    queues: Vec<Arc<Queue>>,
    threads: Vec<JoinHandle<()>>,
}

impl Disk {
    pub(crate) fn start(count: usize, flush_after: Duration) -> io::Result<Self> {
        let mut disk = Self {
            queues: Vec::new(),
            threads: Vec::new(),
        };
        for number in 0..count.max(1) {
            let queue = Arc::new(Queue {
                jobs: Mutex::default(),
                changed: Condvar::new(),
                flush_after,
            });
            let mut scratch = Scratch::new()?;
            let jobs = queue.clone();
            let thread = std::thread::Builder::new()
                .name(format!("log-write-{number}"))
                .spawn(move || {
                    while let Some((segment, whole)) = jobs.next() {
                        segment.write(whole, &mut scratch);
                    }
                })?;
            disk.queues.push(queue);
            disk.threads.push(thread);
        }
        Ok(disk)
    }

    /// The queue of the thread that writes the segment of `build`.
    pub(crate) fn queue(&self, build: i64) -> &Arc<Queue> {
        let count = self.queues.len() as i64;
        // There is at least one, and the remainder is between 0 and their number.
        &self.queues[build.rem_euclid(count) as usize]
    }

    pub(crate) fn queues(&self) -> &[Arc<Queue>] {
        &self.queues
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.lock().is_ending = true;
            queue.changed.notify_all();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a writer of logs panicked");
            }
        }
    }
}
