//! `/ws`: events over a WebSocket, on paths that the client names.

use std::sync::Arc;
use std::time::Duration;

use buildbot_config::Value;
use buildbot_data::{Message, Silence, Subscriber};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::header::{CONNECTION, HeaderName, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::Message as Frame;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::{SEND_PATIENCE, command};
use crate::request::Request;
use crate::response::{self, Response, TEXT};
use crate::server::Shared;
use crate::site::Site;

/// How long a frame of a client may be: a command with a path.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take to close, too.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");

/// Answers a request for a WebSocket; what follows on the connection is a task of its own.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    upgrade: Option<OnUpgrade>,
) -> Response {
    if request.method != Method::GET {
        return response::page(StatusCode::METHOD_NOT_ALLOWED, "Only to be read.");
    }
    let has = |name: HeaderName, word: &str| {
        let words = request.header(name).unwrap_or_default().split(',');
        words.map(str::trim).any(|w| w.eq_ignore_ascii_case(word))
    };
    let (true, true, Some(upgrade)) = (
        has(UPGRADE, "websocket"),
        has(CONNECTION, "upgrade"),
        upgrade,
    ) else {
        let mut response = response::with(
            StatusCode::UPGRADE_REQUIRED,
            TEXT,
            "this is for WebSockets only",
        );
        response::set(&mut response, UPGRADE, "websocket");
        response::set(&mut response, CONNECTION, "upgrade");
        return response;
    };
    let (Some(key), true) = (request.header(KEY), has(VERSION, "13")) else {
        let mut response = response::with(
            StatusCode::BAD_REQUEST,
            TEXT,
            "a WebSocket of version 13 needs a key",
        );
        response::set(&mut response, VERSION, "13");
        return response;
    };
    if let Err(refusal) = super::admit(shared, site, request).await {
        return *refusal;
    }
    let Ok(permit) = shared.listeners.clone().try_acquire_owned() else {
        return super::too_many();
    };
    let accept = derive_accept_key(key.as_bytes());
    let pings = pings(site);
    let task = {
        let shared = shared.clone();
        async move {
            match upgrade.await {
                Ok(upgraded) => {
                    let config = WebSocketConfig::default()
                        .max_message_size(Some(FRAME_BYTES_MAX))
                        .max_frame_size(Some(FRAME_BYTES_MAX));
                    // What is sent has no limit of its own: each message is awaited, and one alone can be long.
                    let io = TokioIo::new(upgraded);
                    let socket =
                        WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                    serve(&shared, socket, pings).await;
                }
                Err(error) => tracing::debug!(%error, "a WebSocket does not begin"),
            }
            drop(permit);
        }
    };
    shared.tasks.spawn(task);
    let mut response = response::with(StatusCode::SWITCHING_PROTOCOLS, TEXT, "");
    response.headers_mut().clear();
    response::set(&mut response, CONNECTION, "upgrade");
    response::set(&mut response, UPGRADE, "websocket");
    response::set(&mut response, ACCEPT, &accept);
    response
}

/// The interval of `ws_ping_interval`, if it is set.
fn pings(site: &Site) -> Option<Interval> {
    let seconds = match site.option("ws_ping_interval") {
        Some(Value::Int(seconds)) => u64::try_from(*seconds).ok()?,
        Some(Value::Float(seconds)) => Duration::try_from_secs_f64(*seconds).ok()?.as_secs(),
        _ => return None,
    };
    let every = Duration::from_secs(seconds);
    if every.is_zero() {
        return None;
    }
    let mut pings = interval(every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    pings.reset();
    Some(pings)
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// What happens on a connection.
enum Turn {
    Event(Result<Message, Silence>),
    Frame(Option<Result<Frame, tungstenite::Error>>),
    Ping,
    Stop,
}

/// Why a connection ends.
enum End {
    /// Nobody is there any more.
    Gone,
    /// It is closed with a reason.
    Close(CloseCode, &'static str),
}

async fn serve(shared: &Shared, mut socket: Socket, mut pings: Option<Interval>) {
    let mut subscriber = shared.bus.subscriber();
    let end = loop {
        let turn = tokio::select! {
            () = shared.stopping() => Turn::Stop,
            event = subscriber.next() => Turn::Event(event),
            frame = socket.next() => Turn::Frame(frame),
            () = tick(&mut pings) => Turn::Ping,
        };
        let frame = match next(turn, &subscriber) {
            Ok(Some(frame)) => frame,
            Ok(None) => continue,
            Err(end) => break end,
        };
        match timeout(SEND_PATIENCE, socket.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break End::Gone,
            Err(_) => {
                tracing::info!("a WebSocket is given up: its client takes nothing");
                return;
            }
        }
    };
    drop(subscriber);
    match end {
        End::Gone => {}
        End::Close(code, reason) => {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let close = async {
                socket.close(Some(frame)).await.ok()?;
                while let Some(Ok(_)) = socket.next().await {}
                Some(())
            };
            // Whoever does not close in time is cut off.
            drop(timeout(CLOSE_PATIENCE, close).await);
        }
    }
}

/// What is to be sent because of something that happened.
fn next(turn: Turn, subscriber: &Subscriber) -> Result<Option<Frame>, End> {
    match turn {
        Turn::Stop => Err(End::Close(CloseCode::Away, "the master ends")),
        Turn::Ping => Ok(Some(Frame::Ping(Default::default()))),
        Turn::Event(Ok(message)) => Ok(Some(Frame::text(event(&message)))),
        Turn::Event(Err(Silence::Lost)) => {
            let text = "too slow: events were lost";
            Err(End::Close(CloseCode::Again, text))
        }
        Turn::Event(Err(Silence::Ended)) => Err(End::Close(CloseCode::Away, "the master ends")),
        Turn::Frame(None | Some(Err(_))) => Err(End::Gone),
        Turn::Frame(Some(Ok(frame))) => match frame {
            Frame::Text(text) => said(text.as_str(), subscriber),
            Frame::Binary(bytes) => {
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| End::Close(CloseCode::Invalid, "a frame is no JSON object"))?;
                said(text, subscriber)
            }
            // Pongs are sent by the library.
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Ok(None),
            Frame::Close(_) => Err(End::Gone),
        },
    }
}

fn said(text: &str, subscriber: &Subscriber) -> Result<Option<Frame>, End> {
    match command::answer(text, &subscriber.subscriptions()) {
        Some(answer) => Ok(Some(Frame::text(answer))),
        None => Err(End::Close(
            CloseCode::Invalid,
            "a frame is no JSON object with a command",
        )),
    }
}

fn event(message: &Message) -> String {
    let topic = serde_json::Value::from(message.topic.as_str());
    format!("{{\"k\":{topic},\"m\":{}}}", message.body)
}

async fn tick(pings: &mut Option<Interval>) {
    match pings {
        Some(pings) => {
            pings.tick().await;
        }
        None => std::future::pending().await,
    }
}
