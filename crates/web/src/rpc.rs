//! Control: JSON-RPC 2.0 by POST.

use std::sync::Arc;

use buildbot_data::{ReadError, json};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde_json::{Map, Value as Json};

use crate::authz::{Denied, Wish};
use crate::control::{Action, ControlError, NoAction, Outcome};
use crate::identity::Identity;
use crate::request::{ReadBody, Request};
use crate::response::{self, Response};
use crate::rest::{status_of, status_of_denial};
use crate::room::Taken;
use crate::server::Shared;
use crate::site::Site;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;

/// What is wanted.
struct Call {
    method: String,
    id: Json,
    parameters: Map<String, Json>,
    /// What its body takes, until it is done.
    _room: Option<Taken>,
}

/// Why it is not done.
struct Failure {
    status: StatusCode,
    code: i64,
    message: Json,
    /// That of the call, once the call is understood.
    id: Option<Json>,
}

impl Failure {
    fn new(status: StatusCode, code: i64, message: impl Into<Json>) -> Box<Self> {
        Box::new(Self {
            status,
            code,
            message: message.into(),
            id: None,
        })
    }

    fn invalid(message: impl Into<Json>) -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }
}

/// Does what the body of a request says to what is at a path.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    site: &Site,
    who: &Identity,
    request: &Request,
    path: &[String],
    body: ReadBody,
) -> Response {
    let answer = match parse(shared, request, body).await {
        Err(failure) => Err(failure),
        Ok(call) => {
            let id = call.id.clone();
            let done = act(shared, site, who, path, call).await;
            match done {
                Ok(result) => Ok((id, result)),
                Err(mut failure) => {
                    failure.id = Some(id);
                    Err(failure)
                }
            }
        }
    };
    let (status, body) = match answer {
        Ok((id, result)) => {
            let body = serde_json::json!({ "id": id, "jsonrpc": "2.0", "result": result });
            (StatusCode::OK, body)
        }
        Err(failure) => {
            let mut body = Map::new();
            body.insert("jsonrpc".to_owned(), "2.0".into());
            if let Some(id) = failure.id {
                body.insert("id".to_owned(), id);
            }
            let error = serde_json::json!({ "code": failure.code, "message": failure.message });
            body.insert("error".to_owned(), error);
            (failure.status, body.into())
        }
    };
    response::with(status, "application/json", json::compact(body))
}

/// From how many bytes on JSON is understood beside the tasks, and one at a time: it takes several times as much memory.
const LONG_JSON_BYTES: usize = 256 * 1024;

async fn json_of(shared: &Shared, body: ReadBody) -> Result<(Json, Option<Taken>), String> {
    let understand = |body: ReadBody| {
        let parsed = serde_json::from_slice(&body.bytes);
        let parsed = parsed.map_err(|error| format!("JSON parse error: {error}"))?;
        Ok((parsed, body.room))
    };
    if body.bytes.len() < LONG_JSON_BYTES {
        return understand(body);
    }
    let place = shared.long_bodies.clone().acquire_owned().await;
    let work = move || {
        let understood = understand(body);
        // Also if nobody waits for it any more.
        drop(place);
        understood
    };
    let understood = tokio::task::spawn_blocking(work).await;
    understood.unwrap_or_else(|error| Err(error.to_string()))
}

async fn parse(shared: &Shared, request: &Request, body: ReadBody) -> Result<Call, Box<Failure>> {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    if content_type != "application/json" {
        return Err(Failure::invalid(
            "Invalid content-type (use application/json)",
        ));
    }
    let parsed = json_of(shared, body).await;
    let (parsed, room) =
        parsed.map_err(|message| Failure::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message))?;
    let mut root = match parsed {
        Json::Object(root) => root,
        Json::Array(_) => {
            return Err(Failure::invalid("JSONRPC batch requests are not supported"));
        }
        _ => return Err(Failure::invalid("JSONRPC root object must be an object")),
    };
    let mut take = |key: &str, fits: &dyn Fn(&Json) -> bool, kinds: &str| match root.remove(key) {
        None => Err(Failure::invalid(format!("missing key '{key}'"))),
        Some(value) if !fits(&value) => Err(Failure::invalid(format!("'{key}' must be {kinds}"))),
        Some(value) => Ok(value),
    };
    let version = take("jsonrpc", &Json::is_string, "a string")?;
    let method = take("method", &Json::is_string, "a string")?;
    let is_id = |value: &Json| value.is_string() || value.is_number() || value.is_null();
    let id = take("id", &is_id, "a string, number, or null")?;
    let parameters = take("params", &Json::is_object, "an object")?;
    if version != "2.0" {
        return Err(Failure::invalid("only JSONRPC 2.0 is supported"));
    }
    match (method, parameters) {
        (Json::String(method), Json::Object(parameters)) => Ok(Call {
            method,
            id,
            parameters,
            _room: room,
        }),
        // Both are checked above.
        _ => Err(Failure::invalid("JSONRPC root object must be an object")),
    }
}

