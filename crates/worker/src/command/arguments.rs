//! The arguments of a command, taken from what the master sent.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use buildbot_wire::{Failure, Value};
use rustix::process::Signal;

use super::failure;
use super::{CommandContext, Paths};
use crate::process::{Seconds, signal_named};
use crate::python_text::{repr_of, str_of};

/// Why a command cannot be started; nothing has happened then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// There is no such command.
    #[error("unrecognized WorkerCommand '{name}'")]
    UnknownCommand {
        /// The name that the master asked for.
        name: String,
    },
    /// An argument that the command needs is missing.
    #[error("'{name}'")]
    MissingArgument {
        /// The name of the argument.
        name: String,
    },
    /// An argument is there, but makes no sense.
    #[error("argument '{name}' must be {expected}, not {found}")]
    Invalid {
        /// The name of the argument.
        name: String,
        /// What is understood.
        expected: String,
        /// What the master sent, in Python's notation.
        found: String,
    },
}

impl StartError {
    /// The failure that answers the master's request.
    ///
    /// Seen: pb-build, commands 30 and 31.
    pub fn failure(&self, command_id: &str) -> Failure {
        match self {
            StartError::UnknownCommand { .. } => {
                failure::unknown_command(command_id, &self.to_string())
            }
            StartError::MissingArgument { name } => failure::key(name),
            StartError::Invalid { .. } => failure::value(self.to_string()),
        }
    }
}

/// The arguments of one command.
pub(crate) struct Arguments<'a> {
    pub(crate) values: &'a Value,
    pub(crate) context: &'a CommandContext,
}

