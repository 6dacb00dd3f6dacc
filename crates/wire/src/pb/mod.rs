//! Perspective Broker, the protocol `pb`.
//!
//! From the bytes up: [`banana`] (self-delimiting elements), [`jelly`] (typed values), [`broker`]
//! (calls and references), and on top of it Buildbot's own calls: [`WorkerSession`] and
//! [`MasterSession`].

pub mod banana;
pub mod broker;
pub mod jelly;
pub mod login;
mod master;
mod refusal;
mod updates;
mod worker;

pub use master::MasterSession;
pub use worker::WorkerSession;
