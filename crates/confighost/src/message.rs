//! The JSON messages of the child, and the questions to it. No IO.
//!
//! Only the envelope is decoded; what a question is answered with stays text until somebody wants it.
//! Format: `docs/formats/config-host.md`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use buildbot_model::Secret;

use crate::owner::Raised;

/// The version of the format that this side speaks.
pub const VERSION: u64 = 1;

/// A thing in the child that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub u64);

/// What a child says first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hello {
    /// The version of the format that it speaks.
    pub hello: u64,
    /// The version of its Python: `3.11.7`.
    pub python: String,
    /// The path of its Python.
    #[serde(default)]
    pub executable: Option<String>,
    /// Its process.
    #[serde(default)]
    pub pid: u32,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Beat {
    /// The question whose Python code runs at this moment.
    #[serde(default)]
    pub busy: Option<u64>,
    /// For how long, in milliseconds.
    #[serde(default)]
    pub busy_ms: f64,
    /// Its resident memory, in KiB.
    #[serde(default)]
    pub rss_kb: u64,
    /// The time since it began, in seconds.
    #[serde(default)]
    pub age_s: f64,
}

/// What a question was answered with; text that is JSON.
#[derive(Clone)]
pub struct Answer {
    value: Box<RawValue>,
    objects: Option<Box<RawValue>>,
}

impl Answer {
    /// The text of the value.
    pub fn text(&self) -> &str {
        self.value.get()
    }

    /// The text of the array of objects that the value refers to by number, if there are any.
    pub fn objects(&self) -> Option<&str> {
        self.objects.as_deref().map(RawValue::get)
    }

    /// Decodes the value.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.text())
    }

    /// Decodes the value, whatever it is.
    pub fn value(&self) -> serde_json::Result<Value> {
        self.parse()
    }
}

impl std::fmt::Debug for Answer {
    /// Only the length: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} bytes)", self.text().len())
    }
}

/// What came of rendering several values.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The outcome for each value, in order.
    pub outcomes: Vec<Result<Answer, Failure>>,
    /// The secrets that were used, and what is shown in their place.
    pub secrets: Vec<(Secret<String>, String)>,
}

impl Rendered {
    pub(crate) fn of(answer: &Answer) -> serde_json::Result<Self> {
        let parts: Vec<Outcome<'_>> = serde_json::from_str(answer.text())?;
        let mut rendered = Self {
            outcomes: Vec::with_capacity(parts.len()),
            secrets: Vec::new(),
        };
        for part in parts {
            let secrets = part.secrets.into_iter();
            rendered
                .secrets
                .extend(secrets.map(|(secret, shown)| (Secret::new(secret), shown)));
            rendered.outcomes.push(match (part.ok, part.error) {
                (Some(value), None) => Ok(Answer {
                    value: value.to_owned(),
                    objects: part.objects.map(ToOwned::to_owned),
                }),
                (None, Some(failure)) => Err(failure),
                _ => return Err(serde::de::Error::custom("neither ok nor error")),
            });
        }
        Ok(rendered)
    }
}

/// Why user code gave no value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The class of the exception: `builtins.KeyError`.
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub exception: String,
    /// What the exception says.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    /// The Python stack, as Python writes it.
    #[serde(default, deserialize_with = "or_default")]
    pub traceback: String,
    /// The last place inside of user code.
    #[serde(default)]
    pub at: Option<Place>,
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// It raised an exception.
    Exception,
    /// It took too long, and was broken off.
    Deadline,
    /// It called `sys.exit`.
    Exit,
    /// The question was not understood, or makes no sense at this time.
    Refused,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.exception.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message)?,
            (exception, "") => f.write_str(exception)?,
            (exception, message) => write!(f, "{exception}: {message}")?,
        }
        if let Some(place) = &self.at {
            write!(f, " (at {place})")?;
        }
        Ok(())
    }
}

/// A place in user code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "(File, u64)")]
pub struct Place {
    /// The file.
    pub file: File,
    /// The line, from 1 on.
    pub line: u64,
}

/// A file of user code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum File {
    /// An index into the `files` of the description.
    Index(u64),
    /// A path.
    Path(String),
}

impl From<(File, u64)> for Place {
    fn from((file, line): (File, u64)) -> Self {
        Self { file, line }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            File::Index(index) => write!(f, "file {index}:{}", self.line),
            File::Path(path) => write!(f, "{path}:{}", self.line),
        }
    }
}