async fn act(
    shared: &Arc<Shared>,
    site: &Site,
    who: &Identity,
    path: &[String],
    call: Call,
) -> Result<Json, Box<Failure>> {
    // Rules and schedulers must see the same builders.
    let names = call.parameters.get("builderNames");
    if names.is_some_and(|names| !names.is_array()) {
        let message = "'builderNames' must be a list";
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            INVALID_PARAMS,
            message,
        ));
    }
    let wish = Wish {
        path,
        action: &call.method,
        parameters: Some(&call.parameters),
    };
    let allowed = site.authorise(&shared.data, who, wish).await;
    allowed.map_err(|denied| of_denial(&denied))?;
    let target = shared.data.target(path).await;
    let target = target.map_err(|error| of_read_error(&error))?;
    let mut parameters = call.parameters;
    // Whoever asks is known; what they say they are does not count.
    parameters.insert("owner".to_owned(), who.owner().into());
    let action = Action::of(&target, &call.method, parameters).map_err(|no| of_no_action(&no))?;
    let Some(action) = action else {
        return Ok(Json::Null);
    };
    if let Action::Force { scheduler, .. } = &action
        && !is_force_scheduler(shared, scheduler)
    {
        let message = format!("there is no force scheduler {scheduler}");
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            INVALID_REQUEST,
            message,
        ));
    }
    // What was begun is done, also if whoever asked goes away.
    let (control, owner) = (shared.control.clone(), who.owner().to_owned());
    let act = async move { control.act(action, &owner).await };
    let acted = shared.tasks.spawn(act).await;
    match acted.unwrap_or_else(|error| Err(ControlError::Failed(error.to_string()))) {
        Ok(Outcome::Accepted) => Ok(Json::Null),
        Ok(Outcome::Buildset { buildset, requests }) => {
            let requests: Map<String, Json> = requests
                .into_iter()
                .map(|(builder, request)| (builder.to_string(), request.into()))
                .collect();
            Ok(serde_json::json!([buildset, requests]))
        }
        Err(ControlError::NotFound(text)) => {
            Err(Failure::new(StatusCode::NOT_FOUND, INVALID_REQUEST, text))
        }
        Err(ControlError::Fields(fields)) => Err(Failure::new(
            StatusCode::BAD_REQUEST,
            INVALID_PARAMS,
            fields,
        )),
        Err(ControlError::Failed(text)) => Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            INTERNAL_ERROR,
            text,
        )),
    }
}

/// Whether a force scheduler is called so.
pub(crate) fn is_force_scheduler(shared: &Shared, name: &str) -> bool {
    let all = shared.data.live().force_schedulers();
    let mut names = all.iter().map(|known| known.get("name"));
    names.any(|known| known.and_then(Json::as_str) == Some(name))
}

fn of_denial(denied: &Denied) -> Box<Failure> {
    Failure::new(
        status_of_denial(denied),
        INVALID_REQUEST,
        denied.to_string(),
    )
}

fn of_read_error(error: &ReadError) -> Box<Failure> {
    let code = match error {
        ReadError::NoPath(_) | ReadError::NotFound(_) | ReadError::Query(_) => INVALID_REQUEST,
        ReadError::Busy | ReadError::TooLong | ReadError::Database(_) | ReadError::Log(_) => {
            INTERNAL_ERROR
        }
    };
    Failure::new(status_of(error), code, error.to_string())
}

fn of_no_action(no: &NoAction) -> Box<Failure> {
    let (status, code) = match no {
        NoAction::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, METHOD_NOT_FOUND),
        NoAction::Parameter(..) => (StatusCode::BAD_REQUEST, INVALID_PARAMS),
    };
    Failure::new(status, code, no.to_string())
}
