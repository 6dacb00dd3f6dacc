//! One connection of HTTP, as the server and the proxy for front ends serve it.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::impatient::Impatient;

/// How long a client may take for the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// After how much silence the system asks whether a client is still there.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// A client that is gone without a word is noticed by the system.
pub(crate) fn prepare(stream: &TcpStream) {
    let probes = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_AFTER / 4);
    let prepared = SockRef::from(stream).set_tcp_keepalive(&probes);
    // Answers are whole; waiting to fill a packet would only delay them.
    if let Err(error) = prepared.and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(%error, "a connection keeps the system's settings");
    }
}

/// Says that nobody could be accepted, and waits: without descriptors it would fail again at once.
pub(crate) async fn not_accepted(error: std::io::Error) {
    tracing::warn!(%error, "a connection cannot be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Answers requests until the client goes away, or until `stop`, and then the one that runs.
pub(crate) async fn serve<S, A, F, B>(stream: S, stop: &CancellationToken, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(Impatient::new(stream)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ends badly");
    }
}
