//! Workers that are connected, or were.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_engine::event::SessionId;
use buildbot_gateway::{Session, WorkerInfo};
use buildbot_model::{Timestamp, WorkerId};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::facts;
use crate::live::WorkerState;

/// What is known about workers at this moment.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    known: Mutex<BTreeMap<WorkerId, Known>>,
    watches: TaskTracker,
}

#[derive(Debug, Default)]
struct Known {
    session: Option<Session>,
    info: Option<Arc<WorkerInfo>>,
    paused: bool,
    /// When it was connected last.
    last_connection: Option<Timestamp>,
    /// Tells when it has been away for too long.
    missing: Option<AbortHandle>,
}

/// The engine's name of a connection.
pub(crate) fn engine_session(session: &Session) -> SessionId {
    SessionId(session.id().0)
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of a worker, if it is still this one.
    pub(crate) fn session(&self, id: WorkerId, session: SessionId) -> Option<Session> {
        let workers = self.lock();
        let current = workers.get(&id)?.session.as_ref()?;
        (engine_session(current) == session).then(|| current.clone())
    }

    /// The connection of a worker, if it has one.
    pub(crate) fn connection(&self, id: WorkerId) -> Option<Session> {
        self.lock().get(&id)?.session.clone()
    }

    /// All connections.
    pub(crate) fn sessions(&self) -> Vec<(WorkerId, Session)> {
        let workers = self.lock();
        let connected = workers.iter();
        connected
            .filter_map(|(id, known)| Some((*id, known.session.clone()?)))
            .collect()
    }

    /// What is told to user code.
    pub(crate) fn state(&self, id: WorkerId) -> WorkerState {
        let workers = self.lock();
        let Some(known) = workers.get(&id) else {
            return WorkerState::default();
        };
        let info = known.info.as_ref();
        WorkerState {
            connected: known.session.is_some(),
            paused: known.paused,
            info: info.map(|info| facts::info(info)).unwrap_or_default(),
        }
    }

    /// A worker has come.
    pub(crate) fn attached(&self, id: WorkerId, session: Session, now: Timestamp) {
        let mut workers = self.lock();
        let known = workers.entry(id).or_default();
        known.info = Some(session.info());
        known.session = Some(session);
        known.last_connection = Some(now);
        if let Some(missing) = known.missing.take() {
            missing.abort();
        }
    }

    /// A worker has gone. Returns whether it was this connection that counted.
    pub(crate) fn detached(&self, id: WorkerId, session: SessionId, now: Timestamp) -> bool {
        let mut workers = self.lock();
        let Some(known) = workers.get_mut(&id) else {
            return false;
        };
        let is_current = known.session.as_ref().map(engine_session) == Some(session);
        if is_current {
            known.session = None;
            known.last_connection = Some(now);
        }
        is_current
    }

    /// Somebody paused it, or not any more.
    pub(crate) fn set_paused(&self, id: WorkerId, paused: bool) {
        self.lock().entry(id).or_default().paused = paused;
    }

    /// Whether it is connected, and when it was last.
    pub(crate) fn last_connection(&self, id: WorkerId) -> (bool, Option<Timestamp>) {
        let workers = self.lock();
        let known = workers.get(&id);
        let is_connected = known.is_some_and(|known| known.session.is_some());
        (is_connected, known.and_then(|known| known.last_connection))
    }

    /// The tasks that wait for workers. The end of the master does not wait for them.
    pub(crate) fn watches(&self) -> &TaskTracker {
        &self.watches
    }

    /// Waits for it with this task, in place of an earlier one.
    pub(crate) fn watch(&self, id: WorkerId, missing: AbortHandle) {
        let before = self.lock().entry(id).or_default().missing.replace(missing);
        if let Some(before) = before {
            before.abort();
        }
    }
}