/// What the child says.
#[derive(Debug)]
pub enum Message {
    /// It is ready.
    Hello(Hello),
    /// It lives.
    Beat(Beat),
    /// A question of ours is answered.
    Answer {
        /// Which.
        id: u64,
        /// With what.
        outcome: Result<Answer, Failure>,
    },
    /// A question of ours waits for something that is not Python code: others can be asked.
    Awaits {
        /// Which.
        id: u64,
    },
    /// It asks us.
    Ask {
        /// The number that the answer bears.
        id: u64,
        /// What is asked.
        name: String,
        /// The whole message.
        body: Box<RawValue>,
    },
}

/// The child does not speak as agreed.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not the form of any message.
    #[error("a message is not JSON of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// An object of no known kind; its beginning.
    #[error("a message is neither hello, beat, question nor answer: {0}")]
    Unknown(String),
}

/// One of several answers in one.
#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    ok: Option<&'a RawValue>,
    #[serde(borrow)]
    objects: Option<&'a RawValue>,
    error: Option<Failure>,
    #[serde(default)]
    secrets: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<u64>,
    #[serde(borrow, default, deserialize_with = "present")]
    ok: Option<&'a RawValue>,
    #[serde(borrow)]
    objects: Option<&'a RawValue>,
    error: Option<Failure>,
    ask: Option<String>,
    awaits: Option<bool>,
    beat: Option<Beat>,
    #[serde(borrow, default, deserialize_with = "present")]
    hello: Option<&'a RawValue>,
}

/// A raw value that is there, `null` too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// The default for `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Understands what a JSON frame holds.
pub fn decode(text: &[u8]) -> Result<Message, MessageError> {
    let envelope: Envelope<'_> = serde_json::from_slice(text)?;
    Ok(match envelope {
        Envelope {
            beat: Some(beat), ..
        } => Message::Beat(beat),
        Envelope { hello: Some(_), .. } => Message::Hello(serde_json::from_slice(text)?),
        Envelope {
            id: Some(id),
            ask: Some(name),
            ..
        } => Message::Ask {
            id,
            name,
            body: serde_json::from_slice(text)?,
        },
        Envelope {
            id: Some(id),
            error: Some(failure),
            ..
        } => Message::Answer {
            id,
            outcome: Err(failure),
        },
        Envelope {
            id: Some(id),
            ok: Some(value),
            objects,
            ..
        } => Message::Answer {
            id,
            outcome: Ok(Answer {
                value: value.to_owned(),
                objects: objects.map(ToOwned::to_owned),
            }),
        },
        Envelope {
            id: Some(id),
            awaits: Some(true),
            ..
        } => Message::Awaits { id },
        _ => {
            let beginning = text.get(..100).unwrap_or(text);
            return Err(MessageError::Unknown(
                String::from_utf8_lossy(beginning).into_owned(),
            ));
        }
    })
}

/// A text, or the numbers of the bytes if it is none.
fn name_of_file<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => serializer.collect_seq(path.as_os_str().as_bytes()),
    }
}

/// A configuration file, and how it is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFile {
    /// The master's base directory.
    #[serde(serialize_with = "name_of_file")]
    pub basedir: PathBuf,
    /// The file, relative to it.
    #[serde(serialize_with = "name_of_file")]
    pub file: PathBuf,
    /// Whether the directory comes first on the module search path and stays there, as in a running master.
    pub front: bool,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Target {
    /// What has this handle.
    Handle(Handle),
    /// What this value describes: an object, a well known function.
    Value(Value),
}

impl From<Handle> for Target {
    fn from(handle: Handle) -> Self {
        Self::Handle(handle)
    }
}

impl From<Value> for Target {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// What a child is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Execute a configuration file and describe what comes out.
    Load(ConfigFile),
    /// Call a function.
    Call {
        /// Which.
        function: Target,
        /// Positional arguments.
        args: Vec<Value>,
        /// Arguments by name.
        kwargs: Map<String, Value>,
    },
    /// Call a method of an object.
    Method {
        /// Of which object.
        object: Target,
        /// The method's name.
        name: String,
        /// Positional arguments.
        args: Vec<Value>,
        /// Arguments by name.
        kwargs: Map<String, Value>,
    },
    /// Render values.
    Render {
        /// The values.
        items: Vec<Value>,
        /// The properties and what else renderables can see.
        props: Value,
    },
    /// How much memory and how many handles there are.
    Ping,
}

