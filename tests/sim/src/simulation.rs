//! One engine in a world that goes wrong, from a seed: the queue of what will happen, and what the world answers.

mod effects;
mod facts;
mod user_code;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use buildbot_engine::config::Config;
use buildbot_engine::event::{
    CallId, CommitId, CommitOutcome, OtherMaster, Prepared, SessionId, WorkerControl,
};
use buildbot_engine::{Engine, Event, Reason, Restored, RestoredWorker, Shutdown};
use buildbot_model::{
    BuildId, BuildRequestId, Results, StepNumber, Timestamp, Transaction, WorkerId,
};

use crate::chance::Chance;
use crate::database::Database;
use crate::faults::{Fault, Faults};
use crate::generator::configuration;
use crate::observed::{Broken, Observed};
use crate::planted::Planted;

/// What a run that broke no rule says.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How much the engine was told.
    pub events: u64,
    /// How many builds were started.
    pub builds: u64,
    /// What went wrong in the world.
    pub faults: Faults,
}

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The engine is told.
    Tell(Event),
    /// The engine is told once more what it was told before.
    TellAgain(Event),
    /// The database decides about a transaction.
    Decide(CommitId, Transaction),
    /// The engine is told what the database decided.
    Decided(CommitId, Transaction, CommitOutcome),
    /// A worker connects.
    Connect(WorkerId),
    /// Another master ends a request that it claimed, or gives it up.
    OtherMasterEnds(BuildRequestId),
    /// Something unforeseen.
    Stimulus,
}

/// One run.
#[derive(Debug)]
pub struct Simulation {
    pub(crate) chance: Chance,
    pub(crate) now: Timestamp,
    pub(crate) engine: Engine,
    pub(crate) database: Database,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    last_number: u64,
    pub(crate) observed: Observed,
    pub(crate) report: Report,
    planted: Option<Planted>,
    /// Nothing goes wrong any more.
    pub(crate) is_calm: bool,
    /// Steps whose end is expected.
    commands: BTreeSet<(BuildId, StepNumber)>,
    /// Questions that the engine has forgotten.
    forgotten: BTreeSet<CallId>,
    /// The connection that the engine is being told about, and what was before.
    attaching: Option<(SessionId, Option<SessionId>, bool)>,
    generation: u64,
    /// Requests that another master has claimed.
    pub(crate) others: BTreeSet<BuildRequestId>,
    /// When user code that said no is asked again.
    pub(crate) nudge_at: Timestamp,
    /// When the last news of another master arrives: they arrive in order.
    news_at: Timestamp,
    trace: Option<Vec<String>>,
}

/// How a run broke a rule.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What repeats it.
    pub seed: u64,
    /// After how many events.
    pub events: u64,
    /// The rule.
    pub broken: Broken,
    /// The last that happened, if the run was traced.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            seed,
            events,
            broken,
            trace,
        } = self;
        for line in trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {seed}, event {events}: {broken}")?;
        write!(f, "replay: cargo run -q -p buildbot-sim -- replay {seed}")
    }
}

const TRACE_LINES: usize = 400;

/// Runs a seed for about so many events, lets the world calm down, and looks whether everything is done.
pub fn run(
    seed: u64,
    events: u64,
    planted: Option<Planted>,
    is_traced: bool,
) -> Result<Report, Failure> {
    let mut simulation = Simulation::new(seed, planted, is_traced);
    let result = simulation.run(events);
    let events = simulation.report.events;
    match result {
        Ok(()) => Ok(simulation.report),
        Err(broken) => Err(Failure {
            seed,
            events,
            broken,
            trace: simulation.trace.unwrap_or_default(),
        }),
    }
}

impl Simulation {
    fn new(seed: u64, planted: Option<Planted>, is_traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let now = Timestamp::from_seconds(1_000_000);
        let config = Arc::new(configuration(&mut chance, 1, false));
        let mut simulation = Self {
            engine: Engine::new(now, told(planted, &config), Restored::default()),
            chance,
            now,
            database: Database::default(),
            queue: BTreeMap::new(),
            last_number: 0,
            observed: Observed::new(now, config),
            report: Report::default(),
            planted,
            is_calm: false,
            commands: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            attaching: None,
            generation: 1,
            others: BTreeSet::new(),
            nudge_at: now,
            news_at: now,
            trace: is_traced.then(Vec::new),
        };
        simulation.connect_all();
        simulation.later(Duration::ZERO, Happening::Stimulus);
        simulation
    }

