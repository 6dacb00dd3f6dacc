//! What the engine decides must be right at that moment.

use std::time::Duration;

use buildbot_engine::config::{BuilderLocks, StepFlags};
use buildbot_engine::event::CommitId;
use buildbot_engine::{Owner, Shutdown};
use buildbot_model::{
    BuildId, BuildRequestId, BuilderId, Results, StepNumber, Timestamp, Transaction, WorkerId,
    Write,
};

use super::steps::SeenSteps;
use super::{Broken, Observed, SeenBuild, accesses, needs_user_code};

impl Observed {
    /// A request must not end while its build goes on.
    pub fn check_ends(&self, transaction: &Transaction) -> Result<(), Broken> {
        let ended = |build: &BuildId| {
            let mut writes = transaction.writes.iter();
            writes.any(|write| matches!(write, Write::FinishBuild { build: id, .. } if id == build))
        };
        for write in &transaction.writes {
            let Write::CompleteRequest { request, .. } = write else {
                continue;
            };
            let mut builds = self.builds.iter();
            if let Some((id, _)) =
                builds.find(|(id, build)| build.request == *request && !ended(id))
            {
                return Err(format!("request {request} ends while build {id} goes on"));
            }
        }
        Ok(())
    }

    /// The engine asks for a transaction: what it decides must be right. A repeated one decides nothing.
    pub fn committing(
        &mut self,
        commit: CommitId,
        transaction: &Transaction,
    ) -> Result<(), Broken> {
        if self.claimed.contains_key(&commit) {
            return Ok(());
        }
        for id in transaction.writes.iter().filter_map(build_of) {
            if self.sent.insert(id, commit).is_some_and(|it| it != commit) {
                return Err(format!("build {id} has two transactions on their way"));
            }
        }
        let mut claimed = Vec::new();
        for write in &transaction.writes {
            match write {
                Write::Claim { request, .. } => claimed.push(*request),
                Write::StartBuild {
                    request,
                    builder,
                    worker,
                    ..
                } => self.starting(commit, *request, *builder, *worker)?,
                Write::SetBuildState { build, state } if &**state == "building" => {
                    self.has_locks(*build)?;
                }
                Write::FinishBuild {
                    build, results, at, ..
                } => {
                    self.check_end(*build, *results)?;
                    self.finishing(*build, *results, *at);
                }
                Write::AddStep { build, step } => {
                    let is_late = self.answered == Some(*build);
                    let build = self.build_mut(*build)?;
                    let pseudo = 1 + i64::from(!build.locks.is_empty());
                    if step.number.0 >= pseudo
                        && !is_late
                        && build.steps.next().is_none()
                        && build.named.is_none()
                    {
                        return Err(format!("{step:?} is added, and none is left"));
                    }
                }
                Write::AddBuildset(_)
                | Write::Unclaim { .. }
                | Write::CompleteRequest { .. }
                | Write::CompleteBuildset { .. }
                | Write::SetBuildState { .. }
                | Write::SetBuildProperties { .. }
                | Write::UpdateStep { .. }
                | Write::FinishStep { .. }
                | Write::SetWorkerState { .. }
                | Write::SetPriority { .. } => {}
            }
        }
        for request in &claimed {
            self.withdraw(*request);
        }
        self.claimed.insert(commit, claimed);
        Ok(())
    }

    pub(super) fn starting(
        &mut self,
        commit: CommitId,
        request: BuildRequestId,
        builder: BuilderId,
        worker: WorkerId,
    ) -> Result<(), Broken> {
        let Some(builder) = self.config.builders.get(&builder).cloned() else {
            return Err(format!("a build of {builder}, which is not configured"));
        };
        if self.shutdown == Some(Shutdown::Quick) {
            return Err("a build is started while the master ends".to_owned());
        }
        let place = format!("request {request} of {} on worker {worker}", builder.name);
        if !builder.workers.contains(&worker) {
            return Err(format!("{place}: the worker is not the builder's"));
        }
        self.fits(&builder, worker)
            .map_err(|why| format!("{place}: {why}"))?;
        let queue = self.offered.get(&builder.id);
        let first = queue.and_then(|queue| queue.first());
        let is_free = !needs_user_code(&builder, &self.config);
        if is_free && self.shutdown.is_none() && first.map(|it| it.1) != Some(request) {
            return Err(format!("{place}: {first:?} comes first"));
        }
        if !self.is_offered(request) {
            return Err(format!("{place}: it is not there to be built"));
        }
        let config = &self.config.workers[&worker];
        let locks = match &builder.locks {
            BuilderLocks::Listed(locks) => accesses(locks, worker),
            BuilderLocks::Rendered(_) => {
                let rendered = self.rendered.get(&(request, worker));
                rendered.cloned().ok_or("locks that nobody rendered")?
            }
        };
        let build = SeenBuild {
            request,
            generation: self.config.generation,
            worker,
            session: None,
            is_preparing: false,
            has_failed_preparation: false,
            locks,
            worker_locks: accesses(&config.locks, worker),
            waits_for: None,
            step: None,
            is_running: false,
            is_ready: false,
            is_waiting_for_locks: false,
            is_naming: false,
            has_no_name: false,
            is_step_asked: false,
            chosen: None,
            named: None,
            flags: StepFlags::default(),
            steps: SeenSteps::new(&builder),
            stop: None,
            is_finishing: false,
            builder,
        };
        self.hold(Owner::Worker(worker), &build.worker_locks)?;
        let seen = self.workers.entry(worker).or_default();
        seen.busy.insert(build.builder.id, request);
        self.claims.insert(commit, build);
        Ok(())
    }

