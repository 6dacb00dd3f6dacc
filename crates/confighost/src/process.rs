//! The process itself: how it is started, signalled and removed.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::signal::unix::SignalKind;

use crate::ended::Exit;

/// Most time that a Python may take to say its version.
const VERSION_DEADLINE: Duration = Duration::from_secs(5);

/// A running process, and the process group that it leads.
///
/// Its end is noticed without reaping it, so that its number cannot belong to anybody else as long as this value
/// lives: signals never hit a stranger. Dropped, the whole group is killed.
pub(crate) struct Process {
    /// Absent once reaped.
    child: Option<Child>,
    pid: Pid,
    signals: tokio::signal::unix::Signal,
}

/// A process and the master's ends of its connections.
pub(crate) struct Launched {
    pub(crate) process: Process,
    pub(crate) socket: UnixStream,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Process {
    /// Starts `python host --fd 0`, with the connection as standard input.
    ///
    /// The host moves the connection away before user code runs, and leaves `/dev/null` in its place. So no
    /// other descriptor has to be inherited, which needs code between `fork` and `exec`; and no program that is
    /// started at the same time can get it by accident.
    pub(crate) fn launch(python: &Path, host: &Path) -> io::Result<Launched> {
        let (socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(python);
        command
            // Stacks at a violent end; output that is not held back.
            .args(["-X", "faulthandler", "-u"])
            .arg(host)
            .args(["--fd", "0"])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if std::env::var_os("PYTHONHASHSEED").is_none() {
            // The same file describes the same configuration each time, also if it loops over a set.
            command.env("PYTHONHASHSEED", "0");
        }
        let (process, stdout, stderr) = Self::start(&mut command)?;
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(io::Error::other("the process has no output"));
        };
        socket.set_nonblocking(true)?;
        Ok(Launched {
            process,
            socket,
            stdout,
            stderr,
        })
    }

    /// Starts a command as the leader of a group.
    fn start(command: &mut Command) -> io::Result<(Self, Option<OwnedFd>, Option<OwnedFd>)> {
        // Before the first moment at which the child can end.
        let signals = tokio::signal::unix::signal(SignalKind::child())?;
        let mut child = command.process_group(0).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let pid = Pid::from_child(&child);
        let process = Self {
            child: Some(child),
            pid,
            signals,
        };
        Ok((
            process,
            stdout.map(OwnedFd::from),
            stderr.map(OwnedFd::from),
        ))
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until the leader has ended. Can be dropped and called again.
    pub(crate) async fn exited(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.exit() {
                return exit;
            }
            if self.signals.recv().await.is_none() {
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
                // ECHILD: somebody else reaped it.
                tracing::error!(pid = self.pid(), %error, "cannot wait for the configuration's process");
                return Some(Exit::Signal(0));
            }
        };
        if let Some(code) = status.exit_status() {
            return Some(Exit::Code(code));
        }
        status.terminating_signal().map(Exit::Signal)
    }

    /// Sends a signal to the leader alone.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.child.is_some()
            && let Err(error) = rustix::process::kill_process(self.pid, signal)
        {
            tracing::debug!(%error, ?signal, "the configuration's process cannot be signalled");
        }
    }

    /// Kills everybody in the group.
    pub(crate) fn kill(&self) {
        if self.child.is_none() {
            return;
        }
        if let Err(error) = rustix::process::kill_process_group(self.pid, Signal::KILL) {
            tracing::debug!(%error, "the configuration's process group cannot be killed");
            self.signal(Signal::KILL);
        }
    }

    /// Lets the leader write the stack of each thread, and die of it, without a core file.
    pub(crate) fn abort(&self) {
        #[cfg(target_os = "linux")]
        self.limit(rustix::process::Resource::Core, 0);
        self.signal(Signal::ABORT);
    }

    /// Limits the address space.
    pub(crate) fn limit_memory(&self, bytes: u64) {
        #[cfg(target_os = "linux")]
        self.limit(rustix::process::Resource::As, bytes);
        #[cfg(not(target_os = "linux"))]
        tracing::warn!(
            bytes,
            "the memory of a process cannot be limited on this system"
        );
    }

    #[cfg(target_os = "linux")]
    fn limit(&self, resource: rustix::process::Resource, value: u64) {
        let mut limit = rustix::process::getrlimit(resource);
        limit.current = Some(limit.maximum.map_or(value, |maximum| value.min(maximum)));
        if let Err(error) = rustix::process::prlimit(Some(self.pid), resource, limit) {
            tracing::warn!(%error, ?resource, "the configuration's process cannot be limited");
        }
    }

    /// Kills who is left of the group, and removes the leader, which has ended, from the table of processes.
    pub(crate) fn reap(&mut self) {
        self.kill();
        if let Some(child) = self.child.take() {
            reap(child);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.reap();
    }
}

/// Removes a process that has ended or was killed; in a thread if it is still dying.
fn reap(mut child: Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let waiting = std::thread::Builder::new()
        .name("reap".to_owned())
        .spawn(move || child.wait());
    if let Err(error) = waiting {
        tracing::warn!(%error, "a process that was killed stays in the table of processes");
    }
}

/// The version of a Python that could not run the host; none if it does not tell.
pub(crate) async fn version(python: &Path) -> Option<String> {
    let mut command = Command::new(python);
    command
        .args([
            "-c",
            "import sys; print('%d.%d.%d' % tuple(sys.version_info[:3]))",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let (_process, stdout, _) = Process::start(&mut command).ok()?;
    let pipe = pipe::Receiver::from_owned_fd(stdout?).ok()?;
    let mut text = String::new();
    let mut limited = pipe.take(100);
    let reading = tokio::time::timeout(VERSION_DEADLINE, limited.read_to_string(&mut text));
    reading.await.ok()?.ok()?;
    Some(text.trim().to_owned()).filter(|text| crate::python::parse_version(text).is_some())
}
