//! Commands of the worker about files, as several steps need them.

use buildbot_render::{Kind, Value};

use crate::command::{CommandEnd, RemoteCommand, Transfer};
use crate::error::StepError;
use crate::port::LogKey;
use crate::step::Step;

/// Bytes of one piece of a file that the worker is given.
const BLOCK: i64 = 32 * 1024;

/// What `stat` says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Something else.
    Other,
}

/// What an answer of `stat` says, and when the file was modified.
pub(crate) fn stat_of(end: &CommandEnd) -> Option<(FileKind, f64)> {
    let fields = end.update("stat")?.as_sequence()?;
    let number = |index: usize| match fields.get(index) {
        Some(Value::Int(number)) => Some(*number as f64),
        Some(Value::Float(number)) => Some(*number),
        _ => None,
    };
    let mode = number(0)? as i64;
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        _ => FileKind::Other,
    };
    Some((kind, number(8).unwrap_or_default()))
}

/// The paths that `glob` found.
pub(crate) fn files_of(end: &CommandEnd) -> Result<Vec<Value>, StepError> {
    match end.update("files").and_then(Value::as_sequence) {
        Some(found) => Ok(found.to_vec()),
        None => Err(StepError::raise(Kind::Index, "list index out of range")),
    }
}

impl Step<'_> {
    /// Runs a command, whose headers and output go into `log`.
    pub async fn run_simple<'a>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = (&'a str, Value)>,
        log: Option<LogKey>,
    ) -> Result<CommandEnd, StepError> {
        let mut command = RemoteCommand::new(name, args);
        command.stdio = log;
        self.run_command(command, None).await
    }

    /// Fetches a file of the worker as text, relative to the directory of the step; `None` if that fails.
    pub async fn file_of_worker(
        &self,
        path: &Value,
        block: Option<i64>,
    ) -> Result<Option<String>, StepError> {
        let mut command = RemoteCommand::new(
            "uploadFile",
            [
                ("workdir", self.workdir()),
                ("workersrc", path.clone()),
                ("maxsize", Value::None),
                ("blocksize", block.unwrap_or(BLOCK).into()),
            ],
        );
        command.transfer = Some(Transfer::ToMemory { max_bytes: None });
        let end = self.run_command(command, None).await?;
        Ok((!end.did_fail()).then(|| String::from_utf8_lossy(&end.received).into_owned()))
    }

    /// Writes a file of the worker; whether that has worked.
    pub async fn write_file_of_worker(
        &self,
        path: &Value,
        content: Vec<u8>,
        mode: Option<i64>,
        workdir: Option<Value>,
        log: Option<LogKey>,
    ) -> Result<bool, StepError> {
        let mut command = RemoteCommand::new(
            "downloadFile",
            [
                ("workdir", workdir.unwrap_or_else(|| self.workdir())),
                ("workerdest", path.clone()),
                ("maxsize", Value::None),
                ("blocksize", BLOCK.into()),
                ("mode", mode.map_or(Value::None, Value::Int)),
            ],
        );
        command.transfer = Some(Transfer::FromMemory(content));
        command.stdio = log;
        Ok(!self.run_command(command, None).await?.did_fail())
    }
}
