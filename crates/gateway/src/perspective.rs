//! The connection of a user who is no worker, from the answer to its login on.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use buildbot_wire::pb::{
    ObjectKey, PeerCall, PeerEvent, PeerRequest, PerspectiveSession, references,
};
use buildbot_wire::session::SessionError;
use buildbot_wire::{Failure, Outgoing, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::connection::{LAST_BYTES_MAX, READ_BYTES, Stream, UNSENT_BYTES_MAX};
use crate::hub::Hub;
use crate::user::Order;
use crate::{Argument, CallError, Client, Later, Referenceable, RemoteCall, RemoteObject, Sent};

/// Calls of a client that are carried out at a time; more are refused. Clients of `try` wait for each of their builds.
///
/// The client is read on, unlike with arguments of too many bytes: it is only by reading that its end is noticed.
const CALLS_MAX: usize = 1024;

/// An answer that was waited for, and the bytes of the call.
type Answer = (PeerRequest, usize, Result<Sent, Failure>);

/// A user who has logged in.
pub(crate) struct Arrived {
    pub(crate) wire: PerspectiveSession,
    pub(crate) avatar: ObjectKey,
    pub(crate) perspective: Arc<dyn Referenceable>,
    pub(crate) name: String,
    pub(crate) peer: String,
}

struct Connection {
    hub: Arc<Hub>,
    wire: PerspectiveSession,
    objects: BTreeMap<ObjectKey, Arc<dyn Referenceable>>,
    /// The key of each object by its address, which nothing else has while it is in `objects`.
    keys: BTreeMap<usize, ObjectKey>,
    calls: BTreeMap<PeerCall, oneshot::Sender<Result<Value, CallError>>>,
    orders: mpsc::UnboundedSender<Order>,
    answers: mpsc::UnboundedSender<Answer>,
    /// Bytes of calls that are carried out.
    waiting_bytes: usize,
    calls_carried_out: usize,
    name: String,
    peer: String,
}

enum Input {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Order(Order),
    Answer(Answer),
    Stopped,
}

/// Serves the connection until it has ended. Calls that are carried out then go on.
pub(crate) async fn serve(
    hub: Arc<Hub>,
    arrived: Arrived,
    mut reader: ReadHalf<Box<dyn Stream>>,
    mut writer: WriteHalf<Box<dyn Stream>>,
) {
    let (orders_sender, mut orders) = mpsc::unbounded_channel();
    let (answers_sender, mut answers) = mpsc::unbounded_channel();
    let waiting_bytes_max = hub.settings.waiting_bytes_max;
    let stop = hub.stop.clone();
    tracing::info!(
        user = arrived.name,
        peer = arrived.peer,
        "a user has logged in"
    );
    let mut connection = Connection {
        hub,
        wire: arrived.wire,
        objects: BTreeMap::new(),
        keys: BTreeMap::new(),
        calls: BTreeMap::new(),
        orders: orders_sender,
        answers: answers_sender,
        waiting_bytes: 0,
        calls_carried_out: 0,
        name: arrived.name,
        peer: arrived.peer,
    };
    connection.keep(arrived.avatar, arrived.perspective);
    let mut buffer = vec![0; READ_BYTES];
    let mut to_flush = true;
    let mut is_stopping = false;
    let reason = loop {
        if let Err(error) = connection.handle_events().await {
            break format!("the client breaks the protocol: {error}");
        }
        let unsent = connection.wire.output().len();
        if is_stopping && unsent == 0 && !to_flush {
            break "the master stops".to_owned();
        }
        let has_room = unsent < UNSENT_BYTES_MAX;
        let hears = has_room && !is_stopping && connection.waiting_bytes <= waiting_bytes_max;
        let output = connection.wire.output();
        let input = tokio::select! {
            () = stop.cancelled(), if !is_stopping => Input::Stopped,
            read = reader.read(&mut buffer), if hears => Input::Read(read),
            sent = send(&mut writer, output), if unsent > 0 || to_flush => sent,
            Some(order) = orders.recv(), if has_room && !is_stopping => Input::Order(order),
            Some(answer) = answers.recv(), if has_room => Input::Answer(answer),
            () = pending() => Input::Stopped,
        };
        let handled = match input {
            Input::Read(Ok(0)) | Input::Written(Ok(0)) => break "it is closed".to_owned(),
            Input::Read(Ok(length)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                connection.wire.receive(bytes)
            }
            Input::Written(Ok(length)) => {
                connection.wire.output().advance(length);
                to_flush = true;
                Ok(())
            }
            Input::Flushed(Ok(())) => {
                to_flush = false;
                Ok(())
            }
            Input::Read(Err(error)) | Input::Written(Err(error)) | Input::Flushed(Err(error)) => {
                break error.to_string();
            }
            Input::Order(order) => {
                connection.handle_order(order);
                Ok(())
            }
            Input::Answer((request, bytes, result)) => {
                connection.waiting_bytes = connection.waiting_bytes.saturating_sub(bytes);
                connection.calls_carried_out = connection.calls_carried_out.saturating_sub(1);
                connection.answer(request, result);
                Ok(())
            }
            Input::Stopped => {
                is_stopping = true;
                Ok(())
            }
        };
        if let Err(error) = handled {
            // What came before counts.
            let _ = connection.handle_events().await;
            break format!("the client breaks the protocol: {error}");
        }
    };
    let (user, peer) = (&connection.name, &connection.peer);
    tracing::info!(user, peer, "the connection of a user has ended: {reason}");
    // A client that is told why goes before what it has not read is lost.
    let _ = timeout(LAST_BYTES_MAX, writer.shutdown()).await;
}

impl Connection {
    fn keep(&mut self, key: ObjectKey, object: Arc<dyn Referenceable>) {
        self.keys.insert(address(&object), key);
        self.objects.insert(key, object);
    }

    async fn handle_events(&mut self) -> Result<(), SessionError> {
        while let Some(event) = self.wire.next_event() {
            match event {
                PeerEvent::Called {
                    request,
                    object,
                    method,
                    args,
                    kwargs,
                } => self.carry_out(request, object, method, args, kwargs).await,
                PeerEvent::Answered { call, result } => {
                    // References in an answer are of no use to anybody.
                    for number in result.as_ref().map(references).unwrap_or_default() {
                        self.wire.release(number);
                    }
                    if let Some(waiting) = self.calls.remove(&call) {
                        // It may have lost interest.
                        let _ = waiting.send(result.map_err(CallError::Refused));
                    }
                }
                PeerEvent::Released(key) => {
                    if let Some(object) = self.objects.remove(&key) {
                        self.keys.remove(&address(&object));
                    }
                }
                PeerEvent::Noticed(text) => {
                    tracing::warn!(user = self.name, peer = self.peer, "{text}");
                }
                PeerEvent::LoggedIn | PeerEvent::LoginFailed(_) => {
                    return Err("a login of the master's".into());
                }
            }
        }
        Ok(())
    }

    async fn carry_out(
        &mut self,
        request: PeerRequest,
        object: ObjectKey,
        method: String,
        args: Vec<Value>,
        kwargs: Vec<(String, Value)>,
    ) {
        let bytes = method.len()
            + args.iter().map(Value::memory_cost).sum::<usize>()
            + kwargs
                .iter()
                .map(|(name, value)| name.len() + value.memory_cost())
                .sum::<usize>();
        let mut are_lost = false;
        for (_, value) in &kwargs {
            are_lost |= self.give_back(value);
        }
        let args: Vec<Argument> = args
            .into_iter()
            .map(|arg| match arg {
                Value::Remote(number) => Argument::Object(RemoteObject {
                    number,
                    orders: self.orders.clone(),
                }),
                value => {
                    are_lost |= self.give_back(&value);
                    Argument::Value(value)
                }
            })
            .collect();
        let refuse = |class, text: String| Err(Failure::new(class, &[], text));
        if are_lost {
            let text = format!("{method}: objects are arguments of their own");
            return self.answer(request, refuse("builtins.TypeError", text));
        }
        let Some(object) = self.objects.get(&object).cloned() else {
            let text = "Invalid Object ID".to_owned();
            return self.answer(request, refuse("twisted.spread.pb.Error", text));
        };
        if self.calls_carried_out >= CALLS_MAX {
            let text = "too many calls at a time".to_owned();
            return self.answer(request, refuse("twisted.spread.pb.Error", text));
        }
        let mut work = object.call(RemoteCall {
            method,
            args,
            kwargs,
            client: Client {
                orders: self.orders.clone(),
            },
        });
        // Calls begin in their order, also if they are carried out by other threads.
        let begun = std::future::poll_fn(|context| {
            Poll::Ready(match work.as_mut().poll(context) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            })
        });
        match begun.await {
            Some(result) => self.answer(request, result),
            None => {
                self.waiting_bytes += bytes;
                self.calls_carried_out += 1;
                self.go_on(request, bytes, work);
            }
        }
    }

    fn go_on(
        &self,
        request: PeerRequest,
        bytes: usize,
        work: Later<'static, Result<Sent, Failure>>,
    ) {
        let (answers, stop) = (self.answers.clone(), self.hub.stop.clone());
        self.hub.tasks.spawn(async move {
            if let Some(result) = stop.run_until_cancelled(work).await {
                // The client may have gone.
                let _ = answers.send((request, bytes, result));
            }
        });
    }

    /// Whether there were references in the value.
    fn give_back(&mut self, value: &Value) -> bool {
        let found = references(value);
        for number in &found {
            self.wire.release(*number);
        }
        !found.is_empty()
    }

    fn handle_order(&mut self, order: Order) {
        match order {
            Order::Release(number) => self.wire.release(number),
            Order::Call {
                number,
                method,
                args,
                answer,
            } => {
                let called = match self.lend_all(args) {
                    Ok(args) => self.wire.call(number, &method, args),
                    Err(error) => Err(error.into()),
                };
                match called {
                    Ok(call) => {
                        self.calls.insert(call, answer);
                    }
                    Err(error) => {
                        let _ = answer.send(Err(CallError::Unsendable(error.to_string())));
                    }
                }
            }
        }
    }

    fn answer(&mut self, request: PeerRequest, result: Result<Sent, Failure>) {
        if !request.wants_answer() {
            // Objects that are not sent are never given back.
            return;
        }
        let result = result.and_then(|sent| {
            let lent = self.lend(sent);
            lent.map_err(|error| Failure::new("twisted.spread.pb.Error", &[], error))
        });
        self.wire.answer(request, result);
    }

    /// The value that is sent, with the keys of our objects.
    fn lend(&mut self, sent: Sent) -> Result<Value, &'static str> {
        Ok(match sent {
            Sent::Value(value) => value,
            Sent::List(items) => Value::List(self.lend_all(items)?),
            Sent::Tuple(items) => Value::Tuple(self.lend_all(items)?),
            Sent::Object(object) => {
                let key = match self.keys.get(&address(&object)) {
                    Some(key) => *key,
                    None if self.objects.len() >= self.hub.settings.limits.exported_objects => {
                        return Err("the client holds too many objects");
                    }
                    None => {
                        let key = self.wire.new_object();
                        self.keep(key, object);
                        key
                    }
                };
                Value::Local(key.0)
            }
        })
    }

    fn lend_all(&mut self, items: Vec<Sent>) -> Result<Vec<Value>, &'static str> {
        items.into_iter().map(|item| self.lend(item)).collect()
    }
}

async fn send(writer: &mut WriteHalf<Box<dyn Stream>>, output: &Outgoing) -> Input {
    match output.is_empty() {
        true => Input::Flushed(writer.flush().await),
        false => Input::Written(writer.write_vectored(&output.slices()).await),
    }
}

fn address(object: &Arc<dyn Referenceable>) -> usize {
    Arc::as_ptr(object).cast::<()>().addr()
}
