//! What happens without the engine's doing: people, schedulers, other masters, and trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buildbot_engine::event::{OtherMaster, SessionId, SubmissionId, WorkerControl};
use buildbot_engine::{Event, Shutdown};
use buildbot_model::{
    BuildId, BuildRequestId, BuilderId, NewBuildset, NewPatch, NewSourceStamp, Property, Results,
    WantedSource, WorkerId,
};

use crate::database::Claimant;
use crate::faults::Fault;
use crate::observed::Broken;
use crate::simulation::{Happening, Simulation};

/// More requests than these are not submitted while they wait.
const WAITING_MAX: usize = 60;

impl Simulation {
    /// One thing happens, and the next one is planned.
    pub(crate) fn stimulus(&mut self) -> Result<(), Broken> {
        if self.is_calm {
            return Ok(());
        }
        let delay = self.chance.millis(150);
        self.later(delay, Happening::Stimulus);
        if self.observed.shutdown.is_some() && self.chance.percent(5) {
            return self.tell(Event::ShutdownCancelled);
        }
        if let Some(shutdown) = self.observed.shutdown
            && (self.engine.is_idle() || self.chance.percent(5))
        {
            self.report.faults.count(match shutdown {
                Shutdown::Clean => Fault::CleanShutdown,
                Shutdown::Quick => Fault::QuickShutdown,
            });
            let config = self.next_config(false);
            return self.restart(config);
        }
        match self.chance.below(1000) {
            0..400 => self.submit(),
            400..480 => self.other_master(),
            480..540 => self.lose_worker(),
            540..640 => self.control_worker(),
            640..690 => self.cancel_request(),
            690..730 => self.stop_some_build(),
            730..800 => self.change_priority(),
            800..880 => {
                let builder = BuilderId(1 + self.chance.below(6) as i64);
                self.tell(Event::BuilderNudged { builder })
            }
            880..900 => self.reconfigure(),
            900..904 => {
                self.report.faults.count(Fault::Crash);
                let config = self.next_config(false);
                self.restart(config)
            }
            904..906 => self.tell(Event::ShutdownRequested(Shutdown::Clean)),
            906..908 => self.tell(Event::ShutdownRequested(Shutdown::Quick)),
            _ => Ok(()),
        }
    }

    fn submit(&mut self) -> Result<(), Broken> {
        if self.observed.offered_count() > WAITING_MAX || self.observed.shutdown.is_some() {
            return Ok(());
        }
        let submission = SubmissionId(self.number());
        let buildset = self.buildset();
        self.tell(Event::BuildsetSubmitted {
            submission,
            buildset,
        })
    }

    fn buildset(&mut self) -> NewBuildset {
        let chance = &mut self.chance;
        let builders: BTreeSet<BuilderId> = (0..chance.below(4))
            .map(|_| BuilderId(1 + chance.below(6) as i64))
            .collect();
        let repository = match chance.percent(50) {
            true => "with changes",
            false => "repository",
        };
        let stamp = NewSourceStamp {
            codebase: String::new(),
            repository: repository.to_owned(),
            branch: chance.percent(50).then(|| "branch".to_owned()),
            revision: chance.percent(50).then(|| "revision".to_owned()),
            project: String::new(),
            patch: chance.percent(5).then(NewPatch::default),
        };
        let mut properties = BTreeMap::new();
        if chance.percent(30) {
            let property = Property {
                value: chance.below(2).to_string(),
                source: "Scheduler".to_owned(),
            };
            properties.insert("property".to_owned(), property);
        }
        NewBuildset {
            builders,
            source_stamps: vec![WantedSource::New(stamp)],
            properties,
            reason: "a reason".to_owned(),
            priority: chance.below(4) as i64,
            waited_for: chance.percent(10),
            parent_build: chance.percent(10).then_some(BuildId(1)),
            parent_relationship: None,
            rebuilt_build: None,
            external_id: None,
            submitted_at: self.now,
        }
    }

