//! One loaded configuration as the running master uses it: its process, its rows, and what each number of the engine
//! stands for.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use buildbot_config::{BuilderConfig, Description, MasterConfig, Worker};
use buildbot_confighost as confighost;
use buildbot_engine::config::Generation;
use buildbot_model::{BuilderId, WorkerId};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::called::Called;
use crate::rows::Ids;

/// A configuration in use. Builds keep the one that they began with.
#[derive(Debug)]
pub(crate) struct Site {
    /// Which load it is.
    pub(crate) generation: Generation,
    /// The process that executed it.
    pub(crate) host: confighost::Generation,
    /// What it said.
    pub(crate) description: Description,
    /// That, typed.
    pub(crate) config: MasterConfig,
    /// Its rows.
    pub(crate) ids: Ids,
    /// What the engine calls by number.
    pub(crate) called: Vec<Called>,
    /// What the engine knows.
    pub(crate) engine: Arc<buildbot_engine::Config>,
    /// The path of the file: the source of properties in `c['properties']`.
    pub(crate) file: String,
    builders: BTreeMap<BuilderId, usize>,
    workers: BTreeMap<WorkerId, usize>,
    /// Who asks its process, beside builds.
    asked: TaskTracker,
}

/// What a site is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) generation: Generation,
    pub(crate) host: confighost::Generation,
    pub(crate) description: Description,
    pub(crate) config: MasterConfig,
    pub(crate) ids: Ids,
    pub(crate) file: String,
}

/// A configuration whose process is there as long as this is.
#[derive(Debug)]
pub(crate) struct Held {
    site: Arc<Site>,
    _token: TaskTrackerToken,
}

impl Held {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        let _token = site.hold();
        Self { site, _token }
    }
}

impl Deref for Held {
    type Target = Arc<Site>;

    fn deref(&self) -> &Arc<Site> {
        &self.site
    }
}

impl Site {
    /// Keeps its process as long as the token is there: somebody asks it who is no build. Whoever takes one knows that
    /// the configuration is not released yet; others ask [`Sites`](crate::sites::Sites).
    pub(crate) fn hold(&self) -> TaskTrackerToken {
        self.asked.token()
    }

    /// No build uses it any more: its process ends when nobody asks it.
    pub(crate) async fn retire(&self) {
        self.asked.close();
        self.asked.wait().await;
        self.host.stop().await;
    }

    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            generation,
            host,
            description,
            config,
            ids,
            file,
        } = parts;
        let (engine, called) = crate::plan::of(&config, &description, &ids, generation);
        let builders = config.builders.iter().enumerate();
        let builders = builders
            .filter_map(|(index, builder)| Some((*ids.builders.get(&builder.name)?, index)))
            .collect();
        let workers = config.workers.iter().enumerate();
        let workers = workers
            .filter_map(|(index, worker)| Some((*ids.workers.get(worker.name())?, index)))
            .collect();
        Self {
            generation,
            host,
            description,
            config,
            ids,
            called,
            engine: Arc::new(engine),
            file,
            builders,
            workers,
            asked: TaskTracker::new(),
        }
    }

    /// The builder with this row.
    pub(crate) fn builder(&self, id: BuilderId) -> Option<&BuilderConfig> {
        self.config.builders.get(*self.builders.get(&id)?)
    }

    /// The worker with this row.
    pub(crate) fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.config.workers.get(*self.workers.get(&id)?)
    }
}
