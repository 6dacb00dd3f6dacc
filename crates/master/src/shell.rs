//! What all parts of a running master share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use buildbot_data::{Bus, Data};
use buildbot_engine::Event;
use buildbot_engine::event::Shutdown;
use buildbot_logs::LogStore;
use buildbot_model::{MasterId, Secret};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::build::Builds;
use crate::cancelling::Cancelling;
use crate::engine_thread::EngineInbox;
use crate::host_requests::Consumers;
use crate::instances::Instances;
use crate::live;
use crate::live_data::LiveData;
use crate::schedulers::SchedulerInbox;
use crate::sessions::Sessions;
use crate::sites::Sites;
use crate::store::Store;
use crate::submissions::Submissions;
use crate::waiters::Waiters;
use crate::workers::Workers;

/// What all parts of a running master share.
pub(crate) struct Shell {
    /// The row of this master.
    pub(crate) master: MasterId,
    /// The master as user code sees it.
    pub(crate) live: live::Master,
    pub(crate) basedir: PathBuf,
    pub(crate) store: Store,
    pub(crate) engine: EngineInbox,
    pub(crate) sites: Sites,
    pub(crate) builds: Builds,
    pub(crate) workers: Workers,
    pub(crate) instances: Instances,
    pub(crate) logs: LogStore,
    pub(crate) bus: Arc<Bus>,
    /// What can be read.
    pub(crate) data: Arc<Data>,
    /// Code of configurations that hears of events.
    pub(crate) consumers: Consumers,
    pub(crate) schedulers: SchedulerInbox,
    /// What REST tells and no table holds.
    pub(crate) live_data: LiveData,
    /// The key of sessions of the web server.
    pub(crate) session_secret: Secret<String>,
    pub(crate) submissions: Submissions,
    pub(crate) cancelling: Cancelling,
    pub(crate) waiters: Waiters,
    /// Whether the master shall end when no build runs.
    pub(crate) ends_when_idle: watch::Sender<bool>,
    /// What runs in processes of configurations and asks back.
    pub(crate) sessions: Sessions,
    /// Owns every task that nothing else owns.
    pub(crate) tasks: TaskTracker,
    /// The last number that was given to something that is answered later.
    numbers: AtomicU64,
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell")
            .field("master", &self.live.name)
            .finish_non_exhaustive()
    }
}

/// The parts that a shell is made of.
pub(crate) struct Parts {
    pub(crate) master: MasterId,
    pub(crate) name: String,
    pub(crate) basedir: PathBuf,
    pub(crate) store: Store,
    pub(crate) engine: EngineInbox,
    pub(crate) sites: Sites,
    pub(crate) logs: LogStore,
    pub(crate) bus: Arc<Bus>,
    pub(crate) data: Arc<Data>,
    pub(crate) schedulers: SchedulerInbox,
    pub(crate) live_data: LiveData,
    pub(crate) session_secret: Secret<String>,
    pub(crate) tasks: TaskTracker,
}

impl Shell {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            live: live::Master {
                id: parts.master,
                name: parts.name,
                basedir: parts.basedir.to_string_lossy().into_owned(),
            },
            master: parts.master,
            basedir: parts.basedir,
            store: parts.store,
            engine: parts.engine,
            sites: parts.sites,
            builds: Builds::default(),
            workers: Workers::default(),
            instances: Instances::default(),
            logs: parts.logs,
            bus: parts.bus,
            data: parts.data,
            consumers: Consumers::default(),
            schedulers: parts.schedulers,
            live_data: parts.live_data,
            session_secret: parts.session_secret,
            submissions: Submissions::default(),
            cancelling: Cancelling::default(),
            waiters: Waiters::default(),
            ends_when_idle: watch::Sender::new(false),
            sessions: Sessions::default(),
            tasks: parts.tasks,
            numbers: AtomicU64::new(0),
        }
    }

    /// A number that was never given out before.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Has no more builds started, and the master ended when none runs.
    pub(crate) async fn end_when_idle(&self, shutdown: Shutdown) {
        self.engine.send(Event::ShutdownRequested(shutdown)).await;
        self.ends_when_idle.send_replace(true);
    }

    /// Has builds started again, if they are not being stopped.
    pub(crate) async fn stay(&self) {
        self.ends_when_idle.send_replace(false);
        self.engine.send(Event::ShutdownCancelled).await;
    }

    /// A path of the configuration: `~` is the home directory, others are relative to the base directory.
    pub(crate) fn path(&self, given: &str) -> PathBuf {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        match (given.strip_prefix('~'), home) {
            (Some(""), Some(home)) => home,
            (Some(rest), Some(home)) if rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => self.basedir.join(given),
        }
    }
}
