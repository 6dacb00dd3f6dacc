//! Where connections come in: TCP, TLS, sockets in the file system.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildbot_config::Value;
use buildbot_endpoint::server::{Endpoint, Ssl, Tcp, Unix};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream, lookup_host};
use tokio_rustls::TlsAcceptor;

use crate::server::StartError;

/// Something that is listened on.
pub(crate) struct Listener {
    pub(crate) endpoint: Endpoint,
    pub(crate) socket: Socket,
}

pub(crate) enum Socket {
    Tcp(TcpListener, Option<TlsAcceptor>),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Where it listens on TCP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener, _) => listener.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // Whoever removed it before us is right.
            drop(std::fs::remove_file(path));
        }
    }
}

/// The endpoints that `c['www']['port']` names: a number, a string, or a list of these; none without a port.
pub(crate) fn endpoints(port: &Value) -> Result<Vec<Endpoint>, StartError> {
    let parse = |text: &str| {
        Endpoint::parse(text)
            .map_err(|error| StartError::Unsupported(format!("c['www']['port']: {error}")))
    };
    match port {
        Value::None => Ok(Vec::new()),
        Value::Int(port) => Ok(vec![parse(&port.to_string())?]),
        Value::Text(text) => Ok(vec![parse(text)?]),
        Value::List(ports) | Value::Tuple(ports) => {
            let mut all = Vec::new();
            for port in ports {
                all.extend(endpoints(port)?);
            }
            Ok(all)
        }
        _ => Err(StartError::Unsupported(
            "c['www']['port'] must be a number or an endpoint".to_owned(),
        )),
    }
}

/// Listens on an endpoint. Relative paths lie in the base directory.
pub(crate) async fn listen(endpoint: Endpoint, base: &Path) -> Result<Listener, StartError> {
    let socket = match &endpoint {
        Endpoint::Tcp(tcp) => bind(tcp).await.map(|listener| Socket::Tcp(listener, None)),
        Endpoint::Ssl(ssl) => match (bind(&ssl.tcp).await, acceptor(ssl, base)) {
            (Ok(listener), Ok(acceptor)) => Ok(Socket::Tcp(listener, Some(acceptor))),
            (Err(error), _) | (_, Err(error)) => Err(error),
        },
        Endpoint::Unix(unix) => bind_unix(unix, base).await,
    };
    match socket {
        Ok(socket) => Ok(Listener { endpoint, socket }),
        Err(reason) => Err(StartError::Listen {
            endpoint: describe(&endpoint),
            reason,
        }),
    }
}

fn describe(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(tcp) | Endpoint::Ssl(Ssl { tcp, .. }) => {
            format!("port {} of {}", tcp.port, tcp.interface)
        }
        Endpoint::Unix(unix) => unix.path.display().to_string(),
    }
}

async fn bind(tcp: &Tcp) -> io::Result<TcpListener> {
    let mut last = io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        "the interface has no address",
    );
    for address in lookup_host((tcp.interface.as_str(), tcp.port)).await? {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        match socket
            .bind(address)
            .and_then(|()| socket.listen(tcp.backlog))
        {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn bind_unix(unix: &Unix, base: &Path) -> io::Result<Socket> {
    let path = base.join(&unix.path);
    if path.exists() {
        if UnixStream::connect(&path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // What a dead server left behind.
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(unix.mode))?;
    Ok(Socket::Unix(listener, path))
}

fn acceptor(ssl: &Ssl, base: &Path) -> io::Result<TlsAcceptor> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("cannot use {}: {error}", path.display()),
        )
    };
    let certificates = |path: &Path| -> io::Result<Vec<CertificateDer<'static>>> {
        let path = base.join(path);
        let read = CertificateDer::pem_file_iter(&path).map_err(|error| failed(&path, &error))?;
        read.collect::<Result<_, _>>()
            .map_err(|error| failed(&path, &error))
    };
    let mut chain = certificates(&ssl.certificate)?;
    if let Some(extra) = &ssl.extra_chain {
        chain.extend(certificates(extra)?);
    }
    let key_path = base.join(&ssl.private_key);
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| failed(&key_path, &error))?;
    let versions: &[&rustls::SupportedProtocolVersion] = if ssl.only_tls13 {
        &[&rustls::version::TLS13]
    } else {
        rustls::ALL_VERSIONS
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::endpoints;
    use buildbot_config::Value;

    #[test]
    fn ports_are_numbers_strings_or_lists_of_them() {
        let count = |value: Value| endpoints(&value).map(|all| all.len()).ok();
        assert_eq!(count(Value::None), Some(0));
        assert_eq!(count(Value::Int(8010)), Some(1));
        assert_eq!(count("tcp:8010:interface=127.0.0.1".into()), Some(1));
        assert_eq!(
            count(Value::List(vec![Value::Int(1), "unix:w".into()])),
            Some(2)
        );
        assert_eq!(count("systemd:x".into()), None);
        assert_eq!(count(Value::Bool(true)), None);
    }
}
