//! Starting, changing and ending the server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use buildbot_data::{Bus, Data};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request as HyperRequest, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access_log::AccessLog;
use crate::control::Control;
use crate::impatient::Impatient;
use crate::listen::{self, Listener, Socket};
use crate::realtime::LISTENERS_MAX;
use crate::realtime::stream::Streams;
use crate::request::{self, ALL_BODIES_KIB, Request};
use crate::response::{self, Body, Response, TEXT};
use crate::router;
use crate::settings::Settings;
use crate::site::Site;

/// How long a client may take for the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How long a TLS client may take to introduce itself.
const TLS_PATIENCE: Duration = Duration::from_secs(20);

/// After how much silence the system asks whether a client is still there.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// How long running answers have when the server ends.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How many connections are served at the same time.
const CONNECTIONS_MAX: usize = 10_000;

/// How many requests are answered at the same time.
const REQUESTS_MAX: usize = 256;

/// How many of them may have answers of any length.
const LONG_ANSWERS_MAX: usize = 8;

/// How many questions why a request waits are asked at the same time.
const WHYS_MAX: usize = 4;

/// How much all answers may have that are on their way, in KiB.
const ALL_ANSWERS_KIB: usize = 256 * 1024;

/// How long an answer waits for that room.
const ROOM_PATIENCE: Duration = Duration::from_secs(30);

/// What is shorter takes no room.
const SHORT_BYTES: usize = 64 * 1024;

/// How long nothing of an answer may go out before its connection ends.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration asks for something that there is not.
    #[error("{0}")]
    Unsupported(String),
    /// A port cannot be listened on.
    #[error("cannot listen on {endpoint}: {reason}")]
    Listen {
        /// Its description.
        endpoint: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The access log cannot be opened.
    #[error("cannot open the access log: {0}")]
    AccessLog(std::io::Error),
}

/// A running web server.
pub struct Web {
    shared: Arc<Shared>,
    running: Mutex<Vec<Running>>,
}

/// One accepting task.
struct Running {
    endpoint: buildbot_endpoint::server::Endpoint,
    address: Option<SocketAddr>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}

/// What every request may use.
pub(crate) struct Shared {
    site: RwLock<Arc<Site>>,
    pub(crate) data: Arc<Data>,
    /// For the realtime interfaces.
    pub(crate) bus: Arc<Bus>,
    pub(crate) streams: Streams,
    /// Clients of the realtime interfaces.
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) control: Arc<dyn Control>,
    /// Everything that runs. [`Web::stop`] waits for it.
    pub(crate) tasks: TaskTracker,
    access_log: AccessLog,
    connections: Arc<Semaphore>,
    requests: Semaphore,
    /// Answers that may be long.
    pub(crate) long_answers: Semaphore,
    /// Bodies that take much memory to understand.
    pub(crate) long_bodies: Semaphore,
    /// Questions for the engine.
    pub(crate) whys: Semaphore,
    /// Room for bodies of requests, in KiB.
    bodies: Arc<Semaphore>,
    /// Room for answers on their way, in KiB.
    answers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Shared {
    /// The settings that are in force.
    pub(crate) fn site(&self) -> Arc<Site> {
        let site = self.site.read().unwrap_or_else(PoisonError::into_inner);
        site.clone()
    }

    /// Comes when the server is told to end.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

impl Web {
    /// Listens where `c['www']['port']` says, and serves until [`Web::stop`]. Without a port nothing listens.
    pub async fn start(
        settings: Settings,
        data: Arc<Data>,
        bus: Arc<Bus>,
        control: Arc<dyn Control>,
    ) -> Result<Self, StartError> {
        let access_log = AccessLog::open(&settings).map_err(StartError::AccessLog)?;
        let site = Arc::new(Site::new(settings).map_err(StartError::Unsupported)?);
        let shared = Arc::new(Shared {
            site: RwLock::new(site.clone()),
            data,
            bus,
            streams: Streams::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            control,
            tasks: TaskTracker::new(),
            access_log,
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            requests: Semaphore::new(REQUESTS_MAX),
            long_answers: Semaphore::new(LONG_ANSWERS_MAX),
            long_bodies: Semaphore::new(1),
            whys: Semaphore::new(WHYS_MAX),
            bodies: Arc::new(Semaphore::new(ALL_BODIES_KIB)),
            answers: Arc::new(Semaphore::new(ALL_ANSWERS_KIB)),
            stop: CancellationToken::new(),
        });
        let web = Self {
            shared,
            running: Mutex::default(),
        };
        web.listen(&site).await?;
        Ok(web)
    }

    /// Takes other settings. If something is not supported or cannot be listened on, everything stays as it was.
    ///
    /// The access log and the version of the API are those of the start, as in the reference.
    pub async fn reconfigure(&self, settings: Settings) -> Result<(), StartError> {
        let site = Arc::new(Site::new(settings).map_err(StartError::Unsupported)?);
        self.listen(&site).await?;
        let mut current = self
            .shared
            .site
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = site;
        Ok(())
    }

    /// Listens where a site says, and nowhere else any more.
    async fn listen(&self, site: &Site) -> Result<(), StartError> {
        let wanted = listen::endpoints(&site.settings.www.port)?;
        let known: Vec<_> = self.running().iter().map(|r| r.endpoint.clone()).collect();
        let mut fresh = Vec::new();
        for endpoint in &wanted {
            if !known.contains(endpoint) {
                fresh.push(listen::listen(endpoint.clone(), site.base_directory()).await?);
            }
        }
        let mut running = self.running();
        running.retain(|running| {
            let stays = wanted.contains(&running.endpoint);
            if !stays {
                running.stop.cancel();
            }
            stays
        });
        for listener in fresh {
            let stop = self.shared.stop.child_token();
            running.push(Running {
                endpoint: listener.endpoint.clone(),
                address: listener.address(),
                stop: stop.clone(),
            });
            let shared = self.shared.clone();
            self.shared.tasks.spawn(accept(shared, listener, stop));
        }
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens on TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running()
            .iter()
            .filter_map(|running| running.address)
            .collect()
    }

    /// Accepts nobody any more, and ends when all requests are answered or after a few seconds.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::info!("some connections of the web server are cut off");
        }
    }
}

