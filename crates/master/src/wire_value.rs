//! Values of a configuration as workers get them, and what workers send as values.

use buildbot_config::Value;
use buildbot_gateway::{Stream, Update, Value as WireValue};

/// What a worker reports of a command: the key that it has in messages, and its value.
pub(crate) fn reported(update: Update) -> (String, Value) {
    let (key, value) = match update {
        Update::Text { stream, text, .. } => match stream {
            Stream::Stdout => ("stdout", Value::Text(text)),
            Stream::Stderr => ("stderr", Value::Text(text)),
            Stream::Header => ("header", Value::Text(text)),
            Stream::Log(name) => {
                let both = vec![Value::Text(name), Value::Text(text)];
                ("log", Value::Tuple(both))
            }
        },
        Update::Rc(rc) => ("rc", Value::Int(rc)),
        Update::FailureReason(reason) => ("failure_reason", Value::Text(reason)),
        Update::Elapsed(seconds) => ("elapsed", Value::Float(seconds)),
        Update::Files(files) => {
            let files = files.into_iter().map(Value::Text).collect();
            ("files", Value::List(files))
        }
        Update::Stat(fields) => {
            let fields = fields.into_iter().map(|field| Value::integer(field.into()));
            ("stat", Value::Tuple(fields.collect()))
        }
        Update::Other { key, value } => return (key, from_wire(&value)),
    };
    (key.to_owned(), value)
}

/// A value as the protocols carry it. What they cannot carry goes as its `repr`.
pub(crate) fn to_wire(value: &Value) -> WireValue {
    let all = |items: &[Value]| items.iter().map(to_wire).collect();
    match value {
        Value::None => WireValue::None,
        Value::Bool(truth) => WireValue::Bool(*truth),
        Value::Int(number) => WireValue::Int(i128::from(*number)),
        Value::BigInt(number) => match number.to_string().parse() {
            Ok(number) => WireValue::Int(number),
            Err(_) => WireValue::Text(number.to_string()),
        },
        Value::Float(number) | Value::Interval(number) => WireValue::Float(*number),
        Value::Text(text) | Value::Path(text) => WireValue::Text(text.clone()),
        Value::Bytes(bytes) => WireValue::Bytes(bytes.clone()),
        Value::Tuple(items) => WireValue::Tuple(all(items)),
        Value::List(items) | Value::Set(items) | Value::FrozenSet(items) => {
            WireValue::List(all(items))
        }
        Value::Dict(pairs) => WireValue::Dict(
            pairs
                .iter()
                .map(|(key, value)| (to_wire(key), to_wire(value)))
                .collect(),
        ),
        Value::Regex(_)
        | Value::Object(_)
        | Value::Callable(_)
        | Value::Opaque(_)
        | Value::Ref(_)
        | Value::Renderable(_) => WireValue::Text(value.repr(&Nothing)),
    }
}

struct Nothing;

impl buildbot_render::Objects for Nothing {
    fn class(&self, _id: buildbot_config::ObjectId) -> Option<&str> {
        None
    }

    fn is_callable(&self, _id: buildbot_config::ObjectId) -> bool {
        false
    }
}

/// A value that came from a worker. References have no meaning here.
pub(crate) fn from_wire(value: &WireValue) -> Value {
    let all = |items: &[WireValue]| items.iter().map(from_wire).collect();
    match value {
        WireValue::None | WireValue::Remote(_) | WireValue::Local(_) => Value::None,
        WireValue::Bool(truth) => Value::Bool(*truth),
        WireValue::Int(number) => Value::integer((*number).into()),
        WireValue::Float(number) => Value::Float(*number),
        WireValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        WireValue::Text(text) => Value::Text(text.clone()),
        WireValue::List(items) => Value::List(all(items)),
        WireValue::Tuple(items) => Value::Tuple(all(items)),
        WireValue::Dict(pairs) => Value::Dict(
            pairs
                .iter()
                .map(|(key, value)| (from_wire(key), from_wire(value)))
                .collect(),
        ),
        WireValue::Copied { state, .. } => from_wire(state),
    }
}