impl Question {
    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Call { .. } => "call",
            Self::Method { .. } => "method",
            Self::Render { .. } => "render",
            Self::Ping => "ping",
        }
    }

    /// The JSON text of the question.
    pub(crate) fn encode(&self, id: u64, deadline: Duration) -> Vec<u8> {
        let mut value = match self {
            Self::Load(file) => json!(file),
            Self::Call {
                function,
                args,
                kwargs,
            } => {
                json!({"fn": function, "args": args, "kwargs": kwargs})
            }
            Self::Method {
                object,
                name,
                args,
                kwargs,
            } => {
                json!({"on": object, "name": name, "args": args, "kwargs": kwargs})
            }
            Self::Render { items, props } => json!({"items": items, "props": props}),
            Self::Ping => json!({}),
        };
        value["id"] = id.into();
        value["ask"] = self.name().into();
        value["deadline_ms"] = u64::try_from(deadline.as_millis())
            .unwrap_or(u64::MAX)
            .into();
        text(&value)
    }
}

/// Asks that a question be broken off.
pub(crate) fn cancel(id: u64, of: u64) -> Vec<u8> {
    text(&json!({"id": id, "ask": "cancel", "of": of}))
}

/// Asks that the process end.
pub(crate) fn quit(id: u64) -> Vec<u8> {
    text(&json!({"id": id, "ask": "quit"}))
}

/// Answers a question of the child.
pub(crate) fn answer(id: u64, outcome: &Result<Value, Raised>) -> Vec<u8> {
    text(&match outcome {
        Ok(value) => json!({"id": id, "ok": value}),
        Err(Raised { class, message }) => {
            let kind = if class.is_some() {
                "exception"
            } else {
                "refused"
            };
            let class = class.as_deref().unwrap_or_default();
            let error = json!({"kind": kind, "type": class, "message": message, "traceback": "", "at": null});
            json!({"id": id, "error": error})
        }
    })
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn names_of_files_need_not_be_texts() {
        let file = ConfigFile {
            basedir: "/srv/\u{e4}".into(),
            file: OsStr::from_bytes(b"a\xff").into(),
            front: false,
        };
        let encoded = Question::Load(file).encode(1, Duration::from_secs(1));
        let value: Value = serde_json::from_slice(&encoded).unwrap();
        assert_eq!(value["basedir"], "/srv/\u{e4}");
        assert_eq!(value["file"], json!([97, 255]));
    }

    #[test]
    fn an_answer_of_null_is_an_answer() {
        let message = decode(br#"{"id": 3, "ok": null}"#).expect("a message");
        let Message::Answer {
            id: 3,
            outcome: Ok(answer),
        } = message
        else {
            panic!("{message:?}");
        };
        assert_eq!(answer.text(), "null");
        assert_eq!(answer.value().expect("a value"), Value::Null);
    }

    #[test]
    fn a_failure_says_class_message_and_place() {
        let message = decode(
            br#"{"id": 1, "error": {"kind": "exception", "type": "builtins.KeyError", "message": "'a'",
                "traceback": "Traceback", "at": ["/srv/master.cfg", 7]}}"#,
        );
        let Ok(Message::Answer {
            outcome: Err(failure),
            ..
        }) = message
        else {
            panic!("{message:?}");
        };
        assert_eq!(failure.kind, FailureKind::Exception);
        assert_eq!(
            failure.to_string(),
            "builtins.KeyError: 'a' (at /srv/master.cfg:7)"
        );
    }

    #[test]
    fn parts_of_a_failure_may_be_missing() {
        let message =
            decode(br#"{"id": 1, "error": {"kind": "refused", "type": null, "at": null}}"#);
        let Ok(Message::Answer {
            outcome: Err(failure),
            ..
        }) = message
        else {
            panic!("{message:?}");
        };
        assert_eq!(failure.kind, FailureKind::Refused);
        assert_eq!(failure.to_string(), "");
    }

    #[test]
    fn a_question_of_the_child_keeps_its_text() {
        let text = r#"{"id": 9, "ask": "add_log", "name": "stdio", "n": 1.50}"#;
        let message = decode(text.as_bytes()).expect("a message");
        let Message::Ask { id: 9, name, body } = message else {
            panic!("{message:?}");
        };
        assert_eq!((name.as_str(), body.get()), ("add_log", text));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"id\": 1}",
            "{\"id\": -1, \"ok\": 1}",
            "{\"id\": 1, \"ok\": nul}",
        ] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_question_is_written_as_agreed() {
        let question = Question::Call {
            function: Handle(4).into(),
            args: vec![json!(1.0), json!({"$": "o", "n": 2})],
            kwargs: Map::new(),
        };
        let text = String::from_utf8(question.encode(7, Duration::from_secs(30))).expect("text");
        assert_eq!(
            text,
            r#"{"fn":4,"args":[1.0,{"$":"o","n":2}],"kwargs":{},"id":7,"ask":"call","deadline_ms":30000}"#
        );
    }
}
