//! What is seen of the engine from outside, and the rules that it must keep.
//!
//! Nothing here asks the engine: who holds what follows from the events it was told and the effects it gave.

mod decisions;
mod held;
mod liveness;
mod steps;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use buildbot_engine::config::{
    AccessMode, Builder, BuilderLocks, Config, Generation, Lock, LockAccess, LockKind, StepFlags,
    Worker,
};
use buildbot_engine::event::{CommitId, SessionId, WorkerControl};
use buildbot_engine::{Owner, SemaphoreId, Shutdown};
use buildbot_model::{
    BuildId, BuildRequest, BuildRequestId, BuilderId, Results, StepNumber, Timestamp, WorkerId,
};

/// A broken rule, in words.
pub type Broken = String;

/// Something that could start and does not.
#[derive(Debug)]
pub struct Idle {
    /// The request, if it is one.
    pub request: Option<BuildRequestId>,
    /// What is wrong.
    pub broken: Broken,
}

/// Accesses by lock.
pub type Accesses = BTreeMap<SemaphoreId, AccessMode>;

/// A worker as the world knows it.
#[derive(Debug, Clone)]
pub struct SeenWorker {
    /// The connection that the engine was told about.
    pub session: Option<SessionId>,
    /// No new builds.
    pub is_paused: bool,
    /// It ends after its builds.
    pub is_graceful: bool,
    /// Its machine was started and is not stopped.
    pub has_machine: bool,
    quarantined_until: Option<Timestamp>,
    next_quarantine: Duration,
    /// A quarantine was decided before it was seen: until when the next ones are is not known.
    is_quarantine_unsure: bool,
    busy: BTreeMap<BuilderId, BuildRequestId>,
}

impl Default for SeenWorker {
    fn default() -> Self {
        Self {
            session: None,
            is_paused: false,
            is_graceful: false,
            has_machine: false,
            quarantined_until: None,
            next_quarantine: Duration::from_secs(10),
            is_quarantine_unsure: false,
            busy: BTreeMap::new(),
        }
    }
}

/// A build that has not ended, or a claim that has no answer.
#[derive(Debug, Clone)]
pub struct SeenBuild {
    /// What it builds.
    pub request: BuildRequestId,
    /// As it was when the build was decided.
    pub builder: Arc<Builder>,
    /// The configuration of that time.
    pub generation: Generation,
    /// Where.
    pub worker: WorkerId,
    /// The connection that it was prepared on.
    pub session: Option<SessionId>,
    /// The worker has been asked and has not answered.
    pub is_preparing: bool,
    /// Its preparation has failed, which is the worker's fault.
    pub has_failed_preparation: bool,
    /// The builder's locks.
    pub locks: Accesses,
    worker_locks: Accesses,
    /// What the build waits for, if it waits for locks.
    pub waits_for: Option<Accesses>,
    /// The step, with its locks, from its row on.
    pub step: Option<(StepNumber, Accesses)>,
    /// Its command runs.
    pub is_running: bool,
    /// Its worker is ready: from here on its steps decide how it ends.
    pub is_ready: bool,
    /// It waits for the builder's locks.
    pub is_waiting_for_locks: bool,
    /// The name of its next step is rendered.
    pub is_naming: bool,
    /// That has failed.
    pub has_no_name: bool,
    /// Its step is prepared.
    pub is_step_asked: bool,
    /// Which step the engine means by which number.
    chosen: Option<(StepNumber, usize)>,
    /// The step whose name was rendered, until it has a row.
    pub named: Option<buildbot_engine::config::Step>,
    /// Those of the step.
    pub flags: StepFlags,
    /// All of its steps.
    pub steps: steps::SeenSteps,
    /// What it is stopped with.
    pub stop: Option<Results>,
    is_finishing: bool,
}

