//! The sources of a configuration, each with a task of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{ChangeSource, ChangeSourceKind};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::git;
use crate::port::{PollError, Port};
use crate::schedule::Schedule;

/// How long a source that another master has is left alone.
pub const CLAIM_INTERVAL: Duration = Duration::from_secs(300);

/// The sources that run.
#[derive(Default)]
pub struct Sources {
    tasks: TaskTracker,
    running: BTreeMap<String, Running>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.running.keys()).finish()
    }
}

/// A source as it is configured, and what it uses.
#[derive(Clone)]
struct Setup {
    source: Arc<ChangeSource>,
    port: Arc<dyn Port>,
}

struct Running {
    class: String,
    setup: watch::Sender<Setup>,
    /// A poll is wanted at once. One that is wanted while one runs follows it.
    wanted: Arc<Notify>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Sources {
    /// No sources yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs these sources and no others. Those that are there already take their new arguments for the next poll, and
    /// keep their rhythm unless it changes. Sources that do not poll are left out. Returns when those that are configured
    /// no more have ended.
    pub async fn configure(&mut self, sources: &[ChangeSource], port: &Arc<dyn Port>) {
        let wanted: BTreeMap<&str, &ChangeSource> = sources
            .iter()
            .filter(|source| polls(source))
            .map(|source| (source.name(), source))
            .collect();
        let gone: Vec<String> = self
            .running
            .iter()
            .filter(|(name, running)| {
                let source = wanted.get(name.as_str());
                source.is_none_or(|source| source.service.object.own_class() != running.class)
            })
            .map(|(name, _)| name.clone())
            .collect();
        let gone: Vec<Running> = gone
            .iter()
            .filter_map(|name| self.running.remove(name))
            .collect();
        for running in &gone {
            running.stop.cancel();
        }
        for running in &gone {
            running.ended.cancelled().await;
        }
        for (name, source) in wanted {
            let setup = Setup {
                source: Arc::new(source.clone()),
                port: port.clone(),
            };
            match self.running.get(name) {
                Some(running) => {
                    running.setup.send_replace(setup);
                }
                None => {
                    let running = self.start(setup);
                    self.running.insert(name.to_owned(), running);
                }
            }
        }
    }

    fn start(&self, setup: Setup) -> Running {
        let class = setup.source.service.object.own_class().to_owned();
        let (sender, receiver) = watch::channel(setup);
        let running = Running {
            class,
            setup: sender,
            wanted: Arc::default(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        let life = Life {
            setup: receiver,
            wanted: running.wanted.clone(),
        };
        let (stop, ended) = (running.stop.clone(), running.ended.clone().drop_guard());
        self.tasks.spawn(async move {
            life.live(stop).await;
            drop(ended);
        });
        running
    }

    /// Has a source polled at once, or after the poll that runs. Whether there is such a source.
    pub fn force(&self, name: &str) -> bool {
        let running = self.running.get(name);
        if let Some(running) = running {
            running.wanted.notify_one();
        }
        running.is_some()
    }

    /// Ends all sources: polls that run are given up, their programs killed, the claims released.
    pub async fn stop(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        self.running.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn polls(source: &ChangeSource) -> bool {
    matches!(source.kind, ChangeSourceKind::Git(_))
}

/// Looks once for changes of a source, and adds them.
///
/// # Errors
///
/// What ended the poll. What concerns single branches is logged, and others are looked at.
pub async fn poll(source: &ChangeSource, port: &dyn Port) -> Result<(), PollError> {
    match &source.kind {
        ChangeSourceKind::Git(arguments) => git::poll(source, arguments, port).await,
        _ => Err(PollError::new("it does not poll")),
    }
}

/// One source from its start to its end.
struct Life {
    setup: watch::Receiver<Setup>,
    wanted: Arc<Notify>,
}

impl Life {
    async fn live(mut self, stop: CancellationToken) {
        let claimed = tokio::select! {
            () = self.claim() => true,
            () = stop.cancelled() => false,
        };
        if !claimed {
            return;
        }
        tokio::select! {
            () = self.poll_again_and_again() => {}
            () = stop.cancelled() => {}
        }
        let setup = self.current();
        setup.port.release(setup.source.name()).await;
    }

    fn current(&self) -> Setup {
        self.setup.borrow().clone()
    }

    /// Returns when no other master has the source.
    async fn claim(&self) {
        loop {
            let setup = self.current();
            let name = setup.source.name();
            match setup.port.claim(name).await {
                Ok(true) => return,
                Ok(false) => tracing::debug!("another master has the change source {name}"),
                Err(error) => tracing::error!("while claiming the change source {name}: {error}"),
            }
            setup.port.sleep(CLAIM_INTERVAL).await;
        }
    }

    async fn poll_again_and_again(&mut self) {
        let mut setup = self.setup.borrow_and_update().clone();
        let mut schedule = Schedule::new(setup.port.now(), &setup.source.polling);
        loop {
            let port = setup.port.clone();
            let wait = schedule
                .as_mut()
                .map(|schedule| schedule.wait(port.now(), |min, max| port.random(min, max)));
            let due = async {
                match wait {
                    Some(wait) => port.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(due);
            let is_due = loop {
                tokio::select! {
                    () = &mut due => break true,
                    () = self.wanted.notified() => break true,
                    changed = self.setup.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        let next = self.setup.borrow_and_update().clone();
                        let rhythm_changes = next.source.polling != setup.source.polling;
                        setup = next;
                        if rhythm_changes {
                            break false;
                        }
                    }
                }
            };
            if !is_due {
                schedule = Schedule::new(setup.port.now(), &setup.source.polling);
                continue;
            }
            let name = setup.source.name();
            if let Err(error) = poll(&setup.source, &*setup.port).await {
                tracing::error!("while polling for changes with {name}: {error}");
            }
        }
    }
}
