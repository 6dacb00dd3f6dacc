//! Requests and responses as messages of a WebSocket.
//!
//! Source: `docs/formats/msgpack.md`, "Messages".

use std::collections::VecDeque;

use super::codec::{self, EncodeError};
use super::websocket::{Message, WebSocket};
use crate::session::SessionError;
use crate::{Limits, Outgoing, Value};

/// Status code 1000, the ordinary end.
const NORMAL_CLOSURE: [u8; 2] = 1000_u16.to_be_bytes();

/// What the peer sent.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A request, with all its keys.
    Request {
        sequence: i128,
        op: String,
        message: Value,
    },
    /// A response; a failure is a text.
    Response {
        sequence: u64,
        result: Result<Value, String>,
    },
    /// The answer to a ping.
    Pong,
    /// The end; it has been acknowledged.
    Closed,
    /// Something that is ignored, for the log.
    Odd(String),
}

/// Both roles speak through this: it numbers requests and turns messages into values and back.
#[derive(Debug)]
pub(super) struct Messages {
    socket: WebSocket,
    limits: Limits,
    next_sequence: u64,
    incoming: VecDeque<Incoming>,
    closed: bool,
}

impl Messages {
    pub(super) fn new(socket: WebSocket, limits: Limits) -> Self {
        Self {
            socket,
            limits,
            next_sequence: 0,
            incoming: VecDeque::new(),
            closed: false,
        }
    }

    pub(super) fn output(&mut self) -> &mut Outgoing {
        self.socket.output()
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.socket.feed(bytes);
        while let Some(message) = self.socket.next_message()? {
            let incoming = match message {
                Message::Binary(bytes) => self.read(&bytes)?,
                Message::Text(_) => Incoming::Odd("a text message is ignored".to_owned()),
                Message::Ping(payload) => {
                    self.socket.send(&Message::Pong(payload));
                    continue;
                }
                Message::Pong(_) => Incoming::Pong,
                Message::Close(payload) => {
                    self.acknowledge_close(payload);
                    Incoming::Closed
                }
            };
            self.incoming.push_back(incoming);
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Option<Incoming> {
        self.incoming.pop_front()
    }

    fn acknowledge_close(&mut self, payload: Vec<u8>) {
        if !self.closed {
            self.closed = true;
            let status = if payload.is_empty() {
                NORMAL_CLOSURE.to_vec()
            } else {
                payload
            };
            self.socket.send(&Message::Close(status));
        }
    }

    /// Begins the end of the connection, without a status.
    pub(super) fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.socket.send(&Message::Close(Vec::new()));
        }
    }

    pub(super) fn ping(&mut self) {
        self.socket.send(&Message::Ping(Vec::new()));
    }

    fn read(&self, bytes: &[u8]) -> Result<Incoming, SessionError> {
        let message = codec::decode(bytes, &self.limits)?;
        let op = message.get("op").and_then(Value::as_text);
        let sequence = message.get("seq_number").and_then(Value::as_int);
        let (Some(op), Some(sequence)) = (op, sequence) else {
            return Ok(Incoming::Odd(
                "a message without op or seq_number is ignored".to_owned(),
            ));
        };
        if op != "response" {
            return Ok(Incoming::Request {
                sequence,
                op: op.to_owned(),
                message,
            });
        }
        let Ok(sequence) = u64::try_from(sequence) else {
            return Ok(Incoming::Odd(format!(
                "a response to the unknown request {sequence}"
            )));
        };
        let result = message.get("result").cloned().unwrap_or(Value::None);
        // Presence alone means failure, whatever the value.
        let result = match message.get("is_exception") {
            Some(_) => Err(result.as_text().unwrap_or("unknown failure").to_owned()),
            None => Ok(result),
        };
        Ok(Incoming::Response { sequence, result })
    }

    /// Sends a request. `write` appends `keys` pairs of key and value, between `op` and
    /// `seq_number`.
    pub(super) fn request_with(
        &mut self,
        op: &str,
        keys: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<u64, EncodeError> {
        let sequence = self.next_sequence;
        let mut message = Vec::new();
        codec::put_map(&mut message, keys + 2)?;
        codec::put_text(&mut message, "op")?;
        codec::put_text(&mut message, op)?;
        write(&mut message)?;
        codec::put_text(&mut message, "seq_number")?;
        codec::encode(&mut message, &Value::Int(sequence.into()))?;
        self.next_sequence += 1;
        self.socket.send(&Message::Binary(message));
        Ok(sequence)
    }

    /// Sends a request of plain values.
    pub(super) fn request(
        &mut self,
        op: &str,
        keys: &[(&str, &Value)],
    ) -> Result<u64, EncodeError> {
        self.request_with(op, keys.len(), |message| {
            keys.iter().try_for_each(|(key, value)| {
                codec::put_text(message, key)?;
                codec::encode(message, value)
            })
        })
    }

    /// Answers a request. A result that cannot be sent becomes a failure that says so.
    pub(super) fn respond(&mut self, sequence: i128, result: Result<&Value, &str>) {
        let pairs = |result: Value, failed: bool| {
            let mut pairs = vec![
                (Value::from("op"), Value::from("response")),
                (Value::from("seq_number"), Value::Int(sequence)),
                (Value::from("result"), result),
            ];
            if failed {
                pairs.push((Value::from("is_exception"), Value::Bool(true)));
            }
            Value::Dict(pairs)
        };
        let message = match result {
            Ok(value) => pairs(value.clone(), false),
            Err(text) => pairs(Value::from(text), true),
        };
        let mut bytes = Vec::new();
        if let Err(error) = codec::encode(&mut bytes, &message) {
            bytes.clear();
            if codec::encode(&mut bytes, &pairs(Value::Text(error.to_string()), true)).is_err() {
                // The sequence number itself cannot be sent: the peer made it up.
                return;
            }
        }
        self.socket.send(&Message::Binary(bytes));
    }
}

/// The text with which a request without one of its keys is refused.
pub(super) fn missing_key(key: &str) -> String {
    format!("'message did not contain obligatory \"{key}\" key'")
}
