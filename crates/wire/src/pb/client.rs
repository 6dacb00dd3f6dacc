//! A client's end of a connection to a master: somebody who logs in to call methods, and is no worker.

use std::collections::VecDeque;

use buildbot_model::Secret;

use super::broker::{Broker, CallId, PeerObject, Side};
use super::login;
use super::peer::{ObjectKey, Peer, PeerCall, PeerEvent, PeerRequest, Turned};
use crate::session::SessionError;
use crate::{Failure, Limits, Outgoing, Value};

/// Logs in and calls methods of the master; the master may call objects that it was given.
#[derive(Debug)]
pub struct ClientSession {
    peer: Peer,
    events: VecDeque<PeerEvent>,
    name: String,
    password: Secret<String>,
    login: Login,
    next_object: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    /// The dialect is not agreed.
    NotBegun,
    /// The name has been sent.
    Named(CallId),
    /// The response has been sent.
    Responded(CallId),
    /// There is an object of ours at the master.
    Done {
        perspective: u64,
    },
    Failed,
}

impl ClientSession {
    /// A session on a connection that has just been opened.
    pub fn new(name: &str, password: &Secret<String>, limits: Limits) -> Self {
        Self {
            peer: Peer {
                broker: Broker::new(Side::Client, limits),
            },
            events: VecDeque::new(),
            name: name.to_owned(),
            password: password.clone(),
            login: Login::NotBegun,
            next_object: 0,
        }
    }

    /// A key for one more object of this side. The master gets it as [`Value::Local`] within a value.
    pub fn new_object(&mut self) -> ObjectKey {
        let object = ObjectKey(self.next_object);
        self.next_object += 1;
        object
    }

    /// Takes bytes of the master.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let received = self.peer.broker.receive(bytes);
        if self.login == Login::NotBegun && self.peer.broker.is_open() {
            let name = [Value::Bytes(self.name.as_bytes().to_vec())];
            let call = self.peer.broker.call(PeerObject::Root, "login", &name, &[]);
            self.login = Login::Named(call?);
        }
        while let Some(event) = self.peer.broker.next_event() {
            match self.peer.turn(event) {
                Turned::Event(event) => self.events.push_back(event),
                Turned::Answer(call, result) => self.handle_answer(call, result)?,
                Turned::Nothing => {}
            }
        }
        Ok(received?)
    }

    fn handle_answer(
        &mut self,
        call: CallId,
        result: Result<Value, Failure>,
    ) -> Result<(), SessionError> {
        match self.login {
            Login::Named(login) if login == call => self.handle_challenge(result),
            Login::Responded(login) if login == call => {
                let event = match result {
                    Ok(Value::Remote(perspective)) => {
                        self.login = Login::Done { perspective };
                        PeerEvent::LoggedIn
                    }
                    Ok(_) => return Err("the login is answered without a reference".into()),
                    Err(failure) => self.fail(failure),
                };
                self.events.push_back(event);
                Ok(())
            }
            Login::NotBegun
            | Login::Named(_)
            | Login::Responded(_)
            | Login::Done { .. }
            | Login::Failed => {
                self.events.push_back(Peer::answered(call, result));
                Ok(())
            }
        }
    }

    fn handle_challenge(&mut self, result: Result<Value, Failure>) -> Result<(), SessionError> {
        let value = match result {
            Ok(value) => value,
            Err(failure) => {
                let event = self.fail(failure);
                self.events.push_back(event);
                return Ok(());
            }
        };
        let Some([challenge, Value::Remote(challenger)]) = value.as_sequence() else {
            return Err("the master does not answer the login with a challenge".into());
        };
        let Some(challenge) = challenge.as_bytes() else {
            return Err("the master's challenge is no byte string".into());
        };
        let response = login::response(&self.password, challenge).to_vec();
        let args = [Value::Bytes(response), Value::None];
        let challenger = *challenger;
        let broker = &mut self.peer.broker;
        let call = broker.call(PeerObject::Luid(challenger), "respond", &args, &[])?;
        broker.release(challenger);
        self.login = Login::Responded(call);
        Ok(())
    }

    fn fail(&mut self, failure: Failure) -> PeerEvent {
        self.login = Login::Failed;
        PeerEvent::LoginFailed(failure)
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Bytes for the master; the caller says what it has sent.
    pub fn output(&mut self) -> &mut Outgoing {
        self.peer.output()
    }

    /// Calls a method of what the login gave.
    pub fn call(&mut self, method: &str, args: Vec<Value>) -> Result<PeerCall, SessionError> {
        match self.login {
            Login::Done { perspective } => self.peer.call(perspective, method, args),
            Login::NotBegun | Login::Named(_) | Login::Responded(_) | Login::Failed => {
                Err("nobody is logged in".into())
            }
        }
    }

    /// Calls a method of another object of the master.
    pub fn call_object(
        &mut self,
        object: u64,
        method: &str,
        args: Vec<Value>,
    ) -> Result<PeerCall, SessionError> {
        self.peer.call(object, method, args)
    }

    /// Answers a call of the master.
    pub fn answer(&mut self, request: PeerRequest, result: Result<Value, Failure>) {
        self.peer.answer(request, result);
    }

    /// Gives back one reference to an object of the master.
    pub fn release(&mut self, object: u64) {
        self.peer.broker.release(object);
    }
}