/// Everything that is seen.
#[derive(Debug)]
pub struct Observed {
    /// The configuration that the engine was told.
    pub config: Arc<Config>,
    /// The clock.
    pub now: Timestamp,
    /// By id.
    pub workers: BTreeMap<WorkerId, SeenWorker>,
    /// By id.
    pub builds: BTreeMap<BuildId, SeenBuild>,
    /// Claims of builds without an answer.
    claims: BTreeMap<CommitId, SeenBuild>,
    /// Requests that a transaction without an answer claims.
    claimed: BTreeMap<CommitId, Vec<BuildRequestId>>,
    /// Requests that the engine may build, by builder and rank.
    offered: BTreeMap<BuilderId, BTreeSet<(Reverse<i64>, BuildRequestId)>>,
    rows: BTreeMap<BuildRequestId, BuildRequest>,
    reoffered: BTreeSet<BuildRequestId>,
    /// Stored, but not announced: older requests may be replaced by them.
    unannounced: BTreeSet<BuildRequestId>,
    holders: BTreeMap<SemaphoreId, Vec<(Owner, AccessMode)>>,
    /// Locks as the newest configuration that names them has them.
    locks: BTreeMap<(LockKind, Arc<str>), Arc<Lock>>,
    /// Locks as user code rendered them.
    pub rendered: BTreeMap<(BuildRequestId, WorkerId), Accesses>,
    /// Whether the master is to end.
    pub shutdown: Option<Shutdown>,
    /// Configurations that are not used any more.
    pub released: BTreeSet<Generation>,
    /// Builds with a transaction on its way.
    sent: BTreeMap<BuildId, CommitId>,
    /// The build whose transaction is answered now: what it says then may have been decided before.
    pub answered: Option<BuildId>,
}

fn needs_user_code(builder: &Builder, config: &Config) -> bool {
    let asks = |id| {
        let worker: Option<&Worker> = config.workers.get(id);
        worker.is_some_and(|worker| worker.is_compatible.is_some())
    };
    let is_rendered = matches!(builder.locks, BuilderLocks::Rendered(_));
    config.prioritize_builders.is_some()
        || builder.next_build.is_some()
        || builder.next_worker.is_some()
        || builder.can_start_build.is_some()
        || is_rendered
        || builder.workers.iter().any(asks)
}

/// Accesses of a build on a worker.
pub fn accesses(list: &[LockAccess], worker: WorkerId) -> Accesses {
    let list = list.iter();
    list.map(|access| (SemaphoreId::new(&access.lock, worker), access.mode))
        .collect()
}

impl Observed {
    /// Nothing has been seen yet.
    pub fn new(now: Timestamp, config: Arc<Config>) -> Self {
        let mut observed = Self {
            config: config.clone(),
            now,
            workers: BTreeMap::new(),
            builds: BTreeMap::new(),
            claims: BTreeMap::new(),
            claimed: BTreeMap::new(),
            offered: BTreeMap::new(),
            rows: BTreeMap::new(),
            reoffered: BTreeSet::new(),
            unannounced: BTreeSet::new(),
            holders: BTreeMap::new(),
            locks: BTreeMap::new(),
            rendered: BTreeMap::new(),
            shutdown: None,
            released: BTreeSet::new(),
            sent: BTreeMap::new(),
            answered: None,
        };
        observed.configure(config);
        observed
    }

    /// Another configuration counts.
    pub fn configure(&mut self, config: Arc<Config>) {
        let builders = config.builders.values();
        let of_builders = builders.flat_map(|builder| {
            let listed = match &builder.locks {
                BuilderLocks::Listed(locks) => &**locks,
                BuilderLocks::Rendered(_) => &[],
            };
            let steps = builder.steps.iter().flat_map(|step| step.locks.iter());
            listed.iter().chain(steps)
        });
        let workers = config.workers.values();
        let of_workers = workers.flat_map(|worker| worker.locks.iter());
        for access in of_builders.chain(of_workers) {
            let lock = access.lock.clone();
            self.locks.insert((lock.kind, lock.name.clone()), lock);
        }
        self.config = config;
        let workers: Vec<WorkerId> = self.workers.keys().copied().collect();
        for worker in workers {
            self.graceful_may_end(worker);
        }
    }

    /// A request may be built from here on.
    pub fn offer(&mut self, row: BuildRequest) {
        self.unannounced.remove(&row.id);
        let queue = self.offered.entry(row.builder).or_default();
        queue.insert((Reverse(row.priority), row.id));
        self.rows.insert(row.id, row);
    }

    /// A request is stored and is not announced yet.
    pub fn stored(&mut self, id: BuildRequestId) {
        if !self.rows.contains_key(&id) {
            self.unannounced.insert(id);
        }
    }

    /// A request is announced, and may be built unless that was so before.
    pub fn announced(&mut self, row: BuildRequest) {
        if self.unannounced.contains(&row.id) {
            self.offer(row);
        }
    }

    /// Another master offers a request.
    pub fn offered_by_other(&mut self, row: BuildRequest) {
        let is_known = self.is_offered(row.id)
            || self.unannounced.contains(&row.id)
            || self.claimed.values().any(|ids| ids.contains(&row.id))
            || self.builds.values().any(|build| build.request == row.id);
        if is_known {
            self.reoffered.insert(row.id);
        } else {
            self.offer(row);
        }
    }

