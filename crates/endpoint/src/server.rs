//! Server endpoint strings, the way a configuration says where a master listens.
//!
//! Buildbot: manual, "Protocols", `port`; Twisted: "Getting Connected with Endpoints", servers. The results
//! are compared with Twisted's `serverFromString` in the tests.

use std::fmt;
use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::{EndpointError, Problem, python_int};

/// Connections that the system keeps until they are accepted, when the endpoint does not say.
///
/// Differs: 1024 connections may wait to be accepted; the reference has 50, which is few when all workers come back at
/// once after a restart of the master. The system's own limit applies as well.
const BACKLOG_DEFAULT: u32 = 1024;

/// The interface that stands for all IPv4 addresses.
const ANY_IPV4: &str = "0.0.0.0";

/// The interface that stands for all IPv6 addresses.
const ANY_IPV6: &str = "::";

/// Where connections are accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Plain TCP: `tcp:PORT` or `tcp6:PORT`.
    Tcp(Tcp),
    /// TLS over TCP: `ssl:PORT`.
    Ssl(Ssl),
    /// A socket in the file system: `unix:PATH`.
    Unix(Unix),
}

/// A TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tcp {
    /// 0 takes a free one.
    pub port: u16,
    /// An address of this machine, or a name that resolves to one; IPv6 addresses without brackets.
    pub interface: String,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
}

/// A TCP port with TLS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ssl {
    /// The port.
    pub tcp: Tcp,
    /// The key (PEM).
    pub private_key: PathBuf,
    /// The certificate (PEM); certificates behind the first one are sent as its chain.
    pub certificate: PathBuf,
    /// More certificates of the chain (PEM).
    pub extra_chain: Option<PathBuf>,
    /// Whether versions before TLS 1.3 are refused.
    pub only_tls13: bool,
}

/// A socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unix {
    /// The socket.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// Keep a lock file beside the socket (`PATH.lock`, a symbolic link to our process id), by which a socket
    /// that a dead server left behind is told from one that is in use.
    pub lock: bool,
}

impl Endpoint {
    /// Reads the `port` of a protocol: a number of a TCP port, or an endpoint string.
    ///
    /// Relative paths are kept as they are; the reference takes them from the base directory of the master.
    ///
    /// Differs: an empty path or a port above 65535 is an error here, because nobody can listen there; the
    /// reference finds out when it starts. The type is not case sensitive, as in client endpoints.
    /// Differs: `dhParameters`, `systemd:`, `haproxy:` and `tls:`, which the reference knows, are refused.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let fail = |problem| EndpointError {
            text: text.to_owned(),
            problem,
        };
        if !text.contains(':') {
            return match take_port(text.to_owned()) {
                Ok(port) => Ok(Self::Tcp(Tcp {
                    port,
                    interface: ANY_IPV4.to_owned(),
                    backlog: BACKLOG_DEFAULT,
                })),
                Err(problem) => Err(fail(problem)),
            };
        }
        let arguments = Arguments::parse(text).map_err(fail)?;
        match arguments.kind().as_str() {
            "tcp" => tcp(arguments).map(Self::Tcp),
            "tcp6" => tcp6(arguments).map(Self::Tcp),
            "ssl" => ssl(arguments).map(Self::Ssl),
            "unix" => unix(arguments).map(Self::Unix),
            other => Err(Problem::UnknownType {
                found: other.to_owned(),
                known: "tcp, tcp6, ssl or unix",
            }),
        }
        .map_err(fail)
    }
}

impl fmt::Display for Endpoint {
    /// Type and place, without the other arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => write!(f, "tcp:{tcp}"),
            Self::Ssl(ssl) => write!(f, "ssl:{}", ssl.tcp),
            Self::Unix(unix) => write!(f, "unix:{}", unix.path.display()),
        }
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.port)?;
        if self.interface == ANY_IPV4 {
            return Ok(());
        }
        write!(f, ":interface={}", self.interface.replace(':', "\\:"))
    }
}

fn tcp(mut arguments: Arguments) -> Result<Tcp, Problem> {
    const KEYS: [&str; 3] = ["port", "interface", "backlog"];
    arguments.name_only_once(&KEYS)?;
    let tcp = take_tcp(&mut arguments, ANY_IPV4)?;
    arguments.expect_empty("tcp", &KEYS)?;
    Ok(tcp)
}