    fn run(&mut self, events: u64) -> Result<(), Broken> {
        while self.report.events < events {
            self.step()?;
        }
        self.calm_down()?;
        let limit = self.report.events + 20_000;
        let end = self.now + Duration::from_secs(24 * 3600);
        while !self.is_done() {
            if self.report.events > limit || self.now > end {
                return Err(self.what_is_left());
            }
            if self.queue.is_empty() && self.engine.poll_timeout().is_none() {
                return Err(self.what_is_left());
            }
            self.step()?;
        }
        Ok(())
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn later(&mut self, delay: Duration, happening: Happening) {
        let number = self.number();
        self.queue.insert((self.now + delay, number), happening);
    }

    /// At most so many milliseconds later; seldom much later.
    fn soon(&mut self, millis: u64, happening: Happening) {
        let mut delay = self.chance.millis(millis);
        if !self.is_calm && self.chance.percent(2) {
            delay *= 100;
        }
        self.later(delay, happening);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            if trace.len() >= TRACE_LINES {
                trace.remove(0);
            }
            trace.push(line());
        }
    }

    /// The next thing happens, or the engine's time has come.
    fn step(&mut self) -> Result<(), Broken> {
        let next = self.queue.first_key_value().map(|((at, _), _)| *at);
        let timeout = self.engine.poll_timeout();
        if let Some(at) = timeout.filter(|at| next.is_none_or(|next| *at <= next)) {
            self.now = self.now.max(at);
            self.observed.now = self.now;
            self.report.events += 1;
            self.note(|| "time has passed".to_owned());
            self.engine.handle_timeout(self.now);
            return self.settle();
        }
        let Some(((at, _), happening)) = self.queue.pop_first() else {
            return Ok(());
        };
        self.now = self.now.max(at);
        self.observed.now = self.now;
        match happening {
            Happening::Tell(event) => self.tell(event),
            Happening::TellAgain(event) => match event {
                // The second one was faster.
                Event::CommandFinished { build, step, .. }
                    if self.commands.contains(&(build, step)) =>
                {
                    self.tell(event)
                }
                event => self.tell_engine(event),
            },
            Happening::Decide(commit, transaction) => self.decide(commit, transaction),
            Happening::Decided(commit, transaction, outcome) => {
                self.decided(commit, &transaction, outcome)
            }
            Happening::Connect(worker) => self.connect(worker),
            Happening::OtherMasterEnds(request) => {
                self.other_master_ends(request);
                Ok(())
            }
            Happening::Stimulus => self.stimulus(),
        }
    }

    /// Tells the engine, unless it is about something that is over, and does what follows.
    pub(crate) fn tell(&mut self, event: Event) -> Result<(), Broken> {
        if !self.see(&event) {
            return Ok(());
        }
        let result = self.tell_engine(event);
        self.attaching = None;
        result
    }

    fn tell_engine(&mut self, event: Event) -> Result<(), Broken> {
        let swallowed = self.planted.is_some_and(|bug| bug.swallows(&event));
        self.report.events += 1;
        let time = self.now;
        self.note(|| format!("{time:?} {event:?}"));
        if !swallowed {
            let event = match self.planted {
                Some(bug) => bug.alter_event(event),
                None => event,
            };
            let event = match event {
                Event::ConfigReplaced(config) => Event::ConfigReplaced(told(self.planted, &config)),
                other => other,
            };
            self.engine.handle(self.now, event);
        }
        self.settle()
    }

