//! A database as the engine sees one: conditional claims, ids, and nothing else.

use std::collections::BTreeMap;

use buildbot_engine::event::CommitOutcome;
use buildbot_model::{
    Answer, BuildId, BuildNumber, BuildRequest, BuildRequestId, BuilderId, BuildsetId, Results,
    StepNumber, Transaction, WorkerId, Write,
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
    /// Workers that are paused.
    pub paused: BTreeMap<WorkerId, bool>,
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
    /// Its steps, and how they ended.
    pub steps: BTreeMap<StepNumber, Option<Results>>,
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
                        source_stamps: new.source_stamps.clone(),
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
                    requests: requests.clone(),
                    results: None,
                };
                self.buildsets.insert(buildset, stored);
                Answer::Buildset { buildset, requests }
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
                ..
            } => {
                let build = BuildId(self.builds.len() as i64 + 1);
                let stored = StoredBuild {
                    request: *request,
                    worker: *worker,
                    results: None,
                    steps: BTreeMap::new(),
                };
                self.builds.insert(build, stored);
                let number = self.numbers.entry(*builder).or_default();
                *number += 1;
                Answer::Build {
                    build,
                    number: BuildNumber(*number),
                }
            }
            Write::FinishBuild { build, results, .. } => {
                self.build(*build).results = Some(*results);
                Answer::Done
            }
            Write::StartStep { build, step, .. } => {
                self.build(*build).steps.insert(*step, None);
                Answer::Done
            }
            Write::FinishStep {
                build,
                step,
                results,
                ..
            } => {
                self.build(*build).steps.insert(*step, Some(*results));
                Answer::Done
            }
            Write::SetWorkerState { worker, paused, .. } => {
                self.paused.insert(*worker, *paused);
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
                step.get_or_insert(Results::Retry);
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
