//! Programs of pollers: each in a process group of its own, which ends with whoever waits for it.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::port::{Ended, PollError, Program};
use crate::process_group::ProcessGroup;

/// What one program may write to one of its outputs.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a program may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Without a word.
    silence: Duration,
    /// In total.
    total: Duration,
    /// From the signal that asks it to end to the one that ends it.
    grace: Duration,
}

/// Buildbot: those of programs that the master runs.
const LIMITS: Limits = Limits {
    silence: Duration::from_secs(300),
    total: Duration::from_secs(3600),
    grace: Duration::from_secs(5),
};

/// Runs a program to its end, or kills its group when the future is dropped.
///
/// # Errors
///
/// When it cannot be started, writes more than 64 MiB, says nothing for five minutes, or takes more than an hour.
pub async fn run(program: Program) -> Result<Ended, PollError> {
    run_within(program, LIMITS).await
}

async fn run_within(program: Program, limits: Limits) -> Result<Ended, PollError> {
    let Some((file, arguments)) = program.argv.split_first() else {
        return Err(PollError::new("there is no program to run"));
    };
    let failed = |error: std::io::Error| PollError::new(format!("{file}: {error}"));
    let stdin = match program.stdin {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    };
    let mut command = Command::new(file);
    command
        .args(arguments)
        .current_dir(&program.directory)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut group = ProcessGroup::start(&mut command).map_err(failed)?;
    let (stdin, stdout, stderr) = group.take_pipes();
    let heard = Heard::new();
    let done = async {
        let done = tokio::join!(
            write(stdin, program.stdin.as_ref().map(|text| text.expose())),
            read(stdout, &heard),
            read(stderr, &heard)
        );
        group.exited().await;
        done
    };
    let overdue = tokio::select! {
        done = done => Ok(done),
        why = heard.overdue(limits) => Err(why),
    };
    let (written, stdout, stderr) = match overdue {
        Ok(done) => done,
        Err(why) => {
            end(&mut group, limits.grace).await;
            return Err(PollError::new(format!("{file}: {why}")));
        }
    };
    let too_much = || PollError::new(format!("{file} writes more than {OUTPUT_BYTES_MAX} bytes"));
    let stdout = stdout.map_err(failed)?.ok_or_else(too_much)?;
    let stderr = stderr.map_err(failed)?.ok_or_else(too_much)?;
    let status = group.ended().await.map_err(failed)?;
    if status.success() {
        written.map_err(failed)?;
    }
    Ok(Ended {
        code: status.code().unwrap_or(-1),
        stdout,
        stderr,
    })
}

/// When a program was heard last.
struct Heard {
    started: Instant,
    last: Mutex<Instant>,
}

impl Heard {
    fn new() -> Self {
        let started = Instant::now();
        Self {
            started,
            last: Mutex::new(started),
        }
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits until it has taken too long, and says how.
    async fn overdue(&self, limits: Limits) -> String {
        let end = self.started + limits.total;
        loop {
            let silent = self.last() + limits.silence;
            sleep_until(silent.min(end)).await;
            if Instant::now() >= end {
                return format!("ended after {} seconds", limits.total.as_secs());
            }
            if self.last() + limits.silence <= Instant::now() {
                let seconds = limits.silence.as_secs();
                return format!("ended after {seconds} seconds without output");
            }
        }
    }
}

/// Asks the programs to end, so that they can remove their files. Those that do not are killed with the group.
async fn end(group: &mut ProcessGroup, grace: Duration) {
    group.signal(Signal::TERM);
    if timeout(grace, group.exited()).await.is_ok() {
        // What it has started has no more time than that.
        sleep(grace.min(Duration::from_millis(100))).await;
    }
}

async fn write(pipe: Option<ChildStdin>, text: Option<&String>) -> std::io::Result<()> {
    if let (Some(mut pipe), Some(text)) = (pipe, text) {
        pipe.write_all(text.as_bytes()).await?;
        pipe.shutdown().await?;
    }
    Ok(())
}

/// All that there is; nothing if it is too much.
async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    heard: &Heard,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let Some(pipe) = pipe else {
        return Ok(Some(bytes));
    };
    let mut pipe = pipe.take(OUTPUT_BYTES_MAX + 1);
    while pipe.read_buf(&mut bytes).await? > 0 {
        heard.note();
    }
    Ok((bytes.len() as u64 <= OUTPUT_BYTES_MAX).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Limits = Limits {
        silence: Duration::from_millis(300),
        total: Duration::from_secs(2),
        grace: Duration::from_secs(5),
    };

    async fn run(script: &str) -> Result<Ended, PollError> {
        let program = Program {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            directory: "/".into(),
            ..Program::default()
        };
        run_within(program, SHORT).await
    }

    #[tokio::test]
    async fn a_program_that_says_nothing_is_ended_with_what_it_has_started() {
        let begun = Instant::now();
        let ended = run("sleep 600 & wait").await;
        let why = ended.expect_err("it has no end of its own").to_string();
        assert!(why.ends_with("seconds without output"), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_program_that_talks_has_more_time_but_not_for_ever() {
        let ended = run("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done").await;
        assert_eq!(ended.expect("an end").stdout, b"1\n2\n3\n4\n5\n6\n");
        let ended = run("while echo; do sleep 0.05; done").await;
        let why = ended.expect_err("it has no end of its own").to_string();
        assert!(why.ends_with("after 2 seconds"), "{why}");
    }

    #[tokio::test]
    async fn a_program_is_asked_to_end_before_it_is_killed() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("lock");
        let script = format!(
            "touch {0}; trap 'rm {0}; exit' TERM; sleep 600 & wait",
            file.display()
        );
        run(&script).await.expect_err("it has no end of its own");
        assert!(!file.exists());
    }
}
