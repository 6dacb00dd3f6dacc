//! The engine as its owner sees it: every event, every timer, and what follows until nothing changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildRequest, BuilderId, Timestamp, WorkerId};

use crate::builds::Builds;
use crate::buildsets::Submissions;
use crate::commits::Commits;
use crate::config::{Config, Generation, LockAccess};
use crate::distribution::Distribution;
use crate::effect::Effect;
use crate::event::{Event, Shutdown};
use crate::lock_users::LockUsers;
use crate::locks::{Locks, wanted};
use crate::questions::Questions;
use crate::reason::Owner;
use crate::requests::Requests;
use crate::timers::{Timer, Timers};
use crate::workers::{self, Workers};

/// All decisions of one master.
#[derive(Debug)]
pub struct Engine {
    /// The latest instant that was passed in.
    pub(crate) now: Timestamp,
    pub(crate) config: Arc<Config>,
    /// The builders of each worker.
    pub(crate) builders_of: BTreeMap<WorkerId, Arc<[BuilderId]>>,
    /// The builders that look at each lock.
    pub(crate) lock_users: Arc<LockUsers>,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) timers: Timers,
    pub(crate) commits: Commits,
    pub(crate) questions: Questions,
    pub(crate) submissions: Submissions,
    pub(crate) requests: Requests,
    pub(crate) distribution: Distribution,
    pub(crate) workers: Workers,
    pub(crate) locks: Locks,
    pub(crate) builds: Builds,
    pub(crate) shutdown: Option<Shutdown>,
    pub(crate) counters: Counters,
    /// How many claims and builds use a generation.
    generations: BTreeMap<Generation, u64>,
}

/// What the database knew when the master started.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Requests that are neither complete nor claimed. Builds that an earlier run left are ended before.
    pub requests: Vec<BuildRequest>,
    /// What people said about workers.
    pub workers: Vec<RestoredWorker>,
}

/// What people said about a worker before the master started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoredWorker {
    /// The worker.
    pub worker: WorkerId,
    /// It gets no builds.
    pub paused: bool,
    /// It was to be shut down. That ends when it connects.
    pub graceful: bool,
}

/// How much was looked at. None of it grows with the length of a queue unless user code has to be asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Turns of builders.
    pub turns: u64,
    /// Requests that were considered in order.
    pub requests_examined: u64,
    /// Workers that were considered when a turn began.
    pub workers_examined: u64,
}