    /// Keeps up what the world knows; false if the event must not happen.
    fn see(&mut self, event: &Event) -> bool {
        let observed = &mut self.observed;
        if !matches!(event, Event::CommitAnswered { .. }) {
            observed.answered = None;
        }
        match event {
            Event::WorkerDetached { worker, session } => {
                let seen = observed.workers.entry(*worker).or_default();
                if seen.session != Some(*session) {
                    return false;
                }
                observed.detached(*worker);
            }
            Event::WorkerAttached { worker, session } => {
                let seen = observed.workers.entry(*worker).or_default();
                self.attaching = Some((*session, seen.session, seen.is_graceful));
                seen.session = Some(*session);
                seen.is_graceful = false;
            }
            Event::WorkerControlled { worker, control } => observed.controlled(*worker, control),
            Event::ShutdownRequested(shutdown) => {
                observed.shutdown = observed.shutdown.max(Some(*shutdown));
                if observed.shutdown == Some(Shutdown::Quick) {
                    for build in observed.builds.values_mut() {
                        build.steps.is_ending = true;
                        build.stop.get_or_insert(Results::Retry);
                    }
                }
            }
            Event::ShutdownCancelled if observed.shutdown == Some(Shutdown::Clean) => {
                observed.shutdown = None;
            }
            Event::WorkerPrepared { build, outcome, .. } => {
                if let Some(build) = observed.builds.get_mut(build)
                    && build.is_preparing
                {
                    build.is_preparing = false;
                    match outcome {
                        Prepared::Ready => {
                            build.waits_for = Some(build.locks.clone());
                            build.is_ready = true;
                            build.is_waiting_for_locks = true;
                        }
                        Prepared::SetupFailed | Prepared::NotPinged | Prepared::Refused => {
                            build.has_failed_preparation = true;
                        }
                    }
                }
            }
            Event::CommandFinished { build, step, end } => {
                if !self.commands.remove(&(*build, *step)) {
                    return false;
                }
                observed.step_ended(*build, *step, end.results);
            }
            Event::StepNamed { build, name, .. } => {
                if let Some(build) = observed.builds.get_mut(build) {
                    build.is_naming = false;
                    build.has_no_name = name.is_none() && build.stop.is_none();
                    if build.stop.is_some() {
                        build.named = build.named.take().filter(|it| it.flags.always_run);
                    }
                }
            }
            Event::StepPrepared {
                build,
                step,
                outcome,
            } => observed.step_prepared(*build, *step, outcome),
            Event::StepsAdded {
                build,
                place,
                steps,
            } => {
                self.report.faults.count(Fault::StepsAdded);
                observed.steps_added(*build, *place, steps.clone());
            }
            Event::BuildStopRequested { build, .. } => {
                observed.stopped(*build, Results::Cancelled);
            }
            Event::RequestCancelled { request, .. } => {
                let builds = observed.builds.iter();
                let builds = builds.filter(|(_, it)| it.request == *request);
                let builds: Vec<BuildId> = builds.map(|(id, _)| *id).collect();
                for build in builds {
                    observed.stopped(build, Results::Cancelled);
                }
            }
            Event::QuestionAnswered { call, .. } if self.forgotten.remove(call) => {
                self.report.faults.count(Fault::StaleAnswer);
            }
            Event::InstanceStopped { worker } => {
                let seen = observed.workers.entry(*worker).or_default();
                seen.has_machine = false;
            }
            Event::ConfigReplaced(config) => observed.configure(config.clone()),
            Event::PriorityChanged { request, priority } => {
                observed.set_priority(*request, *priority);
            }
            Event::OtherMaster(OtherMaster::Offered(row)) => {
                observed.offered_by_other(row.clone());
            }
            Event::OtherMaster(OtherMaster::Took(id)) => observed.taken_by_other(*id),
            _ => {}
        }
        true
    }

    /// Does all that the engine asks for, and looks whether it forgot something.
    pub(crate) fn settle(&mut self) -> Result<(), Broken> {
        while let Some(effect) = self.engine.poll_effect() {
            self.note(|| format!("    {effect:?}"));
            self.do_effect(effect)?;
        }
        if self.planted == Some(Planted::QuarantineIgnored)
            && let Some(worker) = self.observed.quarantined()
        {
            let control = WorkerControl::Unpause;
            let event = Event::WorkerControlled { worker, control };
            self.engine.handle(self.now, event);
            while let Some(effect) = self.engine.poll_effect() {
                self.do_effect(effect)?;
            }
        }
        if let Some(broken) = self.database.broken.pop() {
            return Err(broken);
        }
        // Whatever waits has a reason other than that nothing holds it.
        let some = self.chance.bits();
        if let Some(request) = self.observed.some_offered(some)
            && self.planted.is_none()
            && self.engine.why(request) == Some(Reason::Due)
        {
            return Err(format!("request {request} waits for nothing"));
        }
        self.observed.check_liveness().map_err(|idle| {
            let why = idle.request.and_then(|request| self.engine.why(request));
            format!("{}; the engine says {why:?}", idle.broken)
        })
    }

