//! A program that runs: its end, its signals, its removal.

use std::io;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::signal::unix::SignalKind;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal with this number.
    Signal(i32),
}

/// News about children; to be had before the first one is started.
pub(crate) struct ChildSignals(tokio::signal::unix::Signal);

impl ChildSignals {
    /// Listens for the signal that tells about children.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(tokio::signal::unix::signal(SignalKind::child())?))
    }
}

/// A running program, and the process group that it leads.
///
/// Its end is noticed without reaping it, so that its process id, which is also the id of the group, cannot
/// belong to anybody else as long as this value lives: signals never hit a stranger. Dropped while the
/// program runs (the task was dropped), the group is killed.
pub(crate) struct Program {
    /// Absent once reaped.
    child: Option<Child>,
    pid: Pid,
    signals: ChildSignals,
}

impl Program {
    /// Takes over `child`, which leads a process group.
    pub(crate) fn new(child: Child, signals: ChildSignals) -> Self {
        reap_left_behind();
        let pid = Pid::from_child(&child);
        Self {
            child: Some(child),
            pid,
            signals,
        }
    }

    /// Waits until the leader has ended. It stays a zombie until [`reap`](Self::reap).
    ///
    /// Can be dropped and called again without losing anything.
    pub(crate) async fn exited(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.exit() {
                return exit;
            }
            // Signals since the last `recv`, or since `listen`, are remembered.
            if self.signals.0.recv().await.is_none() {
                // Only if the runtime is shut down, which then polls nothing.
                std::future::pending::<()>().await;
            }
        }
    }

    /// How the leader ended, if it has.
    fn exit(&self) -> Option<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = match rustix::process::waitid(WaitId::Pid(self.pid), options) {
            Ok(status) => status?,
            Err(rustix::io::Errno::INTR) => return None,
            Err(error) => {
                // ECHILD: somebody else reaped it, which nothing in the worker does.
                tracing::error!(pid = self.pid.as_raw_nonzero().get(), %error, "cannot wait for a program");
                return Some(Exit::Signal(0));
            }
        };
        if let Some(code) = status.exit_status() {
            return Some(Exit::Code(code));
        }
        status.terminating_signal().map(Exit::Signal)
    }

    /// Sends a signal to the whole process group or, if that fails, to the leader alone.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.child.is_none() {
            return;
        }
        tracing::debug!(
            pid = self.pid.as_raw_nonzero().get(),
            ?signal,
            "signal to the process group"
        );
        if let Err(error) = rustix::process::kill_process_group(self.pid, signal) {
            tracing::debug!(%error, "the group cannot be signalled");
            if let Err(error) = rustix::process::kill_process(self.pid, signal) {
                tracing::debug!(%error, "nor can its leader");
            }
        }
    }

    /// Removes the program that has ended from the table of processes.
    ///
    /// With `kill_rest` everybody who is still in its process group is killed first.
    pub(crate) fn reap(mut self, kill_rest: bool) {
        if kill_rest {
            self.signal(Signal::KILL);
        }
        if let Some(child) = self.child.take() {
            reap_or_leave_behind(child);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(child) = self.child.take() {
            reap_or_leave_behind(child);
        }
    }
}

/// Programs that were given up but have not ended yet: in uninterruptible sleep, or just killed.
static LEFT_BEHIND: Mutex<Vec<Child>> = Mutex::new(Vec::new());

fn reap_or_leave_behind(mut child: Child) {
    if let Ok(None) = child.try_wait() {
        let mut left_behind = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
        left_behind.push(child);
    }
}

/// Reaps programs that were given up and have ended meanwhile.
///
/// Happens by itself whenever a program starts; a worker without work may call it now and then.
pub fn reap_left_behind() {
    let mut left_behind = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    left_behind.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
