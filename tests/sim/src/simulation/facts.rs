//! What the engine announces must be durable.

use buildbot_engine::Fact;
use buildbot_model::{BuildRequestId, Results};

use super::Simulation;
use crate::database::Claimant;
use crate::faults::Fault;
use crate::observed::Broken;

impl Simulation {
    /// Whatever is announced must be in the database.
    pub(super) fn announced(&mut self, fact: &Fact) -> Result<(), Broken> {
        let database = &self.database;
        let request_of = |id: &BuildRequestId| database.requests.get(id);
        let is_true = match fact {
            Fact::BuildsetAdded {
                buildset, requests, ..
            } => {
                database.buildsets.contains_key(buildset)
                    && requests.iter().all(|id| database.requests.contains_key(id))
            }
            Fact::BuildsetCompleted { buildset, results } => {
                database.buildsets.get(buildset).and_then(|it| it.results) == Some(*results)
            }
            Fact::RequestClaimed { request } => {
                request_of(request).is_some_and(|it| it.claim == Some(Claimant::Us))
            }
            Fact::RequestUnclaimed { request } => {
                request_of(request).is_some_and(|it| it.claim != Some(Claimant::Us))
            }
            Fact::RequestCompleted { request, results } => {
                request_of(request).and_then(|it| it.results) == Some(*results)
            }
            Fact::BuildStarted { build, request, .. } => {
                let stored = database.builds.get(build);
                stored.is_some_and(|it| it.request == *request && !it.steps.is_empty())
            }
            Fact::BuildFinished {
                build,
                results,
                state,
                ..
            } => {
                let stored = database.builds.get(build);
                stored.is_some_and(|it| it.results == Some(*results) && *it.state == **state)
            }
            Fact::WorkerStateChanged {
                worker,
                paused,
                graceful,
            } => database.workers.get(worker) == Some(&(*paused, *graceful)),
            // Nobody has seen more than that it did not come up.
            Fact::InstanceFailed { .. } => true,
            Fact::StepStarted { build, step } => {
                let stored = database.builds.get(build);
                stored.is_some_and(|it| it.steps.contains_key(step))
            }
            Fact::StepFinished {
                build,
                step,
                results,
            } => {
                let stored = database.builds.get(build);
                let stored = stored.and_then(|it| it.steps.get(step));
                stored.and_then(|it| it.results) == Some(*results)
            }
        };
        if !is_true {
            return Err(format!("{fact:?} is announced and not in the database"));
        }
        self.follow(fact);
        Ok(())
    }

    /// What a fact means for what may happen next.
    pub(super) fn follow(&mut self, fact: &Fact) {
        match fact {
            Fact::BuildsetAdded { requests, .. } => {
                for request in requests {
                    let row = self.database.requests[request].row.clone();
                    self.observed.announced(row);
                }
            }
            Fact::RequestUnclaimed { request } => {
                if let Some(row) = self.observed.row(*request).cloned() {
                    self.observed.offer(row);
                }
            }
            Fact::RequestCompleted {
                results: Results::Skipped,
                ..
            } => self.report.faults.count(Fault::Collapse),
            _ => {}
        }
    }
}
