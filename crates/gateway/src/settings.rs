//! Where the gateway listens and how much it bears.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use buildbot_endpoint::EndpointError;
use buildbot_endpoint::server::Endpoint;
use buildbot_wire::Limits;

/// A worker protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Perspective Broker.
    Pb,
    /// `msgpack_experimental_v7`.
    Msgpack,
}

impl Protocol {
    /// The protocol by its key in `c['protocols']`; `None` if it has no listener.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pb" => Some(Self::Pb),
            "msgpack_experimental_v7" => Some(Self::Msgpack),
            _ => None,
        }
    }

    /// The key in `c['protocols']`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pb => "pb",
            Self::Msgpack => "msgpack_experimental_v7",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place where workers of one protocol arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it is.
    pub endpoint: Endpoint,
}

impl Listener {
    /// A listener from the `port` of a protocol: the text of a number, or an endpoint string.
    pub fn parse(protocol: Protocol, port: &str) -> Result<Self, EndpointError> {
        Ok(Self {
            protocol,
            endpoint: Endpoint::parse(port)?,
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.protocol, self.endpoint)
    }
}

/// Why a listener does not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for {listener}: {reason}")]
pub struct ListenError {
    /// Which.
    pub listener: Listener,
    /// Why; the text of the error has it already.
    pub reason: ListenReason,
}

/// The reason of a [`ListenError`].
#[derive(Debug, thiserror::Error)]
pub enum ListenReason {
    /// The interface is no address of this machine and no name of one.
    #[error("the interface {interface:?} is not known: {reason}")]
    Interface {
        /// What stands there.
        interface: String,
        /// What the resolver says.
        reason: io::Error,
    },
    /// The system refuses.
    #[error(transparent)]
    System(io::Error),
    /// A living process holds the lock of a socket in the file system.
    #[error("process {0} listens there")]
    Locked(i32),
    /// A file of TLS cannot be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Key and certificate do not fit, or similar.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What the gateway bears. The defaults suit a master with thousands of workers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Relative paths of endpoints are below this directory.
    pub basedir: PathBuf,
    /// Bounds on what is decoded from a worker.
    pub limits: Limits,
    /// How long a connection may take until it has made a login, TLS included.
    pub login_timeout: Duration,
    /// How long the living connection of a name is asked before another one takes its place, and how long that one waits
    /// until the name is free.
    pub duplicate_timeout: Duration,
    /// How long a worker may take from its login until it is attached. It may remove directories of gigabytes by then.
    pub attach_timeout: Duration,
    /// How long a connection stays open after its password was refused. Workers keep it while they wait to try
    /// again.
    pub refused_linger: Duration,
    /// Connections that are not logged in, and those of workers that were refused. One more, and the oldest of them is closed.
    pub strangers_max: usize,
    /// Bytes of updates and file blocks of one connection that wait for sinks and disks. The worker is not read
    /// while there are more.
    pub waiting_bytes_max: usize,
    /// Events that wait for the master. Logins and ends of sessions wait while there are more; none is dropped.
    pub events_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            basedir: PathBuf::from("."),
            limits: Limits::default(),
            login_timeout: Duration::from_secs(60),
            duplicate_timeout: Duration::from_secs(10),
            attach_timeout: Duration::from_secs(3600),
            refused_linger: Duration::from_secs(600),
            strangers_max: 512,
            waiting_bytes_max: 1 << 20,
            events_max: 256,
        }
    }
}