fn tcp6(mut arguments: Arguments) -> Result<Tcp, Problem> {
    const KEYS: [&str; 3] = ["port", "backlog", "interface"];
    arguments.name_only_once(&KEYS)?;
    let tcp = take_tcp(&mut arguments, ANY_IPV6)?;
    arguments.expect_empty("tcp6", &KEYS)?;
    Ok(tcp)
}

fn ssl(mut arguments: Arguments) -> Result<Ssl, Problem> {
    const KEYS: [&str; 8] = [
        "port",
        "privateKey",
        "certKey",
        "sslmethod",
        "interface",
        "backlog",
        "extraCertChain",
        "dhParameters",
    ];
    arguments.name_only_once(&KEYS)?;
    if arguments.take("dhParameters").is_some() {
        return Err(Problem::Unsupported {
            key: "dhParameters",
            instead: "leave it out: keys are agreed by elliptic curves, which need no such file",
        });
    }
    let only_tls13 = match arguments.take("sslmethod").as_deref() {
        None | Some("TLS_METHOD" | "SSLv23_METHOD" | "TLSv1_2_METHOD") => false,
        Some("TLSv1_3_METHOD") => true,
        Some(_) => {
            return Err(Problem::Unsupported {
                key: "sslmethod",
                instead: "TLS 1.2 and 1.3 are spoken; leave it out, or write TLS_METHOD",
            });
        }
    };
    let private_key = arguments
        .take("privateKey")
        .unwrap_or_else(|| "server.pem".to_owned());
    let certificate = arguments.take("certKey");
    let ssl = Ssl {
        tcp: take_tcp(&mut arguments, ANY_IPV4)?,
        certificate: certificate.unwrap_or_else(|| private_key.clone()).into(),
        private_key: private_key.into(),
        extra_chain: arguments
            .take("extraCertChain")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        only_tls13,
    };
    arguments.expect_empty("ssl", &KEYS)?;
    Ok(ssl)
}

fn unix(mut arguments: Arguments) -> Result<Unix, Problem> {
    const KEYS: [&str; 4] = ["address", "mode", "backlog", "lockfile"];
    arguments.name_only_once(&KEYS)?;
    let unix = Unix {
        path: arguments
            .take("address")
            .filter(|path| !path.is_empty())
            .ok_or(Problem::Missing("address"))?
            .into(),
        mode: match arguments.take("mode") {
            None => 0o666,
            Some(value) => match u32::from_str_radix(&value, 8) {
                Ok(mode) if mode <= 0o7777 => mode,
                Ok(_) | Err(_) => {
                    return Err(Problem::BadNumber {
                        key: "mode",
                        value,
                        expected: "permission bits in octal digits",
                    });
                }
            },
        },
        backlog: take_backlog(&mut arguments)?,
        lock: match arguments.take("lockfile") {
            None => true,
            Some(value) => {
                let number = python_int(&value);
                number.ok_or(Problem::BadNumber {
                    key: "lockfile",
                    value,
                    expected: "0 or 1",
                })? != 0
            }
        },
    };
    arguments.expect_empty("unix", &KEYS)?;
    Ok(unix)
}

fn take_tcp(arguments: &mut Arguments, any: &str) -> Result<Tcp, Problem> {
    Ok(Tcp {
        port: take_port(arguments.take("port").ok_or(Problem::Missing("port"))?)?,
        interface: arguments
            .take("interface")
            .filter(|interface| !interface.is_empty())
            .unwrap_or_else(|| any.to_owned()),
        backlog: take_backlog(arguments)?,
    })
}

fn take_port(value: String) -> Result<u16, Problem> {
    match python_int(&value).map(u16::try_from) {
        Some(Ok(port)) => Ok(port),
        Some(Err(_)) | None => Err(Problem::BadNumber {
            key: "port",
            value,
            expected: "a number from 0 to 65535",
        }),
    }
}

fn take_backlog(arguments: &mut Arguments) -> Result<u32, Problem> {
    let Some(value) = arguments.take("backlog") else {
        return Ok(BACKLOG_DEFAULT);
    };
    match python_int(&value).map(u32::try_from) {
        Some(Ok(backlog)) => Ok(backlog),
        Some(Err(_)) | None => Err(Problem::BadNumber {
            key: "backlog",
            value,
            expected: "a whole number",
        }),
    }
}

#[cfg(test)]
mod tests;
