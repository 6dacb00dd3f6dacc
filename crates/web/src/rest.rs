//! `/api/v2`: reading, and the way to control.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use buildbot_data::json::{self, Layout};
use buildbot_data::{Answer, BLOCK_BYTES_MAX, RawLog, ReadError};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPIRES,
    PRAGMA, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value as Json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::authz::{Denied, Wish};
use crate::identity::Identity;
use crate::origin::{self, Origin};
use crate::request::{BODY_BYTES_MAX, FORM_BYTES_MAX, ReadBody, Request, Unread};
use crate::response::{self, Body, Frames, HTML, JSON, Making, Response, TEXT};
use crate::rpc;
use crate::server::Shared;
use crate::site::{Site, now};

/// `/api`: which versions there are.
pub(crate) fn versions(site: &Site) -> Response {
    // Seen: the list leaves a version out that is served when it is just the minimum.
    let mut versions = Map::new();
    if site.rest_minimum_version < 2 {
        let url = format!("{}api/v2", site.settings.buildbot_url);
        versions.insert("v2".to_owned(), url.into());
    }
    let body = serde_json::json!({ "api_versions": versions });
    response::with(StatusCode::OK, "application/json", body.to_string())
}

/// How many parameters a question may have. Pages ask for up to some hundred objects by their numbers.
const PARAMETERS_MAX: usize = 2_000;

/// Lists of more objects than this are made beside the tasks, also if they are not long.
const BESIDE_OBJECTS: usize = 100;

/// What a log that is sent in pieces holds at most: some that wait for the socket, one that is made.
const PIECES_BYTES: usize = (PIECES_MAX + 1) * BLOCK_BYTES_MAX;

/// How long the body of a request at a path may be.
pub(crate) fn body_bytes_max(shared: &Shared, path: &[String]) -> usize {
    let is_form = buildbot_data::takes_form(path)
        && path
            .last()
            .is_some_and(|name| rpc::is_force_scheduler(shared, name));
    if is_form {
        FORM_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    }
}

/// A request below `/api/v2`. `path` is what follows.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    path: &[String],
    body: Option<Result<ReadBody, Unread>>,
    place: Option<OwnedSemaphorePermit>,
) -> Response {
    let allowed = match origin::check(site, request) {
        Origin::None => None,
        Origin::Allowed(origin) => Some(origin),
        Origin::Answered(response) => return response,
    };
    let visitor = site.visitor(request);
    let mut response = if request.method == Method::GET || request.method == Method::HEAD {
        get(shared, site, &visitor.identity, request, path, place).await
    } else if request.method == Method::POST {
        match body {
            Some(Ok(body)) => rpc::call(shared, site, &visitor.identity, request, path, body).await,
            Some(Err(Unread::NoRoom)) => {
                let text = "too many long bodies are on their way";
                origin::refusal_with(StatusCode::SERVICE_UNAVAILABLE, request, text)
            }
            Some(Err(Unread::Bad)) | None => {
                origin::refusal(request, "the request body cannot be read or is too long")
            }
        }
    } else {
        origin::refusal(request, "invalid HTTP method")
    };
    if let Some(origin) = allowed {
        origin::allow(&mut response, &origin);
    }
    if let Some(cookie) = visitor.cookie {
        response::add(&mut response, SET_COOKIE, &cookie);
    }
    response::compress(request, &mut response);
    response
}

fn error(status: StatusCode, text: &str) -> Response {
    let body = format!("{{\"error\": {}}}", json::compact(text.into()));
    response::with(status, TEXT, body)
}

