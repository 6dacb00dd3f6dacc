//! A database as the engine sees one: conditional claims, ids, and nothing else.

use std::collections::BTreeMap;

use buildbot_engine::event::CommitOutcome;
use buildbot_model::{
    AddedBuild, AddedStep, Answer, BuildId, BuildNumber, BuildRequest, BuildRequestId, BuilderId,
    BuildsetId, NewSourceStamp, NewStep, Results, SourceStamp, SourceStampId, StepId, StepNumber,
    StepUpdate, Transaction, WantedSource, WorkerId, Write,
};

/// All that is durable.
#[derive(Debug, Default)]
pub struct Database {
    /// Requests, also complete ones.
    pub requests: BTreeMap<BuildRequestId, StoredRequest>,
    /// Buildsets, also complete ones.
    pub buildsets: BTreeMap<BuildsetId, StoredBuildset>,
    /// Builds, also complete ones.
    pub builds: BTreeMap<BuildId, StoredBuild>,
    /// What people said about workers: paused, graceful.
    pub workers: BTreeMap<WorkerId, (bool, bool)>,
    /// Source stamps, by what makes them.
    stamps: BTreeMap<NewSourceStamp, SourceStamp>,
    /// How many there are, also those with patches.
    last_stamp: i64,
    /// What no engine may write.
    pub broken: Vec<String>,
    numbers: BTreeMap<BuilderId, i64>,
}

/// A request.
#[derive(Debug)]
pub struct StoredRequest {
    /// What was submitted.
    pub row: BuildRequest,
    /// Who has claimed it.
    pub claim: Option<Claimant>,
    /// How it ended.
    pub results: Option<Results>,
}

/// Who has claimed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimant {
    /// The master under test.
    Us,
    /// Another one.
    Other,
}

/// A buildset.
#[derive(Debug)]
pub struct StoredBuildset {
    requests: Vec<BuildRequestId>,
    /// How it ended.
    pub results: Option<Results>,
}

/// A build.
#[derive(Debug)]
pub struct StoredBuild {
    /// What it builds.
    pub request: BuildRequestId,
    /// Where.
    pub worker: WorkerId,
    /// How it ended.
    pub results: Option<Results>,
    /// What people read about it.
    pub state: String,
    /// Its steps.
    pub steps: BTreeMap<StepNumber, StoredStep>,
}

/// A step.
#[derive(Debug)]
pub struct StoredStep {
    /// Its name.
    pub name: String,
    /// Whether it has started.
    pub has_started: bool,
    /// Whether it had its locks.
    pub had_locks: bool,
    /// What people read about it.
    pub state: String,
    /// How it ended.
    pub results: Option<Results>,
}

/// The row of a step: each build has its own.
fn added(step: &NewStep) -> AddedStep {
    AddedStep {
        id: StepId(step.number.0 + 1),
        number: step.number,
        name: step.name.clone(),
    }
}

impl StoredStep {
    fn new(step: &NewStep) -> Self {
        Self {
            name: step.name.to_string(),
            has_started: step.started_at.is_some(),
            had_locks: step.locks_acquired_at.is_some(),
            state: "pending".to_owned(),
            results: None,
        }
    }

    fn update(&mut self, update: &StepUpdate) {
        self.has_started |= update.started_at.is_some();
        self.had_locks |= update.locks_acquired_at.is_some();
        if let Some(state) = &update.state {
            self.state = state.to_string();
        }
    }
}

impl Database {
    /// Makes a transaction true, or refuses all of it.
    pub fn apply(&mut self, transaction: &Transaction) -> CommitOutcome {
        for write in &transaction.writes {
            if let Write::Claim { request, .. } = write {
                let stored = &self.requests[request];
                if stored.claim.is_some() || stored.results.is_some() {
                    return CommitOutcome::Conflict(*request);
                }
            }
        }
        let answers = transaction.writes.iter().map(|write| self.write(write));
        CommitOutcome::Committed(answers.collect())
    }

