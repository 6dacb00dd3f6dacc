//! `/sse`: server-sent events, on paths that further requests add and remove.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_data::{Message, Silence, Subscriber, Subscriptions};
use hyper::body::Bytes;
use hyper::header::CACHE_CONTROL;
use hyper::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::SEND_PATIENCE;
use crate::request::Request;
use crate::response::{self, Body, Response, TEXT};
use crate::server::Shared;
use crate::site::Site;

/// How many pieces wait for the socket.
const PIECES_MAX: usize = 16;

/// The open streams by their names.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    by_name: Mutex<HashMap<String, Subscriptions>>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Subscriptions>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a stream when it ends.
struct Named {
    shared: Arc<Shared>,
    name: String,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.shared.streams.lock().remove(&self.name);
    }
}

/// Answers a request below `/sse`. `path` is what follows.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    path: &[&str],
) -> Response {
    if request.method != Method::GET {
        return response::page(StatusCode::METHOD_NOT_ALLOWED, "Only to be read.");
    }
    if let Err(refusal) = super::admit(shared, site, request).await {
        return *refusal;
    }
    // A slash at the end does not count.
    let path = match path {
        [path @ .., ""] => path,
        path => path,
    };
    match path {
        ["add" | "remove"] => refuse(StatusCode::BAD_REQUEST, "need uuid"),
        [verb @ ("add" | "remove"), name, path @ ..] => {
            change(shared, *verb == "add", name, &path.join("/"))
        }
        ["listen", path @ ..] | path => listen(shared, path),
    }
}

fn refuse(status: StatusCode, text: impl Into<Bytes>) -> Response {
    response::with(status, TEXT, text)
}

/// Adds or removes a path.
fn change(shared: &Shared, adds: bool, name: &str, path: &str) -> Response {
    let subscriptions = shared.streams.lock().get(name).cloned();
    let Some(subscriptions) = subscriptions else {
        return refuse(StatusCode::BAD_REQUEST, "unknown uuid");
    };
    let changed = if adds {
        super::subscribe(&subscriptions, path).map(|()| true)
    } else {
        super::pattern(path).map(|pattern| subscriptions.unsubscribe(&pattern))
    };
    match changed {
        Ok(true) => response::with(StatusCode::OK, TEXT, ""),
        Ok(false) => refuse(
            StatusCode::NOT_FOUND,
            "consumer is not listening to this event",
        ),
        Err(text) => refuse(StatusCode::BAD_REQUEST, text),
    }
}

/// Opens a stream, with one path if there is one.
fn listen(shared: &Arc<Shared>, path: &[&str]) -> Response {
    let Ok(permit) = shared.listeners.clone().try_acquire_owned() else {
        return super::too_many();
    };
    let Some(name) = uuid() else {
        return refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the system has no random numbers",
        );
    };
    let subscriber = shared.bus.subscriber();
    let subscriptions = subscriber.subscriptions();
    if !path.is_empty()
        && let Err(text) = super::subscribe(&subscriptions, &path.join("/"))
    {
        return refuse(StatusCode::BAD_REQUEST, text);
    }
    shared.streams.lock().insert(name.clone(), subscriptions);
    let named = Named {
        shared: shared.clone(),
        name,
    };
    let (pieces, receiver) = mpsc::channel(PIECES_MAX);
    shared.tasks.spawn(async move {
        send(&named, subscriber, &pieces).await;
        drop(permit);
    });
    let mut response = Response::new(Body::Pieces(receiver));
    response::set(
        &mut response,
        hyper::header::CONTENT_TYPE,
        "text/event-stream",
    );
    response::set(&mut response, CACHE_CONTROL, "no-cache");
    response
}

type Pieces = mpsc::Sender<std::io::Result<Bytes>>;

async fn send(named: &Named, mut subscriber: Subscriber, pieces: &Pieces) {
    let mut piece = format!("event: handshake\ndata: {}\n\n", named.name);
    loop {
        match timeout(SEND_PATIENCE, pieces.send(Ok(piece.into()))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::info!("a stream of events is given up: its client takes nothing");
                return;
            }
        }
        let next = tokio::select! {
            () = named.shared.stopping() => return,
            () = pieces.closed() => return,
            next = subscriber.next() => next,
        };
        piece = match next {
            Ok(message) => event(&message),
            Err(Silence::Ended) => return,
            Err(Silence::Lost) => {
                // The last thing that it hears; whoever reads on sees the end of the stream.
                let lost = "event: lost\ndata: too slow: events were lost\n\n".to_owned();
                drop(timeout(SEND_PATIENCE, pieces.send(Ok(lost.into()))).await);
                return;
            }
        };
    }
}

fn event(message: &Message) -> String {
    let key: Vec<&str> = message.topic.parts().collect();
    let key = serde_json::Value::from(key);
    format!(
        "event: event\ndata: {{\"key\":{key},\"message\":{}}}\n\n",
        message.body
    )
}

/// A random name for a stream.
fn uuid() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let (time, rest) = hex.split_at(8);
    let (middle, rest) = rest.split_at(4);
    let (high, rest) = rest.split_at(4);
    let (clock, node) = rest.split_at(4);
    Some(format!("{time}-{middle}-{high}-{clock}-{node}"))
}
