//! A world for stories: everything answers at once, and commands run until the story ends them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use buildbot_engine::config::Generation;
use buildbot_engine::event::{
    CallId, CommitId, CommitOutcome, InstanceStart, OtherMaster, Prepared, Reply, SessionId,
    StepPrepared, SubmissionId, WorkerControl,
};
use buildbot_engine::{
    Config, Effect, Engine, Event, Fact, Interrupt, NotRun, Question, Reason, Restored,
    RestoredWorker, Shutdown, StepEnd, StepPlace,
};
use buildbot_model::{
    BuildId, BuildRequestId, NewBuildset, NewSourceStamp, Results, StepNumber, Timestamp,
    Transaction, WantedSource, WorkerId,
};

use crate::configuration::Configuration;
use crate::database::{Claimant, Database};

/// An engine with a world around it.
#[derive(Debug)]
pub struct World {
    engine: Engine,
    now: Timestamp,
    config: std::sync::Arc<Config>,
    database: Database,
    sessions: BTreeMap<WorkerId, SessionId>,
    last_number: u64,
    /// Steps that run, by request.
    running: BTreeMap<BuildRequestId, (BuildId, StepNumber)>,
    questions: VecDeque<(CallId, Question)>,
    /// What the database has not been told yet, while its answers are held back.
    commits: Option<VecDeque<(CommitId, Transaction)>>,
    /// What the workers are not told yet, while they are slow to prepare.
    preparing: Option<VecDeque<BuildId>>,
    /// All that was announced.
    facts: Vec<Fact>,
    /// Instances that are to start.
    starting: BTreeSet<WorkerId>,
    /// Workers that were told to shut down.
    told_to_end: BTreeSet<WorkerId>,
    released: Vec<Generation>,
    /// The newest build of each request, while it is known.
    builds: BTreeMap<BuildRequestId, BuildId>,
    builders: BTreeMap<BuildId, std::sync::Arc<buildbot_engine::config::Builder>>,
    /// Names of steps that are asked for.
    naming: BTreeMap<BuildId, (StepNumber, usize)>,
    /// Steps whose preparation is asked for.
    preparing_steps: Vec<(BuildId, StepNumber, usize)>,
    /// Why steps did not run.
    not_run: Vec<NotRun>,
}

impl World {
    /// A master with this configuration, whose workers are attached.
    pub fn new(configuration: Configuration) -> Self {
        Self::restored(configuration, Restored::default(), Database::default())
    }

    fn restored(configuration: Configuration, restored: Restored, database: Database) -> Self {
        let now = Timestamp::from_seconds(1_000);
        let config = configuration.build(1);
        let mut world = Self {
            engine: Engine::new(now, config.clone(), restored),
            now,
            config: config.clone(),
            database,
            sessions: BTreeMap::new(),
            last_number: 0,
            running: BTreeMap::new(),
            questions: VecDeque::new(),
            commits: None,
            preparing: None,
            facts: Vec::new(),
            starting: BTreeSet::new(),
            told_to_end: BTreeSet::new(),
            released: Vec::new(),
            builds: BTreeMap::new(),
            builders: BTreeMap::new(),
            naming: BTreeMap::new(),
            preparing_steps: Vec::new(),
            not_run: Vec::new(),
        };
        for (id, worker) in &config.workers {
            if worker.latent.is_none() {
                world.attach_id(*id);
            }
        }
        world
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Tells the engine, and does all that it asks for.
    pub fn tell(&mut self, event: Event) -> &mut Self {
        self.engine.handle(self.now, event);
        self.work();
        self
    }

    fn work(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            self.do_effect(effect);
        }
    }