/// What an error of reading is in HTTP.
pub(crate) fn status_of(error: &ReadError) -> StatusCode {
    match error {
        ReadError::NoPath(_) | ReadError::NotFound(_) => StatusCode::NOT_FOUND,
        ReadError::Query(_) => StatusCode::BAD_REQUEST,
        ReadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ReadError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        ReadError::Database(_) | ReadError::Log(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What a refusal is in HTTP.
pub(crate) fn status_of_denial(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Role(_) => StatusCode::FORBIDDEN,
        Denied::Read(error) => status_of(error),
    }
}

async fn get(
    shared: &Arc<Shared>,
    site: &Site,
    who: &Identity,
    request: &Request,
    path: &[String],
    place: Option<OwnedSemaphorePermit>,
) -> Response {
    let wish = Wish {
        path,
        action: request.method.as_str(),
        parameters: None,
    };
    if let Err(denied) = site.authorise(&shared.data, who, wish).await {
        return error(status_of_denial(&denied), &denied.to_string());
    }
    if request.parameters.len() > PARAMETERS_MAX {
        return error(StatusCode::BAD_REQUEST, "there are too many parameters");
    }
    if let [noun, id, why] = path
        && noun == "buildrequests"
        && why == "why"
        && let Ok(id) = id.parse()
    {
        return self::why(shared, site, request, id).await;
    }
    match shared.data.read(path, &request.parameters).await {
        Ok(Answer::Objects {
            plural,
            items,
            total,
        }) => {
            let making = Making {
                beside: place.is_some() || items.len() > BESIDE_OBJECTS,
                takes_gzip: response::takes_gzip(request),
                place,
            };
            let mut meta = Map::new();
            if let Some(total) = total {
                meta.insert("total".to_owned(), total.into());
            }
            let mut answer = Map::new();
            answer.insert("meta".to_owned(), meta.into());
            answer.insert(plural.to_owned(), items.into());
            read(site, request, answer.into(), making).await
        }
        Ok(Answer::Bytes { name, bytes }) => {
            let making = Making {
                beside: true,
                takes_gzip: response::takes_gzip(request),
                place,
            };
            let content_type = "application/octet-stream; charset=utf-8";
            let copy = move |frames: &mut Frames| frames.write_all(&bytes);
            let mut response = making.respond(content_type, copy).await;
            response::set(
                &mut response,
                CONTENT_DISPOSITION,
                &response::attachment(&name),
            );
            response
        }
        Ok(Answer::Log(log)) => raw(shared, site, request, log),
        Err(failed) => {
            if let ReadError::Database(_) | ReadError::Log(_) = failed {
                tracing::error!(path = path.join("/"), error = %failed, "a request cannot be answered");
            }
            error(status_of(&failed), &failed.to_string())
        }
    }
}

/// Something that was read.
async fn read(site: &Site, request: &Request, answer: Json, making: Making) -> Response {
    let wants_json = request
        .header(ACCEPT)
        .is_some_and(|accept| accept.contains("application/json"));
    let (content_type, layout) = match wants_json {
        true => (JSON, Layout::Compact),
        false => (TEXT, Layout::Pretty),
    };
    let write = move |frames: &mut Frames| json::write_to(frames, answer, layout);
    let mut response = making.respond(content_type, write).await;
    if let Ok(seconds @ 1..) = u64::try_from(site.cache_seconds) {
        let until = std::time::UNIX_EPOCH + Duration::from_secs(now().saturating_add(seconds));
        response::set(&mut response, EXPIRES, &httpdate::fmt_http_date(until));
        response::set(&mut response, PRAGMA, "no-cache");
    }
    response
}

/// `buildrequests/N/why`: why a request waits. Ours; the reference has no such path.
async fn why(shared: &Arc<Shared>, site: &Site, request: &Request, id: i64) -> Response {
    // It is answered where builds are distributed.
    let _permit = shared.whys.acquire().await;
    match shared.control.why(buildbot_model::BuildRequestId(id)).await {
        Ok(Some(why)) => {
            let making = Making {
                beside: false,
                takes_gzip: response::takes_gzip(request),
                place: None,
            };
            let answer = serde_json::json!({ "why": [why], "meta": {} });
            read(site, request, answer, making).await
        }
        Ok(None) => error(
            StatusCode::NOT_FOUND,
            "no such build request waits: it is complete, or there is none",
        ),
        Err(failed) => error(StatusCode::INTERNAL_SERVER_ERROR, &failed.to_string()),
    }
}

/// How many pieces of a log wait for a slow client; each has about 128 KiB.
const PIECES_MAX: usize = 2;

/// A whole log, piece by piece.
fn raw(shared: &Arc<Shared>, site: &Site, request: &Request, log: RawLog) -> Response {
    let content_type = if log.is_html { HTML } else { TEXT };
    let (pieces, receiver) = mpsc::channel(PIECES_MAX);
    let mut response = Response::new(Body::Pieces(receiver));
    response::set(&mut response, CONTENT_TYPE, content_type);
    // What a build wrote is shown, and not executed.
    response::set(&mut response, CONTENT_SECURITY_POLICY, "sandbox");
    response::set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Some(name) = &log.file_name {
        response::set(
            &mut response,
            CONTENT_DISPOSITION,
            &response::attachment(name),
        );
    }
    if request.method == Method::HEAD {
        return response;
    }
    let visitor = site.visitor_name(request);
    let Some(room) = shared.answers.try_take(&visitor, PIECES_BYTES) else {
        return error(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many long answers are on their way",
        );
    };
    let compresses = response::takes_gzip(request);
    if compresses {
        response::set(&mut response, CONTENT_ENCODING, "gzip");
        response::set(&mut response, VARY, "Accept-Encoding");
    }
    shared.tasks.spawn(async move {
        // A client that went away wants no more.
        if let Err(error) = send(log, compresses, &pieces).await {
            drop(pieces.send(Err(error)).await);
        }
        drop(room);
    });
    response
}

async fn send(
    log: RawLog,
    compresses: bool,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut encoder = compresses.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let mut lines = log.reader.raw();
    let mut text = Some(log.head);
    while let Some(piece) = text {
        let bytes = match &mut encoder {
            Some(encoder) => {
                encoder.write_all(piece.as_bytes())?;
                std::mem::take(encoder.get_mut())
            }
            None => piece.into_bytes(),
        };
        if !bytes.is_empty() && pieces.send(Ok(bytes.into())).await.is_err() {
            return Ok(());
        }
        let next = lines.next().await.map_err(io::Error::other)?;
        text = next.map(|lines| lines.text);
    }
    if let Some(encoder) = encoder {
        drop(pieces.send(Ok(encoder.finish()?.into())).await);
    }
    Ok(())
}
