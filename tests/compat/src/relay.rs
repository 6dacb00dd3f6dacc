//! What can stand between a worker and a master: a relay that cuts, holds and counts, with or without TLS, or as
//! an HTTP proxy.

use crate::certificates::Certificates;
use anyhow::{Context, Result, bail};
use buildbot_ports::free_port;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What the relay does before bytes flow.
pub enum RelayKind {
    /// Nothing.
    Plain,
    /// Ends TLS; the master's side is plain.
    Tls(Certificates),
    /// [`RelayKind::Tls`] for clients that show a certificate of the same authority.
    TlsForClients(Certificates),
    /// Answers `CONNECT`; every connection goes to the relay's target, whatever the request names.
    HttpConnect,
}

/// What an HTTP proxy says to `CONNECT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// Yes.
    #[default]
    Yes,
    /// Yes, with headers, and so slowly that every byte is a packet of its own.
    SlowlyYes,
    /// That it is forbidden.
    Forbidden,
    /// Something that is not HTTP.
    Garbage,
}

/// Numbers and switches that the relay's thread and the test share.
#[derive(Default)]
struct Shared {
    connections: AtomicU64,
    to_master: AtomicU64,
    to_worker: AtomicU64,
    shut: AtomicBool,
    /// Heads of the requests that an HTTP proxy got.
    requests: std::sync::Mutex<Vec<String>>,
    answer: std::sync::Mutex<ProxyAnswer>,
}

/// A relay on a port of this machine, ended when dropped.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
    /// Connections of older generations end.
    generation: watch::Sender<u64>,
    /// Whether bytes flow to the master.
    open: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay to `target` of 127.0.0.1.
    pub fn start(kind: RelayKind, target: u16) -> Result<Self> {
        Self::start_on("127.0.0.1", kind, target)
    }

    /// [`Relay::start`] on another address of this machine.
    pub fn start_on(address: &str, kind: RelayKind, target: u16) -> Result<Self> {
        let port = free_port()?;
        let listener = std::net::TcpListener::bind((address, port))?;
        listener.set_nonblocking(true)?;
        let entry = Entry::new(kind)?;
        let shared = Arc::new(Shared::default());
        let (generation, generations) = watch::channel(0);
        let (open, opens) = watch::channel(true);
        let (stop, mut stops) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let flow = Flow {
            entry,
            target,
            shared: shared.clone(),
            generations,
            opens,
        };
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    () = serve(listener, flow) => {}
                    _ = stops.wait_for(|stop| *stop) => {}
                }
            });
        });
        Ok(Self {
            port,
            shared,
            generation,
            open,
            stop,
            thread: Some(thread),
        })
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many bytes went to the master.
    #[must_use]
    pub fn bytes_to_master(&self) -> u64 {
        self.shared.to_master.load(Ordering::Relaxed)
    }

    /// How many bytes went to the worker.
    #[must_use]
    pub fn bytes_to_worker(&self) -> u64 {
        self.shared.to_worker.load(Ordering::Relaxed)
    }

    /// The heads of the `CONNECT` requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared
            .requests
            .lock()
            .map(|requests| requests.clone())
            .unwrap_or_default()
    }

    /// From now on a proxy says this.
    pub fn answer(&self, answer: ProxyAnswer) {
        if let Ok(mut current) = self.shared.answer.lock() {
            *current = answer;
        }
    }

    /// Closes all connections, in both directions.
    pub fn cut(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// From now on new connections are closed at once (true) or served (false).
    pub fn refuse(&self, refuse: bool) {
        self.shared.shut.store(refuse, Ordering::Relaxed);
    }

    /// Stops reading from workers (true), as a master does that has no time, or goes on (false).
    pub fn hold(&self, hold: bool) {
        self.open.send_replace(!hold);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and the test sees the lost connection.
            let _ = thread.join();
        }
    }
}

/// [`RelayKind`] with what it needs at work.
#[derive(Clone)]
enum Entry {
    Plain,
    Tls(TlsAcceptor),
    HttpConnect,
}

