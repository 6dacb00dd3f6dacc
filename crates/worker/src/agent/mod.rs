//! The agent: keeps a connection to the master and runs its commands.
//!
//! [`run`] connects, serves ([`serving`]), and connects again; what happens on one connection is in
//! [`serving`]. Commands are tasks of their own that outlive the connection by as long as it takes to
//! kill what they run.

mod builders;
mod info;
mod running;
mod serving;
mod settings;
mod shutdown;

use std::sync::Arc;
use std::time::Duration;

use buildbot_wire::msgpack::handshake::ClientRequest;
use buildbot_wire::session::WorkerSession;
use buildbot_wire::{Limits, msgpack, pb};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::connect::{Stream, connect};
use crate::reconnect::{Next, Reconnect};
use crate::signals::Signals;

use builders::Builders;
use serving::{Ended, Serving};
use shutdown::{Request, ShutdownRequests};

pub use settings::{Keepalive, Settings, SettingsError, SpokenProtocol};

/// What outlives a connection.
struct Agent {
    settings: Arc<Settings>,
    builders: Builders,
    /// All command tasks; they are waited for before the process ends.
    commands: TaskTracker,
    reconnect: Reconnect,
    requests: ShutdownRequests,
}

/// Serves the master until a signal stops the worker ([`Signals::stopped_by`] tells), or it ends by
/// itself: the master shut it down or turned it away, or no login succeeded in `maxretries` attempts.
///
/// When it returns all commands have ended.
///
/// Differs: after a refused password there is one pause, in which the connection is held, because the
/// documented pause is the one between attempts; the reference adds the pause of a lost connection.
pub fn run(settings: Settings, signals: &Signals) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let requests = ShutdownRequests::new(&settings, signals)?;
        // A task, because tokio looks at all sockets each time before it goes on with the future of `block_on`.
        let serving = TaskTracker::new().spawn(serve_until_over(settings, requests));
        match serving.await {
            Ok(()) => Ok(()),
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    });
    // A thread that waits for a name server, or for a disk that is gone, does not hold up the end.
    runtime.shutdown_background();
    outcome
}

async fn serve_until_over(settings: Settings, requests: ShutdownRequests) {
    let mut agent = Agent {
        requests,
        reconnect: Reconnect::new(settings.maxdelay, settings.max_retries),
        settings: Arc::new(settings),
        builders: Builders::new(),
        commands: TaskTracker::new(),
    };
    agent.run().await;
    agent.commands.close();
    agent.commands.wait().await;
}

impl Agent {
    async fn run(&mut self) {
        loop {
            let held = match self.connect_and_serve().await {
                Ended::Stop => return,
                Ended::Finish(why) => {
                    tracing::info!("{why}; the worker stops");
                    return;
                }
                Ended::Lost(why) => {
                    tracing::info!("{why}");
                    None
                }
                // Held as the reference does: a master that is asked too often is no help to anybody.
                Ended::Refused(why, connection) => {
                    tracing::error!(
                        "the master refuses the login, name or password are wrong: {why}"
                    );
                    Some(connection)
                }
            };
            let pause = match self.reconnect.failed(random_fraction()) {
                Next::Pause(pause) => pause,
                Next::GiveUp => {
                    let attempts = self.reconnect.attempts();
                    tracing::error!(
                        "no login in {attempts} attempts (maxretries); the worker stops"
                    );
                    return;
                }
            };
            tracing::info!("connecting again in {:.1} seconds", pause.as_secs_f64());
            if self.is_stopped_while_waiting(pause).await {
                return;
            }
            drop(held);
        }
    }

    async fn is_stopped_while_waiting(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => false,
            request = self.requests.next() => {
                if request == Request::Graceful {
                    tracing::info!("asked to shut down while not connected; the worker stops");
                }
                true
            }
        }
    }

    async fn connect_and_serve(&mut self) -> Ended {
        let route = self.settings.route.clone();
        tracing::info!("connecting to {route}");
        let stream = tokio::select! {
            stream = connect(&route) => stream,
            request = self.requests.next() => return match request {
                Request::Stop => Ended::Stop,
                Request::Graceful => {
                    Ended::Finish("asked to shut down while not connected".to_owned())
                }
            },
        };
        match stream {
            Ok(stream) => self.serve(stream).await,
            Err(error) => Ended::Lost(error.to_string()),
        }
    }

    async fn serve(&mut self, stream: Box<dyn Stream>) -> Ended {
        let session = match self.session() {
            Ok(session) => session,
            Err(error) => return Ended::Lost(format!("no random numbers: {error}")),
        };
        Serving::new(self, session).run(stream).await
    }

    fn session(&self) -> Result<Box<dyn WorkerSession + Send>, getrandom::Error> {
        let Settings { name, password, .. } = &*self.settings;
        let limits = Limits::default();
        Ok(match &self.settings.protocol {
            SpokenProtocol::Pb => Box::new(pb::WorkerSession::new(name, password, limits)),
            SpokenProtocol::Msgpack { authority, path } => {
                let mut key = [0; 16];
                getrandom::fill(&mut key)?;
                let request = ClientRequest {
                    authority: authority.clone(),
                    path: path.clone(),
                    name: name.clone(),
                    password: password.clone(),
                    key,
                };
                Box::new(msgpack::WorkerSession::new(
                    request,
                    Box::new(random_mask),
                    limits,
                ))
            }
        })
    }
}

/// A mask without randomness is still a valid one.
fn random_mask() -> [u8; 4] {
    let mut mask = [0; 4];
    if let Err(error) = getrandom::fill(&mut mask) {
        tracing::debug!("no random numbers: {error}");
    }
    mask
}

/// A number from 0 to 1, so that workers of one master do not come back all at once.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