impl<'a> Arguments<'a> {
    /// The value of an argument, if it is given; `None` of Python counts as given.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.values.get(name)
    }

    /// The value of an argument, unless it is absent or `None`.
    pub(crate) fn some(&self, name: &str) -> Option<&'a Value> {
        self.get(name).filter(|value| !value.is_none())
    }

    /// The value of an argument that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, StartError> {
        self.get(name).ok_or_else(|| StartError::MissingArgument {
            name: name.to_owned(),
        })
    }

    /// A truth value, with a default if it is absent.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, Value::is_true)
    }

    /// A time limit; 0, `None` and, unless there is a default, absence mean that there is none.
    pub(crate) fn limit(
        &self,
        name: &str,
        default: Option<u64>,
    ) -> Result<Option<Seconds>, StartError> {
        let Some(value) = self.get(name) else {
            return Ok(default.map(|seconds| Seconds {
                duration: Duration::from_secs(seconds),
                text: seconds.to_string(),
            }));
        };
        let Some(duration) = self
            .seconds(name, value)?
            .filter(|duration| !duration.is_zero())
        else {
            return Ok(None);
        };
        Ok(Some(Seconds {
            duration,
            text: str_of(value),
        }))
    }

    /// A duration; absent and `None` mean that there is none.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, StartError> {
        self.get(name)
            .map_or(Ok(None), |value| self.seconds(name, value))
    }

    fn seconds(&self, name: &str, value: &Value) -> Result<Option<Duration>, StartError> {
        if value.is_none() {
            return Ok(None);
        }
        match value.as_float() {
            Some(seconds) if seconds >= 0.0 => {
                // What does not fit is centuries.
                Ok(Some(
                    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
                ))
            }
            _ => Err(invalid(
                name,
                "a number of seconds, at least 0, or None",
                value,
            )),
        }
    }

    /// A count that must be there, but may be `None`.
    pub(crate) fn required_count(&self, name: &str) -> Result<Option<u64>, StartError> {
        self.required(name)?;
        self.count(name)
    }

    /// A count; absent and `None` mean that there is none.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, StartError> {
        let Some(value) = self.some(name) else {
            return Ok(None);
        };
        let count = value.as_int().and_then(|count| u64::try_from(count).ok());
        match count {
            Some(count) => Ok(Some(count)),
            None => Err(invalid(name, "an integer, at least 0, or None", value)),
        }
    }

    /// The size of blocks, at least 1.
    pub(crate) fn block_size(&self) -> Result<u64, StartError> {
        let name = "blocksize";
        let value = self.required(name)?;
        match self.count(name)? {
            Some(size) if size > 0 => Ok(size),
            _ => Err(invalid(name, "an integer, at least 1", value)),
        }
    }

    /// The signal that ends a program.
    pub(crate) fn interrupt_signal(&self) -> Result<Signal, StartError> {
        let name = "interruptSignal";
        let Some(value) = self.some(name) else {
            return Ok(Signal::KILL);
        };
        value.as_text().and_then(signal_named).ok_or_else(|| {
            invalid(
                name,
                "the name of a signal without SIG, such as INT, TERM or KILL",
                value,
            )
        })
    }

    /// A text in the worker's encoding; byte strings are taken as they are.
    pub(crate) fn encoded(&self, name: &str, value: &Value) -> Result<OsString, StartError> {
        match value {
            Value::Bytes(bytes) => Ok(OsString::from_vec(bytes.clone())),
            Value::Text(text) => self.encode(name, text),
            other => Err(invalid(name, "text", other)),
        }
    }

    /// Any text in the worker's encoding.
    pub(crate) fn encode(&self, name: &str, text: &str) -> Result<OsString, StartError> {
        match self.context.encoding.encode(text) {
            Ok(bytes) => Ok(OsString::from_vec(bytes.into_owned())),
            Err(error) => Err(StartError::Invalid {
                name: name.to_owned(),
                expected: "text in the worker's unicode_encoding".to_owned(),
                found: error.to_string(),
            }),
        }
    }

    fn required_path(&self, name: &str) -> Result<PathBuf, StartError> {
        Ok(self.encoded(name, self.required(name)?)?.into())
    }

    /// The path of a command that has one: relative in `pb_name` over PB, absolute in `msgpack_name`.
    pub(crate) fn path(&self, pb_name: &str, msgpack_name: &str) -> Result<PathBuf, StartError> {
        match &self.context.paths {
            Paths::Pb { builder_dir } => Ok(builder_dir.join(self.required_path(pb_name)?)),
            Paths::Msgpack => Ok(self.context.basedir.join(self.required_path(msgpack_name)?)),
        }
    }

    /// As [`path`](Self::path), where over PB a leading `~` stands for a home directory.
    pub(crate) fn user_path(
        &self,
        pb_name: &str,
        msgpack_name: &str,
    ) -> Result<PathBuf, StartError> {
        match &self.context.paths {
            Paths::Pb { builder_dir } => {
                let path = self.required_path(pb_name)?;
                Ok(builder_dir.join(super::home::expand(path, &self.context.environ)))
            }
            Paths::Msgpack => self.path(pb_name, msgpack_name),
        }
    }

    /// The file of a transfer: `workdir` and `pb_name` over PB, `path` over msgpack.
    pub(crate) fn transfer_path(&self, pb_name: &str) -> Result<PathBuf, StartError> {
        match &self.context.paths {
            Paths::Pb { builder_dir } => {
                let workdir = self.required_path("workdir")?;
                let path = self.required_path(pb_name)?;
                let path = super::home::expand(path, &self.context.environ);
                Ok(builder_dir.join(workdir).join(path))
            }
            Paths::Msgpack => self.path(pb_name, "path"),
        }
    }

    /// The paths of a command that has several: `dir`, a text or a list, over PB, `paths` over msgpack.
    pub(crate) fn paths(&self) -> Result<Vec<PathBuf>, StartError> {
        let (name, base) = match &self.context.paths {
            Paths::Pb { builder_dir } => ("dir", builder_dir),
            Paths::Msgpack => ("paths", &self.context.basedir),
        };
        let value = self.required(name)?;
        let one = std::slice::from_ref(value);
        let items = value.as_sequence().unwrap_or(one);
        items
            .iter()
            .map(|item| Ok(base.join(self.encoded(name, item)?)))
            .collect()
    }
}

/// An argument that makes no sense.
pub(crate) fn invalid(name: &str, expected: &str, found: &Value) -> StartError {
    StartError::Invalid {
        name: name.to_owned(),
        expected: expected.to_owned(),
        found: repr_of(found),
    }
}

/// `path` without `.`, `..` and doubled slashes, as Python's `os.path.abspath` of an absolute path.
pub(crate) fn normalised(path: &Path) -> PathBuf {
    let mut result: Vec<&[u8]> = Vec::new();
    for part in path.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                result.pop();
            }
            part => result.push(part),
        }
    }
    let mut text = vec![b'/'];
    text.extend_from_slice(&result.join(&b'/'));
    PathBuf::from(OsStr::from_bytes(&text))
}
