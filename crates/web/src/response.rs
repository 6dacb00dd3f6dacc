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
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::request::Request;

/// Content types.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A body: there at once, or coming in pieces.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Whole),
    /// A sender that goes away early ends the connection, so that nobody takes a part for the whole.
    Pieces(mpsc::Receiver<std::io::Result<Bytes>>),
}

/// How much is handed to a connection at once: what it holds is not given back before it is out.
const FRAME_BYTES: usize = 64 * 1024;

/// A body that is there at once, with the room that it takes among all answers.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

impl Whole {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps the room until all is handed out.
    pub(crate) fn hold(&mut self, room: OwnedSemaphorePermit) {
        self.room = Some(room);
    }

    fn next(&mut self) -> Option<Bytes> {
        if self.bytes.is_empty() {
            return None;
        }
        let next = self.bytes.split_to(self.bytes.len().min(FRAME_BYTES));
        Some(next)
    }
}

impl<T: Into<Bytes>> From<T> for Whole {
    fn from(bytes: T) -> Self {
        Self {
            bytes: bytes.into(),
            room: None,
        }
    }
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
            Self::Whole(whole) => Poll::Ready(whole.next().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(whole) if whole.len() == 0)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A response with a body.
pub(crate) fn with(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::Whole(body.into().into()));
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

/// Under which name a browser keeps a file.
pub(crate) fn attachment(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.bytes().all(is_plain) {
        return format!("attachment; filename={name}");
    }
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename*=UTF-8''{encoded}")
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
    let Body::Whole(Whole { bytes, .. }) = response.body() else {
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
    if let Body::Whole(whole) = response.body() {
        let length = whole.len().to_string();
        set(response, CONTENT_LENGTH, &length);
    }
    *response.body_mut() = Body::Whole(Whole::default());
}
