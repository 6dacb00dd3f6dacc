//! Which part of the server answers which path.

use std::sync::Arc;

use hyper::header::{ALLOW, CACHE_CONTROL, SET_COOKIE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use crate::avatar;
use crate::badges;
use crate::boot;
use crate::login;
use crate::realtime::{socket, stream};
use crate::request::{ReadBody, Request, Unread};
use crate::response::{self, Response};
use crate::rest;
use crate::server::Shared;
use crate::site::Site;

/// What follows `/api/v2`, if a request is for that.
pub(crate) fn below_api<'r>(site: &Site, request: &'r Request) -> Option<&'r [String]> {
    match request.path.as_slice() {
        [api, version, rest @ ..]
            if api == "api"
                && (version == "v2" || version == "latest")
                && site.rest_minimum_version <= 2 =>
        {
            Some(rest)
        }
        _ => None,
    }
}

/// Answers a request. One whose answer may be long has a place for that.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    body: Option<Result<ReadBody, Unread>>,
    upgrade: Option<OnUpgrade>,
    place: Option<OwnedSemaphorePermit>,
) -> Response {
    let mut response = match below_api(site, request) {
        Some(path) => rest::serve(shared, site, request, path, body, place).await,
        None => beside_api(shared, site, request, upgrade).await,
    };
    response::without_body(request, &mut response);
    response
}

async fn beside_api(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    upgrade: Option<OnUpgrade>,
) -> Response {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["api"] => {
            let mut response = rest::versions(site);
            response::compress(request, &mut response);
            response
        }
        ["ws"] => socket::open(shared, site, request, upgrade).await,
        ["sse", path @ ..] => stream::serve(shared, site, request, path).await,
        ["auth", "login"] => login::log_in(site, request).await,
        ["auth", "logout"] => login::log_out(site, request),
        ["plugins", "badges", name] => badges::serve(shared, site, request, name).await,
        ["avatar"] => avatar::serve(site, request),
        ["config"] => begin(shared, site, request, Begin::Config).await,
        [""] => begin(shared, site, request, Begin::Page).await,
        _ => site.front_end.serve(request),
    }
}

/// Two ways in which a front end begins.
enum Begin {
    /// The page: that of the front end, or a plain one when none is installed.
    Page,
    /// What the page would have in it, for a front end that comes from elsewhere.
    Config,
}

async fn begin(shared: &Arc<Shared>, site: &Site, request: &Request, what: Begin) -> Response {
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response = response::page(StatusCode::METHOD_NOT_ALLOWED, "Only to be read.");
        response::set(&mut response, ALLOW, "GET, HEAD");
        return response;
    }
    let mut visitor = site.visitor(request);
    let mut warning = None;
    if let Some(proxy) = site.login.proxy() {
        match proxy.identity(&request.headers) {
            Ok(identity) if identity != visitor.identity => {
                visitor.cookie = Some(site.cookie(request, &identity));
                visitor.identity = identity;
            }
            Ok(_) => {}
            Err(missing) => warning = Some(missing),
        }
    }
    let config = boot::config(site, &visitor.identity, warning);
    let mut response = match what {
        Begin::Config => response::with(StatusCode::OK, "application/json", config.to_string()),
        Begin::Page => match site.front_end.page(&config) {
            Some(page) => response::with(StatusCode::OK, "text/html", page),
            None => crate::index::page(shared, site, &visitor.identity).await,
        },
    };
    // It says who somebody is.
    response::set(&mut response, CACHE_CONTROL, "private,max-age=0");
    if let Some(cookie) = visitor.cookie {
        response::add(&mut response, SET_COOKIE, &cookie);
    }
    response::compress(request, &mut response);
    response
}
