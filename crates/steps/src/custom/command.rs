//! Commands of the worker that the code of a step asks for.

use buildbot_render::{Kind, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::Session;
use crate::command::{
    CommandEnd, Compression, DecodeRc, LogTarget, Observer, Piece, RemoteCommand, Transfer,
};
use crate::error::StepError;
use crate::port::{Channel, Later, LogKey, Port};

/// The arguments of the question `runCommand`.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    number: u64,
    command: String,
    args: Vec<(String, Value)>,
    stdio: Option<u64>,
    log_files: Vec<(String, u64)>,
    collect: (bool, bool),
    /// The code wants to see everything that comes, and writes the logs itself.
    forward: bool,
    transfer: Option<Moved>,
}

/// The master's end of a transfer.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Moved {
    Read {
        data: String,
    },
    Directory {
        path: String,
        compress: Option<String>,
        max: Option<u64>,
    },
    File {
        path: String,
        mode: Option<u32>,
        max: Option<u64>,
    },
    Memory {
        max: Option<u64>,
    },
}

pub(super) async fn run(
    session: &dyn Session,
    port: &dyn Port,
    wanted: Wanted,
) -> Result<Json, StepError> {
    let Wanted {
        number,
        command,
        args,
        stdio,
        log_files,
        collect,
        forward,
        transfer,
    } = wanted;
    let mut remote = RemoteCommand {
        name: command,
        args,
        stdio: None,
        log_files: Vec::new(),
        collect_stdout: false,
        collect_stderr: false,
        decode_rc: DecodeRc::default(),
        transfer: transfer.map(master_end).transpose()?,
    };
    let end = if forward {
        let mut forwarding = Forwarding {
            session,
            number,
            waiting: Vec::new(),
            problem: None,
        };
        let end = port.run_command(remote, Some(&mut forwarding)).await;
        if let Some(problem) = forwarding.problem.take() {
            return Err(problem);
        }
        end?
    } else {
        remote.stdio = stdio.map(LogKey);
        remote.log_files = log_files
            .into_iter()
            .map(|(name, key)| (name, LogTarget::Log(LogKey(key))))
            .collect();
        (remote.collect_stdout, remote.collect_stderr) = collect;
        port.run_command(remote, None).await?
    };
    let CommandEnd {
        rc,
        stdout,
        stderr,
        failure_reason,
        updates,
        received,
        ..
    } = end;
    Ok(json!({
        "rc": rc, "stdout": stdout, "stderr": stderr, "failure_reason": failure_reason,
        "updates": updates, "received": Value::Bytes(received),
    }))
}

fn master_end(moved: Moved) -> Result<Transfer, StepError> {
    Ok(match moved {
        Moved::Read { data } => {
            let bytes = serde_json::from_value(json!({"$": "bytes", "v": data}));
            match bytes {
                Ok(Value::Bytes(bytes)) => Transfer::FromMemory(bytes),
                _ => return Err(StepError::raise(Kind::Type, "what is read must be bytes")),
            }
        }
        Moved::Directory {
            path,
            compress,
            max,
        } => Transfer::ToDirectory {
            path,
            compress: match compress.as_deref() {
                Some("gz") => Some(Compression::Gzip),
                Some("bz2") => Some(Compression::Bzip2),
                _ => None,
            },
            max_bytes: max,
        },
        Moved::File { path, mode, max } => Transfer::ToFile {
            path,
            mode,
            max_bytes: max,
        },
        Moved::Memory { max } => Transfer::ToMemory { max_bytes: max },
    })
}

/// Sends lines to the code of the step; the next ones wait until it has seen them.
struct Forwarding<'a> {
    session: &'a dyn Session,
    number: u64,
    waiting: Vec<Json>,
    problem: Option<StepError>,
}

impl Observer for Forwarding<'_> {
    fn lines(&mut self, piece: Piece<'_>) {
        let update = match (piece.log, piece.channel) {
            ("stdio", Channel::Stdout) => json!(["stdout", piece.text]),
            ("stdio", Channel::Stderr) => json!(["stderr", piece.text]),
            ("stdio", Channel::Header) => json!(["header", piece.text]),
            (name, _) => json!(["log", [name, piece.text]]),
        };
        self.waiting.push(update);
    }

    fn ready(&mut self) -> Option<Later<'_, ()>> {
        if self.waiting.is_empty() {
            return None;
        }
        let updates = std::mem::take(&mut self.waiting);
        Some(Box::pin(async move {
            let arguments = vec![json!(self.number), json!(updates)];
            if let Err(error) = self.session.call("updates", arguments).await {
                self.problem.get_or_insert(error);
            }
        }))
    }
}
