//! Programs that the master runs, each with all that it has started.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

/// A program and the group that it leads. The group is killed when this is dropped before the program has
/// [ended](Self::ended). The system gives its number to nobody else as long as this is there.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    /// Nothing once it may be the number of another one.
    id: Option<Pid>,
    /// That children have ended.
    ends: Signals,
}

impl ProcessGroup {
    /// Starts a program. `command` makes it the leader of a group, or of a session.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let ends = signal(SignalKind::child())?;
        let leader = command.kill_on_drop(true).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            leader,
            id: id.and_then(Pid::from_raw),
            ends,
        })
    }

    /// The number of the group.
    pub fn id(&self) -> Option<Pid> {
        self.id
    }

    /// The pipes of the program, once.
    pub fn take_pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        let leader = &mut self.leader;
        (
            leader.stdin.take(),
            leader.stdout.take(),
            leader.stderr.take(),
        )
    }

    /// Sends all of it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = self.id {
            // It may have ended.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits until the program has ended. Can be dropped and called again.
    pub async fn exited(&mut self) {
        while !self.has_exited() {
            if self.ends.recv().await.is_none() {
                // Only if the runtime is shut down, which then polls nothing.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Looks without taking the end away, which would make the number free.
    fn has_exited(&self) -> bool {
        let Some(id) = self.id else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(id), options) {
            Ok(status) => status.is_some(),
            Err(rustix::io::Errno::INTR) => false,
            // It is no child any more.
            Err(_) => true,
        }
    }

    /// Waits until the program has ended; what it left running is its own business.
    ///
    /// # Errors
    ///
    /// When its end is not known.
    pub async fn ended(mut self) -> io::Result<ExitStatus> {
        self.exited().await;
        self.id = None;
        self.leader.wait().await
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;
    use tokio::io::AsyncReadExt as _;

    fn shell(script: &str) -> ProcessGroup {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdout(Stdio::piped())
            .process_group(0);
        ProcessGroup::start(&mut command).expect("a shell")
    }

    #[tokio::test]
    async fn a_group_whose_program_has_ended_keeps_its_number_until_it_is_killed() {
        let mut group = shell("sleep 600 & exit 3");
        let (_, stdout, _) = group.take_pipes();
        group.exited().await;
        let id = group.id().expect("a number");
        rustix::process::test_kill_process(id).expect("it is not reaped");
        drop(group);
        // The end of the pipe is that of the last program that has it.
        let mut rest = Vec::new();
        let mut stdout = stdout.expect("a pipe");
        stdout.read_to_end(&mut rest).await.expect("an end");
    }

    #[tokio::test]
    async fn what_a_program_leaves_running_is_not_killed() {
        let mut group = shell("(sleep 0.2; echo later) & exit 3");
        let (_, stdout, _) = group.take_pipes();
        let status = group.ended().await.expect("an end");
        assert_eq!(status.code(), Some(3));
        let mut said = String::new();
        let mut stdout = stdout.expect("a pipe");
        stdout.read_to_string(&mut said).await.expect("text");
        assert_eq!(said, "later\n");
    }
}
