//! Why a request is not built at this moment, by the functions that decide it.

use buildbot_model::{BuildRequestId, BuilderId, WorkerId};

use crate::Engine;
use crate::config::{BuilderLocks, Generation};
use crate::event::CallId;
use crate::locks::wanted;
use crate::reason::{Reason, Unavailable};
use crate::requests::{Request, State};

impl Engine {
    /// Why a request is not built at this moment; `None` if this master has nothing to do with it.
    pub fn why(&self, request: BuildRequestId) -> Option<Reason> {
        let known = self.requests.get(request)?;
        Some(match self.requests.state(request)? {
            State::New => self.why_new(request),
            State::Claiming(claim) => Reason::BeingClaimed(claim.worker),
            State::Building(build) => Reason::Building(*build),
            State::Ending => Reason::Ending,
            State::Unclaimed => self.why_unclaimed(known),
        })
    }

    /// User code may be asked whether it replaces older ones.
    fn why_new(&self, request: BuildRequestId) -> Reason {
        let call = self.submissions.call_about(request);
        self.asked(call).unwrap_or(Reason::BeingAdded)
    }

    fn asked(&self, call: Option<CallId>) -> Option<Reason> {
        let (callable, since) = self.questions.asked(call?)?;
        let callable = callable.clone();
        Some(Reason::Asking { callable, since })
    }

    fn why_unclaimed(&self, request: &Request) -> Reason {
        let id = request.row.builder;
        let Some(builder) = self.config.builders.get(&id) else {
            return Reason::NoBuilder;
        };
        if !self.is_offered(request.row.id) {
            return Reason::ShuttingDown;
        }
        let order = self.distribution.call_of_order(id);
        let turn = self.distribution.call_of_turn(id);
        if let Some(asking) = self.asked(turn).or_else(|| self.asked(order)) {
            return asking;
        }
        let (mut free, mut unavailable) = (Vec::new(), Vec::new());
        for worker in &builder.workers {
            match self.check_worker(builder, *worker) {
                Ok(()) => free.push(*worker),
                Err(why) => unavailable.push((*worker, why)),
            }
        }
        if free.is_empty() {
            return Reason::NoWorker(unavailable);
        }
        let locks = free.iter().map(|worker| {
            let wanted = wanted(builder.locks.listed(), *worker);
            self.locks.check(&wanted)
        });
        let locks: Result<Vec<()>, _> = match locks.clone().any(|lock| lock.is_ok()) {
            true => Ok(Vec::new()),
            false => locks.collect(),
        };
        if let Err(taken) = locks {
            return Reason::Lock(taken);
        }
        // Locks that are known are looked at above, as they are now.
        let is_rendered = matches!(builder.locks, BuilderLocks::Rendered(_));
        let verdict = request.verdict.as_ref();
        if let Some(verdict) = verdict.filter(|it| is_rendered || !matches!(it, Reason::Lock(_))) {
            return verdict.clone();
        }
        if let Some(verdict) = self.distribution.verdict(id) {
            return verdict.clone();
        }
        match self.requests.next(id, None) {
            Some(first) if first.row.id != request.row.id => Reason::Behind(first.row.id),
            Some(_) | None => Reason::Due,
        }
    }
}

impl Engine {
    /// All requests that are not complete.
    pub fn requests(&self) -> impl Iterator<Item = &buildbot_model::BuildRequest> {
        self.requests.rows()
    }

    /// What is known about a request that is not complete.
    pub fn request(&self, request: BuildRequestId) -> Option<&buildbot_model::BuildRequest> {
        Some(&self.requests.get(request)?.row)
    }

    /// The configuration that the build of a request will have, while the database is asked for the request.
    pub fn claimed_with(&self, request: BuildRequestId) -> Option<Generation> {
        match self.requests.state(request)? {
            State::Claiming(claim) => Some(claim.generation),
            State::New | State::Unclaimed | State::Building(_) | State::Ending => None,
        }
    }

    /// Whether a worker could take a build of a builder at this moment; `None` if there is no such builder.
    pub fn availability(
        &self,
        builder: BuilderId,
        worker: WorkerId,
    ) -> Option<Result<(), Unavailable>> {
        let builder = self.config.builders.get(&builder)?;
        Some(self.check_worker(builder, worker))
    }
}
