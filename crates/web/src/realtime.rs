//! The realtime interfaces: WebSocket and server-sent events. Both hand on what the bus delivers.

pub(crate) mod command;
pub(crate) mod socket;
pub(crate) mod stream;

use std::time::Duration;

use hyper::StatusCode;

use buildbot_data::{Pattern, Subscriptions};

use crate::authz::Wish;
use crate::identity::Identity;
use crate::request::Request;
use crate::response::{self, Response, TEXT};
use crate::rest::status_of_denial;
use crate::server::Shared;
use crate::session::Session;
use crate::site::Site;

/// How many clients listen at the same time.
pub(crate) const LISTENERS_MAX: usize = 4_096;

/// How many paths one client listens to: one for each build, step and log that a page shows.
const PATHS_MAX: usize = 4_096;

/// How long a path may be: the longest topic has seven parts, four of them numbers.
const PATH_BYTES_MAX: usize = 256;

/// How long a client may take for one message, until it is given up.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// Whether somebody may listen; the answer if not.
///
/// Buildbot: who may read `masters`. A session that is expired or not ours is refused, unlike in the REST API.
///
/// Differs: the rules hold for `/sse` as for `/ws`, because both tell the same; the reference serves `/sse` to everybody.
async fn admit(shared: &Shared, site: &Site, request: &Request) -> Result<(), Box<Response>> {
    let identity = match site.session(request) {
        Session::Valid(identity) => identity,
        Session::None => Identity::anonymous(),
        Session::Bad => {
            let text = "the session is expired or unknown";
            return Err(Box::new(response::with(StatusCode::FORBIDDEN, TEXT, text)));
        }
    };
    let path = ["masters".to_owned()];
    let wish = Wish {
        path: &path,
        action: "get",
        parameters: None,
    };
    site.authorise(&shared.data, &identity, wish)
        .await
        .map_err(|denied| {
            let status = status_of_denial(&denied);
            Box::new(response::with(status, TEXT, denied.to_string()))
        })
}

/// Has a client listen to a path, too, or says why not.
fn subscribe(subscriptions: &Subscriptions, path: &str) -> Result<(), String> {
    let pattern = pattern(path)?;
    if subscriptions.count() >= PATHS_MAX {
        return Err(format!("more than {PATHS_MAX} paths are consumed"));
    }
    subscriptions.subscribe(pattern);
    Ok(())
}

/// What a path means, if it is not too long.
fn pattern(path: &str) -> Result<Pattern, String> {
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("the path has more than {PATH_BYTES_MAX} bytes"));
    }
    Ok(Pattern::new(path))
}

/// What somebody hears who comes when there are too many listeners already.
fn too_many() -> Response {
    response::with(
        StatusCode::SERVICE_UNAVAILABLE,
        TEXT,
        "too many clients listen already",
    )
}
