//! The configuration host, asked as simply as can be.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use buildbot_config::{Object, Value};
use buildbot_render::Exception;
use buildbot_steps::{Answer, Question, Session, StepError, Surroundings};
use serde_json::{Value as Json, json};

/// How long something that the host has to say is waited for before others go on.
const PATIENCE: Duration = Duration::from_millis(2);

pub(crate) struct Host {
    child: Child,
    state: Mutex<State>,
}

struct State {
    socket: UnixStream,
    frames: Receiver<Json>,
    last: u64,
    answers: BTreeMap<u64, Result<Json, StepError>>,
    asked: VecDeque<Json>,
}

impl State {
    fn send(&mut self, mut question: Json) -> u64 {
        self.last += 1;
        question["id"] = self.last.into();
        send(&mut self.socket, &question);
        self.last
    }

    /// Hears the host; signs of life are passed over, and questions that are not about steps refused.
    fn hear(&mut self) -> bool {
        let Ok(message) = self.frames.recv_timeout(PATIENCE) else {
            return false;
        };
        match message.get("ask") {
            Some(ask) if ask == "step" => self.asked.push_back(message),
            Some(_) => {
                let refused = json!({"id": message["id"], "error": {"kind": "refused",
                    "type": "builtins.Exception", "message": "no", "traceback": "", "at": null}});
                send(&mut self.socket, &refused);
            }
            None if message.get("awaits").is_none() && message.get("id").is_some() => {
                let answer = match message.get("error") {
                    Some(error) => Err(exception(error)),
                    None => Ok(message["ok"].clone()),
                };
                let id = message["id"].as_u64().expect("a number");
                self.answers.insert(id, answer);
            }
            None => {}
        }
        true
    }
}

impl Host {
    pub(crate) fn start(python: &Path) -> Arc<Self> {
        let host = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/host.py");
        let (socket, theirs) = UnixStream::pair().expect("sockets");
        let child = Command::new(python)
            .args(["-B", host, "--fd", "0"])
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .expect("the host starts");
        let (sender, frames) = channel();
        let mut reading = socket.try_clone().expect("a socket");
        std::thread::spawn(move || {
            while let Some(frame) = receive(&mut reading) {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        });
        Arc::new(Self {
            child,
            state: Mutex::new(State {
                socket,
                frames,
                last: 0,
                answers: BTreeMap::new(),
                asked: VecDeque::new(),
            }),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("a host")
    }

    /// Asks, and gives the answer.
    pub(crate) fn ask(&self, question: Json) -> Result<Json, StepError> {
        let mut state = self.state();
        let id = state.send(question);
        loop {
            if let Some(answer) = state.answers.remove(&id) {
                return answer;
            }
            state.hear();
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

/// A running step whose code is in the host.
pub(crate) struct Running {
    pub(crate) host: Arc<Host>,
    pub(crate) number: u64,
    pub(crate) surroundings: Surroundings,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.number)
    }
}

impl Session for Running {
    fn surroundings(&self) -> Surroundings {
        self.surroundings.clone()
    }

    fn call<'a>(&'a self, method: &'static str, arguments: Vec<Json>) -> Answer<'a, Json> {
        let id = self.host.state().send(json!({
            "ask": "method", "on": {"$": "session", "key": self.number}, "name": method,
            "args": arguments, "kwargs": {}, "deadline_ms": 20000,
        }));
        Box::pin(poll_fn(move |_| {
            let mut state = self.host.state();
            loop {
                if let Some(answer) = state.answers.remove(&id) {
                    return Poll::Ready(answer);
                }
                if !state.hear() {
                    return Poll::Pending;
                }
            }
        }))
    }

    fn question(&self) -> Answer<'_, Question> {
        Box::pin(poll_fn(move |_| {
            let mut state = self.host.state();
            let number = Json::from(self.number);
            loop {
                let mine = state.asked.iter().position(|ask| ask["session"] == number);
                if let Some(ask) = mine.and_then(|at| state.asked.remove(at)) {
                    let host = Arc::clone(&self.host);
                    let id = ask["id"].clone();
                    return Poll::Ready(Ok(Question {
                        what: ask["what"].as_str().unwrap_or_default().to_owned(),
                        arguments: ask["args"].clone(),
                        answer: Box::new(move |answer| {
                            send(&mut host.state().socket, &json!({"id": id, "ok": answer}));
                        }),
                    }));
                }
                if !state.hear() {
                    return Poll::Pending;
                }
            }
        }))
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

fn receive(socket: &mut UnixStream) -> Option<Json> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut frame).ok()?;
    Some(serde_json::from_slice(&frame[1..]).expect("JSON"))
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
