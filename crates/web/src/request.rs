//! Requests as the handlers see them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request as HyperRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long the body of a form may be. Parameters of `file` fields come in JSON: 10 MiB by default, escaped.
const FORM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long any other body may be: a method with its parameters.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How much all bodies may have together, in KiB.
pub(crate) const ALL_BODIES_KIB: usize = 256 * 1024;

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
    _room: Option<OwnedSemaphorePermit>,
}

/// The body of a request that has one, or nothing if it is too long, does not come, or all together are too long.
/// Only forms may be long.
pub(crate) async fn read(
    request: &Request,
    body: Incoming,
    room: &Arc<Semaphore>,
) -> Option<ReadBody> {
    let is_form = request.path.iter().any(|part| part == "forceschedulers");
    let max = if is_form {
        FORM_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    };
    let whole = collect(body, max, room);
    tokio::time::timeout(BODY_PATIENCE, whole).await.ok()?
}

async fn collect(mut body: Incoming, max: usize, room: &Arc<Semaphore>) -> Option<ReadBody> {
    let mut bytes = Vec::new();
    let mut taken: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = tokio::time::timeout(SILENCE_MAX, body.frame()).await.ok()? {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > max {
            return None;
        }
        let kib = u32::try_from(data.len().div_ceil(1024)).ok()?;
        let more = room.clone().try_acquire_many_owned(kib).ok()?;
        match &mut taken {
            Some(taken) => taken.merge(more),
            None => taken = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Some(ReadBody {
        bytes: bytes.into(),
        _room: taken,
    })
}
