//! The broker: calls, answers, and references to the peer's objects.
//!
//! Source: `docs/formats/pb.md`, "Broker".

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::banana::{self, BananaError, Dialect, Element};
use super::jelly::{self, EncodeError, JellyError};
use crate::{Failure, Limits, Outgoing, Value};

/// The version of the broker protocol that both sides must speak.
const VERSION: i128 = 6;

/// Which side of the connection this is; it decides who offers the dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Accepts connections and offers dialects: the master.
    Server,
    /// Opens connections and chooses a dialect: the worker.
    Client,
}

/// What this side calls one of its own objects; chosen by the user of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u64);

/// A call that this side made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A call of the peer that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(i128);

/// An object of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerObject {
    /// The login object.
    Root,
    /// An object that the peer has sent.
    Luid(u64),
}

/// An object of this side, as the peer names it in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The login object.
    Root,
    /// An exported object.
    Object(ObjectId),
}

/// What the peer did.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It calls a method of an object of ours.
    Called {
        /// To be answered exactly once; `None` if no answer is wanted.
        request: Option<RequestId>,
        /// The object called.
        target: Target,
        /// Name of the method.
        method: String,
        /// Positional arguments.
        args: Vec<Value>,
        /// Keyword arguments.
        kwargs: Vec<(String, Value)>,
    },
    /// It answers a call of ours.
    Answered {
        /// The call.
        call: CallId,
        /// Its result.
        result: Result<Value, Failure>,
    },
    /// It has dropped its last reference to an object of ours.
    Released(ObjectId),
    /// It did not understand an operation of ours.
    NotUnderstood(String),
}

