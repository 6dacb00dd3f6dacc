//! Requests as the handlers see them.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as HyperBody, Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request as HyperRequest};

use crate::room::{Room, Taken};

/// How long the body of a form may be. Parameters of `file` fields come in JSON: 10 MiB by default, escaped.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long any other body may be: a method with its parameters.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How much room is taken at once.
const ROOM_BYTES: usize = 64 * 1024;

/// How long a client may say nothing while it sends a body.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long a body may take in all.
const BODY_PATIENCE: Duration = Duration::from_secs(600);

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path and what follows, as it came, for the access log.
    pub(crate) target: String,
    /// The parts of the path between slashes, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) is_tls: bool,
    pub(crate) peer: String,
}

impl Request {
    pub(crate) fn new(
        request: HyperRequest<Incoming>,
        is_tls: bool,
        peer: String,
    ) -> (Self, Incoming, Option<OnUpgrade>) {
        let (mut head, body) = request.into_parts();
        let upgrade = head.extensions.remove::<OnUpgrade>();
        let path = head.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path).split('/');
        let decode = |part: &str| {
            percent_encoding::percent_decode_str(part)
                .decode_utf8_lossy()
                .into_owned()
        };
        let query = head.uri.query().unwrap_or_default();
        let request = Self {
            target: head.uri.to_string(),
            path: path.map(decode).collect(),
            parameters: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            method: head.method,
            headers: head.headers,
            is_tls,
            peer,
        };
        (request, body, upgrade)
    }

    /// A header as text; the first if there are several.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let headers = self.headers.get_all(hyper::header::COOKIE);
        headers
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim())
    }

    /// The first value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A whole body, with the room that it takes.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    pub(crate) room: Option<Taken>,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is too long, or does not come.
    Bad,
    /// All together are too long, or all of one visitor.
    NoRoom,
}

/// Reads a body of `max` bytes at most.
pub(crate) async fn read<B>(
    body: B,
    max: usize,
    room: &Room,
    visitor: &str,
) -> Result<ReadBody, Unread>
where
    B: HyperBody<Data = Bytes> + Unpin,
{
    let whole = collect(body, max, room, visitor);
    let read = tokio::time::timeout(BODY_PATIENCE, whole).await;
    read.unwrap_or(Err(Unread::Bad))
}

async fn collect<B>(mut body: B, max: usize, room: &Room, visitor: &str) -> Result<ReadBody, Unread>
where
    B: HyperBody<Data = Bytes> + Unpin,
{
    let mut bytes = Vec::new();
    let mut taken: Option<Taken> = None;
    let mut taken_bytes = 0;
    loop {
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Unread::Bad)? else {
            break;
        };
        let Ok(data) = frame.map_err(|_| Unread::Bad)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > max {
            return Err(Unread::Bad);
        }
        bytes.extend_from_slice(&data);
        // As the memory grows, so that many small pieces are no more than few large ones.
        if bytes.len() > taken_bytes {
            let more = (bytes.len() - taken_bytes).div_ceil(ROOM_BYTES) * ROOM_BYTES;
            let Some(more_room) = room.try_take(visitor, more) else {
                return Err(Unread::NoRoom);
            };
            taken_bytes += more;
            match &mut taken {
                Some(taken) => taken.merge(more_room),
                None => taken = Some(more_room),
            }
        }
    }
    Ok(ReadBody {
        bytes: bytes.into(),
        room: taken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    async fn read_pieces(pieces: usize, max: usize, room: &Room) -> Result<ReadBody, Unread> {
        let pieces = (0..pieces).map(|_| Ok::<_, std::io::Error>(Frame::data("x".into())));
        read(StreamBody::new(stream::iter(pieces)), max, room, "a").await
    }

    #[tokio::test]
    async fn a_body_without_room_is_another_matter_than_one_that_is_too_long() {
        let room = Room::new(2 * ROOM_BYTES / 1024);
        let check = |read: Result<ReadBody, Unread>, expected: Result<usize, Unread>| {
            assert_eq!(read.map(|body| body.bytes.len()), expected);
        };
        check(read_pieces(10, 9, &room).await, Err(Unread::Bad));
        let held = read_pieces(10, 10, &room).await;
        check(read_pieces(1, 10, &room).await, Err(Unread::NoRoom));
        check(held, Ok(10));
        // Each piece does not take room of its own.
        check(
            read_pieces(ROOM_BYTES, ROOM_BYTES, &room).await,
            Ok(ROOM_BYTES),
        );
    }
}
