//! Where workers arrive at a master: listeners, logins, sessions, commands and file transfers.
//!
//! [`Gateway`] listens and admits workers; it asks the master through [`Admission`] and tells it through
//! [`GatewayEvent`]s. A [`Session`] is an attached worker: it runs [`Command`]s, whose updates go to a
//! [`CommandSink`] at the pace of that sink. Both protocols look alike from here; what they do differently
//! (paths, names of arguments, who makes directories) is settled inside.
//!
//! Users that are no workers may log in at the same places: a [`Visitor`] that is a [`User`] calls the methods of
//! a [`Referenceable`], and hands over objects of its own that the master calls.
//!
//! Invariants: of a worker's name there is at most one session at a time. `Attached` comes before anything
//! else of a session, `Detached` once and after everything else. A worker is acknowledged what a sink has
//! accepted, and is not read while too much waits for sinks.

mod absolute;
mod admission;
mod attach;
mod budget;
mod command;
mod connection;
mod event;
mod gateway;
mod hub;
mod info;
mod lines;
mod listen;
mod paths;
mod perspective;
mod running;
mod session;
mod settings;
mod tls;
mod transfer;
mod user;

pub use admission::{Admission, Admitted, Refused, WorkerBuilder};
pub use budget::{Budget, KEPT_BYTES_MAX};
pub use buildbot_wire::{Failure, Limits, Stream, Update, Value};
pub use command::{
    CallError, Command, CommandEnd, CommandError, CommandHandle, CommandSink, Interrupter,
};
pub use event::{Attached, DetachReason, GatewayEvent};
pub use gateway::Gateway;
pub use info::{PathStyle, WorkerInfo};
pub use lines::clean;
pub use session::{Session, SessionId};
pub use settings::{ListenError, ListenReason, Listener, Protocol, Settings};
pub use transfer::{Compression, Transfer, TransferError, Transferred};
pub use user::{Argument, Client, Referenceable, RemoteCall, RemoteObject, Sent, User, Visitor};

/// A future that a trait object gives.
pub type Later<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
