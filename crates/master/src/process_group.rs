//! Programs that run on the master, each with all that it has started.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The group that a program leads. It is killed when this is dropped before the program has [ended](Self::ended).
#[derive(Debug)]
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// That of a child that was started as the leader of one.
    pub(crate) fn of(leader: &Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    pub(crate) fn id(&self) -> Option<Pid> {
        self.0
    }

    /// Sends all of it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It may have ended.
            let _ = kill_process_group(group, signal);
        }
    }

    /// The program has ended by itself; what it left running is its own business.
    pub(crate) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
