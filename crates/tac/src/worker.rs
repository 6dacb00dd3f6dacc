//! What a tac file says: the worker's arguments, typed and within their ranges, and the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use buildbot_model::Secret;

/// Everything that a tac file asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerTac {
    /// The arguments of `Worker(…)`.
    pub worker: WorkerArguments,
    /// Where the log goes.
    pub log: LogTarget,
    /// Environment variables that the file deleted; commands must not see them.
    pub removed_environment: BTreeSet<String>,
    /// Environment variables that the file set or changed.
    pub set_environment: BTreeMap<String, String>,
    /// The lines that the file prints; they belong on standard output before the log is opened.
    pub printed: Vec<String>,
}

/// Where the log of the worker goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// A file that is rotated by size.
    RotatedFile {
        /// The path as the tac file says it; relative to the working directory.
        path: PathBuf,
        /// Bytes at which the file is rotated, `None` for never.
        rotate_length: Option<u64>,
        /// How many rotated files are kept, `None` for all.
        max_rotated_files: Option<u32>,
    },
    /// Standard output.
    StandardOutput,
    /// Standard error.
    StandardError,
    /// The file has no log section: the options of twistd decide.
    TwistdDefault,
}

/// How the master is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Master {
    /// `buildmaster_host` and `port`.
    Address {
        /// A name or an address, IPv6 without brackets.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// `connection_string`: a Twisted client endpoint, unchecked.
    Endpoint(String),
}

/// The protocol between worker and master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `pb`: Perspective Broker.
    Pb,
    /// `msgpack_experimental_v7`.
    Msgpack,
}

impl Protocol {
    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pb" => Some(Self::Pb),
            "msgpack_experimental_v7" => Some(Self::Msgpack),
            _ => None,
        }
    }

    /// The name that the file and the command line use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pb => "pb",
            Self::Msgpack => "msgpack_experimental_v7",
        }
    }
}

/// How an administrator asks the worker for a graceful shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowShutdown {
    /// By SIGHUP.
    Signal,
    /// By touching `shutdown.stamp`.
    File,
}

impl AllowShutdown {
    /// The way of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "signal" => Some(Self::Signal),
            "file" => Some(Self::File),
            _ => None,
        }
    }

    /// The name that the file and the command line use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
        }
    }
}

/// The arguments of `Worker(…)` with their Python names in mind, checked.
///
/// Reference: the worker's command line and process, section 3.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerArguments {
    /// From `buildmaster_host` and `port`, or `connection_string`.
    pub master: Master,
    /// The worker's name.
    pub name: String,
    /// The worker's password.
    pub passwd: Secret<String>,
    /// The base directory; relative to the working directory if not absolute.
    pub basedir: PathBuf,
    /// Time between keepalives, `None` for none.
    pub keepalive: Option<Duration>,
    /// How long the answer to a keepalive may take, `None` for the default.
    pub keepalive_timeout: Option<Duration>,
    /// The file mode creation mask, at most `0o777`.
    pub umask: Option<u32>,
    /// The longest pause between connection attempts, `None` for the default.
    pub maxdelay: Option<Duration>,
    /// The number of processors to report, `None` to detect it. Never 0.
    pub numcpus: Option<u32>,
    /// Name of the encoding of arguments and output, `None` for the system's. Unchecked.
    pub unicode_encoding: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Whether host and port are connected to with TLS.
    pub use_tls: bool,
    /// How a graceful shutdown can be asked for.
    pub allow_shutdown: Option<AllowShutdown>,
    /// After how many attempts the worker ends, `None` for never. Never 0.
    pub max_retries: Option<u32>,
    /// Path of the WebSocket URL.
    pub path: Option<String>,
    /// Whether directories that the master does not name are deleted.
    pub delete_leftover_dirs: bool,
    /// A Twisted client endpoint of an HTTP proxy, unchecked.
    pub proxy_connection_string: Option<String>,
    /// What files of old generations say about terminals for commands. The worker of Buildbot 4.3
    /// leaves that to the master, command by command.
    pub usepty: Option<bool>,
}
