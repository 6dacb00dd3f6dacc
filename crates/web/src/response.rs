//! Answers.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body as HyperBody, Bytes, Frame, SizeHint};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue,
    LOCATION, VARY,
};
use hyper::{Method, StatusCode};
use tokio::sync::mpsc;

use crate::request::Request;

/// Content types.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A body: there at once, or coming in pieces.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Bytes),
    /// A sender that goes away early ends the connection, so that nobody takes a part for the whole.
    Pieces(mpsc::Receiver<std::io::Result<Bytes>>),
}

/// A response on its way.
pub(crate) type Response = hyper::Response<Body>;

impl HyperBody for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Pieces(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A response with a body.
pub(crate) fn with(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::Whole(body.into()));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

/// A response that sends somebody elsewhere.
pub(crate) fn redirect(to: &str) -> Response {
    let mut response = with(StatusCode::FOUND, "text/html", "");
    set(&mut response, LOCATION, to);
    response
}

/// A page that says what is wrong.
pub(crate) fn page(status: StatusCode, text: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let number = status.as_u16();
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>{number} - {title}</title></head>\n\
         <body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    with(status, HTML, body)
}

/// Sets a header; a value that cannot be one is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Adds a header to those of the same name.
pub(crate) fn add(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// Less is not worth the work.
const COMPRESSED_BYTES_MIN: usize = 256;

/// Compresses a whole body for clients that take that. Pieces are compressed by who makes them.
pub(crate) fn compress(request: &Request, response: &mut Response) {
    let Body::Whole(bytes) = response.body() else {
        return;
    };
    if !takes_gzip(request) || bytes.len() < COMPRESSED_BYTES_MIN {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let Ok(compressed) = encoder.write_all(bytes).and_then(|()| encoder.finish()) else {
        return;
    };
    *response.body_mut() = Body::Whole(compressed.into());
    set(response, CONTENT_ENCODING, "gzip");
    set(response, VARY, "Accept-Encoding");
}

/// Whether a client takes gzip.
pub(crate) fn takes_gzip(request: &Request) -> bool {
    request.header(ACCEPT_ENCODING).is_some_and(|accepted| {
        accepted.split(',').any(|way| {
            let mut parts = way.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            name.eq_ignore_ascii_case("gzip") && parts.all(|part| part != "q=0")
        })
    })
}

/// What HEAD gets: the headers of GET, and no body.
pub(crate) fn without_body(request: &Request, response: &mut Response) {
    if request.method != Method::HEAD {
        return;
    }
    if let Body::Whole(bytes) = response.body() {
        let length = bytes.len().to_string();
        set(response, CONTENT_LENGTH, &length);
    }
    *response.body_mut() = Body::Whole(Bytes::new());
}
