//! Workers that come, go, and are told to do something.

use buildbot_model::{WorkerId, Write};

use crate::Engine;
use crate::commits::Then;
use crate::effect::{Effect, Fact};
use crate::event::{SessionId, WorkerControl};
use crate::timers::Timer;

impl Engine {
    /// A second connection of one worker is the shell's to refuse; here it takes the place of the first.
    pub(crate) fn worker_attached(&mut self, worker: WorkerId, session: SessionId) {
        let config = self.config.workers.get(&worker);
        let Some(latent) = config.map(|config| config.latent) else {
            self.effects
                .push_back(Effect::Disconnect { worker, session });
            return;
        };
        let state = self.workers.entry(worker);
        if latent.is_some_and(|latent| !state.instance.may_attach(latent)) {
            self.effects
                .push_back(Effect::Disconnect { worker, session });
            return;
        }
        if let Some(before) = state.session {
            self.worker_detached(worker, before);
        }
        let state = self.workers.entry(worker);
        state.session = Some(session);
        if std::mem::take(&mut state.is_graceful) {
            self.store_worker(worker);
        }
        if latent.is_some() {
            self.instance_attached(worker);
        }
        self.substantiated(worker);
        self.mark_worker(worker);
    }

    pub(crate) fn worker_detached(&mut self, worker: WorkerId, session: SessionId) {
        let state = self.workers.entry(worker);
        if state.session != Some(session) {
            return;
        }
        state.session = None;
        for build in self.builds.on_session(session) {
            self.lose(build);
        }
        self.shutdown_if_idle(worker);
        self.mark_worker(worker);
    }

    pub(crate) fn worker_controlled(&mut self, worker: WorkerId, control: WorkerControl) {
        let state = self.workers.entry(worker);
        match control {
            WorkerControl::Pause { ref reason } => {
                state.is_paused = true;
                state.pause_reason.clone_from(reason);
            }
            WorkerControl::Unpause => {
                state.is_paused = false;
                state.pause_reason = None;
            }
            WorkerControl::ShutdownGracefully => state.is_graceful = true,
            WorkerControl::Kill => {
                if let Some(session) = state.session {
                    self.effects
                        .push_back(Effect::ShutdownWorker { worker, session });
                }
                return;
            }
            WorkerControl::Quarantine => {
                self.quarantine(worker);
                return;
            }
            WorkerControl::LeaveQuarantine => {
                self.quarantine_ended(worker);
                return;
            }
            WorkerControl::NextQuarantine(next) => {
                state.set_next_quarantine(next);
                return;
            }
        }
        self.store_worker(worker);
        match control {
            WorkerControl::Unpause => self.quarantine_ended(worker),
            WorkerControl::ShutdownGracefully => {
                self.shutdown_if_idle(worker);
                self.mark_worker(worker);
            }
            WorkerControl::Pause { .. }
            | WorkerControl::Kill
            | WorkerControl::Quarantine
            | WorkerControl::LeaveQuarantine
            | WorkerControl::NextQuarantine(_) => {}
        }
    }

    /// Keeps what people said about a worker. One transaction at a time, so that the newest is stored last.
    fn store_worker(&mut self, worker: WorkerId) {
        let state = self.workers.entry(worker);
        if state.is_storing {
            state.is_to_be_stored = true;
            return;
        }
        state.is_storing = true;
        let write = Write::SetWorkerState {
            worker,
            paused: state.is_paused,
            pause_reason: state.pause_reason.clone(),
            graceful: state.is_graceful,
        };
        state.stored = (state.is_paused, state.is_graceful);
        self.commit(vec![write], Then::WorkerStored(worker));
    }

    pub(crate) fn worker_stored(&mut self, worker: WorkerId) {
        let state = self.workers.entry(worker);
        state.is_storing = false;
        let (paused, graceful) = state.stored;
        let is_to_be_stored = std::mem::take(&mut state.is_to_be_stored);
        self.announce(Fact::WorkerStateChanged {
            worker,
            paused,
            graceful,
        });
        if is_to_be_stored {
            self.store_worker(worker);
        }
    }

    /// A worker that is to end does so after its last build.
    ///
    /// Differs: a latent worker that is told to end and has no connection takes builds again, because nothing else
    /// would start its machine, and only a connection ends that state.
    pub(crate) fn shutdown_if_idle(&mut self, worker: WorkerId) {
        let config = self.config.workers.get(&worker);
        let is_latent = config.is_some_and(|config| config.latent.is_some());
        let state = self.workers.entry(worker);
        if !state.is_graceful || !state.is_idle() {
            return;
        }
        match state.session {
            Some(session) => self
                .effects
                .push_back(Effect::ShutdownWorker { worker, session }),
            None if is_latent => {
                state.is_graceful = false;
                self.store_worker(worker);
            }
            None => {}
        }
    }

    /// Something went wrong on a worker: it gets no builds for a while.
    pub(crate) fn quarantine(&mut self, worker: WorkerId) {
        if let Some(until) = self.workers.entry(worker).quarantine(self.now) {
            self.timers.set(Timer::Quarantine(worker), until);
        }
    }

    pub(crate) fn quarantine_ended(&mut self, worker: WorkerId) {
        self.timers.cancel(Timer::Quarantine(worker));
        self.workers.entry(worker).end_quarantine();
        self.mark_worker(worker);
    }

    /// Workers that are not configured any more are sent away; those that have become latent may be done.
    pub(crate) fn review_workers(&mut self) {
        for worker in self.workers.ids() {
            if let Some(config) = self.config.workers.get(&worker) {
                let is_latent = config.latent.is_some();
                self.shutdown_if_idle(worker);
                if !is_latent {
                    self.instance_idle(worker);
                }
                continue;
            }
            if let Some(session) = self.workers.session(worker) {
                self.effects
                    .push_back(Effect::Disconnect { worker, session });
            }
            self.instance_idle(worker);
        }
    }
}