    /// A worker that is no machine of ours comes back by itself.
    pub(crate) fn come_back(&mut self, worker: WorkerId) {
        let delay = Duration::from_millis(30) + self.chance.millis(5_000);
        self.later(delay, Happening::Connect(worker));
    }

    fn connect(&mut self, worker: WorkerId) -> Result<(), Broken> {
        let seen = self.observed.workers.get(&worker);
        let is_connected = seen.is_some_and(|seen| seen.session.is_some());
        let Some(config) = self.observed.config.workers.get(&worker) else {
            self.come_back(worker);
            return Ok(());
        };
        if is_connected || config.latent.is_some_and(|_| !self.is_expected(worker)) {
            return Ok(());
        }
        let session = SessionId(self.number());
        self.tell(Event::WorkerAttached { worker, session })
    }

    /// Whether the engine wants the machine of a worker: it disconnects others at once.
    fn is_expected(&self, worker: WorkerId) -> bool {
        let mut builds = self.observed.builds.values();
        builds.any(|build| build.worker == worker && build.session.is_none())
    }

    pub(crate) fn connect_all(&mut self) {
        for id in 1..=5 {
            let delay = self.chance.millis(1_000);
            self.later(delay, Happening::Connect(WorkerId(id)));
        }
    }

    /// Another generation, which the engine has not been told about.
    pub(crate) fn next_config(&mut self, is_complete: bool) -> Arc<Config> {
        self.generation += 1;
        let (generation, chance) = (self.generation, &mut self.chance);
        Arc::new(configuration(chance, generation, is_complete))
    }

    /// The master dies; another one starts from what is durable.
    pub(crate) fn restart(&mut self, config: Arc<Config>) -> Result<(), Broken> {
        self.queue.retain(|_, happening| match happening {
            Happening::Tell(_)
            | Happening::TellAgain(_)
            | Happening::Decide(..)
            | Happening::Decided(..)
            | Happening::Connect(_) => false,
            Happening::OtherMasterEnds(_) | Happening::Stimulus => true,
        });
        self.commands.clear();
        self.forgotten.clear();
        self.database.recover();
        let workers = self.database.workers.iter();
        let workers = workers.map(|(worker, (paused, graceful))| RestoredWorker {
            worker: *worker,
            paused: *paused,
            graceful: *graceful,
        });
        let restored = Restored {
            requests: self.database.unclaimed().map(|it| it.row.clone()).collect(),
            workers: workers.collect(),
        };
        self.observed = Observed::new(self.now, config.clone());
        for row in &restored.requests {
            self.observed.offer(row.clone());
        }
        for restored in &restored.workers {
            let seen = self.observed.workers.entry(restored.worker).or_default();
            seen.is_paused = restored.paused;
            seen.is_graceful = restored.graceful;
            self.observed.graceful_may_end(restored.worker);
        }
        self.note(|| "the master starts".to_owned());
        self.engine = Engine::new(self.now, told(self.planted, &config), restored);
        self.connect_all();
        self.settle()
    }

    /// Another master tells what it did, in order.
    pub(crate) fn news(&mut self, news: OtherMaster) {
        let at = self.news_at.max(self.now + self.chance.millis(30)) + Duration::from_micros(1);
        self.news_at = at;
        let number = self.number();
        let event = Event::OtherMaster(news);
        self.queue.insert((at, number), Happening::Tell(event));
    }
}

fn told(planted: Option<Planted>, config: &Arc<Config>) -> Arc<Config> {
    planted.map_or_else(|| config.clone(), |bug| bug.alter_config(config))
}