/// Accepts connections until it is told to stop.
async fn accept(shared: Arc<Shared>, listener: Listener, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = next(&listener) => accepted,
        };
        let Ok(permit) = shared.connections.clone().try_acquire_owned() else {
            tracing::warn!("a connection of the web server is refused: there are too many");
            continue;
        };
        match accepted {
            Ok(connection) => {
                let shared = shared.clone();
                shared.tasks.clone().spawn(async move {
                    connection.serve(&shared).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Without descriptors it would fail again at once.
                tracing::warn!(%error, "a connection of the web server cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

enum Connection {
    Plain(tokio::net::TcpStream, String),
    Tls(tokio::net::TcpStream, tokio_rustls::TlsAcceptor, String),
    Unix(tokio::net::UnixStream),
}

async fn next(listener: &Listener) -> std::io::Result<Connection> {
    match &listener.socket {
        Socket::Tcp(listener, acceptor) => {
            let (stream, peer) = listener.accept().await?;
            prepare(&stream);
            let peer = peer.ip().to_string();
            Ok(match acceptor {
                Some(acceptor) => Connection::Tls(stream, acceptor.clone(), peer),
                None => Connection::Plain(stream, peer),
            })
        }
        Socket::Unix(listener, _) => Ok(Connection::Unix(listener.accept().await?.0)),
    }
}

/// A client that is gone without a word is noticed by the system.
fn prepare(stream: &tokio::net::TcpStream) {
    let probes = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_AFTER / 4);
    let prepared = SockRef::from(stream).set_tcp_keepalive(&probes);
    // Answers are whole; waiting to fill a packet would only delay them.
    if let Err(error) = prepared.and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(%error, "a connection of the web server keeps the system's settings");
    }
}

impl Connection {
    async fn serve(self, shared: &Arc<Shared>) {
        match self {
            Self::Plain(stream, peer) => serve(shared, stream, false, peer).await,
            Self::Unix(stream) => serve(shared, stream, false, "-".to_owned()).await,
            Self::Tls(stream, acceptor, peer) => {
                let handshake = tokio::time::timeout(TLS_PATIENCE, acceptor.accept(stream));
                match handshake.await {
                    Ok(Ok(stream)) => serve(shared, stream, true, peer).await,
                    Ok(Err(error)) => {
                        tracing::debug!(%peer, %error, "a TLS handshake fails");
                    }
                    Err(_) => tracing::debug!(%peer, "a TLS handshake takes too long"),
                }
            }
        }
    }
}

async fn serve<S>(shared: &Arc<Shared>, stream: S, is_tls: bool, peer: String)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let peer = peer.clone();
        async move { Ok::<_, Infallible>(answer(shared, request, is_tls, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(Impatient::new(stream, STALL_MAX)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the web server ends badly");
    }
}

async fn answer(
    shared: &Arc<Shared>,
    request: HyperRequest<Incoming>,
    is_tls: bool,
    peer: String,
) -> Response {
    let (request, body, upgrade) = Request::new(request, is_tls, peer);
    let site = shared.site();
    // Before it takes a place among those that are answered: it may come slowly.
    let body = match request.method == Method::POST {
        true => request::read(&request, body, &shared.bodies).await,
        false => None,
    };
    // Closed never: whoever gets no permit would have to wait for one.
    let permit = shared.requests.acquire().await;
    let mut response = router::answer(shared, &site, &request, body, upgrade).await;
    drop(permit);
    take_room(shared, &mut response).await;
    let length = response.body().size_hint().exact();
    shared
        .access_log
        .note(&request, response.status().as_u16(), length);
    response
}

/// A long answer waits for room, which it gives back as it goes out.
async fn take_room(shared: &Shared, response: &mut Response) {
    let Body::Whole(whole) = response.body_mut() else {
        return;
    };
    if whole.len() < SHORT_BYTES {
        return;
    }
    // One that is longer than all the room takes all of it.
    let kib = whole.len().div_ceil(1024).min(ALL_ANSWERS_KIB);
    let Ok(kib) = u32::try_from(kib) else { return };
    let room = shared.answers.clone().acquire_many_owned(kib);
    match tokio::time::timeout(ROOM_PATIENCE, room).await {
        Ok(Ok(room)) => whole.hold(room),
        Ok(Err(_)) | Err(_) => {
            let text = "too many long answers are on their way";
            *response = response::with(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
        }
    }
}
