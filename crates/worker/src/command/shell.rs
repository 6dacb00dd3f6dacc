//! `shell`: runs a program.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use buildbot_wire::{Failure, Value};

use super::arguments::{Arguments, invalid, normalised};
use super::directories::make_directories;
use super::failure;
use super::{CommandContext, Report, StartError};
use crate::process::{
    Argument, Change, CommandLine, Limits, LogFileRequest, Run, child_environment, run,
};
use crate::python_text::{repr_of, str_of};

/// `shell`, as the master asked for it.
pub(super) struct Shell {
    command: CommandLine,
    workdir: PathBuf,
    /// What changes in the environment, or what is wrong with it.
    environment: Result<Vec<(OsString, Change)>, Failure>,
    log_environment: bool,
    stdin: Option<Vec<u8>>,
    terminal: bool,
    want_stdout: bool,
    want_stderr: bool,
    log_files: Vec<LogFileRequest>,
    log_files_shown: String,
    limits: Limits,
}

impl Shell {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        let command = command_line(arguments, arguments.required("command")?)?;
        let workdir = arguments.path("workdir", "workdir")?;
        let stdin = match arguments.some("initial_stdin") {
            Some(value) => Some(arguments.encoded("initial_stdin", value)?.into_vec()),
            None => None,
        };
        let (log_files, log_files_shown) = log_files(arguments, &workdir)?;
        Ok(Self {
            command,
            environment: environment(arguments)?,
            log_environment: arguments.flag("logEnviron", true),
            stdin,
            terminal: arguments.flag("usePTY", false),
            want_stdout: arguments.flag("want_stdout", true),
            want_stderr: arguments.flag("want_stderr", true),
            log_files,
            log_files_shown,
            limits: Limits {
                timeout: arguments.limit("timeout", None)?,
                max_time: arguments.limit("maxTime", None)?,
                max_lines: arguments.count("max_lines")?,
                sigterm_time: arguments.duration("sigtermTime")?,
                interrupt_signal: arguments.interrupt_signal()?,
            },
            workdir,
        })
    }

    pub(super) async fn run(
        self,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let changes = self.environment?;
        let workdir = self.workdir.clone();
        report
            .blocking(move || make_directories(&workdir))
            .await?
            .map_err(|(error, path)| failure::os(&error, Some(&path)))?;
        let environment = child_environment(&context.environ, &changes, &normalised(&self.workdir));
        let ended = run(
            Run {
                command: self.command,
                workdir: self.workdir,
                environment,
                log_environment: self.log_environment,
                stdin: self.stdin,
                terminal: self.terminal,
                want_stdout: self.want_stdout,
                want_stderr: self.want_stderr,
                log_files: self.log_files,
                log_files_shown: self.log_files_shown,
                limits: self.limits,
                report_rc: true,
            },
            report,
        )
        .await;
        ended.failure.map_or(Ok(()), Err)
    }
}

/// A command given as text or list.
fn command_line(arguments: &Arguments<'_>, value: &Value) -> Result<CommandLine, StartError> {
    let Some(items) = value.as_sequence() else {
        return Ok(CommandLine::Shell(plain(
            arguments,
            arguments.encoded("command", value)?,
        )));
    };
    let mut words = items.iter().map(|item| argument(arguments, item));
    let program = words
        .next()
        .ok_or_else(|| invalid("command", "text, or a list with a program", value))??;
    Ok(CommandLine::Program {
        program,
        arguments: words.collect::<Result<_, _>>()?,
    })
}

/// An element of a list; one of the form `("obfuscated", real, shown)` is shown otherwise.
///
/// Differs: an obfuscated argument is recognised as list too, because msgpack has no tuples.
fn argument(arguments: &Arguments<'_>, value: &Value) -> Result<Argument, StartError> {
    if let Some([mark, real, shown]) = value.as_sequence()
        && mark.as_text() == Some("obfuscated")
    {
        return Ok(Argument {
            shown: shown.as_text().map_or_else(|| str_of(shown), str::to_owned),
            is_obfuscated: true,
            ..argument(arguments, real)?
        });
    }
    let encoded = match value {
        Value::Text(_) | Value::Bytes(_) => arguments.encoded("command", value)?,
        other => arguments.encode("command", &str_of(other))?,
    };
    Ok(plain(arguments, encoded))
}

fn plain(arguments: &Arguments<'_>, real: OsString) -> Argument {
    Argument {
        shown: arguments.context.decoded(&real),
        real,
        is_obfuscated: false,
    }
}

/// The changes of the environment. The inner failure is one of the command, not of its start.
fn environment(
    arguments: &Arguments<'_>,
) -> Result<Result<Vec<(OsString, Change)>, Failure>, StartError> {
    let Some(value) = arguments.some("env") else {
        return Ok(Ok(Vec::new()));
    };
    let pairs = value
        .as_dict()
        .ok_or_else(|| invalid("env", "a dictionary or None", value))?;
    let mut changes = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let name = match key {
            Value::Text(_) | Value::Bytes(_) => arguments.encoded("env", key)?,
            other => arguments.encode("env", &str_of(other))?,
        };
        let change = match value {
            Value::None => Change::Remove,
            Value::Text(_) | Value::Bytes(_) => {
                Change::Set(arguments.encoded("env", value)?.into_vec())
            }
            Value::List(items) | Value::Tuple(items) if items.iter().all(is_textual) => {
                Change::Join(
                    items
                        .iter()
                        .map(|item| Ok(arguments.encoded("env", item)?.into_vec()))
                        .collect::<Result<_, StartError>>()?,
                )
            }
            _ => {
                return Ok(Err(failure::runtime(format!(
                    "'env' values must be strings or lists; key '{}' is incorrect",
                    str_of(key)
                ))));
            }
        };
        changes.push((name, change));
    }
    Ok(Ok(changes))
}

fn is_textual(value: &Value) -> bool {
    matches!(value, Value::Text(_) | Value::Bytes(_))
}

/// The log files, and how the header shows them.
fn log_files(
    arguments: &Arguments<'_>,
    workdir: &std::path::Path,
) -> Result<(Vec<LogFileRequest>, String), StartError> {
    let name = "logfiles";
    let Some(value) = arguments.some(name) else {
        return Ok((Vec::new(), "{}".to_owned()));
    };
    let expected = "a dictionary of file names, or of dictionaries with a filename";
    let pairs = value
        .as_dict()
        .ok_or_else(|| invalid(name, expected, value))?;
    let mut requests = Vec::with_capacity(pairs.len());
    for (key, file) in pairs {
        let (path, follow) = match file {
            Value::Dict(_) => (
                file.get("filename")
                    .ok_or_else(|| invalid(name, expected, file))?,
                file.get("follow").is_some_and(Value::is_true),
            ),
            other => (other, false),
        };
        requests.push(LogFileRequest {
            name: str_of(key),
            path: workdir.join(arguments.encoded(name, path)?),
            follow,
        });
    }
    Ok((requests, repr_of(value)))
}
