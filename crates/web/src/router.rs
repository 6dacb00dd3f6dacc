//! Which part of the server answers which path.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, SET_COOKIE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode};

use crate::badges;
use crate::login;
use crate::realtime::{socket, stream};
use crate::request::Request;
use crate::response::{self, Response};
use crate::rest;
use crate::server::Shared;
use crate::site::Site;

/// Answers a request.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    body: Incoming,
    upgrade: Option<OnUpgrade>,
) -> Response {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let mut response = match path.as_slice() {
        ["api"] => {
            let mut response = rest::versions(site);
            response::compress(request, &mut response);
            response
        }
        ["api", "v2" | "latest", rest @ ..] if site.rest_minimum_version <= 2 => {
            let skipped = request.path.len() - rest.len();
            let below = &request.path[skipped..];
            rest::serve(shared, site, request, below, body).await
        }
        ["ws"] => socket::open(shared, site, request, upgrade).await,
        ["sse", path @ ..] => stream::serve(shared, site, request, path).await,
        ["auth", "login"] => login::log_in(site, request).await,
        ["auth", "logout"] => login::log_out(site, request),
        ["plugins", "badges", name] => badges::serve(shared, site, request, name).await,
        [""] => index(shared, site, request).await,
        _ => response::page(StatusCode::NOT_FOUND, "No such resource."),
    };
    response::without_body(request, &mut response);
    response
}

/// The page that is there when no front end is installed: builders, running builds, and links into the API.
async fn index(shared: &Arc<Shared>, site: &Site, request: &Request) -> Response {
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response = response::page(StatusCode::METHOD_NOT_ALLOWED, "Only to be read.");
        response::set(&mut response, ALLOW, "GET, HEAD");
        return response;
    }
    let mut visitor = site.visitor(request);
    if let Some(proxy) = site.login.proxy()
        && let Ok(identity) = proxy.identity(&request.headers)
        && identity != visitor.identity
    {
        visitor.cookie = Some(site.cookie(request, &identity));
        visitor.identity = identity;
    }
    let mut response = crate::index::page(shared, site, &visitor.identity).await;
    response::set(&mut response, CACHE_CONTROL, "public,max-age=0");
    if let Some(cookie) = visitor.cookie {
        response::add(&mut response, SET_COOKIE, &cookie);
    }
    response
}
