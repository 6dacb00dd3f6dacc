//! Programs of pollers: each in a process group of its own, which ends with whoever waits for it.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};

use crate::port::{Ended, PollError, Program};

/// What one program may write to one of its outputs.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Runs a program to its end, or kills its group when the future is dropped.
///
/// # Errors
///
/// When it cannot be started, or writes more than 64 MiB.
pub async fn run(program: Program) -> Result<Ended, PollError> {
    let Some((file, arguments)) = program.argv.split_first() else {
        return Err(PollError::new("there is no program to run"));
    };
    let failed = |error: std::io::Error| PollError::new(format!("{file}: {error}"));
    let stdin = match program.stdin {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    };
    let mut child = Command::new(file)
        .args(arguments)
        .current_dir(&program.directory)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(id.and_then(Pid::from_raw));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (written, stdout, stderr) = tokio::join!(
        write(stdin, program.stdin.as_ref().map(|text| text.expose())),
        read(stdout),
        read(stderr)
    );
    let too_much = || PollError::new(format!("{file} writes more than {OUTPUT_BYTES_MAX} bytes"));
    let stdout = stdout.map_err(failed)?.ok_or_else(too_much)?;
    let stderr = stderr.map_err(failed)?.ok_or_else(too_much)?;
    let status = child.wait().await.map_err(failed)?;
    group.0 = None;
    if status.success() {
        written.map_err(failed)?;
    }
    Ok(Ended {
        code: status.code().unwrap_or(-1),
        stdout,
        stderr,
    })
}

/// Kills the group when it is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
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
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let Some(pipe) = pipe else {
        return Ok(Some(bytes));
    };
    let mut pipe = pipe.take(OUTPUT_BYTES_MAX + 1);
    let count = pipe.read_to_end(&mut bytes).await?;
    Ok((count as u64 <= OUTPUT_BYTES_MAX).then_some(bytes))
}
