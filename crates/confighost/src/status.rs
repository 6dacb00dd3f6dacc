//! What is known about a running process.

use std::time::{Duration, Instant};

/// A process at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it does.
    pub activity: Activity,
    /// Its process.
    pub pid: u32,
    /// Questions without an answer.
    pub open: usize,
    /// Its resident memory, in KiB; 0 until it has told.
    pub rss_kb: u64,
    /// For how long it has run, by its own clock.
    pub age: Duration,
    /// When it was heard last.
    pub heard: Option<Instant>,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Python starts.
    Starting,
    /// It waits for a question, or for something else than Python code.
    Idle,
    /// Python code runs. While this goes on, no other question is answered.
    Busy {
        /// What was asked: `call`, `render` …
        question: &'static str,
        /// For how long.
        busy: Duration,
    },
    /// Not even its heartbeat is heard: code that is not Python holds the interpreter, or it is stopped.
    Silent,
    /// It is gone.
    Ended,
}

impl Status {
    pub(crate) fn starting(pid: u32) -> Self {
        Self {
            activity: Activity::Starting,
            pid,
            open: 0,
            rss_kb: 0,
            age: Duration::ZERO,
            heard: None,
        }
    }
}