    fn some_worker(&mut self) -> (WorkerId, Option<SessionId>) {
        let worker = WorkerId(1 + self.chance.below(5) as i64);
        let seen = self.observed.workers.get(&worker);
        (worker, seen.and_then(|seen| seen.session))
    }

    fn some_request(&mut self) -> Option<BuildRequestId> {
        let waiting: Vec<_> = self.database.unclaimed().map(|it| it.row.id).collect();
        self.chance.pick(&waiting).copied()
    }

    fn some_build(&mut self) -> Option<BuildId> {
        let builds: Vec<_> = self.observed.builds.keys().copied().collect();
        self.chance.pick(&builds).copied()
    }

    /// Another master takes a request, and tells so a little later.
    fn other_master(&mut self) -> Result<(), Broken> {
        let Some(id) = self.some_request() else {
            return Ok(());
        };
        if let Some(stored) = self.database.requests.get_mut(&id) {
            stored.claim = Some(Claimant::Other);
            self.report.faults.count(Fault::OtherMasterClaims);
            self.others.insert(id);
            self.news(OtherMaster::Took(id));
            let delay = self.chance.millis(3_000);
            self.later(delay, Happening::OtherMasterEnds(id));
        }
        Ok(())
    }

    /// It ends the request, or gives it up.
    pub(crate) fn other_master_ends(&mut self, id: BuildRequestId) {
        self.others.remove(&id);
        let gives_up = self.chance.percent(50);
        let Some(stored) = self.database.requests.get_mut(&id) else {
            return;
        };
        if gives_up {
            stored.claim = None;
            let row = stored.row.clone();
            self.report.faults.count(Fault::OtherMasterGivesUp);
            self.news(OtherMaster::Offered(row));
        } else {
            stored.results = Some(Results::Success);
            let buildset = stored.row.buildset;
            self.database.end_buildset(buildset);
        }
    }

    fn lose_worker(&mut self) -> Result<(), Broken> {
        let (worker, session) = self.some_worker();
        let Some(session) = session else {
            return Ok(());
        };
        let mut builds = self.observed.builds.values();
        let build = builds.find(|build| build.session == Some(session));
        self.report.faults.count(match build {
            None => Fault::DetachIdle,
            Some(build) if build.is_running => Fault::DetachInStep,
            Some(build) if build.is_naming => Fault::DetachInNaming,
            Some(build) if build.step.is_some() && build.is_step_asked => {
                Fault::DetachInStepPreparation
            }
            Some(build) if build.step.is_some() && build.waits_for.is_some() => {
                Fault::DetachInStepLocks
            }
            Some(_) => Fault::DetachInPreparation,
        });
        if self.chance.percent(15) {
            self.report.faults.count(Fault::SecondConnection);
            let session = SessionId(self.number());
            return self.tell(Event::WorkerAttached { worker, session });
        }
        self.come_back(worker);
        self.tell(Event::WorkerDetached { worker, session })
    }

    fn control_worker(&mut self) -> Result<(), Broken> {
        let (worker, _) = self.some_worker();
        let control = match self.chance.below(10) {
            0 | 1 => WorkerControl::Pause { reason: None },
            2 => WorkerControl::ShutdownGracefully,
            3 => WorkerControl::Kill,
            4 => WorkerControl::Quarantine,
            _ => WorkerControl::Unpause,
        };
        match control {
            WorkerControl::Pause { .. } => self.report.faults.count(Fault::Paused),
            WorkerControl::ShutdownGracefully => self.report.faults.count(Fault::Graceful),
            WorkerControl::Kill => self.report.faults.count(Fault::Killed),
            WorkerControl::Quarantine => self.report.faults.count(Fault::Quarantined),
            WorkerControl::Unpause
            | WorkerControl::LeaveQuarantine
            | WorkerControl::NextQuarantine(_) => {}
        }
        self.tell(Event::WorkerControlled { worker, control })
    }

