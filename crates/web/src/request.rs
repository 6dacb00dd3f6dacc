//! Requests as the handlers see them.

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request as HyperRequest};

/// How long a body may be. Parameters of `file` fields come in JSON: 10 MiB by default, escaped.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

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

/// The whole body, or nothing if it is too long or does not come.
pub(crate) async fn read(body: Incoming) -> Option<Bytes> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?;
    Some(collected.to_bytes())
}
