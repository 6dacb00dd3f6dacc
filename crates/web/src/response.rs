//! Answers.

use std::collections::VecDeque;
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
use crate::room::Taken;

/// Content types.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A body.
#[derive(Debug)]
pub(crate) enum Body {
    /// Short, or in memory anyway.
    Whole(Bytes),
    /// Long, and made for one request.
    Made(Made),
    /// It comes in pieces. A sender that goes away early ends the connection, so that nobody takes a part for the whole.
    Pieces(mpsc::Receiver<std::io::Result<Bytes>>),
}

/// How much is handed to a connection at once.
const FRAME_BYTES: usize = 64 * 1024;

/// A long body that was made for one request. Each frame is memory of its own with room of its own: both are given back
/// when it has gone out.
#[derive(Debug)]
pub(crate) struct Made {
    frames: VecDeque<Bytes>,
    /// How many bytes have not been handed out.
    left: usize,
    room: Option<Taken>,
    /// The place among those that are made at the same time. It is kept until there is room.
    place: Option<OwnedSemaphorePermit>,
}

impl Made {
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// It has room, and leaves its place to others.
    pub(crate) fn hold(&mut self, room: Taken) {
        self.room = Some(room);
        self.place = None;
    }

    fn next(&mut self) -> Option<Bytes> {
        let frame = self.frames.pop_front()?;
        self.left = self.left.saturating_sub(frame.len());
        let room = self.room.as_mut();
        Some(match room.and_then(|room| room.split(frame.len())) {
            Some(room) => Bytes::from_owner(Held { frame, _room: room }),
            None => frame,
        })
    }
}

/// A frame that is going out.
struct Held {
    frame: Bytes,
    _room: Taken,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

/// Collects what is written in frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    full: VecDeque<Bytes>,
    last: Vec<u8>,
}

impl std::io::Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = FRAME_BYTES.saturating_sub(self.last.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.last.extend_from_slice(taken);
        if self.last.len() >= FRAME_BYTES {
            let next = Vec::with_capacity(FRAME_BYTES);
            let full = std::mem::replace(&mut self.last, next);
            self.full.push_back(full.into());
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Frames {
    fn len(&self) -> usize {
        self.full.iter().map(Bytes::len).sum::<usize>() + self.last.len()
    }

    fn into_queue(mut self) -> VecDeque<Bytes> {
        if !self.last.is_empty() {
            self.full.push_back(self.last.into());
        }
        self.full
    }

    /// The same bytes compressed. What has been compressed is not kept.
    fn compressed(self) -> std::io::Result<Self> {
        let mut encoder = GzEncoder::new(Self::default(), Compression::fast());
        for frame in self.into_queue() {
            encoder.write_all(&frame)?;
        }
        encoder.finish()
    }

    fn into_body(self, place: Option<OwnedSemaphorePermit>) -> Body {
        if self.full.is_empty() {
            return Body::Whole(self.last.into());
        }
        Body::Made(Made {
            left: self.len(),
            frames: self.into_queue(),
            room: None,
            place,
        })
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
            Self::Whole(bytes) => {
                let whole = std::mem::take(bytes);
                Poll::Ready((!whole.is_empty()).then(|| Ok(Frame::data(whole))))
            }
            Self::Made(made) => Poll::Ready(made.next().map(|frame| Ok(Frame::data(frame)))),
            Self::Pieces(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Made(made) => made.left == 0,
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Made(made) => SizeHint::with_exact(made.left as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A response with a body.
pub(crate) fn with(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    of(status, content_type, Body::Whole(body.into()))
}

fn of(status: StatusCode, content_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

/// What becomes of a body while it is made.
pub(crate) struct Making {
    /// Whether it is made beside the tasks, which a long one would hold up.
    pub(crate) beside: bool,
    pub(crate) takes_gzip: bool,
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Making {
    /// A response with what is written. A fault of whoever writes it is an error 500.
    pub(crate) async fn respond(
        self,
        content_type: &str,
        write: impl FnOnce(&mut Frames) -> std::io::Result<()> + Send + 'static,
    ) -> Response {
        let Self {
            beside,
            takes_gzip,
            place,
        } = self;
        let work = move || {
            let mut frames = Frames::default();
            write(&mut frames)?;
            let compresses = takes_gzip && frames.len() >= COMPRESSED_BYTES_MIN;
            if compresses {
                frames = frames.compressed()?;
            }
            // Also if nobody waits for it any more, it has its place while it is made.
            Ok((frames.into_body(place), compresses))
        };
        let made = if beside {
            let made = tokio::task::spawn_blocking(work).await;
            made.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        } else {
            work()
        };
        match made {
            Ok((body, compresses)) => {
                let mut response = of(StatusCode::OK, content_type, body);
                if compresses {
                    is_compressed(&mut response);
                }
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be made");
                let text = "the answer cannot be made";
                with(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
            }
        }
    }
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

/// Compresses a whole body for clients that take that. Others are compressed by who makes them.
pub(crate) fn compress(request: &Request, response: &mut Response) {
    let Body::Whole(bytes) = response.body() else {
        return;
    };
    let is_compressed_already = response.headers().contains_key(CONTENT_ENCODING);
    if is_compressed_already || !takes_gzip(request) || bytes.len() < COMPRESSED_BYTES_MIN {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let Ok(compressed) = encoder.write_all(bytes).and_then(|()| encoder.finish()) else {
        return;
    };
    *response.body_mut() = Body::Whole(compressed.into());
    is_compressed(response);
}

fn is_compressed(response: &mut Response) {
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
    if let Some(length) = response.body().size_hint().exact() {
        set(response, CONTENT_LENGTH, &length.to_string());
    }
    *response.body_mut() = Body::Whole(Bytes::new());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    #[test]
    fn a_frame_gives_its_room_back_when_it_is_out() {
        let mut frames = Frames::default();
        frames.write_all(&vec![7; 2 * FRAME_BYTES + 1]).unwrap();
        let Body::Made(mut made) = frames.into_body(None) else {
            panic!("a long body");
        };
        let room = Room::new(2 * 129);
        made.hold(room.try_take("a", made.len()).unwrap());
        let is_free = |bytes: usize| room.try_take("a", bytes).is_some();
        assert!(!is_free(1));
        let first = made.next().unwrap();
        assert_eq!((first.len(), made.len()), (FRAME_BYTES, FRAME_BYTES + 1));
        assert!(!is_free(1));
        drop(first);
        assert!(is_free(FRAME_BYTES) && !is_free(FRAME_BYTES + 1));
        drop(made.next());
        assert_eq!(made.next().unwrap().len(), 1);
        assert!(made.next().is_none());
        assert!(is_free(2 * FRAME_BYTES + 1));
    }

    #[test]
    fn what_fits_into_a_frame_is_whole() {
        let mut frames = Frames::default();
        frames.write_all(b"short").unwrap();
        let compressed = frames.compressed().unwrap();
        assert!(matches!(compressed.into_body(None), Body::Whole(bytes) if !bytes.is_empty()));
    }
}
