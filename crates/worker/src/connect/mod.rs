//! Connections to a master: TCP, sockets in the file system, TLS, and through an HTTP proxy.
//!
//! Everything here ends within the time that the endpoint allows, and says in its error how far it
//! came.

mod proxy;
mod tcp;
mod tls;

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use buildbot_endpoint::client::{Endpoint, Unix};

pub use tls::TlsError;

/// A connection, whatever it is made of.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The way to a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Straight to an endpoint.
    Direct(Endpoint),
    /// Through an HTTP proxy.
    Proxied {
        /// The proxy.
        proxy: Endpoint,
        /// The master as the proxy knows it; IPv6 addresses without brackets.
        host: String,
        /// The master's port.
        port: u16,
        /// Whether the master speaks TLS within the tunnel.
        use_tls: bool,
    },
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A name that does not resolve.
    #[error("cannot find the address of {host:?}: {source}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// No address answers.
    #[error("cannot connect to {address}: {source}")]
    Refused {
        /// The last address that was tried.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// It takes too long.
    #[error("no connection to {address} within {seconds} seconds")]
    TimedOut {
        /// Where to.
        address: String,
        /// The limit.
        seconds: u64,
    },
    /// The lock file of a socket does not name a living process.
    #[error("no server holds the lock of {0}")]
    NotLocked(String),
    /// TLS cannot be set up or fails.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The proxy does not open a tunnel.
    #[error("the proxy {proxy} opens no tunnel to {target}: {reason}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// The master.
        target: String,
        /// Why.
        reason: String,
    },
}

/// Connects by `route`.
pub async fn connect(route: &Route) -> Result<Box<dyn Stream>, ConnectError> {
    match route {
        Route::Direct(endpoint) => open(endpoint).await,
        Route::Proxied {
            proxy,
            host,
            port,
            use_tls,
        } => {
            let stream = open(proxy).await?;
            let limit = timeout_of(proxy);
            let target = host_and_port(host, *port);
            let tunnel = within(limit, &target, async {
                let opened = proxy::open_tunnel(stream, host, *port).await;
                opened.map_err(|reason| ConnectError::Proxy {
                    proxy: name_of(proxy),
                    target: target.clone(),
                    reason,
                })
            })
            .await?;
            if !use_tls {
                return Ok(tunnel);
            }
            let plan = tls::Plan::for_host(host);
            within(limit, &target, async { Ok(plan.start(tunnel).await?) }).await
        }
    }
}

async fn open(endpoint: &Endpoint) -> Result<Box<dyn Stream>, ConnectError> {
    let limit = timeout_of(endpoint);
    let name = name_of(endpoint);
    match endpoint {
        Endpoint::Tcp(tcp) => Ok(Box::new(tcp::open(tcp).await?)),
        Endpoint::Unix(unix) => within(limit, &name, open_unix(unix)).await,
        Endpoint::Ssl(ssl) => {
            let plan = tls::Plan::for_ssl(ssl);
            let stream = Box::new(tcp::open(&ssl.tcp).await?);
            within(limit, &name, async { Ok(plan.start(stream).await?) }).await
        }
        Endpoint::Tls(tls) => {
            let plan = tls::Plan::for_tls(tls);
            let stream = match &tls.through {
                Some(endpoint) => Box::pin(open(endpoint)).await?,
                None => Box::new(tcp::open(&tls.tcp).await?),
            };
            within(limit, &name, async { Ok(plan.start(stream).await?) }).await
        }
    }
}

async fn open_unix(unix: &Unix) -> Result<Box<dyn Stream>, ConnectError> {
    if unix.check_lock && !is_locked(&unix.path) {
        return Err(ConnectError::NotLocked(unix.path.display().to_string()));
    }
    let stream = UnixStream::connect(&unix.path).await;
    let stream = stream.map_err(|source| ConnectError::Refused {
        address: unix.path.display().to_string(),
        source,
    })?;
    Ok(Box::new(stream))
}

/// Whether the symbolic link `PATH.lock` names a living process. Twisted: `FilesystemLock`.
fn is_locked(path: &Path) -> bool {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let target = std::fs::read_link(lock).ok();
    let pid = target.and_then(|target| target.to_str()?.parse::<i32>().ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        !matches!(
            rustix::process::test_kill_process(pid),
            Err(rustix::io::Errno::SRCH)
        )
    })
}

async fn within<T>(
    limit: Duration,
    address: &str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let outcome = tokio::time::timeout(limit, work).await;
    outcome.unwrap_or_else(|_| {
        Err(ConnectError::TimedOut {
            address: address.to_owned(),
            seconds: limit.as_secs(),
        })
    })
}

fn timeout_of(endpoint: &Endpoint) -> Duration {
    match endpoint {
        Endpoint::Tcp(tcp) => tcp.timeout,
        Endpoint::Unix(unix) => unix.timeout,
        Endpoint::Ssl(ssl) => ssl.tcp.timeout,
        Endpoint::Tls(tls) => tls.tcp.timeout,
    }
}

/// Where an endpoint leads, for messages.
fn name_of(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(tcp) => host_and_port(&tcp.host, tcp.port),
        Endpoint::Unix(unix) => unix.path.display().to_string(),
        Endpoint::Ssl(ssl) => host_and_port(&ssl.tcp.host, ssl.tcp.port),
        Endpoint::Tls(tls) => host_and_port(&tls.tcp.host, tls.tcp.port),
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Route::Direct(endpoint) => f.write_str(&name_of(endpoint)),
            Route::Proxied {
                proxy, host, port, ..
            } => write!(
                f,
                "{} through the proxy {}",
                host_and_port(host, *port),
                name_of(proxy)
            ),
        }
    }
}
