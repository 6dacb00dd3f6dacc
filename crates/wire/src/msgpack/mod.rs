//! `msgpack_experimental_v7`: MessagePack maps over WebSocket.
//!
//! [`codec`] is the encoding of values, [`websocket`] cuts the stream into messages, [`handshake`] is
//! the HTTP request that opens the stream. Buildbot's requests on top of it are [`WorkerSession`] and
//! [`MasterSession`].

pub mod codec;
pub mod handshake;
mod master;
mod messages;
pub mod websocket;
mod worker;

pub use master::MasterSession;
pub use worker::WorkerSession;
