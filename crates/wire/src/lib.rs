//! The two protocols between a Buildbot master and its workers, as state machines.
//!
//! Nothing here opens a socket, reads a clock or draws a random number: bytes and decisions go in,
//! bytes and events come out. Both roles live side by side, so that one test can join them in memory.
//!
//! * [`pb`]: Perspective Broker (banana, jelly, broker, login and Buildbot's calls);
//! * [`msgpack`]: `msgpack_experimental_v7`, MessagePack maps over WebSocket.
//!
//! Both speak in the same terms: [`Value`] for arguments and results, [`Update`] for what a running
//! command reports, [`session`] for requests and events.

mod failure;
mod limits;
pub mod msgpack;
mod outgoing;
pub mod pb;
pub mod session;
mod update;
mod value;

pub use failure::Failure;
pub use limits::Limits;
pub use outgoing::Outgoing;
pub use update::{LineMarks, Stream, Update};
pub use value::Value;
