//! A front end from this machine with the data of a master elsewhere, for people who work on a front end.
//!
//! Buildbot: manual, "dev-proxy". `/api`, `/auth`, `/sse`, `/avatar` and `/ws` go to the master as they come, bodies in
//! both directions piece by piece; all else is answered from the files that are installed here.

mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;

use buildbot_config::{FrontEnd as Installed, Value, Www};
use buildbot_model::Secret;
use http_body_util::{BodyExt as _, Either, Limited};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Request as HyperRequest, StatusCode};
use serde_json::{Map, Value as Json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection;
use crate::front_end::FrontEnd;
use crate::request::Request;
use crate::response::{self, Body, Response};

use upstream::Upstream;
pub use upstream::UpstreamError;

/// How many connections are served at the same time.
const CONNECTIONS_MAX: usize = 100;

/// How large the configuration of a master may be.
const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is asked of the master. All below these paths, and names that begin so, belong to it.
const MASTERS: [&str; 4] = ["/api", "/auth", "/sse", "/avatar"];

/// What a proxy is told.
#[derive(Debug)]
pub struct DevProxySettings {
    /// The port on this machine.
    pub port: u16,
    /// The web address of the master.
    pub master: String,
    /// The front end that is installed here.
    pub installed: Installed,
    /// Plugins of the front end with their settings, besides those of the master.
    pub plugins: Map<String, Json>,
    /// The session with which everything is asked.
    pub session: Option<Secret<String>>,
    /// Whether certificates are taken as they are.
    pub takes_any_certificate: bool,
}

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum DevProxyError {
    /// This cannot be a master.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The master cannot be asked.
    #[error("Unable to connect to buildbot master {master}: {reason}")]
    Unreachable {
        /// Its address.
        master: String,
        /// What went wrong.
        reason: String,
    },
    /// The master does not tell its configuration.
    #[error("Unable to fetch buildbot config from {master}: {reason}")]
    NoConfig {
        /// Its address.
        master: String,
        /// What it says instead.
        reason: String,
    },
    /// The front end is not there.
    #[error("{0}")]
    FrontEnd(String),
    /// The port cannot be had.
    #[error("cannot listen on port {port}: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        reason: std::io::Error,
    },
}

/// A proxy that listens.
pub struct DevProxy {
    listener: TcpListener,
    shared: Arc<Shared>,
    missing: Vec<String>,
}

impl std::fmt::Debug for DevProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevProxy").finish_non_exhaustive()
    }
}

struct Shared {
    upstream: Upstream,
    front_end: FrontEnd,
    page: String,
    config: Json,
    port: u16,
    tasks: TaskTracker,
}

type Answer = hyper::Response<Either<Body, Incoming>>;

impl DevProxy {
    /// Asks the master for its configuration, reads the front end, and listens.
    ///
    /// Differs: `buildbot dev-proxy` asks the master for `/config`, because the page of 4.3 does not have its
    /// configuration where the reference's command looks for it.
    pub async fn start(settings: DevProxySettings) -> Result<Self, DevProxyError> {
        let DevProxySettings {
            port,
            master,
            installed,
            plugins,
            session,
            takes_any_certificate,
        } = settings;
        let tasks = TaskTracker::new();
        let upstream = Upstream::new(&master, session, takes_any_certificate, tasks.clone())?;
        let mut config = fetch_config(&upstream).await?;
        let has = |name: &str| installed.parts.iter().any(|part| part.name == name);
        let mut missing = Vec::new();
        let mut wanted = Map::new();
        if let Some(Json::Object(of_master)) = config.get("plugins") {
            for (name, value) in of_master {
                // Badges are pictures that the master draws.
                if has(name) || name == "badges" {
                    wanted.insert(name.clone(), value.clone());
                } else {
                    missing.push(name.clone());
                }
            }
        }
        wanted.extend(plugins);
        let names = wanted.keys().filter(|name| *name != "badges");
        let www = Www {
            plugins: names.map(|name| (name.clone(), Value::None)).collect(),
            options: theme(&config),
            front_end: installed,
            ..Www::default()
        };
        let here = format!("http://localhost:{port}/");
        config.insert("plugins".to_owned(), wanted.into());
        let urls = Json::Array(vec![
            here.as_str().into(),
            format!("{}/", upstream.url()).into(),
        ]);
        config.insert("buildbotURLs".to_owned(), urls);
        config.insert("buildbotURL".to_owned(), here.into());
        let config = Json::Object(config);
        let front_end = FrontEnd::load(&www).map_err(DevProxyError::FrontEnd)?;
        let page = front_end.page(&config).ok_or_else(|| {
            DevProxyError::FrontEnd(
                "there is no front end in this Python: install buildbot-www there".to_owned(),
            )
        })?;
        let failed = |reason| DevProxyError::Listen { port, reason };
        let listener = TcpListener::bind(("localhost", port))
            .await
            .map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self {
            listener,
            missing,
            shared: Arc::new(Shared {
                upstream,
                front_end,
                page,
                config,
                port,
                tasks,
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Plugins of the master that are not installed here.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // The semaphore is never closed.
            let Ok(permit) = connections.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    connection::prepare(&stream);
                    let (shared, peer) = (self.shared.clone(), peer.ip().to_string());
                    self.shared.tasks.spawn(async move {
                        let answer = |request| answer(&shared, request, peer.clone());
                        // The process ends when it is told to.
                        connection::serve(stream, &CancellationToken::new(), answer).await;
                        drop(permit);
                    });
                }
                Err(error) => connection::not_accepted(error).await,
            }
        }
    }
}