impl Engine {
    /// A master that starts.
    pub fn new(now: Timestamp, config: Arc<Config>, restored: Restored) -> Self {
        let mut engine = Self {
            now,
            builders_of: builders_of(&config),
            lock_users: Arc::new(LockUsers::of(&config)),
            config,
            effects: VecDeque::new(),
            timers: Timers::default(),
            commits: Commits::default(),
            questions: Questions::default(),
            submissions: Submissions::default(),
            requests: Requests::default(),
            distribution: Distribution::default(),
            workers: Workers::default(),
            locks: Locks::default(),
            builds: Builds::default(),
            shutdown: None,
            counters: Counters::default(),
            generations: BTreeMap::new(),
        };
        let config = engine.config.clone();
        engine.locks.update(&config);
        for request in restored.requests {
            engine.requests.add(request, false);
        }
        for restored in restored.workers {
            let worker = engine.workers.entry(restored.worker);
            worker.is_paused = restored.paused;
            worker.is_graceful = restored.graceful;
            engine.shutdown_if_idle(restored.worker);
        }
        engine.mark_all();
        engine.settle();
        engine
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::ConfigReplaced(config) => self.config_replaced(config),
            Event::BuildsetSubmitted {
                submission,
                buildset,
            } => self.buildset_submitted(submission, buildset),
            Event::CommitAnswered { commit, outcome } => self.commit_answered(commit, outcome),
            Event::QuestionAnswered { call, reply } => self.question_answered(call, reply),
            Event::WorkerAttached { worker, session } => self.worker_attached(worker, session),
            Event::WorkerDetached { worker, session } => self.worker_detached(worker, session),
            Event::WorkerControlled { worker, control } => self.worker_controlled(worker, control),
            Event::WorkerPrepared {
                build,
                outcome,
                writes,
            } => self.worker_prepared(build, outcome, writes),
            Event::InstanceStarted { worker, outcome } => self.instance_started(worker, outcome),
            Event::InstanceCrashed { worker } => self.instance_failed(worker),
            Event::InstanceStopped { worker } => self.instance_stopped(worker),
            Event::StepNamed { build, step, name } => self.step_named(build, step, name),
            Event::StepPrepared {
                build,
                step,
                outcome,
            } => self.step_prepared(build, step, outcome),
            Event::CommandFinished { build, step, end } => self.command_finished(build, step, end),
            Event::StepsAdded {
                build,
                place,
                steps,
            } => self.steps_added(build, place, steps),
            Event::BuildStopRequested { build, reason } => self.stop_requested(build, reason),
            Event::RequestCancelled { request, reason } => self.request_cancelled(request, reason),
            Event::PriorityChanged { request, priority } => {
                self.priority_changed(request, priority);
            }
            Event::BuilderNudged { builder } => self.mark(builder),
            Event::OtherMaster(event) => self.other_master(event),
            Event::ShutdownRequested(shutdown) => self.shut_down(shutdown),
            Event::ShutdownCancelled => self.cancel_shutdown(),
        }
        self.settle();
    }

    /// The next thing to do. Effects are to be done in this order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Engine::handle_timeout`] is to be called, unless something happens before.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.take_due(self.now) {
            match timer {
                Timer::Commit(commit) => self.commit_again(commit),
                Timer::Question(call) => self.question_overdue(call),
                Timer::Quarantine(worker) => self.quarantine_ended(worker),
                Timer::Missing(worker) => self.instance_failed(worker),
                Timer::Idle(worker) => self.stop_if_idle(worker),
                Timer::Builder(builder) => self.mark(builder),
                Timer::LostStep(build) => self.lost_step_overdue(build),
            }
            self.settle();
        }
    }

    /// Whether nothing runs and nothing is on its way, so that a master that is to end can end.
    pub fn is_idle(&self) -> bool {
        self.builds.is_empty()
            && self.commits.is_empty()
            && self.questions.is_empty()
            && self.submissions.is_empty()
    }

    /// Whether no builds are started any more because the master is to end.
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    /// Whether builds on a worker could take these locks now.
    pub fn are_available(&self, locks: &[LockAccess], worker: WorkerId) -> bool {
        self.locks.check(&wanted(locks, worker)).is_ok()
    }

    /// How long the next quarantine of a worker is.
    pub fn next_quarantine(&self, worker: WorkerId) -> Duration {
        let known = self.workers.get(worker);
        known.map_or(workers::QUARANTINE_MIN, workers::Worker::next_quarantine)
    }

    /// How much was looked at since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Wakes who waits for locks, and starts what can start, until nothing changes.
    fn settle(&mut self) {
        loop {
            while let Some(owner) = self.locks.take_woken() {
                match owner {
                    Owner::Build(build) => {
                        self.acquire_build_locks(build);
                    }
                    Owner::Step(build, _) => self.acquire_step_locks(build),
                    Owner::Worker(_) => unreachable!("a worker never waits for its locks"),
                }
            }
            for lock in self.locks.take_freed() {
                self.mark_users(&lock);
            }
            self.distribute();
            if !self.locks.has_woken() {
                return;
            }
        }
    }

    fn stop_if_idle(&mut self, worker: WorkerId) {
        if self.workers.entry(worker).is_idle() {
            self.stop_instance(worker);
        }
    }

    fn config_replaced(&mut self, config: Arc<Config>) {
        assert!(
            config.generation > self.config.generation,
            "generations grow"
        );
        let before = std::mem::replace(&mut self.config, config).generation;
        self.builders_of = builders_of(&self.config);
        self.lock_users = Arc::new(LockUsers::of(&self.config));
        let config = self.config.clone();
        self.locks.update(&config);
        self.abandon_turns();
        self.ask_collapse_again();
        self.review_workers();
        if !self.generations.contains_key(&before) {
            self.effects.push_back(Effect::ReleaseGeneration(before));
        }
    }

    pub(crate) fn use_generation(&mut self, generation: Generation) {
        *self.generations.entry(generation).or_default() += 1;
    }

    pub(crate) fn leave_generation(&mut self, generation: Generation) {
        let Some(count) = self.generations.get_mut(&generation) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.generations.remove(&generation);
            if generation != self.config.generation {
                self.effects
                    .push_back(Effect::ReleaseGeneration(generation));
            }
        }
    }

    fn shut_down(&mut self, shutdown: Shutdown) {
        self.shutdown = self.shutdown.max(Some(shutdown));
        self.abandon_turns();
        if self.shutdown == Some(Shutdown::Quick) {
            for build in self.builds.ids() {
                self.stop_for_shutdown(build);
            }
        }
    }

    /// Builds that were stopped already are not started again by that.
    fn cancel_shutdown(&mut self) {
        if self.shutdown == Some(Shutdown::Clean) {
            self.shutdown = None;
            self.mark_all();
        }
    }
}

fn builders_of(config: &Config) -> BTreeMap<WorkerId, Arc<[BuilderId]>> {
    let mut builders_of: BTreeMap<WorkerId, Vec<BuilderId>> = BTreeMap::new();
    for builder in config.builders.values() {
        for worker in &builder.workers {
            builders_of.entry(*worker).or_default().push(builder.id);
        }
    }
    let shared = builders_of.into_iter();
    shared
        .map(|(worker, builders)| (worker, builders.into()))
        .collect()
}