    fn write(&mut self, write: &Write) -> Answer {
        match write {
            Write::AddBuildset(new) => {
                let source_stamps: Vec<_> =
                    new.source_stamps.iter().map(|it| self.stamp(it)).collect();
                let buildset = BuildsetId(self.buildsets.len() as i64 + 1);
                let mut requests = Vec::new();
                for builder in &new.builders {
                    let id = BuildRequestId(self.requests.len() as i64 + 1);
                    let row = BuildRequest {
                        id,
                        buildset,
                        builder: *builder,
                        priority: new.priority,
                        submitted_at: new.submitted_at,
                        waited_for: new.waited_for,
                        has_parent: new.parent_build.is_some(),
                        source_stamps: source_stamps.clone(),
                        properties: new.properties.clone(),
                    };
                    let stored = StoredRequest {
                        row,
                        claim: None,
                        results: None,
                    };
                    self.requests.insert(id, stored);
                    requests.push(id);
                }
                let stored = StoredBuildset {
                    results: requests.is_empty().then_some(Results::Success),
                    requests: requests.clone(),
                };
                self.buildsets.insert(buildset, stored);
                Answer::Buildset {
                    buildset,
                    requests,
                    source_stamps,
                }
            }
            Write::Claim { request, .. } => {
                self.request(*request).claim = Some(Claimant::Us);
                Answer::Done
            }
            Write::Unclaim { request } => {
                let stored = self.request(*request);
                if stored.claim == Some(Claimant::Us) {
                    stored.claim = None;
                }
                Answer::Done
            }
            Write::CompleteRequest {
                request, results, ..
            } => {
                self.request(*request).results.get_or_insert(*results);
                Answer::Done
            }
            Write::CompleteBuildset { buildset, .. } => {
                Answer::BuildsetEnd(self.end_buildset(*buildset))
            }
            Write::StartBuild {
                request,
                builder,
                worker,
                state,
                steps,
                ..
            } => {
                let build = BuildId(self.builds.len() as i64 + 1);
                let stored = StoredBuild {
                    request: *request,
                    worker: *worker,
                    results: None,
                    state: state.to_string(),
                    steps: steps
                        .iter()
                        .map(|it| (it.number, StoredStep::new(it)))
                        .collect(),
                };
                self.builds.insert(build, stored);
                let number = self.numbers.entry(*builder).or_default();
                *number += 1;
                Answer::Build(AddedBuild {
                    id: build,
                    number: BuildNumber(*number),
                    recorded_under: *builder,
                    virtual_name: None,
                    steps: steps.iter().map(added).collect(),
                })
            }
            Write::SetBuildState { build, state } => {
                self.running(*build).state = state.to_string();
                Answer::Done
            }
            Write::SetBuildProperties { build, .. } => {
                self.running(*build);
                Answer::Done
            }
            Write::FinishBuild {
                build,
                results,
                state,
                ..
            } => {
                let stored = self.running(*build);
                stored.results = Some(*results);
                stored.state = state.to_string();
                if stored.steps.values().any(|step| step.results.is_none()) {
                    let broken = format!("build {build} ends, and not all of its steps have");
                    self.broken.push(broken);
                }
                Answer::Done
            }
            Write::AddStep { build, step } => {
                let steps = &mut self.running(*build).steps;
                let expected = StepNumber(steps.len() as i64);
                let is_unique = steps.values().all(|it| it.name != *step.name);
                let is_short = step.name.chars().count() <= 50;
                steps.insert(step.number, StoredStep::new(step));
                if step.number != expected || !is_unique || !is_short {
                    self.broken.push(format!("build {build} gets {step:?}"));
                }
                Answer::Step(*build, added(step))
            }
            Write::UpdateStep {
                build,
                step,
                update,
            } => {
                self.step(*build, *step).update(update);
                Answer::Done
            }
            Write::FinishStep {
                build,
                step,
                results,
                update,
                ..
            } => {
                let stored = self.step(*build, *step);
                stored.update(update);
                if stored.results.replace(*results).is_some() {
                    let broken = format!("step {step} of build {build} ends twice");
                    self.broken.push(broken);
                }
                Answer::Done
            }
            Write::SetWorkerState {
                worker,
                paused,
                graceful,
                ..
            } => {
                self.workers.insert(*worker, (*paused, *graceful));
                Answer::Done
            }
            Write::SetPriority { request, priority } => {
                self.request(*request).row.priority = *priority;
                Answer::Done
            }
        }
    }

    fn request(&mut self, id: BuildRequestId) -> &mut StoredRequest {
        match self.requests.get_mut(&id) {
            Some(stored) => stored,
            None => panic!("request {id} does not exist"),
        }
    }

    fn build(&mut self, id: BuildId) -> &mut StoredBuild {
        match self.builds.get_mut(&id) {
            Some(stored) => stored,
            None => panic!("build {id} does not exist"),
        }
    }

    /// A build that is written to, and must not have ended.
    fn running(&mut self, id: BuildId) -> &mut StoredBuild {
        if self.build(id).results.is_some() {
            self.broken
                .push(format!("build {id} changes after its end"));
        }
        self.build(id)
    }

    fn step(&mut self, id: BuildId, step: StepNumber) -> &mut StoredStep {
        match self.running(id).steps.get_mut(&step) {
            Some(stored) => stored,
            None => panic!("step {step} of build {id} does not exist"),
        }
    }

    fn stamp(&mut self, wanted: &WantedSource) -> SourceStamp {
        let new = match wanted {
            WantedSource::Stored(id) => match self.stamps.values().find(|stamp| stamp.id == *id) {
                Some(stamp) => return stamp.clone(),
                None => panic!("source stamp {id} does not exist"),
            },
            WantedSource::New(new) => new,
        };
        let known = self.stamps.get(new);
        if let Some(stamp) = known.filter(|_| new.patch.is_none()) {
            return stamp.clone();
        }
        self.last_stamp += 1;
        let stamp = SourceStamp {
            id: SourceStampId(self.last_stamp),
            codebase: new.codebase.clone(),
            repository: new.repository.clone(),
            branch: new.branch.clone(),
            revision: new.revision.clone(),
            project: new.project.clone(),
            has_patch: new.patch.is_some(),
            has_changes: new.repository.contains("changes"),
        };
        self.stamps.insert(new.clone(), stamp.clone());
        stamp
    }

    /// Ends a buildset if it can be ended, and says how.
    pub fn end_buildset(&mut self, id: BuildsetId) -> Option<Results> {
        let stored = self.buildsets.get_mut(&id)?;
        if stored.results.is_some() {
            return None;
        }
        let mut worst = Results::Success;
        for request in &stored.requests {
            worst = worst.worst(self.requests[request].results?);
        }
        stored.results = Some(worst);
        Some(worst)
    }

    /// What a master does about itself when it starts: builds are retried, claims are given up.
    pub fn recover(&mut self) {
        for build in self.builds.values_mut().filter(|it| it.results.is_none()) {
            build.results = Some(Results::Retry);
            for step in build.steps.values_mut() {
                step.results.get_or_insert(Results::Retry);
            }
        }
        for request in self.requests.values_mut() {
            if request.results.is_none() && request.claim == Some(Claimant::Us) {
                request.claim = None;
            }
        }
    }

    /// Requests that anybody may claim.
    pub fn unclaimed(&self) -> impl Iterator<Item = &StoredRequest> {
        let all = self.requests.values();
        all.filter(|stored| stored.claim.is_none() && stored.results.is_none())
    }
}
