//! A master's end of a connection on which somebody other than a worker has logged in.

use std::collections::VecDeque;

use super::broker::{Broker, ObjectId, RequestId};
use super::peer::{ObjectKey, Peer, PeerCall, PeerEvent, PeerRequest, Turned};
use crate::session::SessionError;
use crate::{Failure, Outgoing, Value};

/// What goes on after the login of a user: calls of objects in both directions.
///
/// Made by [`into_perspective`](crate::session::MasterSession::into_perspective) of a session whose login waits.
#[derive(Debug)]
pub struct PerspectiveSession {
    peer: Peer,
    events: VecDeque<PeerEvent>,
    next_object: u64,
}

impl PerspectiveSession {
    /// Answers the login with the object `avatar`, which is the first key that is given out.
    ///
    /// `mind` is the client's own object, if it sent one; nothing is ever asked of it.
    pub(super) fn new(
        broker: Broker,
        next_object: u64,
        login: Option<RequestId>,
        mind: Option<u64>,
    ) -> Result<(Self, ObjectKey), SessionError> {
        let mut session = Self {
            peer: Peer { broker },
            events: VecDeque::new(),
            next_object,
        };
        let avatar = session.new_object();
        let reference = session.peer.broker.export(ObjectId(avatar.0))?;
        if let Some(login) = login {
            session.peer.broker.answer(login, Ok(&reference));
        }
        if let Some(mind) = mind {
            session.release(mind);
        }
        // What came behind the login.
        session.drain();
        Ok((session, avatar))
    }

    /// A key for one more object of this side. The peer gets it as [`Value::Local`] within a value.
    pub fn new_object(&mut self) -> ObjectKey {
        let object = ObjectKey(self.next_object);
        self.next_object += 1;
        object
    }

    /// Takes bytes of the client.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = self.peer.broker.receive(bytes);
        self.drain();
        Ok(received?)
    }

    fn drain(&mut self) {
        while let Some(event) = self.peer.broker.next_event() {
            match self.peer.turn(event) {
                Turned::Event(event) => self.events.push_back(event),
                Turned::Answer(call, result) => {
                    self.events.push_back(Peer::answered(call, result));
                }
                Turned::Nothing => {}
            }
        }
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Bytes for the client; the caller says what it has sent.
    pub fn output(&mut self) -> &mut Outgoing {
        self.peer.output()
    }

    /// Calls a method of an object of the client.
    pub fn call(
        &mut self,
        object: u64,
        method: &str,
        args: Vec<Value>,
    ) -> Result<PeerCall, SessionError> {
        self.peer.call(object, method, args)
    }

    /// Answers a call of the client.
    pub fn answer(&mut self, request: PeerRequest, result: Result<Value, Failure>) {
        self.peer.answer(request, result);
    }

    /// Gives back one reference to an object of the client.
    pub fn release(&mut self, object: u64) {
        self.peer.broker.release(object);
    }
}
