//! What a peer may make this side hold in memory.

/// Bounds on what is accepted from a peer. Past one of them the connection is ended with an error
/// that names the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lists within lists. Buildbot's own messages need fewer than twenty.
    pub depth: usize,
    /// Bytes of one expression (PB) or one message (msgpack).
    pub message_bytes: usize,
    /// Values in one expression or message: small values take more memory than bytes on the wire.
    pub message_values: usize,
    /// Objects exported to the peer at a time. Upstream's peers refuse more than 1024 of ours.
    pub exported_objects: usize,
    /// Calls of either direction that wait for an answer.
    pub outstanding_calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            message_bytes: 64 << 20,
            message_values: 1 << 20,
            exported_objects: 1024,
            outstanding_calls: 10_000,
        }
    }
}
