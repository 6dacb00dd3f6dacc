//! Listeners: sockets that accept workers.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buildbot_endpoint::server::{Endpoint, Tcp, Unix};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::connection::{Arrival, Stream, serve};
use crate::hub::Hub;
use crate::tls::Certificate;
use crate::{ListenError, ListenReason, Listener};

/// How long nothing is accepted after the system has refused to, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a connection is silent before the system asks whether the peer is there, and how often.
const PROBE_AFTER: Duration = Duration::from_secs(120);
const PROBE_INTERVAL: Duration = Duration::from_secs(30);

/// A listener that is open.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) listener: Listener,
    pub(crate) address: Option<SocketAddr>,
    certificate: Option<Arc<Certificate>>,
    close: CancellationToken,
    task: JoinHandle<()>,
}

/// A socket that listens.
enum Accepting {
    Tcp(TcpListener),
    Unix {
        socket: UnixListener,
        /// Held as long as the socket.
        _file: SocketFile,
    },
}

/// Something that connects.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

/// A socket in the file system and its lock; both are removed at the end.
struct SocketFile {
    path: PathBuf,
    lock: Option<PathBuf>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        for path in [Some(&self.path), self.lock.as_ref()].into_iter().flatten() {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!("{} cannot be removed: {error}", path.display());
            }
        }
    }
}

impl Open {
    /// Listens and accepts from now on.
    pub(crate) async fn open(hub: &Arc<Hub>, listener: Listener) -> Result<Self, ListenError> {
        let fail = |reason| ListenError {
            listener: listener.clone(),
            reason,
        };
        let basedir = hub.settings.basedir.clone();
        let endpoint = listener.endpoint.clone();
        let certificate = tokio::task::spawn_blocking(move || match endpoint {
            Endpoint::Ssl(ssl) => Certificate::load(&ssl, &basedir).map(Some),
            Endpoint::Tcp(_) | Endpoint::Unix(_) => Ok(None),
        });
        let certificate = certificate
            .await
            .unwrap_or_else(|error| Err(ListenReason::System(io::Error::other(error))));
        let certificate = certificate.map_err(fail)?.map(Arc::new);
        let accepting = match &listener.endpoint {
            Endpoint::Tcp(tcp) => open_tcp(tcp).await,
            Endpoint::Ssl(ssl) => open_tcp(&ssl.tcp).await,
            Endpoint::Unix(unix) => open_unix(unix, &hub.settings.basedir),
        };
        let accepting = accepting.map_err(fail)?;
        let address = match &accepting {
            Accepting::Tcp(socket) => socket.local_addr().ok(),
            Accepting::Unix { .. } => None,
        };
        let close = hub.stop.child_token();
        let accept = accept(
            Arc::clone(hub),
            accepting,
            listener.clone(),
            certificate.clone(),
            close.clone(),
        );
        let task = hub.tasks.spawn(accept);
        match address {
            Some(address) => tracing::info!("listening for {listener} at {address}"),
            None => tracing::info!("listening for {listener}"),
        }
        Ok(Self {
            listener,
            address,
            certificate,
            close,
            task,
        })
    }

    /// Closes the socket; connections stay.
    pub(crate) async fn close(self) {
        self.close.cancel();
        if let Err(error) = self.task.await {
            tracing::error!("{} has broken: {error}", self.listener);
        }
    }

    /// Reads the certificate again, if there is one.
    pub(crate) async fn reload(&self) -> Result<(), ListenError> {
        let Some(certificate) = self.certificate.clone() else {
            return Ok(());
        };
        let reloaded = tokio::task::spawn_blocking(move || certificate.reload()).await;
        let reloaded =
            reloaded.unwrap_or_else(|error| Err(ListenReason::System(io::Error::other(error))));
        reloaded.map_err(|reason| ListenError {
            listener: self.listener.clone(),
            reason,
        })
    }
}

async fn open_tcp(tcp: &Tcp) -> Result<Accepting, ListenReason> {
    let unknown = |reason| ListenReason::Interface {
        interface: tcp.interface.clone(),
        reason,
    };
    let mut found = lookup_host((tcp.interface.as_str(), tcp.port))
        .await
        .map_err(unknown)?;
    let address = found
        .next()
        .ok_or_else(|| unknown(io::ErrorKind::NotFound.into()))?;
    let backlog = i32::try_from(tcp.backlog).unwrap_or(i32::MAX);
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if address.is_ipv6() {
            // The port of IPv4 may belong to somebody else.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        TcpListener::from_std(socket.into())
    };
    Ok(Accepting::Tcp(listen().map_err(ListenReason::System)?))
}

