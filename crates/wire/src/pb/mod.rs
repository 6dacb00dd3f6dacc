//! Perspective Broker, the protocol `pb`.
//!
//! From the bytes up: [`banana`] (self-delimiting elements), [`jelly`] (typed values), [`broker`]
//! (calls and references), and on top of it Buildbot's own calls: [`WorkerSession`] and
//! [`MasterSession`]. Users that are no workers have a [`PerspectiveSession`] at the master, and a
//! [`ClientSession`] on their side.

pub mod banana;
pub mod broker;
mod client;
pub mod jelly;
pub mod login;
mod master;
mod peer;
mod perspective;
mod refusal;
mod updates;
mod worker;

pub use client::ClientSession;
pub use master::MasterSession;
pub use peer::{ObjectKey, PeerCall, PeerEvent, PeerRequest, references};
pub use perspective::PerspectiveSession;
pub use worker::WorkerSession;
