//! Client endpoint strings, the way an administrator says how a master is reached.
//!
//! Buildbot: manual, "Worker Options", `--connection-string`; Twisted: "Getting Connected with
//! Endpoints", clients. The results are compared with Twisted's `clientFromString` in the tests.

use std::path::PathBuf;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::problem::NESTING_MAX;
use crate::{EndpointError, Problem, python_int};

/// How long a connection attempt may take when the endpoint does not say.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// A way to a master, or to a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A plain TCP connection.
    Tcp(Tcp),
    /// A socket in the file system.
    Unix(Unix),
    /// TLS that checks the server only as far as it is told to.
    Ssl(Ssl),
    /// TLS that always checks the server.
    Tls(Tls),
}

/// Where a TCP connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// A name or an address; IPv6 addresses without brackets.
    pub host: String,
    /// From 1 on.
    pub port: u16,
    /// How long the attempt may take.
    pub timeout: Duration,
    /// Address of this machine to connect from.
    pub bind_address: Option<String>,
}

/// `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unix {
    /// The socket.
    pub path: PathBuf,
    /// How long the attempt may take.
    pub timeout: Duration,
    /// Connect only if the lock file beside the socket (`PATH.lock`, a symbolic link to the server's
    /// process id) names a living process.
    pub check_lock: bool,
}

/// `ssl:HOST:PORT`.
///
/// The certificate of the server is checked only if `hostname` is given, or, without regard to the
/// name, `ca_certs_dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssl {
    /// Where the connection goes.
    pub tcp: Tcp,
    /// Our certificate.
    pub identity: Option<Identity>,
    /// A directory of `.pem` files to trust.
    pub ca_certs_dir: Option<PathBuf>,
    /// The name that the server's certificate must be valid for; also sent (SNI).
    pub hostname: Option<String>,
}

/// `tls:HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Where the connection goes; the certificate must be valid for its `host`, which is also sent (SNI).
    pub tcp: Tcp,
    /// Our certificate.
    pub identity: Option<Identity>,
    /// A directory of `.pem` files to trust in place of the system's roots.
    pub trust_roots: Option<PathBuf>,
    /// The connection to do TLS on, in place of one to `tcp`.
    pub through: Option<Box<Endpoint>>,
}

/// Files by which this side proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate (PEM); holds the key as well if `private_key` is absent.
    pub certificate: PathBuf,
    /// The key (PEM).
    pub private_key: Option<PathBuf>,
}

impl Endpoint {
    /// Reads an endpoint string.
    ///
    /// Differs: an empty host or path, a port outside 1…65535 and a negative timeout are errors here,
    /// because no connection can come of them; the reference finds out at each attempt.
    /// Differs: `tls` takes an IPv6 address for its host, because certificates can name one; the
    /// reference refuses it.
    /// Differs: a private key without a certificate is an error, because the reference ignores it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        Self::parse_nested(text, 0)
    }

    /// The endpoint for a host and a port without a connection string.
    pub fn from_host_and_port(host: &str, port: u16, use_tls: bool) -> Self {
        let tcp = Tcp {
            host: host.to_owned(),
            port,
            timeout: TIMEOUT_DEFAULT,
            bind_address: None,
        };
        if use_tls {
            Self::Tls(Tls {
                tcp,
                identity: None,
                trust_roots: None,
                through: None,
            })
        } else {
            Self::Tcp(tcp)
        }
    }

    fn parse_nested(text: &str, depth: usize) -> Result<Self, EndpointError> {
        let fail = |problem| EndpointError {
            text: text.to_owned(),
            problem,
        };
        if depth > NESTING_MAX {
            return Err(fail(Problem::TooDeep));
        }
        let arguments = Arguments::parse(text).map_err(fail)?;
        match arguments.kind().as_str() {
            "tcp" => tcp(arguments),
            "unix" => unix(arguments),
            "ssl" => ssl(arguments),
            "tls" => tls(arguments, depth),
            other => Err(Problem::UnknownType {
                found: other.to_owned(),
                known: "tcp, tls, ssl or unix",
            }),
        }
        .map_err(fail)
    }
}

/// Host and port for the WebSocket URL that msgpack makes from a connection string.
///
/// They are the ones of `tcp`; other types must give both as keys.
pub fn web_socket_address(text: &str) -> Result<(String, u16), EndpointError> {
    let fail = |problem| EndpointError {
        text: text.to_owned(),
        problem,
    };
    let mut arguments = Arguments::parse(text).map_err(fail)?;
    if arguments.kind() == "tcp" {
        arguments.name_positional(&["host", "port"]).map_err(fail)?;
    }
    let host = arguments
        .take("host")
        .ok_or_else(|| fail(Problem::NoWebSocketAddress))?;
    let port = match arguments.take("port") {
        Some(port) => port_number(&port).map_err(fail)?,
        None if arguments.kind() == "tcp" => 80,
        None => return Err(fail(Problem::NoWebSocketAddress)),
    };
    Ok((host, port))
}