    fn do_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Commit {
                commit,
                transaction,
            } => match &mut self.commits {
                Some(held) => held.push_back((commit, transaction)),
                None => self.commit(commit, &transaction),
            },
            Effect::Ask { call, question, .. } => self.questions.push_back((call, question)),
            Effect::Forget { call } => self.questions.retain(|(id, _)| *id != call),
            Effect::PrepareWorker { build, .. } => match &mut self.preparing {
                Some(held) => held.push_back(build),
                None => self.prepared(build, Prepared::Ready),
            },
            Effect::StartCommand { build, step, .. } => {
                let request = self.database.builds[&build].request;
                self.running.insert(request, (build, step));
            }
            Effect::InterruptCommand { build, step, why } => {
                if !self.preparing_steps.iter().any(|it| it.0 == build) {
                    let results = match why {
                        Interrupt::Stopped(_) => Results::Cancelled,
                        Interrupt::Lost => Results::Retry,
                    };
                    self.command_ended(build, step, results);
                }
            }
            Effect::BeginBuild {
                build,
                request,
                builder,
                ..
            } => {
                self.builds.insert(request, build.id);
                self.builders.insert(build.id, builder);
            }
            Effect::NameStep { build, step, index } => {
                self.naming.insert(build, (step, index));
            }
            Effect::PrepareStep {
                build, step, index, ..
            } => self.preparing_steps.push((build, step, index)),
            Effect::EndStep {
                build, step, why, ..
            } => {
                let results = why.results();
                self.not_run.push(why);
                self.command_ended(build, step, results);
            }
            Effect::Disconnect { worker, session } => {
                self.engine
                    .handle(self.now, Event::WorkerDetached { worker, session });
            }
            Effect::ShutdownWorker { worker, .. } => {
                self.told_to_end.insert(worker);
            }
            Effect::StartInstance { worker, .. } => {
                self.starting.insert(worker);
            }
            Effect::StopInstance { worker } => {
                self.sessions.remove(&worker);
                self.engine
                    .handle(self.now, Event::InstanceStopped { worker });
            }
            Effect::Announce(fact) => self.facts.push(fact),
            Effect::ReleaseGeneration(generation) => self.released.push(generation),
        }
    }

    fn commit(&mut self, commit: CommitId, transaction: &Transaction) {
        let outcome = self.database.apply(transaction);
        self.engine
            .handle(self.now, Event::CommitAnswered { commit, outcome });
    }

    fn prepared(&mut self, build: BuildId, outcome: Prepared) {
        self.engine.handle(
            self.now,
            Event::WorkerPrepared {
                build,
                outcome,
                writes: Vec::new(),
            },
        );
    }

    fn command_ended(&mut self, build: BuildId, step: StepNumber, results: Results) {
        let request = self.database.builds[&build].request;
        self.running.remove(&request);
        let end = StepEnd::new(results);
        self.engine
            .handle(self.now, Event::CommandFinished { build, step, end });
    }

    /// Lets the database wait.
    pub fn hold_commits(&mut self) -> &mut Self {
        self.commits = Some(VecDeque::new());
        self
    }

    /// Has the database take everything that waits, and what comes.
    pub fn release_commits(&mut self) -> &mut Self {
        for (commit, transaction) in self.commits.take().into_iter().flatten() {
            self.commit(commit, &transaction);
        }
        self.work();
        self
    }

    /// Has the database refuse everything that waits.
    pub fn refuse_commits(&mut self) -> &mut Self {
        for (commit, _) in self.commits.take().into_iter().flatten() {
            let outcome = CommitOutcome::Unavailable;
            self.tell(Event::CommitAnswered { commit, outcome });
        }
        self
    }

    /// Lets workers be slow to say that they are ready.
    pub fn hold_preparation(&mut self) -> &mut Self {
        self.preparing = Some(VecDeque::new());
        self
    }

    /// Has all workers that were slow answer.
    pub fn release_preparation(&mut self, outcome: Prepared) -> &mut Self {
        for build in self.preparing.take().into_iter().flatten() {
            self.prepared(build, outcome);
        }
        self.work();
        self
    }

    /// What a person wants who forces a build of a builder.
    pub fn wish(&self, builder: &str) -> NewBuildset {
        let mut builders = self.config.builders.values();
        let id = match builders.find(|one| &*one.name == builder) {
            Some(found) => found.id,
            None => panic!("no builder {builder}"),
        };
        NewBuildset {
            builders: BTreeSet::from([id]),
            source_stamps: vec![WantedSource::New(NewSourceStamp {
                repository: "repository".to_owned(),
                ..NewSourceStamp::default()
            })],
            external_id: None,
            properties: BTreeMap::new(),
            reason: "forced".to_owned(),
            priority: 0,
            waited_for: false,
            parent_build: None,
            parent_relationship: None,
            rebuilt_build: None,
            submitted_at: self.now,
        }
    }

    /// Submits a buildset; its first request will have this id.
    pub fn submit(&mut self, buildset: NewBuildset) -> BuildRequestId {
        let submission = SubmissionId(self.number());
        let id = BuildRequestId(self.database.requests.len() as i64 + 1);
        self.tell(Event::BuildsetSubmitted {
            submission,
            buildset,
        });
        id
    }

    /// Wants a build of a builder.
    pub fn force(&mut self, builder: &str) -> BuildRequestId {
        self.submit(self.wish(builder))
    }

    /// Wants a build of a builder, with a priority.
    pub fn force_urgent(&mut self, builder: &str, priority: i64) -> BuildRequestId {
        let mut wish = self.wish(builder);
        wish.priority = priority;
        self.submit(wish)
    }

    /// The step of a request ends.
    pub fn end_step(&mut self, request: BuildRequestId, results: Results) -> &mut Self {
        let Some((build, step)) = self.running.remove(&request) else {
            panic!(
                "request {request} does not run: {:?}",
                self.engine.why(request)
            );
        };
        let end = StepEnd::new(results);
        self.tell(Event::CommandFinished { build, step, end })
    }

    /// The step of a request ends, with all there is to say.
    pub fn end_step_with(&mut self, request: BuildRequestId, end: StepEnd) -> &mut Self {
        let Some((build, step)) = self.running.remove(&request) else {
            panic!("request {request} does not run");
        };
        self.tell(Event::CommandFinished { build, step, end })
    }

    /// The build that a request has or had last.
    pub fn build_of(&self, request: BuildRequestId) -> BuildId {
        self.builds[&request]
    }

    /// What is stored of that build.
    pub fn stored(&self, request: BuildRequestId) -> &crate::database::StoredBuild {
        &self.database.builds[&self.builds[&request]]
    }

    /// What people read about a build.
    pub fn state_of(&self, build: BuildId) -> &str {
        &self.database.builds[&build].state
    }

    /// The locks that the first step of a builder has.
    pub fn locks_of_first_step(&self, builder: &str) -> Vec<buildbot_engine::config::LockAccess> {
        let mut builders = self.config.builders.values();
        let found = builders.find(|one| &*one.name == builder);
        found.map_or_else(Vec::new, |found| found.steps[0].locks.to_vec())
    }

    /// No step of the request runs.
    pub fn expect_not_running(&mut self, request: BuildRequestId) -> &mut Self {
        assert!(!self.running.contains_key(&request), "{request} runs");
        self
    }

    /// The name of the step of a request that is rendered.
    pub fn name_step(&mut self, request: BuildRequestId, name: Option<&str>) -> &mut Self {
        let build = self.builds[&request];
        let Some((step, _)) = self.naming.remove(&build) else {
            panic!("no name is asked for");
        };
        let name = name.map(Into::into);
        self.tell(Event::StepNamed { build, step, name })
    }

    /// The step of a request that is prepared is so.
    pub fn prepare_step(&mut self, request: BuildRequestId, outcome: StepPrepared) -> &mut Self {
        let build = self.builds[&request];
        let mut asked = self.preparing_steps.iter();
        let Some(place) = asked.position(|it| it.0 == build) else {
            panic!("no step of request {request} is prepared");
        };
        let (build, step, _) = self.preparing_steps.remove(place);
        self.tell(Event::StepPrepared {
            build,
            step,
            outcome,
        })
    }

    /// The build of a request gets more steps.
    pub fn add_steps(
        &mut self,
        request: BuildRequestId,
        place: StepPlace,
        steps: Vec<buildbot_engine::config::Step>,
    ) -> &mut Self {
        let build = self.builds[&request];
        self.tell(Event::StepsAdded {
            build,
            place,
            steps,
        })
    }

    /// Why steps did not run, so far.
    pub fn not_run(&self) -> &[NotRun] {
        &self.not_run
    }

    /// Somebody stops the build of a request.
    pub fn interrupt(&mut self, request: BuildRequestId) -> &mut Self {
        let Some(Reason::Building(build)) = self.engine.why(request) else {
            panic!("request {request} is not being built");
        };
        let reason = "enough".into();
        self.tell(Event::BuildStopRequested { build, reason })
    }

    /// Somebody cancels a request.
    pub fn cancel(&mut self, request: BuildRequestId) -> &mut Self {
        let reason = "not needed".into();
        self.tell(Event::RequestCancelled { request, reason })
    }

    fn attach_id(&mut self, worker: WorkerId) {
        let session = SessionId(self.number());
        self.sessions.insert(worker, session);
        self.tell(Event::WorkerAttached { worker, session });
    }

    /// The id of a worker.
    pub fn worker(&self, name: &str) -> WorkerId {
        let mut workers = self.config.workers.iter();
        match workers.find(|(_, worker)| &*worker.name == name) {
            Some((id, _)) => *id,
            None => panic!("no worker {name}"),
        }
    }

    /// A worker connects.
    pub fn attach(&mut self, worker: &str) -> &mut Self {
        self.attach_id(self.worker(worker));
        self
    }

    /// A worker is lost.
    pub fn detach(&mut self, worker: &str) -> &mut Self {
        let worker = self.worker(worker);
        let Some(session) = self.sessions.remove(&worker) else {
            panic!("worker {worker} is not attached");
        };
        self.tell(Event::WorkerDetached { worker, session })
    }

    /// Somebody does something with a worker.
    pub fn control(&mut self, worker: &str, control: WorkerControl) -> &mut Self {
        let worker = self.worker(worker);
        self.tell(Event::WorkerControlled { worker, control })
    }

    /// The machine of a latent worker is up, or is not.
    pub fn instance(&mut self, worker: &str, outcome: InstanceStart) -> &mut Self {
        let worker = self.worker(worker);
        assert!(self.starting.remove(&worker), "no instance was asked for");
        self.tell(Event::InstanceStarted { worker, outcome })
    }

    /// Whether the machine of a latent worker is asked for.
    pub fn expect_instance_asked_for(&mut self, worker: &str, expected: bool) -> &mut Self {
        let worker = self.worker(worker);
        assert_eq!(self.starting.contains(&worker), expected);
        self
    }

    /// Another master claims a request.
    pub fn other_master_claims(&mut self, request: BuildRequestId) -> &mut Self {
        if let Some(stored) = self.database.requests.get_mut(&request) {
            stored.claim = Some(Claimant::Other);
        }
        self
    }

    /// It gives the claim up again.
    pub fn other_master_gives_up(&mut self, request: BuildRequestId) -> &mut Self {
        let Some(stored) = self.database.requests.get_mut(&request) else {
            panic!("no request {request}");
        };
        stored.claim = None;
        let row = stored.row.clone();
        self.tell(Event::OtherMaster(OtherMaster::Offered(row)))
    }

    /// Another configuration is loaded. Ids follow the order of names as in the first one.
    pub fn reconfigure(&mut self, configuration: Configuration) -> &mut Self {
        let Generation(generation) = self.config.generation;
        self.config = configuration.build(generation + 1);
        self.tell(Event::ConfigReplaced(self.config.clone()))
    }

    /// The master is to end.
    pub fn shut_down(&mut self, shutdown: Shutdown) -> &mut Self {
        self.tell(Event::ShutdownRequested(shutdown))
    }

    /// It is not to end after all.
    pub fn stay(&mut self) -> &mut Self {
        self.tell(Event::ShutdownCancelled)
    }

    /// The master dies, and another one starts from the database.
    pub fn crash(&mut self, configuration: Configuration) -> &mut Self {
        let mut database = std::mem::take(&mut self.database);
        database.recover();
        let restored = Restored {
            requests: database.unclaimed().map(|it| it.row.clone()).collect(),
            workers: database
                .workers
                .iter()
                .map(|(worker, (paused, graceful))| RestoredWorker {
                    worker: *worker,
                    paused: *paused,
                    graceful: *graceful,
                })
                .collect(),
        };
        *self = Self::restored(configuration, restored, database);
        self
    }

    /// Time passes.
    pub fn advance(&mut self, duration: Duration) -> &mut Self {
        let end = self.now + duration;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.work();
        }
        self.now = end;
        self
    }

    /// The oldest question to user code is this one, and it is answered.
    pub fn answer(&mut self, expected: &str, reply: Reply) -> &mut Self {
        let Some((call, question)) = self.questions.pop_front() else {
            panic!("nothing is asked, not even {expected}");
        };
        let name = format!("{question:?}");
        assert!(name.starts_with(expected), "{name} is not {expected}");
        self.tell(Event::QuestionAnswered { call, reply })
    }

    /// Nothing is asked.
    pub fn expect_no_question(&mut self) -> &mut Self {
        assert_eq!(self.questions, []);
        self
    }

    /// What is asked.
    pub fn question(&self) -> Option<&Question> {
        self.questions.front().map(|(_, question)| question)
    }

    /// A step of the request runs.
    pub fn expect_running(&mut self, request: BuildRequestId) -> &mut Self {
        let why = self.engine.why(request);
        assert!(self.running.contains_key(&request), "{request}: {why:?}");
        self
    }

    /// The worker that builds a request.
    pub fn worker_of(&self, request: BuildRequestId) -> WorkerId {
        self.database.builds[&self.running[&request].0].worker
    }

    /// The request waits for this reason.
    pub fn expect_waiting(
        &mut self,
        request: BuildRequestId,
        is_expected: impl FnOnce(&Reason) -> bool,
    ) -> &mut Self {
        match self.engine.why(request) {
            Some(reason) => assert!(is_expected(&reason), "{request} waits for {reason:?}"),
            None => panic!("{request} does not wait"),
        }
        self
    }

    /// The request is complete, in the database and in what was announced.
    pub fn expect_finished(&mut self, request: BuildRequestId, results: Results) -> &mut Self {
        let stored = self.database.requests[&request].results;
        assert_eq!(stored, Some(results), "{:?}", self.engine.why(request));
        let fact = Fact::RequestCompleted { request, results };
        assert!(self.facts.contains(&fact), "{fact:?} was not announced");
        self
    }

    /// How the builds of a request ended, in their order.
    pub fn builds_of(&self, request: BuildRequestId) -> Vec<Option<Results>> {
        let builds = self.database.builds.values();
        let of_request = builds.filter(|build| build.request == request);
        of_request.map(|build| build.results).collect()
    }

    /// All that was announced.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Whether a worker was told to shut down.
    pub fn is_told_to_end(&self, worker: &str) -> bool {
        self.told_to_end.contains(&self.worker(worker))
    }

    /// Configurations whose processes may end.
    pub fn released(&self) -> &[Generation] {
        &self.released
    }

    /// The engine itself.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
