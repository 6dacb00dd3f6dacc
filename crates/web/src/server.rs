//! Starting, changing and ending the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use buildbot_data::{Bus, Data};
use hyper::body::{Body as _, Incoming};
use hyper::{Method, Request as HyperRequest, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access_log::AccessLog;
use crate::connection;
use crate::control::Control;
use crate::listen::{self, Listener, Socket};
use crate::realtime::LISTENERS_MAX;
use crate::realtime::stream::Streams;
use crate::request::{self, Request};
use crate::response::{self, Body, Response, TEXT};
use crate::rest;
use crate::room::Room;
use crate::router;
use crate::settings::Settings;
use crate::site::Site;

/// How long a TLS client may take to introduce itself.
const TLS_PATIENCE: Duration = Duration::from_secs(20);

/// How long running answers have when the server ends.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How many connections are served at the same time.
const CONNECTIONS_MAX: usize = 10_000;

/// How many requests are answered at the same time.
const REQUESTS_MAX: usize = 256;

/// How many answers of any length are made at the same time, or wait for room.
const LONG_ANSWERS_MAX: usize = 8;

/// How many questions why a request waits are asked at the same time.
const WHYS_MAX: usize = 4;

/// How much all bodies of requests may have together, in KiB.
const ALL_BODIES_KIB: usize = 256 * 1024;

/// How much all long answers may have that are on their way, in KiB.
const ALL_ANSWERS_KIB: usize = 256 * 1024;

/// How long an answer waits for its place, and then for room.
const ROOM_PATIENCE: Duration = Duration::from_secs(30);

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
    /// Places of answers that may be long.
    long_answers: Arc<Semaphore>,
    /// Bodies that take much memory to understand.
    pub(crate) long_bodies: Arc<Semaphore>,
    /// Questions for the engine.
    pub(crate) whys: Semaphore,
    /// Room for bodies of requests.
    bodies: Room,
    /// Room for answers on their way.
    pub(crate) answers: Room,
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
            long_answers: Arc::new(Semaphore::new(LONG_ANSWERS_MAX)),
            long_bodies: Arc::new(Semaphore::new(1)),
            whys: Semaphore::new(WHYS_MAX),
            bodies: Room::new(ALL_BODIES_KIB),
            answers: Room::new(ALL_ANSWERS_KIB),
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
            Err(error) => connection::not_accepted(error).await,
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
            connection::prepare(&stream);
            let peer = peer.ip().to_string();
            Ok(match acceptor {
                Some(acceptor) => Connection::Tls(stream, acceptor.clone(), peer),
                None => Connection::Plain(stream, peer),
            })
        }
        Socket::Unix(listener, _) => Ok(Connection::Unix(listener.accept().await?.0)),
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
    let answer = |request| answer(shared, request, is_tls, peer.clone());
    connection::serve(stream, &shared.stop, answer).await;
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
    let body = match router::below_api(&site, &request) {
        Some(path) if request.method == Method::POST => {
            let max = rest::body_bytes_max(shared, path);
            let visitor = site.visitor_name(&request);
            Some(request::read(body, max, &shared.bodies, &visitor).await)
        }
        _ => None,
    };
    let mut response = match place(shared, &site, &request).await {
        Ok(place) => {
            // Closed never: whoever gets no permit would have to wait for one.
            let _permit = shared.requests.acquire().await;
            router::answer(shared, &site, &request, body, upgrade, place).await
        }
        Err(TooMuch) => too_much(),
    };
    take_room(shared, &site, &request, &mut response).await;
    let length = response.body().size_hint().exact();
    shared
        .access_log
        .note(&request, response.status().as_u16(), length);
    response
}

/// Others ask for so much that there is no place for an answer.
struct TooMuch;

/// What may be long waits for its place before it takes one among the requests: those who want little do not wait for it.
async fn place(
    shared: &Shared,
    site: &Site,
    request: &Request,
) -> Result<Option<OwnedSemaphorePermit>, TooMuch> {
    let path = router::below_api(site, request);
    let may_be_long = path.is_some_and(|path| {
        (request.method == Method::GET || request.method == Method::HEAD)
            && buildbot_data::may_be_long(path, &request.parameters)
    });
    if !may_be_long {
        return Ok(None);
    }
    let place = shared.long_answers.clone().acquire_owned();
    match tokio::time::timeout(ROOM_PATIENCE, place).await {
        Ok(Ok(place)) => Ok(Some(place)),
        Ok(Err(_)) | Err(_) => Err(TooMuch),
    }
}

/// A long answer that was made waits for room, which it gives back as it goes out.
async fn take_room(shared: &Shared, site: &Site, request: &Request, response: &mut Response) {
    let Body::Made(made) = response.body_mut() else {
        return;
    };
    let visitor = site.visitor_name(request);
    let room = shared.answers.take(&visitor, made.len(), ROOM_PATIENCE);
    match room.await {
        Some(room) => made.hold(room),
        None => *response = too_much(),
    }
}

fn too_much() -> Response {
    let text = "too many long answers are on their way";
    response::with(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}
