//! Programs that run on the master.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use buildbot_changes::ProcessGroup;
use buildbot_steps::{Channel, LocalCommand, LocalEnd, StepError};
use buildbot_worker::process::Pty;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::unix::pipe;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::time::{Instant, sleep_until};

use super::{StepPort, internal, log};

/// What is read at a time.
const READ_BYTES: usize = 32 * 1024;

/// How long outputs of a killed program are read: a program that has left its group may keep them open.
const KILLED_PATIENCE: Duration = Duration::from_secs(5);

/// The groups of programs that run at this moment.
#[derive(Debug, Default)]
pub(super) struct Locals(Mutex<Vec<Pid>>);

impl Locals {
    fn lock(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, group: ProcessGroup) -> Running<'_> {
        self.lock().extend(group.id());
        Running {
            entry: Entry {
                pid: group.id(),
                locals: self,
            },
            group,
        }
    }

    /// Sends a signal by its name without `SIG`. Unknown names kill.
    pub(super) fn signal(&self, name: &str) {
        let signal = match name.strip_prefix("SIG").unwrap_or(name) {
            "TERM" => Signal::TERM,
            "INT" => Signal::INT,
            "HUP" => Signal::HUP,
            "QUIT" => Signal::QUIT,
            "USR1" => Signal::USR1,
            "USR2" => Signal::USR2,
            _ => Signal::KILL,
        };
        for pid in self.lock().iter() {
            // It may have ended.
            let _ = kill_process_group(*pid, signal);
        }
    }
}

/// A program that runs. When this is dropped it gets no more signals, and is killed if it has not ended.
struct Running<'a> {
    /// Dropped first: the number of a group that has ended may become that of another.
    entry: Entry<'a>,
    group: ProcessGroup,
}

struct Entry<'a> {
    pid: Option<Pid>,
    locals: &'a Locals,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.locals.lock().retain(|known| Some(*known) != self.pid);
    }
}

impl Running<'_> {
    async fn ended(self) -> io::Result<ExitStatus> {
        drop(self.entry);
        self.group.ended().await
    }
}

pub(super) async fn run(port: &StepPort, command: LocalCommand) -> Result<LocalEnd, StepError> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(internal(&"there is no program to run"));
    };
    let directory = command.workdir.as_deref().map(|path| port.shell.path(path));
    let mut process = tokio::process::Command::new(program);
    process
        .args(arguments)
        .current_dir(directory.unwrap_or_else(|| port.shell.basedir.clone()))
        .envs(command.env.iter().map(|(name, value)| (name, value)));
    let terminal = match command.use_pty {
        true => Some(open_terminal(&mut process).map_err(|error| internal(&error))?),
        false => {
            process
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0);
            None
        }
    };
    let started = ProcessGroup::start(&mut process);
    // It keeps the terminal open, whose end is then never seen.
    drop(process);
    let mut group = started.map_err(|error| internal(&format!("{program}: {error}")))?;
    let (_, stdout, stderr) = group.take_pipes();
    let mut running = port.locals.begin(group);
    let mut last_output = Instant::now();
    let started = last_output;
    let mut readers = match terminal {
        Some(terminal) => Readers::new(Some(terminal), None::<ChildStderr>),
        None => Readers::new(stdout, stderr),
    };
    let mut killed_at = None;
    loop {
        let runtime_end = command.runtime_timeout.map(|timeout| started + timeout);
        let silence_end = command.output_timeout.map(|timeout| last_output + timeout);
        let deadline = match killed_at {
            None => [runtime_end, silence_end].into_iter().flatten().min(),
            Some(killed_at) => Some(killed_at + KILLED_PATIENCE),
        };
        let overdue = async {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            piece = readers.next(), if readers.is_open() => {
                if let Some((channel, text)) = piece {
                    last_output = Instant::now();
                    log::append(port, command.log, channel, &text).await?;
                }
            }
            () = running.group.exited(), if !readers.is_open() => break,
            () = overdue => {
                if killed_at.is_some() {
                    readers = Readers::new(None::<ChildStdout>, None::<ChildStderr>);
                }
                killed_at = Some(Instant::now());
                running.group.signal(Signal::KILL);
            }
        }
    }
    let status = running.ended().await.map_err(|error| internal(&error))?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => LocalEnd::Exited(code),
        (None, signal) => LocalEnd::Killed(signal.unwrap_or(9)),
    })
}

/// The program gets a terminal of its own; it leads a session and a group of processes.
fn open_terminal(process: &mut tokio::process::Command) -> io::Result<pipe::Receiver> {
    let pty = Pty::open()?;
    pty.attach(process.as_std_mut())?;
    rustix::io::ioctl_fionbio(&pty.controller, true)?;
    // Unchecked, because a terminal is no pipe; it is read and polled alike. When the program has ended, reading fails.
    pipe::Receiver::from_owned_fd_unchecked(pty.controller)
}

/// Both outputs of a program.
struct Readers {
    stdout: Option<Reader>,
    stderr: Option<Reader>,
}

struct Reader {
    pipe: Box<dyn AsyncRead + Send + Unpin>,
    /// Bytes of a character whose end is not there yet.
    rest: Vec<u8>,
}

impl Readers {
    fn new(
        stdout: Option<impl AsyncRead + Send + Unpin + 'static>,
        stderr: Option<impl AsyncRead + Send + Unpin + 'static>,
    ) -> Self {
        let reader = |pipe: Box<dyn AsyncRead + Send + Unpin>| Reader {
            pipe,
            rest: Vec::new(),
        };
        Self {
            stdout: stdout.map(|pipe| reader(Box::new(pipe))),
            stderr: stderr.map(|pipe| reader(Box::new(pipe))),
        }
    }

    fn is_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// The next text of one of them; nothing when one has ended.
    async fn next(&mut self) -> Option<(Channel, String)> {
        let (channel, text) = tokio::select! {
            text = read(&mut self.stdout), if self.stdout.is_some() => (Channel::Stdout, text),
            text = read(&mut self.stderr), if self.stderr.is_some() => (Channel::Stderr, text),
            else => return None,
        };
        text.map(|text| (channel, text))
    }
}

/// Reads once; cancel-safe, for what was read is kept at once.
async fn read(reader: &mut Option<Reader>) -> Option<String> {
    let open = reader.as_mut()?;
    let mut buffer = vec![0; READ_BYTES];
    let count = open.pipe.read(&mut buffer).await.unwrap_or(0);
    if count == 0 {
        let rest = std::mem::take(&mut open.rest);
        *reader = None;
        return (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned());
    }
    buffer.truncate(count);
    let mut bytes = std::mem::take(&mut open.rest);
    bytes.append(&mut buffer);
    // A character may be cut at the end of what was read.
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        open.rest = bytes.split_off(error.valid_up_to());
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_whose_step_gives_up_is_forgotten_and_killed_with_what_it_has_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let script = format!(
            "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
            file.display()
        );
        let mut process = tokio::process::Command::new("/bin/sh");
        process.args(["-c", &script]).process_group(0);
        let locals = Locals::default();
        let running = locals.begin(ProcessGroup::start(&mut process).expect("a shell"));
        assert_eq!(locals.lock().len(), 1);
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(running);
        assert!(locals.lock().is_empty());
        let started = std::fs::read_to_string(&file).expect("a file");
        let started = Pid::from_raw(started.trim().parse().expect("a number")).expect("an id");
        while buildbot_daemon::pid_file::is_alive(started) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
