//! Scripts of other sites: whether a browser may let them use the API.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use hyper::{Method, StatusCode};

use crate::request::Request;
use crate::response::{self, Response, TEXT};
use crate::site::Site;

/// What becomes of a request because of where its script comes from.
pub(crate) enum Origin {
    /// It is no script of another site.
    None,
    /// It is allowed; the answer says so.
    Allowed(String),
    /// The answer is already known.
    Answered(Response),
}

/// Looks at the header `Origin`.
pub(crate) fn check(site: &Site, request: &Request) -> Origin {
    let Some(origin) = request.header(ORIGIN) else {
        return Origin::None;
    };
    let origin = origin.to_lowercase();
    if !site.allows_origin(&origin) {
        return Origin::Answered(refusal(request, "invalid origin"));
    }
    if request.method != Method::OPTIONS {
        return Origin::Allowed(origin);
    }
    let wanted = request.header(ACCESS_CONTROL_REQUEST_METHOD);
    if !matches!(wanted, Some("GET" | "POST" | "HEAD")) {
        return Origin::Answered(refusal(request, "invalid method"));
    }
    let mut response = response::with(StatusCode::OK, TEXT, "");
    allow(&mut response, &origin);
    Origin::Answered(response)
}

/// Says that an origin is allowed.
pub(crate) fn allow(response: &mut Response, origin: &str) {
    response::set(response, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response::set(response, ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type");
    response::set(response, ACCESS_CONTROL_MAX_AGE, "3600");
}

/// An error of the API before it is known what is asked; those of POST have another form.
pub(crate) fn refusal(request: &Request, text: &str) -> Response {
    refusal_with(StatusCode::BAD_REQUEST, request, text)
}

/// The same with another status.
pub(crate) fn refusal_with(status: StatusCode, request: &Request, text: &str) -> Response {
    let text = buildbot_data::json::compact(text.into());
    let error = if request.method == Method::POST {
        format!("{{\"error\": {{\"message\": {text}}}}}")
    } else {
        format!("{{\"error\": {text}}}")
    };
    response::with(status, TEXT, error)
}
