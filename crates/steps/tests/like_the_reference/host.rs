//! The configuration host, asked as simply as can be: one question after the other.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use buildbot_config::{Object, Value};
use buildbot_render::Exception;
use buildbot_steps::StepError;
use serde_json::{Value as Json, json};

pub(crate) struct Host {
    child: Child,
    socket: Mutex<(UnixStream, u64)>,
}

impl Host {
    pub(crate) fn start(python: &Path) -> Self {
        let host = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/host.py");
        let (socket, theirs) = UnixStream::pair().expect("sockets");
        let child = Command::new(python)
            .args(["-B", host, "--fd", "0"])
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .expect("the host starts");
        Self {
            child,
            socket: Mutex::new((socket, 0)),
        }
    }

    /// Asks, and gives the answer; signs of life are passed over, and the host's own questions refused.
    pub(crate) fn ask(&self, mut question: Json) -> Result<Json, StepError> {
        let mut guard = self.socket.lock().expect("a socket");
        let (socket, last) = &mut *guard;
        *last += 1;
        let id = *last;
        question["id"] = id.into();
        send(socket, &question);
        loop {
            let message = receive(socket);
            if message.get("ask").is_some() {
                let refused = json!({"id": message["id"], "error": {"kind": "refused",
                    "type": "builtins.Exception", "message": "no", "traceback": "", "at": null}});
                send(socket, &refused);
            } else if message.get("id") == Some(&id.into()) && message.get("awaits").is_none() {
                return match message.get("error") {
                    Some(error) => Err(exception(error)),
                    None => Ok(message["ok"].clone()),
                };
            }
        }
    }

    /// What the items become, and the objects that are in them.
    pub(crate) fn render(
        &self,
        items: &[Value],
        properties: &Json,
        objects: &mut Vec<(u32, Arc<Object>)>,
    ) -> Vec<Result<Value, Exception>> {
        let question =
            json!({"ask": "render", "items": items, "props": properties, "deadline_ms": 20000});
        let answer = self.ask(question).expect("an answer");
        let outcomes = answer.as_array().expect("outcomes");
        outcomes
            .iter()
            .map(|outcome| match outcome.get("error") {
                Some(error) => match exception(error) {
                    StepError::Exception(exception) => Err(exception),
                    other => panic!("{other}"),
                },
                None => {
                    if let Some(found) = outcome.get("objects") {
                        objects.extend(
                            serde_json::from_value::<Vec<(u32, Arc<Object>)>>(without_places(
                                found,
                            ))
                            .expect("objects"),
                        );
                    }
                    Ok(serde_json::from_value(outcome["ok"].clone()).expect("a value"))
                }
            })
            .collect()
    }
}

/// Places of answers name files, for which the description has numbers.
fn without_places(objects: &Json) -> Json {
    let mut objects = objects.clone();
    for pair in objects.as_array_mut().into_iter().flatten() {
        pair[1]["at"] = Json::Null;
    }
    objects
}

fn exception(error: &Json) -> StepError {
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    StepError::Exception(Exception {
        class: text("type"),
        message: text("message"),
        traceback: None,
        place: None,
    })
}

fn send(socket: &mut UnixStream, message: &Json) {
    let text = message.to_string();
    let length = u32::try_from(text.len() + 1).expect("short");
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(b'J');
    frame.extend_from_slice(text.as_bytes());
    socket.write_all(&frame).expect("the host listens");
}

fn receive(socket: &mut UnixStream) -> Json {
    let mut length = [0; 4];
    socket.read_exact(&mut length).expect("the host lives");
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut frame).expect("the host lives");
    serde_json::from_slice(&frame[1..]).expect("JSON")
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
