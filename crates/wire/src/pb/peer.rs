//! Objects on both sides of a connection that has no messages of its own: what users other than workers speak.
//!
//! Values that are sent may hold [`Value::Local`] with the number of an [`ObjectKey`]: the peer gets a reference to
//! that object. Values that come hold [`Value::Remote`] for objects of the peer; each is to be given back once.

use super::broker::{Broker, CallId, Event, ObjectId, PeerObject, RequestId, Target};
use crate::session::SessionError;
use crate::{Failure, Outgoing, Value};

/// What this side calls one of its own objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(pub u64);

/// A call that this side made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerCall(CallId);

/// A call of the peer, to be answered once; nothing is sent if it wants no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerRequest(Option<RequestId>);

impl PeerRequest {
    /// Whether anything is sent.
    #[must_use]
    pub fn wants_answer(self) -> bool {
        self.0.is_some()
    }
}

/// What happens on such a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerEvent {
    /// The login of this side was accepted (clients).
    LoggedIn,
    /// The login of this side was refused, or failed (clients).
    LoginFailed(Failure),
    /// The peer calls an object of ours.
    Called {
        /// For the answer.
        request: PeerRequest,
        /// The object.
        object: ObjectKey,
        /// Name of the method, without a prefix.
        method: String,
        /// Positional arguments.
        args: Vec<Value>,
        /// Keyword arguments.
        kwargs: Vec<(String, Value)>,
    },
    /// The peer answers.
    Answered {
        /// The call.
        call: PeerCall,
        /// Its result.
        result: Result<Value, Failure>,
    },
    /// The peer has no reference to the object any more.
    Released(ObjectKey),
    /// Something odd that is not an error, for the log.
    Noticed(String),
}

/// What both ends have in common.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) broker: Broker,
}

/// What the user of a [`Peer`] has to do about an event of its broker.
pub(super) enum Turned {
    Event(PeerEvent),
    /// An answer, which may be one to a login.
    Answer(CallId, Result<Value, Failure>),
    Nothing,
}

impl Peer {
    pub(super) fn turn(&mut self, event: Event) -> Turned {
        match event {
            Event::Called {
                request,
                target,
                method,
                args,
                kwargs,
            } => {
                let Target::Object(ObjectId(object)) = target else {
                    if let Some(request) = request {
                        let failure = Failure::no_such_method(&method);
                        self.broker.answer(request, Err(&failure));
                    }
                    return Turned::Nothing;
                };
                Turned::Event(PeerEvent::Called {
                    request: PeerRequest(request),
                    object: ObjectKey(object),
                    method,
                    args,
                    kwargs,
                })
            }
            Event::Answered { call, result } => Turned::Answer(call, result),
            Event::Released(ObjectId(object)) => {
                Turned::Event(PeerEvent::Released(ObjectKey(object)))
            }
            Event::NotUnderstood(what) => {
                let text = format!("the peer does not understand {what}");
                Turned::Event(PeerEvent::Noticed(text))
            }
        }
    }

    pub(super) fn answered(call: CallId, result: Result<Value, Failure>) -> PeerEvent {
        PeerEvent::Answered {
            call: PeerCall(call),
            result,
        }
    }

    /// Puts references in the place of our own objects.
    ///
    /// What was put before an error stays exported until the connection ends; errors mean that there is no room.
    pub(super) fn export(&mut self, value: Value) -> Result<Value, SessionError> {
        Ok(match value {
            Value::Local(object) => self.broker.export(ObjectId(object))?,
            Value::List(items) => Value::List(self.export_all(items)?),
            Value::Tuple(items) => Value::Tuple(self.export_all(items)?),
            Value::Dict(pairs) => {
                let pairs = pairs.into_iter();
                let pairs: Result<Vec<_>, SessionError> = pairs
                    .map(|(key, value)| Ok((key, self.export(value)?)))
                    .collect();
                Value::Dict(pairs?)
            }
            other => other,
        })
    }

    fn export_all(&mut self, items: Vec<Value>) -> Result<Vec<Value>, SessionError> {
        items.into_iter().map(|item| self.export(item)).collect()
    }

    pub(super) fn call(
        &mut self,
        object: u64,
        method: &str,
        args: Vec<Value>,
    ) -> Result<PeerCall, SessionError> {
        let args = self.export_all(args)?;
        let call = self
            .broker
            .call(PeerObject::Luid(object), method, &args, &[])?;
        Ok(PeerCall(call))
    }

    pub(super) fn answer(&mut self, request: PeerRequest, result: Result<Value, Failure>) {
        let Some(request) = request.0 else {
            return;
        };
        match result.map(|value| self.export(value)) {
            Ok(Ok(value)) => self.broker.answer(request, Ok(&value)),
            Ok(Err(error)) => {
                let failure = Failure::new("twisted.spread.pb.Error", &[], error.to_string());
                self.broker.answer(request, Err(&failure));
            }
            Err(failure) => self.broker.answer(request, Err(&failure)),
        }
    }

    pub(super) fn output(&mut self) -> &mut Outgoing {
        self.broker.output()
    }
}

/// The numbers of all references to objects of the peer in a value.
pub fn references(value: &Value) -> Vec<u64> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Remote(luid) => found.push(*luid),
        Value::List(items) | Value::Tuple(items) => {
            items.iter().for_each(|item| collect(item, found));
        }
        Value::Dict(pairs) => {
            for (key, value) in pairs {
                collect(key, found);
                collect(value, found);
            }
        }
        Value::Copied { state, .. } => collect(state, found),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Local(_) => {}
    }
}