    /// The build has the builder's locks.
    fn has_locks(&mut self, id: BuildId) -> Result<(), Broken> {
        let is_late = self.answered == Some(id);
        let build = self.build_mut(id)?;
        build.waits_for = None;
        build.is_waiting_for_locks = false;
        let locks = build.locks.clone();
        self.hold_late(Owner::Build(id), &locks, is_late)
    }

    pub(super) fn finishing(&mut self, id: BuildId, results: Results, at: Timestamp) {
        let Some(build) = self.builds.get_mut(&id) else {
            return;
        };
        build.is_finishing = true;
        build.waits_for = None;
        let worker = build.worker;
        let is_fault =
            build.has_failed_preparation || (build.session.is_none() && self.shutdown.is_none());
        let is_late = at != self.now;
        let seen = self.workers.entry(worker).or_default();
        seen.is_quarantine_unsure |= is_late;
        match results {
            Results::Exception => self.quarantine(worker, at),
            Results::Retry => {
                if is_fault {
                    self.quarantine(worker, at);
                }
            }
            Results::Success
            | Results::Warnings
            | Results::Failure
            | Results::Skipped
            | Results::Cancelled => {
                let seen = self.workers.entry(worker).or_default();
                seen.next_quarantine = Duration::from_secs(10);
            }
        }
    }

    /// The engine is about to be told that a transaction is durable.
    pub fn committed(
        &mut self,
        commit: CommitId,
        transaction: &Transaction,
        build: Option<BuildId>,
    ) {
        self.claimed.remove(&commit);
        let mine = self.sent.iter().find(|(_, sent)| **sent == commit);
        self.answered = mine.map(|(id, _)| *id);
        self.sent.retain(|_, sent| *sent != commit);
        if let (Some(id), Some(build)) = (build, self.claims.remove(&commit)) {
            self.builds.insert(id, build);
        }
        for write in &transaction.writes {
            match write {
                Write::FinishStep { build, step, .. } => {
                    if let Some(seen) = self.builds.get_mut(build)
                        && let Some((_, locks)) = seen.step.take_if(|it| it.0 == *step)
                    {
                        self.release(Owner::Step(*build, *step), &locks);
                    }
                }
                Write::FinishBuild { build, .. } => self.finished(*build),
                _ => {}
            }
        }
        for write in &transaction.writes {
            if let Write::AddStep { build: id, step } = write
                && let Some(build) = self.builds.get_mut(id)
                && step.number.0 > i64::from(!build.locks.is_empty())
            {
                let known = build.named.take().or_else(|| build.steps.next().cloned());
                let known = known.filter(|it| it.is_static);
                let locks = known.map(|it| accesses(&it.locks, build.worker));
                build.waits_for.clone_from(&locks);
                build.step = Some((step.number, locks.unwrap_or_default()));
            }
        }
    }

    pub(super) fn finished(&mut self, id: BuildId) {
        if let Some(build) = self.builds.remove(&id) {
            self.release(Owner::Build(id), &build.locks);
            self.free(&build);
        }
    }

    pub(super) fn free(&mut self, build: &SeenBuild) {
        self.release(Owner::Worker(build.worker), &build.worker_locks);
        let seen = self.workers.entry(build.worker).or_default();
        seen.busy.remove(&build.builder.id);
        self.graceful_may_end(build.worker);
    }

    /// The engine is about to be told that a claim is refused.
    pub fn refused(&mut self, commit: CommitId, conflict: BuildRequestId) {
        if let Some(build) = self.claims.remove(&commit) {
            self.free(&build);
        }
        for id in self.claimed.remove(&commit).into_iter().flatten() {
            if (id != conflict || self.reoffered.remove(&id))
                && let Some(row) = self.rows.get(&id)
            {
                self.offer(row.clone());
            }
        }
    }

    /// A command starts: the step holds its locks.
    pub fn command_starting(&mut self, id: BuildId, step: StepNumber) -> Result<(), Broken> {
        let build = self.build_mut(id)?;
        build.waits_for = None;
        build.is_running = true;
        let Some((number, locks)) = build.step.clone() else {
            return Err(format!("a command of build {id} without a step"));
        };
        if number != step {
            return Err(format!(
                "build {id} runs step {step}, its row is of {number}"
            ));
        }
        if locks.keys().any(|lock| build.locks.contains_key(lock)) {
            return Err(format!("step {step} of build {id} runs with its lock"));
        }
        self.hold(Owner::Step(id, step), &locks)
    }
}

/// The build that a write is about.
fn build_of(write: &Write) -> Option<BuildId> {
    match write {
        Write::SetBuildState { build, .. }
        | Write::SetBuildProperties { build, .. }
        | Write::FinishBuild { build, .. }
        | Write::AddStep { build, .. }
        | Write::UpdateStep { build, .. }
        | Write::FinishStep { build, .. } => Some(*build),
        Write::AddBuildset(_)
        | Write::Claim { .. }
        | Write::Unclaim { .. }
        | Write::CompleteRequest { .. }
        | Write::CompleteBuildset { .. }
        | Write::StartBuild { .. }
        | Write::SetWorkerState { .. }
        | Write::SetPriority { .. } => None,
    }
}
