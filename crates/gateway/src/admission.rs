//! What the master is asked while a worker logs in.

use std::time::Duration;

use buildbot_endpoint::server::Endpoint;
use buildbot_model::Secret;

use crate::{Later, Protocol, SessionId, Visitor, WorkerInfo};

/// The master's part in a login.
///
/// The questions come in this order: [`visitor`](Self::visitor), [`worker`](Self::worker), then, if the password is right, no living
/// connection has the name, and the worker has described itself, [`attach`](Self::attach).
pub trait Admission: Send + Sync + 'static {
    /// Whether the name at this place is that of a worker, or who else it may be.
    ///
    /// Asked over PB only; `place` is absent for connections that came some other way than by a listener.
    fn visitor<'a>(&'a self, name: &'a str, place: Option<&'a Endpoint>) -> Later<'a, Visitor> {
        let _ = (name, place);
        Box::pin(std::future::ready(Visitor::Worker))
    }

    /// What is configured for a worker of this name; `None` if there is none.
    fn worker<'a>(&'a self, name: &'a str, protocol: Protocol) -> Later<'a, Option<Admitted>>;

    /// The builders that may use the worker, in the order in which it is told them.
    ///
    /// Runs before the worker is usable, so that the master can write down who it is.
    fn attach<'a>(
        &'a self,
        session: SessionId,
        name: &'a str,
        info: &'a WorkerInfo,
    ) -> Later<'a, Result<Vec<WorkerBuilder>, Refused>>;
}

/// A worker that is configured.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The password that it must know.
    pub password: Secret<String>,
    /// How often it is asked for a sign of life; never if `None`.
    pub keepalive: Option<Duration>,
}

/// A builder as a worker knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkerBuilder {
    /// Its name.
    pub name: String,
    /// Its directory on the worker (`workerbuilddir`), below the base directory.
    pub directory: String,
}

/// Why a worker is not wanted at this moment, such as a latent one that nobody has started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
