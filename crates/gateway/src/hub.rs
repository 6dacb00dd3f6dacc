//! What all connections of a gateway share: who is here, and who may come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Admission, DetachReason, GatewayEvent, Session, SessionId, Settings};

/// What all connections share.
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) events: mpsc::Sender<GatewayEvent>,
    pub(crate) tasks: TaskTracker,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    pub(crate) next_command: Arc<AtomicU64>,
    next_session: AtomicU64,
    /// The session that has each name, from the moment its password was found right.
    sessions: Mutex<BTreeMap<String, Session>>,
    /// How many connections ask for each name that another one has or may have.
    claims: Mutex<BTreeMap<String, usize>>,
    /// Connections that are not logged in, the oldest first.
    strangers: Mutex<BTreeMap<SessionId, CancellationToken>>,
}

/// Connections that ask for one name at a time; one more is a duplicate at once. A worker has one connection, and
/// perhaps one that it has given up.
const CLAIMS_MAX: usize = 4;

/// A connection of the name lives.
pub(crate) struct Duplicate;

/// A connection that asks for a name.
struct Claim<'a> {
    hub: &'a Hub,
    name: &'a str,
}

impl<'a> Claim<'a> {
    fn begin(hub: &'a Hub, name: &'a str) -> Result<Self, Duplicate> {
        let mut claims = hub.claims();
        let count = claims.entry(name.to_owned()).or_default();
        if *count >= CLAIMS_MAX {
            return Err(Duplicate);
        }
        *count += 1;
        Ok(Self { hub, name })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claims = self.hub.claims();
        if let Some(count) = claims.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                claims.remove(self.name);
            }
        }
    }
}

impl Hub {
    pub(crate) fn new(
        settings: Settings,
        admission: Arc<dyn Admission>,
        events: mpsc::Sender<GatewayEvent>,
    ) -> Self {
        Self {
            settings,
            admission,
            events,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            next_command: Arc::default(),
            next_session: AtomicU64::new(1),
            sessions: Mutex::default(),
            claims: Mutex::default(),
            strangers: Mutex::default(),
        }
    }

    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn session(&self, worker: &str) -> Option<Session> {
        self.sessions().get(worker).cloned()
    }

    pub(crate) fn all_sessions(&self) -> Vec<Session> {
        self.sessions().values().cloned().collect()
    }

    /// Gives a name to a session. The connection that has it is asked whether it lives; if it does not answer in
    /// time, it makes room.
    pub(crate) async fn claim(&self, session: &Session) -> Result<(), Duplicate> {
        let _claim = Claim::begin(self, session.worker())?;
        loop {
            let old = {
                let mut sessions = self.sessions();
                match sessions.get(session.worker()) {
                    Some(old) => old.clone(),
                    None => {
                        sessions.insert(session.worker().to_owned(), session.clone());
                        return Ok(());
                    }
                }
            };
            let worker = old.worker();
            tracing::info!(
                worker,
                "a second connection from {}; the one from {} is asked",
                session.peer(),
                old.peer()
            );
            let asked = old.print("master got a duplicate connection");
            let patience = self.settings.duplicate_timeout;
            match tokio::time::timeout(patience, asked).await {
                Ok(Ok(())) => return Err(Duplicate),
                // Its answer may be behind what this side does not read.
                Err(_) if old.shared.is_held.load(Ordering::Relaxed) => return Err(Duplicate),
                Ok(Err(_)) | Err(_) => {
                    old.requests.dismiss(DetachReason::Replaced);
                    let gone = old.shared.gone.cancelled();
                    if tokio::time::timeout(patience, gone).await.is_err() {
                        return Err(Duplicate);
                    }
                }
            }
        }
    }

    /// Frees the name of a session that has ended.
    pub(crate) fn release(&self, session: &Session) {
        let mut sessions = self.sessions();
        if sessions
            .get(session.worker())
            .is_some_and(|held| held.id() == session.id())
        {
            sessions.remove(session.worker());
        }
        drop(sessions);
        session.shared.gone.cancel();
    }

    /// Notes a connection with which nobody is attached. If there are too many, the oldest is told to go.
    pub(crate) fn greet(&self, id: SessionId) -> CancellationToken {
        let leave = self.stop.child_token();
        let mut strangers = self.strangers();
        strangers.insert(id, leave.clone());
        if strangers.len() > self.settings.strangers_max
            && let Some((_, oldest)) = strangers.pop_first()
        {
            oldest.cancel();
        }
        leave
    }

    /// Forgets a connection that has logged in or ended.
    pub(crate) fn forget(&self, id: SessionId) {
        self.strangers().remove(&id);
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strangers(&self) -> MutexGuard<'_, BTreeMap<SessionId, CancellationToken>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
