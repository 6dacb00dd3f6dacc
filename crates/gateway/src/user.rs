//! Users of the workers' protocol that are no workers: change sources' clients, `buildbot try`, `buildbot user`.

use std::fmt;
use std::sync::Arc;

use buildbot_model::Secret;
use buildbot_wire::{Failure, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{CallError, DetachReason, Later};

/// Who is at the door.
pub enum Visitor {
    /// Perhaps a worker: [`Admission::worker`](crate::Admission::worker) knows.
    Worker,
    /// Somebody else who is known.
    User(User),
    /// Nobody who is known.
    Nobody,
}

/// A user who is configured.
pub struct User {
    /// The password that it must know.
    pub password: Secret<String>,
    /// What it gets for it.
    pub perspective: Arc<dyn Referenceable>,
}

/// An object whose methods a client calls.
pub trait Referenceable: Send + Sync + 'static {
    /// Carries out a call.
    ///
    /// Calls of a connection begin in the order in which they were made: what the future does until it waits for the
    /// first time is done before the next call begins. It is carried out to the end even if the client has gone, unless it
    /// minds [`Client::gone`] itself.
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>>;
}

/// A call that a client makes.
#[derive(Debug)]
pub struct RemoteCall {
    /// Name of the method, without a prefix such as `perspective_`.
    pub method: String,
    /// Positional arguments.
    pub args: Vec<Argument>,
    /// Arguments with names.
    pub kwargs: Vec<(String, Value)>,
    /// Who makes it.
    pub client: Client,
}

/// The connection of a client.
pub struct Client {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
}

impl Client {
    /// Waits until the client has gone: what only it would see needs nobody any more.
    pub async fn gone(&self) {
        self.orders.closed().await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// An argument of a call.
#[derive(Debug)]
pub enum Argument {
    /// Data without objects in it.
    Value(Value),
    /// An object of the client.
    Object(RemoteObject),
}

/// What goes to a client: data, and objects of ours.
#[derive(Clone)]
pub enum Sent {
    /// Data. References in it mean nothing.
    Value(Value),
    /// An object that the client may call from then on.
    Object(Arc<dyn Referenceable>),
    /// A list.
    List(Vec<Sent>),
    /// A tuple.
    Tuple(Vec<Sent>),
}

impl<T: Into<Value>> From<T> for Sent {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// An object of a client. When it is dropped the client may forget it.
pub struct RemoteObject {
    pub(crate) number: u64,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
}

/// What objects of clients ask of the task of their connection.
pub(crate) enum Order {
    Call {
        number: u64,
        method: String,
        args: Vec<Sent>,
        answer: oneshot::Sender<Result<Value, CallError>>,
    },
    Release(u64),
}

impl RemoteObject {
    /// Calls a method, and waits for the answer.
    pub async fn call(&self, method: &str, args: Vec<Sent>) -> Result<Value, CallError> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Call {
            number: self.number,
            method: method.to_owned(),
            args,
            answer,
        };
        let lost = || CallError::Lost(DetachReason::Closed);
        self.orders.send(order).map_err(|_| lost())?;
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Waits until the client has gone.
    pub async fn gone(&self) {
        self.orders.closed().await;
    }
}

impl Drop for RemoteObject {
    fn drop(&mut self) {
        // Without a connection there is nobody who remembers it.
        let _ = self.orders.send(Order::Release(self.number));
    }
}

impl fmt::Debug for RemoteObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteObject({})", self.number)
    }
}
