//! What a client says over a WebSocket, and what it is answered.

use buildbot_data::Subscriptions;
use buildbot_model::python_text::{repr_of_float, repr_of_text};
use serde_json::{Map, Value as Json};

/// The answer to a frame, or nothing when the frame ends the connection: it is no object, or its command no text.
pub(crate) fn answer(frame: &str, subscriptions: &Subscriptions) -> Option<String> {
    let frame: Json = serde_json::from_str(frame).ok()?;
    let Json::Object(mut frame) = frame else {
        return None;
    };
    let kind = frame.shift_remove("type").unwrap_or_default();
    let id = frame.get("_id").cloned().unwrap_or_default();
    let mut answer = Map::new();
    let mut put = |name: &str, value: Json| answer.insert(name.to_owned(), value);
    let id = if id.is_null() && kind.is_null() {
        put(
            "error",
            "no '_id' or 'type' in websocket frame".to_owned().into(),
        );
        put("code", 400.into());
        Json::Null
    } else {
        match frame.shift_remove("cmd") {
            None | Some(Json::Null) => {
                put("error", "no 'cmd' in websocket frame".to_owned().into());
                put("code", 400.into());
                // Seen: the id is not told.
                Json::Null
            }
            Some(Json::String(command)) => {
                match carry_out(&command, &frame, subscriptions) {
                    Ok(word) => {
                        put("msg", word.into());
                        put("code", 200.into());
                    }
                    Err((code, error)) => {
                        put("error", error.into());
                        put("code", code.into());
                    }
                }
                id
            }
            Some(_) => return None,
        }
    };
    put("_id", id);
    Some(Json::Object(answer).to_string())
}

type Refusal = (u16, String);

fn carry_out(
    command: &str,
    arguments: &Map<String, Json>,
    subscriptions: &Subscriptions,
) -> Result<&'static str, Refusal> {
    match command {
        "ping" => {
            check(command, arguments, &["_id"])?;
            Ok("pong")
        }
        "startConsuming" => {
            check(command, arguments, &["path", "_id"])?;
            let path = path(arguments)?;
            super::subscribe(subscriptions, path).map_err(|text| (400, text))?;
            Ok("OK")
        }
        "stopConsuming" => {
            check(command, arguments, &["path", "_id"])?;
            let path = path(arguments)?;
            let pattern = super::pattern(path).map_err(|text| (400, text))?;
            if subscriptions.unsubscribe(&pattern) {
                Ok("OK")
            } else {
                Err((400, format!("path was not consumed '{path}'")))
            }
        }
        _ => Err((404, format!("no such command type '{command}'"))),
    }
}

/// Refuses keys that are unknown or missing, in the words of Python.
fn check(command: &str, arguments: &Map<String, Json>, names: &[&str]) -> Result<(), Refusal> {
    let refuse = |what: String| {
        let text = format!("Invalid method argument 'WsProtocol.cmd_{command}() {what}'");
        Err((400, text))
    };
    if let Some(unknown) = arguments
        .keys()
        .find(|name| !names.contains(&name.as_str()))
    {
        return refuse(format!("got an unexpected keyword argument '{unknown}'"));
    }
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !arguments.contains_key(**name))
        .map(|name| format!("'{name}'"))
        .collect();
    let plural = if missing.len() == 1 { "" } else { "s" };
    match missing.len() {
        0 => Ok(()),
        count => refuse(format!(
            "missing {count} required positional argument{plural}: {}",
            missing.join(" and ")
        )),
    }
}

fn path(arguments: &Map<String, Json>) -> Result<&str, Refusal> {
    match arguments.get("path") {
        Some(Json::String(path)) => Ok(path),
        other => {
            let shown = python(other.unwrap_or(&Json::Null));
            Err((400, format!("invalid path format '{shown}'")))
        }
    }
}

/// How Python shows a value.
fn python(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => repr_of_float(float),
            _ => number.to_string(),
        },
        Json::String(text) => repr_of_text(text),
        Json::Array(values) => {
            let values: Vec<String> = values.iter().map(python).collect();
            format!("[{}]", values.join(", "))
        }
        Json::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", repr_of_text(name), python(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}