    /// Another master took a request.
    pub fn taken_by_other(&mut self, id: BuildRequestId) {
        if self.is_offered(id) {
            self.withdraw(id);
            self.reoffered.remove(&id);
        } else {
            self.reoffered.remove(&id);
        }
    }

    fn is_offered(&self, id: BuildRequestId) -> bool {
        let row = self.rows.get(&id);
        let queue = row.and_then(|row| self.offered.get(&row.builder));
        row.is_some_and(|row| {
            queue.is_some_and(|queue| queue.contains(&(Reverse(row.priority), row.id)))
        })
    }

    /// A request as the engine knows it.
    pub fn row(&self, id: BuildRequestId) -> Option<&BuildRequest> {
        self.rows.get(&id)
    }

    /// One of the requests that may be built, by chance.
    pub fn some_offered(&self, chance: u64) -> Option<BuildRequestId> {
        let count = self.offered_count() as u64;
        let place = chance.checked_rem(count)?;
        let mut offered = self.offered.values().flatten();
        offered.nth(place as usize).map(|(_, id)| *id)
    }

    /// How many requests may be built.
    pub fn offered_count(&self) -> usize {
        self.offered.values().map(BTreeSet::len).sum()
    }

    fn withdraw(&mut self, id: BuildRequestId) {
        if let Some(row) = self.rows.get(&id)
            && let Some(queue) = self.offered.get_mut(&row.builder)
        {
            queue.remove(&(Reverse(row.priority), id));
        }
    }

    /// The engine was told another priority.
    pub fn set_priority(&mut self, id: BuildRequestId, priority: i64) {
        let is_offered = self.is_offered(id);
        if is_offered {
            self.withdraw(id);
        }
        if let Some(row) = self.rows.get_mut(&id) {
            row.priority = priority;
            let row = row.clone();
            if is_offered {
                self.offer(row);
            }
        }
    }

    /// A connection is gone, if there was one: whoever was on it waits for nothing any more.
    pub fn detached(&mut self, worker: WorkerId) {
        let seen = self.workers.entry(worker).or_default();
        let Some(session) = seen.session.take() else {
            return;
        };
        self.graceful_may_end(worker);
        for (id, build) in &mut self.builds {
            if build.session == Some(session) {
                build.is_preparing = false;
                // It may have its locks, and say so when it is heard.
                if !self.sent.contains_key(id) {
                    build.waits_for = None;
                }
            }
        }
    }

    /// Somebody does something with a worker.
    pub fn controlled(&mut self, worker: WorkerId, control: &WorkerControl) {
        let seen = self.workers.entry(worker).or_default();
        match control {
            WorkerControl::Pause { .. } => seen.is_paused = true,
            WorkerControl::Unpause => {
                seen.is_paused = false;
                seen.quarantined_until = None;
            }
            WorkerControl::LeaveQuarantine => seen.quarantined_until = None,
            WorkerControl::ShutdownGracefully => {
                seen.is_graceful = true;
                self.graceful_may_end(worker);
            }
            // How long quarantines are is the matter of the unit tests of the engine.
            WorkerControl::Kill | WorkerControl::NextQuarantine(_) => {}
            WorkerControl::Quarantine => self.quarantine(worker, self.now),
        }
    }

    fn build_mut(&mut self, id: BuildId) -> Result<&mut SeenBuild, Broken> {
        let build = self.builds.get_mut(&id);
        build.ok_or(format!("build {id} does not run"))
    }

    /// A latent worker that is to end has ended when it is idle and gone.
    pub fn graceful_may_end(&mut self, worker: WorkerId) {
        let config = self.config.workers.get(&worker);
        let is_latent = config.is_some_and(|config| config.latent.is_some());
        let seen = self.workers.entry(worker).or_default();
        if is_latent && seen.session.is_none() && seen.busy.is_empty() {
            seen.is_graceful = false;
        }
    }

    /// A worker that is in quarantine and not paused.
    pub fn quarantined(&self) -> Option<WorkerId> {
        let is_quarantined = |seen: &SeenWorker| {
            !seen.is_paused && seen.quarantined_until.is_some_and(|until| until > self.now)
        };
        let mut workers = self.workers.iter();
        workers
            .find(|(_, seen)| is_quarantined(seen))
            .map(|(worker, _)| *worker)
    }

    /// The engine puts a worker into quarantine, or must.
    pub fn quarantine(&mut self, worker: WorkerId, now: Timestamp) {
        let seen = self.workers.entry(worker).or_default();
        if seen.quarantined_until.is_none_or(|until| until <= now) {
            seen.quarantined_until = Some(now + seen.next_quarantine);
            seen.next_quarantine = (seen.next_quarantine * 2).min(Duration::from_secs(3600));
        }
    }
}
