//! Commands that the worker carries out.

use std::fmt;

use buildbot_model::Results;
use buildbot_render::Value;

use crate::port::{Channel, Later, LogKey};

/// A command for the worker.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteCommand {
    /// Its name, as Perspective Broker carries it: `shell`, `uploadFile`.
    pub name: String,
    /// Its arguments, as Perspective Broker carries them; whoever speaks another protocol translates. A
    /// `reader` or `writer` is not among them: see `transfer`.
    pub args: Vec<(String, Value)>,
    /// Where standard output, standard error and headers go.
    pub stdio: Option<LogKey>,
    /// Where log files of the worker go, by the name that the worker sends them under.
    pub log_files: Vec<(String, LogTarget)>,
    /// Whether the end of the command has all standard output.
    pub collect_stdout: bool,
    /// Whether the end of the command has all standard error.
    pub collect_stderr: bool,
    /// What exit codes mean.
    pub decode_rc: DecodeRc,
    /// The master's end of a transfer of files.
    pub transfer: Option<Transfer>,
}

/// A log that a log file of the worker goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// This one.
    Log(LogKey),
    /// A new one of this name, made when the first line arrives.
    Lazy(String),
}

/// What exit codes mean; others than these mean FAILURE.
///
/// The code is `None` where a command ended without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeRc(pub Vec<(Option<i64>, Results)>);

impl Default for DecodeRc {
    fn default() -> Self {
        Self(vec![(Some(0), Results::Success)])
    }
}

impl DecodeRc {
    /// What this exit code means.
    pub fn decode(&self, rc: Option<i64>) -> Results {
        self.0
            .iter()
            .rev()
            .find(|(code, _)| *code == rc)
            .map_or(Results::Failure, |(_, results)| *results)
    }
}

/// The master's end of a transfer. Paths are as configured: `~` is the home directory, others are relative to the
/// master's base directory.
#[derive(Debug, Clone, PartialEq)]
pub enum Transfer {
    /// The worker writes a file of the master. Its directories are made; what is written becomes the file at the end,
    /// and is removed if the command ends with FAILURE or worse.
    ToFile {
        /// The file.
        path: String,
        /// Its permissions; without any, only the user of the master may read and write it.
        mode: Option<u32>,
        /// What is beyond is cut off.
        max_bytes: Option<u64>,
    },
    /// The worker writes a tar archive, which is unpacked. The directory is removed with what is in it if the command
    /// ends with FAILURE or worse.
    ToDirectory {
        /// The directory.
        path: String,
        /// How the archive is compressed.
        compress: Option<Compression>,
        /// What is beyond is cut off.
        max_bytes: Option<u64>,
    },
    /// The worker writes into memory: [`CommandEnd::received`].
    ToMemory {
        /// What is beyond is cut off.
        max_bytes: Option<u64>,
    },
    /// The worker reads a file of the master.
    FromFile {
        /// The file.
        path: String,
    },
    /// The worker reads these bytes.
    FromMemory(Vec<u8>),
}

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEnd {
    /// The exit code, if there was one.
    pub rc: Option<i64>,
    /// CANCELLED if it was interrupted, else what its exit code means.
    pub results: Results,
    /// Standard output, if it was to be collected.
    pub stdout: String,
    /// Standard error, if it was to be collected.
    pub stderr: String,
    /// Why the worker killed the program: `timeout`, `timeout_without_output`, `max_lines_failure`.
    pub failure_reason: Option<String>,
    /// Other updates by key, in their order: `stat`, `files`, `elapsed`.
    pub updates: Vec<(String, Value)>,
    /// What a transfer wrote into memory.
    pub received: Vec<u8>,
    /// The logs that were made on the way, with the names of the worker's log files.
    pub lazy_logs: Vec<(String, LogKey)>,
}

impl CommandEnd {
    /// The end of a command that the worker was not asked for.
    pub fn not_run() -> Self {
        Self {
            rc: None,
            results: Results::Failure,
            stdout: String::new(),
            stderr: String::new(),
            failure_reason: None,
            updates: Vec::new(),
            received: Vec::new(),
            lazy_logs: Vec::new(),
        }
    }

    /// Whether it ended with FAILURE; an interrupted command has not failed.
    pub fn did_fail(&self) -> bool {
        self.results == Results::Failure
    }

    /// The last update of this key.
    pub fn update(&self, key: &str) -> Option<&Value> {
        self.updates
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }
}

/// Whole lines of one channel of one log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// `stdio`, or the worker's name of a log file.
    pub log: &'a str,
    /// The channel.
    pub channel: Channel,
    /// One or more lines, each ended by `\n`.
    pub text: &'a str,
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}: {:?}", self.channel, self.log, self.text)
    }
}

impl<'a> Piece<'a> {
    /// The lines, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text
            .strip_suffix('\n')
            .unwrap_or(self.text)
            .split('\n')
    }
}

/// Sees the lines of a command as they arrive.
///
/// Every function of a [`Piece`] is one.
pub trait Observer: Send {
    /// Takes lines.
    fn lines(&mut self, piece: Piece<'_>);

    /// What is to be waited for before more lines come, if anything: an observer in another process.
    fn ready(&mut self) -> Option<Later<'_, ()>> {
        None
    }
}

impl<F: FnMut(Piece<'_>) + Send> Observer for F {
    fn lines(&mut self, piece: Piece<'_>) {
        self(piece);
    }
}

impl RemoteCommand {
    /// A command without logs.
    pub fn new<'a>(name: &str, args: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self {
            name: name.to_owned(),
            args: args
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            stdio: None,
            log_files: Vec::new(),
            collect_stdout: false,
            collect_stderr: false,
            decode_rc: DecodeRc::default(),
            transfer: None,
        }
    }
}
