//! What the gateway tells the master.

use crate::{Session, SessionId, WorkerInfo};

/// Something that happened to a worker's connection.
#[derive(Debug)]
pub enum GatewayEvent {
    /// A worker is connected, has its builders, and is ready for builds.
    Attached(Attached),
    /// A connection of an attached worker has ended. Its commands end as soon as their sinks have taken what came
    /// before.
    Detached {
        /// Which connection.
        session: SessionId,
        /// Name of the worker.
        worker: String,
        /// Why.
        reason: DetachReason,
    },
    /// A worker wants no more builds, and to be shut down when it has none.
    ShutdownRequested {
        /// Which connection.
        session: SessionId,
        /// Name of the worker.
        worker: String,
    },
}

/// A worker that has arrived.
#[derive(Debug)]
pub struct Attached {
    /// Its connection.
    pub session: Session,
    /// What it says about itself; also at [`Session::info`].
    pub info: std::sync::Arc<WorkerInfo>,
}

/// Why a connection has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetachReason {
    /// The worker has closed it, or has gone.
    #[error("the worker has closed the connection")]
    Closed,
    /// The network or TLS reports an error.
    #[error("the connection is lost: {0}")]
    Network(String),
    /// Nothing was heard of the worker for two keepalive intervals.
    #[error("the worker gave no sign of life for {0} seconds")]
    Silent(u64),
    /// The worker does not keep to the protocol.
    #[error("the worker breaks the protocol: {0}")]
    Protocol(String),
    /// Another connection of the worker has taken its place.
    #[error("another connection of the worker has taken its place")]
    Replaced,
    /// The master has ended it.
    #[error("the master has closed the connection: {0}")]
    Disconnected(String),
}
