//! Side-by-side tests: the real Buildbot master drives the real Python worker and, after it, the worker of this
//! project, and the outcomes must be equal.
//!
//! The programs come from outside: `BUILDBOT_VENV` names a virtual environment with Buildbot (`tests/prepare`
//! makes one), `BUILDBOT_WORKER` the worker to be tested (default: the one of this build).
//!
//! A scenario is a function from a [`Stage`] (a running master, a fresh directory, the kind of worker to use) to an
//! [`Outcome`]; [`same_outcome`] runs it for both workers, [`ours_alone`] for ours where the Python worker has a
//! known fault. All sockets are on 127.0.0.1, all files in one temporary directory, which stays if a test fails.

mod certificates;
mod expected;
mod master;
mod outcome;
mod processes;
mod programs;
mod relay;
mod rest;
mod stage;
mod tree;
mod wait;
mod worker;

pub use buildbot_ports::{free_port, free_ports};
pub use certificates::Certificates;
pub use expected::{ensure_lines, lines_of};
pub use master::{Builder, Master, MasterConfig, PbEndpoint};
pub use outcome::{BuildOutcome, LogOutcome, Outcome, StepOutcome};
pub use programs::{WorkerKind, python_program, worker_program};
pub use relay::{ProxyAnswer, Relay, RelayKind};
pub use rest::{BuildId, RequestId, Rest};
pub use stage::{Stage, ours_alone, same_outcome};
pub use tree::{checksum, tree};
pub use wait::{PATIENCE, wait_for, wait_until};
pub use worker::{Worker, WorkerOptions};

/// The protocol that a worker speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Perspective Broker.
    Pb,
    /// MessagePack over WebSocket.
    Msgpack,
}

impl Protocol {
    /// The name in configurations and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pb => "pb",
            Self::Msgpack => "msgpack_experimental_v7",
        }
    }
}