fn open_unix(unix: &Unix, basedir: &Path) -> Result<Accepting, ListenReason> {
    let path = basedir.join(&unix.path);
    let lock = match unix.lock {
        true => Some(take_lock(&path)?),
        false => None,
    };
    let backlog = i32::try_from(unix.backlog).unwrap_or(i32::MAX);
    let listen = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(&path)?)?;
        let file = SocketFile {
            path: path.clone(),
            lock: lock.clone(),
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(unix.mode))?;
        socket.listen(backlog)?;
        let socket = UnixListener::from_std(socket.into())?;
        io::Result::Ok(Accepting::Unix {
            socket,
            _file: file,
        })
    };
    listen().map_err(|error| {
        if let Some(lock) = &lock
            && lock.is_symlink()
            && let Err(error) = fs::remove_file(lock)
        {
            tracing::warn!("{} cannot be removed: {error}", lock.display());
        }
        ListenReason::System(error)
    })
}

/// Takes the lock of a socket, a symbolic link to our process id, and removes a socket that a dead process left.
///
/// Twisted: `FilesystemLock`.
fn take_lock(path: &Path) -> Result<PathBuf, ListenReason> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let own = std::process::id().to_string();
    let mut is_stale = false;
    loop {
        match std::os::unix::fs::symlink(&own, &lock) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ListenReason::System(error)),
        }
        let holder = fs::read_link(&lock).ok();
        let holder = holder.and_then(|holder| holder.to_str()?.parse::<i32>().ok());
        let pid = holder.and_then(rustix::process::Pid::from_raw);
        if let (Some(holder), Some(pid)) = (holder, pid)
            && buildbot_daemon::pid_file::is_alive(pid)
        {
            return Err(ListenReason::Locked(holder));
        }
        fs::remove_file(&lock).map_err(ListenReason::System)?;
        is_stale = true;
    }
    if is_stale && path.exists() {
        fs::remove_file(path).map_err(ListenReason::System)?;
    }
    Ok(lock)
}

/// Accepts connections until `close` is cancelled.
async fn accept(
    hub: Arc<Hub>,
    accepting: Accepting,
    listener: Listener,
    certificate: Option<Arc<Certificate>>,
    close: CancellationToken,
) {
    let mut is_failing = false;
    loop {
        let accepted = async {
            match &accepting {
                Accepting::Tcp(socket) => socket
                    .accept()
                    .await
                    .map(|(stream, peer)| Accepted::Tcp(stream, peer)),
                Accepting::Unix { socket, .. } => socket
                    .accept()
                    .await
                    .map(|(stream, _)| Accepted::Unix(stream)),
            }
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = close.cancelled() => return,
        };
        match accepted {
            Ok(accepted) => {
                is_failing = false;
                let arrive = arrive(
                    Arc::clone(&hub),
                    accepted,
                    listener.clone(),
                    certificate.clone(),
                );
                hub.tasks.spawn(arrive);
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!("{listener} accepts nobody: {error}");
                }
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = close.cancelled() => return,
                }
            }
        }
    }
}

/// Makes a connection ready to be served, and serves it.
async fn arrive(
    hub: Arc<Hub>,
    accepted: Accepted,
    listener: Listener,
    certificate: Option<Arc<Certificate>>,
) {
    let id = hub.next_session();
    let leave = hub.greet(id);
    let deadline = Instant::now() + hub.settings.login_timeout;
    let (stream, peer): (Box<dyn Stream>, String) = match accepted {
        Accepted::Tcp(stream, peer) => {
            prepare(&stream);
            (Box::new(stream), peer.to_string())
        }
        Accepted::Unix(stream) => (Box::new(stream), "a local socket".to_owned()),
    };
    let stream = match certificate {
        None => Ok(stream),
        Some(certificate) => {
            let handshake = timeout_at(deadline, shake_hands(stream, certificate));
            match leave.run_until_cancelled(handshake).await {
                Some(Ok(done)) => done,
                Some(Err(_)) => Err(io::ErrorKind::TimedOut.into()),
                None => Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
    };
    match stream {
        Ok(stream) => {
            let arrival = Arrival {
                stream,
                protocol: listener.protocol,
                peer,
                place: Some(listener.endpoint),
                id,
                leave,
                deadline,
            };
            serve(hub, arrival).await;
        }
        Err(error) => {
            hub.forget(id);
            tracing::warn!(peer, "TLS fails: {error}");
        }
    }
}

async fn shake_hands(
    stream: Box<dyn Stream>,
    certificate: Arc<Certificate>,
) -> io::Result<Box<dyn Stream>> {
    let config = tokio::task::spawn_blocking(move || certificate.current());
    let config = config.await.map_err(io::Error::other)?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    Ok(Box::new(stream))
}

fn prepare(stream: &TcpStream) {
    let probes = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_INTERVAL);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&probes) {
        tracing::warn!("cannot turn on TCP keepalive: {error}");
    }
    // Answers are small and each is waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot turn off the delay of small packets: {error}");
    }
}