async fn fetch_config(upstream: &Upstream) -> Result<Map<String, Json>, DevProxyError> {
    let master = || upstream.url();
    let failed = |reason: String| DevProxyError::NoConfig {
        master: master(),
        reason,
    };
    let answer = upstream.get("/config").await;
    let answer = answer.map_err(|reason| DevProxyError::Unreachable {
        master: master(),
        reason: reason.to_string(),
    })?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), CONFIG_BYTES_MAX).collect();
    let body = body.await.map_err(|error| failed(error.to_string()))?;
    if status != StatusCode::OK {
        return Err(failed(format!("it answers {status}")));
    }
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(Json::Object(config)) => Ok(config),
        Ok(_) => Err(failed("it is no object".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The colours of the master, as `c['www']` has them.
fn theme(config: &Map<String, Json>) -> Vec<(String, Value)> {
    let Some(Json::Object(colours)) = config.get("theme") else {
        return Vec::new();
    };
    let colours = colours.iter().filter_map(|(name, colour)| {
        let colour = colour.as_str()?;
        Some((Value::from(name.as_str()), Value::from(colour)))
    });
    vec![("theme".to_owned(), Value::Dict(colours.collect()))]
}

async fn answer(shared: &Arc<Shared>, request: HyperRequest<Incoming>, peer: String) -> Answer {
    if !is_from_here(request.headers(), shared.port) {
        let text = "this proxy is for pages of this machine only";
        return response::with(StatusCode::FORBIDDEN, response::TEXT, text).map(Either::Left);
    }
    let path = request.uri().path();
    if path == "/ws" {
        return or_bad_gateway(shared, shared.upstream.upgrade(request).await);
    }
    if MASTERS.iter().any(|begin| path.starts_with(begin)) {
        return or_bad_gateway(shared, shared.upstream.pass(request).await);
    }
    let (request, _, _) = Request::new(request, false, peer);
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let mut response = match path.as_slice() {
        ["" | "index.html"] => page(response::HTML, shared.page.clone()),
        ["config"] => page(response::JSON, shared.config.to_string()),
        _ => shared.front_end.serve(&request),
    };
    response::without_body(&request, &mut response);
    response.map(Either::Left)
}

/// Whether a browser of this machine asks, for a page that this proxy has served. Pages of others must not use the session
/// that it lends: neither from their own address, nor from a name of theirs that leads here.
fn is_from_here(headers: &HeaderMap, port: u16) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().ok());
    let is_here = |authority: Option<&str>| {
        let authority = authority.unwrap_or_default();
        let usual = (port == 80).then_some(authority);
        let host = authority.strip_suffix(&format!(":{port}")).or(usual);
        matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
    };
    let is_ours = |origin: Option<&str>| is_here(origin.and_then(|it| it.strip_prefix("http://")));
    text(HOST).is_some_and(is_here) && text(ORIGIN).is_none_or(is_ours)
}

fn page(content_type: &str, text: String) -> Response {
    let mut response = response::with(StatusCode::OK, content_type, text);
    response::set(&mut response, CACHE_CONTROL, "no-cache");
    response
}

fn or_bad_gateway(
    shared: &Shared,
    answer: Result<hyper::Response<Incoming>, upstream::AskError>,
) -> Answer {
    match answer {
        Ok(answer) => answer.map(Either::Right),
        Err(error) => {
            let url = shared.upstream.url();
            let text = format!("Unable to connect to upstream server {url} ({error})");
            response::with(StatusCode::BAD_GATEWAY, response::TEXT, text).map(Either::Left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_proxy_itself_are_served() {
        let check = |host: Option<&str>, origin: Option<&str>, port: u16, expected: bool| {
            let mut headers = HeaderMap::new();
            let mut set = |name, value: Option<&str>| {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            };
            set(HOST, host);
            set(ORIGIN, origin);
            assert_eq!(
                is_from_here(&headers, port),
                expected,
                "{host:?} {origin:?}"
            );
        };
        let here = Some("localhost:8011");
        check(here, None, 8011, true);
        check(here, Some("http://localhost:8011"), 8011, true);
        check(Some("127.0.0.1:8011"), None, 8011, true);
        check(Some("[::1]:8011"), None, 8011, true);
        check(Some("localhost"), None, 80, true);
        check(Some("localhost"), None, 8011, false);
        check(Some("localhost:8012"), None, 8011, false);
        // A name that was made to lead here.
        check(Some("evil.example:8011"), None, 8011, false);
        check(None, None, 8011, false);
        // Another page in the same browser.
        check(here, Some("https://evil.example"), 8011, false);
        check(here, Some("http://localhost:3000"), 8011, false);
        check(here, Some("null"), 8011, false);
    }
}