/// Why the connection has to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The bytes are not banana.
    #[error("the peer does not speak Perspective Broker: {0}")]
    Banana(#[from] BananaError),
    /// An answer that cannot be decoded.
    #[error("an answer of the peer cannot be read: {0}")]
    Answer(#[from] JellyError),
    /// No common dialect.
    #[error("the peer offers no dialect that is known here")]
    NoDialect,
    /// A client chose something that was not offered.
    #[error("the peer chose an unknown dialect {0:?}")]
    UnknownDialect(String),
    /// Another version of the broker protocol.
    #[error("the peer speaks version {0} of the broker protocol, not {VERSION}")]
    Version(i128),
    /// An expression that is no broker message.
    #[error("malformed broker message: {0}")]
    Malformed(&'static str),
    /// An answer to a call that was not made.
    #[error("an answer to the unknown call {0}")]
    UnknownCall(i128),
    /// A reference dropped too often.
    #[error("a reference to the unknown object {0} was dropped")]
    UnknownObject(i128),
    /// The peer calls on without waiting for answers.
    #[error("more than {0} calls of the peer wait for an answer")]
    TooManyCalls(usize),
}

/// Why a call could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A value is too large to be sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Too many calls wait for answers.
    #[error("{0} calls wait for an answer")]
    TooManyCalls(usize),
    /// Too many objects are exported.
    #[error("{0} objects are exported already")]
    TooManyObjects(usize),
}

#[derive(Debug)]
enum Phase {
    /// A client before the offer, a server before the choice.
    Negotiating,
    /// The dialect is agreed; the peer's version has not come.
    ExpectingVersion,
    /// Messages flow.
    Open,
}

#[derive(Debug)]
struct Export {
    object: ObjectId,
    count: u64,
}

/// One end of a PB connection.
///
/// Bytes of the peer go into [`Broker::receive`], what they mean comes out of
/// [`Broker::next_event`], and bytes for the peer are taken from [`Broker::output`].
#[derive(Debug)]
pub struct Broker {
    side: Side,
    phase: Phase,
    limits: Limits,
    decoder: banana::Decoder,
    output: Outgoing,
    events: VecDeque<Event>,
    next_call: u64,
    calls: BTreeSet<u64>,
    requests: usize,
    next_luid: u64,
    exports: BTreeMap<u64, Export>,
    luids: BTreeMap<ObjectId, u64>,
}

impl Broker {
    /// One end of a connection that has just been opened. A server offers its dialects at once.
    pub fn new(side: Side, limits: Limits) -> Self {
        let mut broker = Self {
            side,
            phase: Phase::Negotiating,
            limits,
            decoder: banana::Decoder::new(limits),
            output: Outgoing::default(),
            events: VecDeque::new(),
            next_call: 1,
            calls: BTreeSet::new(),
            requests: 0,
            next_luid: 1,
            exports: BTreeMap::new(),
            luids: BTreeMap::new(),
        };
        if side == Side::Server {
            banana::put_list(broker.output.buffer(), 2);
            for dialect in ["pb", "none"] {
                banana::put_bytes(broker.output.buffer(), dialect.as_bytes(), Dialect::None);
            }
        }
        broker
    }

    /// Bytes to be sent to the peer. The caller takes what it has sent from the front.
    pub fn output(&mut self) -> &mut Outgoing {
        &mut self.output
    }

    /// Takes bytes of the peer.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), BrokerError> {
        self.decoder.feed(bytes);
        while let Some(expression) = self.decoder.next_expression()? {
            match self.phase {
                Phase::Negotiating => self.negotiate(expression)?,
                Phase::ExpectingVersion | Phase::Open => self.handle_message(expression)?,
            }
        }
        Ok(())
    }

    /// What the peer did, in the order in which it did it.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the dialect is agreed, so that calls can be made.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Negotiating)
    }

    /// Calls of ours that wait for an answer.
    pub fn outstanding_calls(&self) -> usize {
        self.calls.len()
    }

    /// Calls a method of the peer. Its answer comes as [`Event::Answered`].
    pub fn call(
        &mut self,
        object: PeerObject,
        method: &str,
        args: &[Value],
        kwargs: &[(&str, Value)],
    ) -> Result<CallId, CallError> {
        let number = self.number_of_call()?;
        let kwargs = kwargs
            .iter()
            .map(|(key, value)| (Value::from(*key), value.clone()))
            .collect();
        self.message(|out| {
            put_call(out, number, object, method);
            jelly::encode_items(out, "tuple", args)?;
            jelly::encode(out, &Value::Dict(kwargs))
        })?;
        Ok(self.made(number))
    }

    /// As [`call`](Self::call), with a byte string as the only argument, which is not copied.
    pub fn call_with_block(
        &mut self,
        object: PeerObject,
        method: &str,
        block: Arc<Vec<u8>>,
    ) -> Result<CallId, CallError> {
        if block.len() > banana::ELEMENT_SIZE_MAX {
            return Err(EncodeError::TooLarge(block.len()).into());
        }
        let number = self.number_of_call()?;
        let buffer = self.output.buffer();
        put_call(buffer, number, object, method);
        banana::put_list(buffer, 2);
        put_word(buffer, "tuple");
        banana::put_bytes_head(buffer, block.len());
        self.output.push(block);
        let buffer = self.output.buffer();
        banana::put_list(buffer, 1);
        put_word(buffer, "dictionary");
        Ok(self.made(number))
    }

    /// The number of the next call, if one more may wait for its answer.
    fn number_of_call(&self) -> Result<u64, CallError> {
        if self.calls.len() >= self.limits.outstanding_calls {
            return Err(CallError::TooManyCalls(self.calls.len()));
        }
        Ok(self.next_call)
    }

    fn made(&mut self, number: u64) -> CallId {
        self.next_call += 1;
        self.calls.insert(number);
        CallId(number)
    }

    /// Answers a call of the peer.
    ///
    /// If the value cannot be sent the peer gets a failure that says so.
    pub fn answer(&mut self, request: RequestId, result: Result<&Value, &Failure>) {
        self.requests = self.requests.saturating_sub(1);
        let sent = match result {
            Ok(value) => self.put_answer("answer", request, value),
            Err(failure) => self.put_answer("error", request, &failure.to_value()),
        };
        if let Err(error) = sent {
            let failure = Failure::new("twisted.spread.pb.Error", &[], error.to_string());
            // Class names and a short text always fit.
            let _ = self.put_answer("error", request, &failure.to_value());
        }
    }

    fn put_answer(
        &mut self,
        operation: &str,
        request: RequestId,
        value: &Value,
    ) -> Result<(), EncodeError> {
        self.message(|out| {
            banana::put_list(out, 3);
            put_word(out, operation);
            banana::put_int(out, request.0);
            jelly::encode(out, value)
        })
    }

    /// The value that gives the peer a reference to an object of ours; to be sent exactly once.
    pub fn export(&mut self, object: ObjectId) -> Result<Value, CallError> {
        if let Some(luid) = self.luids.get(&object)
            && let Some(export) = self.exports.get_mut(luid)
        {
            export.count += 1;
            return Ok(Value::Remote(*luid));
        }
        if self.exports.len() >= self.limits.exported_objects {
            return Err(CallError::TooManyObjects(self.exports.len()));
        }
        let luid = self.next_luid;
        self.next_luid += 1;
        self.exports.insert(luid, Export { object, count: 1 });
        self.luids.insert(object, luid);
        Ok(Value::Remote(luid))
    }

    /// Gives back one reference to an object of the peer.
    pub fn release(&mut self, luid: u64) {
        banana::put_list(self.output.buffer(), 2);
        put_word(self.output.buffer(), "decref");
        banana::put_int(self.output.buffer(), i128::from(luid));
    }

    /// Appends a message as a whole or not at all.
    fn message(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let output = self.output.buffer();
        let before = output.len();
        let written = write(output);
        if written.is_err() {
            output.truncate(before);
        }
        written
    }

    fn negotiate(&mut self, expression: Element) -> Result<(), BrokerError> {
        match (self.side, expression) {
            (Side::Client, Element::List(offered)) => {
                if !offered.contains(&Element::Bytes(b"pb".to_vec())) {
                    return Err(BrokerError::NoDialect);
                }
                banana::put_bytes(self.output.buffer(), b"pb", Dialect::None);
            }
            (Side::Server, Element::Bytes(chosen)) => {
                if chosen != b"pb" {
                    let chosen = String::from_utf8_lossy(&chosen).into_owned();
                    return Err(BrokerError::UnknownDialect(chosen));
                }
            }
            _ => return Err(BrokerError::Malformed("dialects expected")),
        }
        self.decoder.set_dialect(Dialect::Pb);
        self.phase = Phase::ExpectingVersion;
        banana::put_list(self.output.buffer(), 2);
        put_word(self.output.buffer(), "version");
        banana::put_int(self.output.buffer(), VERSION);
        Ok(())
    }

    fn handle_message(&mut self, expression: Element) -> Result<(), BrokerError> {
        let Element::List(items) = expression else {
            return Err(BrokerError::Malformed("a message is a list"));
        };
        let mut parts = items.into_iter();
        let Some(Element::Bytes(operation)) = parts.next() else {
            return Err(BrokerError::Malformed(
                "a message begins with its operation",
            ));
        };
        let parts: Vec<Element> = parts.collect();
        match operation.as_slice() {
            b"version" => self.handle_version(parts),
            b"message" => self.handle_call(parts),
            b"answer" => self.handle_answer(parts, Outcome::Answer),
            b"error" => self.handle_answer(parts, Outcome::Error),
            b"decref" => self.handle_decref(parts),
            b"didNotUnderstand" => {
                let what = parts
                    .first()
                    .map_or_else(String::new, |part| format!("{part:?}"));
                self.events
                    .push_back(Event::NotUnderstood(what.chars().take(200).collect()));
                Ok(())
            }
            unknown => {
                banana::put_list(self.output.buffer(), 2);
                put_word(self.output.buffer(), "didNotUnderstand");
                banana::put_bytes(self.output.buffer(), unknown, Dialect::Pb);
                Ok(())
            }
        }
    }

    fn handle_version(&mut self, parts: Vec<Element>) -> Result<(), BrokerError> {
        match parts.as_slice() {
            [Element::Int(VERSION)] => {
                self.phase = Phase::Open;
                Ok(())
            }
            [Element::Int(version)] => Err(BrokerError::Version(*version)),
            _ => Err(BrokerError::Malformed("version")),
        }
    }

    fn handle_call(&mut self, parts: Vec<Element>) -> Result<(), BrokerError> {
        let Ok([number, object, method, want, args, kwargs]) = <[Element; 6]>::try_from(parts)
        else {
            return Err(BrokerError::Malformed("message"));
        };
        let (Element::Int(number), Element::Bytes(method), Element::Int(want)) =
            (number, method, want)
        else {
            return Err(BrokerError::Malformed("message"));
        };
        let request = (want != 0).then_some(RequestId(number));
        if request.is_some() {
            self.requests += 1;
            if self.requests > self.limits.outstanding_calls {
                return Err(BrokerError::TooManyCalls(self.limits.outstanding_calls));
            }
        }
        match self.called(object, method, args, kwargs) {
            Ok((target, method, args, kwargs)) => {
                self.events.push_back(Event::Called {
                    request,
                    target,
                    method,
                    args,
                    kwargs,
                });
            }
            Err(failure) => {
                if let Some(request) = request {
                    self.answer(request, Err(&failure));
                }
            }
        }
        Ok(())
    }

    /// Object, method and arguments of a call; a failure is the answer to the peer.
    #[expect(clippy::type_complexity, reason = "taken apart by its only caller")]
    fn called(
        &self,
        object: Element,
        method: Vec<u8>,
        args: Element,
        kwargs: Element,
    ) -> Result<(Target, String, Vec<Value>, Vec<(String, Value)>), Failure> {
        let target = match object {
            Element::Bytes(name) if name == b"root" => Some(Target::Root),
            Element::Int(luid) => u64::try_from(luid)
                .ok()
                .and_then(|luid| self.exports.get(&luid))
                .map(|export| Target::Object(export.object)),
            Element::Bytes(_) | Element::Float(_) | Element::List(_) => None,
        };
        let Some(target) = target else {
            return Err(Failure::new(
                "twisted.spread.pb.Error",
                &[],
                "Invalid Object ID",
            ));
        };
        let refused = |error: JellyError| {
            Failure::new("twisted.spread.jelly.InsecureJelly", &[], error.to_string())
        };
        let method =
            String::from_utf8(method).map_err(|_| refused(JellyError::Malformed("method name")))?;
        let (Value::Tuple(args) | Value::List(args)) =
            jelly::decode(args, &self.limits).map_err(refused)?
        else {
            return Err(refused(JellyError::Malformed("arguments")));
        };
        let Value::Dict(kwargs) = jelly::decode(kwargs, &self.limits).map_err(refused)? else {
            return Err(refused(JellyError::Malformed("keyword arguments")));
        };
        let kwargs = kwargs
            .into_iter()
            .map(|(key, value)| Some((key.as_text()?.to_owned(), value)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| refused(JellyError::Malformed("keyword arguments")))?;
        Ok((target, method, args, kwargs))
    }

    fn handle_answer(&mut self, parts: Vec<Element>, outcome: Outcome) -> Result<(), BrokerError> {
        let Ok([Element::Int(number), result]) = <[Element; 2]>::try_from(parts) else {
            return Err(BrokerError::Malformed("answer"));
        };
        let known = u64::try_from(number)
            .ok()
            .filter(|call| self.calls.remove(call));
        let Some(call) = known else {
            return Err(BrokerError::UnknownCall(number));
        };
        let value = jelly::decode(result, &self.limits)?;
        let result = match outcome {
            Outcome::Answer => Ok(value),
            Outcome::Error => Err(Failure::from_value(&value).unwrap_or_else(|| {
                let text = value
                    .as_text()
                    .unwrap_or("the peer reports an error without a text");
                Failure::new("twisted.spread.pb.Error", &[], text)
            })),
        };
        self.events.push_back(Event::Answered {
            call: CallId(call),
            result,
        });
        Ok(())
    }

    fn handle_decref(&mut self, parts: Vec<Element>) -> Result<(), BrokerError> {
        let [Element::Int(number)] = parts.as_slice() else {
            return Err(BrokerError::Malformed("decref"));
        };
        let luid = u64::try_from(*number).map_err(|_| BrokerError::UnknownObject(*number))?;
        let Some(export) = self.exports.get_mut(&luid) else {
            return Err(BrokerError::UnknownObject(*number));
        };
        export.count -= 1;
        if export.count == 0 {
            let object = export.object;
            self.exports.remove(&luid);
            self.luids.remove(&object);
            self.events.push_back(Event::Released(object));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Answer,
    Error,
}

/// The beginning of a call that wants an answer; positional and keyword arguments follow.
fn put_call(out: &mut Vec<u8>, number: u64, object: PeerObject, method: &str) {
    banana::put_list(out, 7);
    put_word(out, "message");
    banana::put_int(out, i128::from(number));
    match object {
        PeerObject::Root => put_word(out, "root"),
        PeerObject::Luid(luid) => banana::put_int(out, i128::from(luid)),
    }
    put_word(out, method);
    banana::put_int(out, 1);
}

fn put_word(out: &mut Vec<u8>, word: &str) {
    banana::put_bytes(out, word.as_bytes(), Dialect::Pb);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_travels_as_any_other_argument() {
        let block = b"a block of a file".to_vec();
        let mut copied = Broker::new(Side::Client, Limits::default());
        let args = [Value::Bytes(block.clone())];
        copied
            .call(PeerObject::Luid(7), "write", &args, &[])
            .unwrap();
        let mut shared = Broker::new(Side::Client, Limits::default());
        shared
            .call_with_block(PeerObject::Luid(7), "write", Arc::new(block))
            .unwrap();
        assert_eq!(shared.output().take(), copied.output().take());
        assert_eq!(shared.outstanding_calls(), 1);
    }
}
