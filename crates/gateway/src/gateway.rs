//! The gateway itself: its listeners, and everybody who has arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::connection::{Arrival, serve};
use crate::hub::Hub;
use crate::listen::Open;
use crate::{
    Admission, GatewayEvent, ListenError, ListenReason, Listener, Protocol, Session, Settings,
};

/// Listens for workers and keeps their sessions.
///
/// When it is dropped everything ends, but nobody waits for that; see [`stop`](Self::stop).
pub struct Gateway {
    hub: Arc<Hub>,
    open: Vec<Open>,
}

impl Gateway {
    /// A gateway that does not listen yet, and the events of its sessions.
    ///
    /// The receiver must be served until the gateway is stopped: sessions wait while it is full.
    pub fn new(
        settings: Settings,
        admission: Arc<dyn Admission>,
    ) -> (Self, mpsc::Receiver<GatewayEvent>) {
        let (events, received) = mpsc::channel(settings.events_max.max(1));
        let gateway = Self {
            hub: Arc::new(Hub::new(settings, admission, events)),
            open: Vec::new(),
        };
        (gateway, received)
    }

    /// Listens on exactly these from now on. Listeners that stay equal stay open, as do all sessions; of several
    /// equal ones one is opened. Call within a tokio runtime.
    ///
    /// If one cannot be opened the former ones stay, or are opened again where another one needed their place.
    pub async fn listen(&mut self, mut wanted: Vec<Listener>) -> Result<(), ListenError> {
        wanted.sort();
        wanted.dedup();
        let is_wanted = |open: &Open| wanted.contains(&open.listener);
        let (mut staying, mut leaving): (Vec<Open>, Vec<Open>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(is_wanted);
        wanted.retain(|listener| !staying.iter().any(|open| open.listener == *listener));
        let mut closed = Vec::new();
        let mut new: Vec<Open> = Vec::new();
        let mut failed = None;
        for listener in wanted {
            let mut opened = Open::open(&self.hub, listener.clone()).await;
            if matches!(&opened, Err(error) if is_taken(error)) && !leaving.is_empty() {
                // Perhaps by one that is not wanted any more.
                for open in leaving.drain(..) {
                    closed.push(open.listener.clone());
                    open.close().await;
                }
                opened = Open::open(&self.hub, listener).await;
            }
            match opened {
                Ok(open) => new.push(open),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let Some(error) = failed else {
            for open in leaving {
                open.close().await;
            }
            staying.append(&mut new);
            self.open = staying;
            return Ok(());
        };
        for open in new {
            open.close().await;
        }
        for listener in closed {
            match Open::open(&self.hub, listener).await {
                Ok(open) => staying.push(open),
                Err(error) => tracing::error!("{error}"),
            }
        }
        staying.append(&mut leaving);
        self.open = staying;
        Err(error)
    }

    /// Where it listens; the address is absent for sockets in the file system.
    pub fn addresses(&self) -> Vec<(Listener, Option<SocketAddr>)> {
        let open = self.open.iter();
        open.map(|open| (open.listener.clone(), open.address))
            .collect()
    }

    /// Reads all certificates and keys again. The first that cannot be used is the error; what was in use stays so.
    ///
    /// Changed files are noticed at the next connection as well.
    pub async fn reload_certificates(&self) -> Result<(), ListenError> {
        let mut outcome = Ok(());
        for open in &self.open {
            outcome = outcome.and(open.reload().await);
        }
        outcome
    }

    /// The session of a worker, from the moment its password was found right.
    pub fn session(&self, worker: &str) -> Option<Session> {
        self.hub.session(worker)
    }

    /// All sessions, in the order of the names of their workers.
    pub fn sessions(&self) -> Vec<Session> {
        self.hub.all_sessions()
    }

    /// Serves a connection that was made some other way, such as by a pair of sockets to a child process.
    ///
    /// `peer` is what people read about where it comes from.
    pub fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        protocol: Protocol,
        peer: &str,
    ) {
        let id = self.hub.next_session();
        let arrival = Arrival {
            stream: Box::new(stream),
            protocol,
            peer: peer.to_owned(),
            id,
            leave: self.hub.greet(id),
            deadline: Instant::now() + self.hub.settings.login_timeout,
        };
        self.hub.tasks.spawn(serve(Arc::clone(&self.hub), arrival));
    }

    /// Stops listening, ends all sessions and commands, and waits until they have ended.
    ///
    /// The receiver of the events must be served or dropped meanwhile.
    pub async fn stop(mut self) {
        self.hub.stop.cancel();
        for open in std::mem::take(&mut self.open) {
            open.close().await;
        }
        self.hub.tasks.close();
        self.hub.tasks.wait().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.hub.stop.cancel();
    }
}

/// Whether somebody listens there.
fn is_taken(error: &ListenError) -> bool {
    match &error.reason {
        ListenReason::System(error) => error.kind() == io::ErrorKind::AddrInUse,
        ListenReason::Locked(_) => true,
        ListenReason::Interface { .. } | ListenReason::File { .. } | ListenReason::Tls(_) => false,
    }
}
