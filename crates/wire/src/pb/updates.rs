//! Updates as the arguments of `update`.

use crate::{Stream, Update, Value};

/// Key and value of an update.
pub(super) fn to_pair(update: Update) -> (Value, Value) {
    let (key, value) = match update {
        Update::Text { stream, text, .. } => match stream {
            Stream::Stdout => ("stdout", Value::Text(text)),
            Stream::Stderr => ("stderr", Value::Text(text)),
            Stream::Header => ("header", Value::Text(text)),
            Stream::Log(name) => (
                "log",
                Value::Tuple(vec![Value::Text(name), Value::Text(text)]),
            ),
        },
        other => return other.into_plain_pair(),
    };
    (Value::from(key), value)
}

/// The update that a key and a value stand for.
pub(super) fn from_pair(key: &str, value: Value) -> Update {
    let stream = match key {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        "header" => Stream::Header,
        "log" => match value.as_sequence() {
            Some([name, text]) => match (name.as_text(), text.as_text()) {
                (Some(name), Some(text)) => {
                    let stream = Stream::Log(name.to_owned());
                    return Update::Text {
                        stream,
                        text: text.to_owned(),
                        marks: None,
                    };
                }
                _ => return Update::from_plain_pair(key, value),
            },
            _ => return Update::from_plain_pair(key, value),
        },
        _ => return Update::from_plain_pair(key, value),
    };
    match value {
        Value::Text(text) => Update::Text {
            stream,
            text,
            marks: None,
        },
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Update::Text {
                stream,
                text,
                marks: None,
            }
        }
        other => Update::from_plain_pair(key, other),
    }
}