fn tcp(mut arguments: Arguments) -> Result<Endpoint, Problem> {
    arguments.name_positional(&["host", "port"])?;
    let tcp = take_tcp(&mut arguments)?;
    arguments.expect_empty("tcp", &["host", "port", "timeout", "bindAddress"])?;
    Ok(Endpoint::Tcp(tcp))
}

fn unix(mut arguments: Arguments) -> Result<Endpoint, Problem> {
    arguments.name_positional(&["path"])?;
    let unix = Unix {
        path: arguments
            .take("path")
            .filter(|path| !path.is_empty())
            .ok_or(Problem::Missing("path"))?
            .into(),
        timeout: take_timeout(&mut arguments)?,
        check_lock: match arguments.take("lockfile") {
            None => false,
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
    arguments.expect_empty("unix", &["path", "timeout", "lockfile"])?;
    Ok(Endpoint::Unix(unix))
}

fn ssl(mut arguments: Arguments) -> Result<Endpoint, Problem> {
    arguments.name_positional(&["host", "port"])?;
    let ssl = Ssl {
        tcp: take_tcp(&mut arguments)?,
        identity: take_identity(&mut arguments, "certKey")?,
        ca_certs_dir: arguments.take("caCertsDir").map(PathBuf::from),
        hostname: arguments.take("hostname"),
    };
    arguments.expect_empty(
        "ssl",
        &[
            "host",
            "port",
            "timeout",
            "bindAddress",
            "privateKey",
            "certKey",
            "caCertsDir",
            "hostname",
        ],
    )?;
    Ok(Endpoint::Ssl(ssl))
}

fn tls(mut arguments: Arguments, depth: usize) -> Result<Endpoint, Problem> {
    const KEYS: [&str; 8] = [
        "host",
        "port",
        "timeout",
        "bindAddress",
        "certificate",
        "privateKey",
        "trustRoots",
        "endpoint",
    ];
    arguments.name_only_once(&KEYS)?;
    let tls = Tls {
        tcp: take_tcp(&mut arguments)?,
        identity: take_identity(&mut arguments, "certificate")?,
        trust_roots: arguments.take("trustRoots").map(PathBuf::from),
        through: match arguments.take("endpoint") {
            None => None,
            Some(text) => match Endpoint::parse_nested(&text, depth + 1) {
                Ok(endpoint) => Some(Box::new(endpoint)),
                Err(error) => return Err(Problem::Nested(Box::new(error))),
            },
        },
    };
    arguments.expect_empty("tls", &KEYS)?;
    Ok(Endpoint::Tls(tls))
}

fn take_tcp(arguments: &mut Arguments) -> Result<Tcp, Problem> {
    Ok(Tcp {
        host: arguments
            .take("host")
            .filter(|host| !host.is_empty())
            .ok_or(Problem::Missing("host"))?,
        port: port_number(&arguments.take("port").ok_or(Problem::Missing("port"))?)?,
        timeout: take_timeout(arguments)?,
        bind_address: arguments
            .take("bindAddress")
            .filter(|address| !address.is_empty()),
    })
}

fn take_timeout(arguments: &mut Arguments) -> Result<Duration, Problem> {
    let Some(value) = arguments.take("timeout") else {
        return Ok(TIMEOUT_DEFAULT);
    };
    match python_int(&value).map(u64::try_from) {
        Some(Ok(seconds)) => Ok(Duration::from_secs(seconds)),
        Some(Err(_)) | None => Err(Problem::BadNumber {
            key: "timeout",
            value,
            expected: "a whole number of seconds",
        }),
    }
}

fn take_identity(
    arguments: &mut Arguments,
    certificate: &'static str,
) -> Result<Option<Identity>, Problem> {
    let private_key = arguments.take("privateKey").map(PathBuf::from);
    match (arguments.take(certificate), private_key) {
        (Some(path), private_key) => Ok(Some(Identity {
            certificate: path.into(),
            private_key,
        })),
        (None, Some(_)) => Err(Problem::KeyWithoutCertificate {
            key: "privateKey",
            certificate,
        }),
        (None, None) => Ok(None),
    }
}

fn port_number(value: &str) -> Result<u16, Problem> {
    match python_int(value).map(u16::try_from) {
        Some(Ok(port)) if port != 0 => Ok(port),
        Some(Ok(_) | Err(_)) | None => Err(Problem::BadNumber {
            key: "port",
            value: value.to_owned(),
            expected: "a number from 1 to 65535",
        }),
    }
}

#[cfg(test)]
mod tests;