impl Entry {
    fn new(kind: RelayKind) -> Result<Self> {
        let (files, asks_client) = match kind {
            RelayKind::Plain => return Ok(Self::Plain),
            RelayKind::HttpConnect => return Ok(Self::HttpConnect),
            RelayKind::Tls(files) => (files, false),
            RelayKind::TlsForClients(files) => (files, true),
        };
        let chain = vec![CertificateDer::from_pem_file(&files.certificate)?];
        let key = PrivateKeyDer::from_pem_file(&files.key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = if asks_client {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(&files.authority)?)?;
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build()?)
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain, key)?;
        Ok(Self::Tls(TlsAcceptor::from(Arc::new(config))))
    }
}

#[derive(Clone)]
struct Flow {
    entry: Entry,
    target: u16,
    shared: Arc<Shared>,
    generations: watch::Receiver<u64>,
    opens: watch::Receiver<bool>,
}

async fn serve(listener: TcpListener, flow: Flow) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        flow.shared.connections.fetch_add(1, Ordering::Relaxed);
        if !flow.shared.shut.load(Ordering::Relaxed) {
            // How a connection ends is nothing that a test looks at here.
            connections.spawn(connection(stream, flow.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, mut flow: Flow) -> Result<()> {
    flow.generations.mark_unchanged();
    let mut generations = flow.generations.clone();
    tokio::select! {
        result = connected(stream, flow) => result,
        _ = generations.changed() => Ok(()),
    }
}

async fn connected(mut stream: TcpStream, flow: Flow) -> Result<()> {
    stream.set_nodelay(true)?;
    match flow.entry.clone() {
        Entry::Plain => relay(stream, flow).await,
        Entry::Tls(acceptor) => relay(acceptor.accept(stream).await?, flow).await,
        Entry::HttpConnect => {
            let head = request_head(&mut stream).await?;
            if !head.starts_with("CONNECT ") {
                stream
                    .write_all(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
                    .await?;
                bail!("expected CONNECT, got {head:?}");
            }
            if let Ok(mut requests) = flow.shared.requests.lock() {
                requests.push(head);
            }
            let answer = flow
                .shared
                .answer
                .lock()
                .map_or_else(|_| ProxyAnswer::default(), |answer| *answer);
            match answer {
                ProxyAnswer::Yes => {
                    stream
                        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                        .await?;
                }
                ProxyAnswer::SlowlyYes => {
                    for byte in b"HTTP/1.0 200 OK\r\nVia: a proxy\r\nX-Empty:\r\n\r\n" {
                        stream.write_u8(*byte).await?;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
                ProxyAnswer::Forbidden => {
                    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n";
                    stream.write_all(answer).await?;
                    return Ok(());
                }
                ProxyAnswer::Garbage => {
                    stream.write_all(b"SSH-2.0-x\0\xff\r\n\r\n").await?;
                    return Ok(());
                }
            }
            relay(stream, flow).await
        }
    }
}

/// Reads up to the empty line, byte by byte: what follows belongs to the tunnel.
async fn request_head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 8192 {
            bail!("the head of the request has no end");
        }
        head.push(
            stream
                .read_u8()
                .await
                .context("while reading the request")?,
        );
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn relay(worker: impl AsyncRead + AsyncWrite, flow: Flow) -> Result<()> {
    let master = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, flow.target))).await?;
    master.set_nodelay(true)?;
    let (from_worker, to_worker) = tokio::io::split(worker);
    let (from_master, to_master) = tokio::io::split(master);
    // Either end closing ends the connection: no program here closes one direction only.
    tokio::select! {
        result = copy(from_worker, to_master, &flow.shared.to_master, Some(flow.opens)) => result,
        result = copy(from_master, to_worker, &flow.shared.to_worker, None) => result,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
    mut open: Option<watch::Receiver<bool>>,
) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(open) = &mut open {
            open.wait_for(|open| *open).await?;
        }
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
        to.flush().await?;
        count.fetch_add(length as u64, Ordering::Relaxed);
    }
}