    fn cancel_request(&mut self) -> Result<(), Broken> {
        let building: Vec<_> = self.observed.builds.values().map(|it| it.request).collect();
        let request = if self.chance.percent(30) {
            self.chance.pick(&building).copied()
        } else {
            self.some_request()
        };
        let Some(request) = request else {
            return Ok(());
        };
        self.report.faults.count(Fault::RequestCancelled);
        let reason = "not needed".into();
        self.tell(Event::RequestCancelled { request, reason })
    }

    fn stop_some_build(&mut self) -> Result<(), Broken> {
        let Some(build) = self.some_build() else {
            return Ok(());
        };
        self.report.faults.count(Fault::BuildStopped);
        let reason = "enough".into();
        self.tell(Event::BuildStopRequested { build, reason })
    }

    fn change_priority(&mut self) -> Result<(), Broken> {
        let request = self.some_request();
        let Some(request) = request.filter(|id| self.observed.row(*id).is_some()) else {
            return Ok(());
        };
        self.report.faults.count(Fault::PriorityChanged);
        let priority = self.chance.below(6) as i64;
        self.tell(Event::PriorityChanged { request, priority })
    }

    fn reconfigure(&mut self) -> Result<(), Broken> {
        let before = self.observed.config.clone();
        let config = self.next_config(false);
        let faults = &mut self.report.faults;
        faults.count(Fault::Reconfig);
        let count = |config: &buildbot_engine::Config| {
            let mut workers = config.workers.values();
            let locks = workers.find_map(|worker| worker.locks.first().cloned());
            locks.map(|access| access.lock.max_count)
        };
        if count(&before) != count(&config) {
            faults.count(Fault::LockCountChanged);
        }
        let mut workers = before.workers.keys();
        if workers.any(|worker| !config.workers.contains_key(worker)) {
            faults.count(Fault::WorkerRemoved);
        }
        let mut builders = before.builders.keys();
        if builders.any(|builder| !config.builders.contains_key(builder)) {
            faults.count(Fault::BuilderRemoved);
        }
        self.tell(Event::ConfigReplaced(config))
    }

    /// From here on nothing goes wrong, and everything that waits must end.
    pub(crate) fn calm_down(&mut self) -> Result<(), Broken> {
        self.is_calm = true;
        let config = self.next_config(true);
        if self.observed.shutdown.is_some() {
            self.restart(config)?;
        } else {
            self.tell(Event::ConfigReplaced(config))?;
        }
        for id in 1..=5 {
            let worker = WorkerId(id);
            let control = WorkerControl::Unpause;
            self.tell(Event::WorkerControlled { worker, control })?;
        }
        self.connect_all();
        Ok(())
    }

    pub(crate) fn is_done(&mut self) -> bool {
        let mut requests = self.database.requests.values();
        let is_done = requests.all(|request| request.results.is_some())
            && self.engine.is_idle()
            && self.observed.builds.is_empty();
        if !is_done && self.now >= self.nudge_at {
            self.nudge_at = self.now + Duration::from_secs(5);
            // User code that said no is asked again, and workers that ended come back.
            for id in 1..=6 {
                let event = Event::BuilderNudged {
                    builder: BuilderId(id),
                };
                self.later(Duration::ZERO, Happening::Tell(event));
            }
            self.connect_all();
        }
        is_done
    }

    pub(crate) fn what_is_left(&self) -> Broken {
        let left = self
            .database
            .requests
            .values()
            .filter(|it| it.results.is_none());
        let left: Vec<String> = left
            .map(|it| {
                let why = self.engine.why(it.row.id);
                format!("request {} ({:?}): {why:?}", it.row.id, it.claim)
            })
            .collect();
        let locks = self.observed.describe_locks();
        format!("not everything ends: {left:?}, {locks}")
    }
}
