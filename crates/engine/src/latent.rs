//! The machine of a latent worker: started when a build needs it, stopped when none does.

use buildbot_model::WorkerId;

use crate::Engine;
use crate::config::Latent;
use crate::effect::{Effect, Fact};
use crate::event::InstanceStart;
use crate::timers::Timer;

/// The instance of a latent worker. Other workers stay at `Stopped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instance {
    /// There is none.
    Stopped,
    /// Its start has no answer yet. If nobody needs it any more, it is stopped as soon as there is one.
    Starting { is_needed: bool },
    /// It runs and has not attached.
    Booting,
    /// It has attached; it may have been lost since.
    Running,
    /// Its stop has no answer yet. It is started again if a build came meanwhile.
    Stopping,
}

impl Instance {
    pub(crate) fn is_running(self) -> bool {
        match self {
            Self::Running => true,
            Self::Stopped | Self::Starting { .. } | Self::Booting | Self::Stopping => false,
        }
    }

    /// Whether a connection is expected.
    pub(crate) fn may_attach(self, latent: Latent) -> bool {
        match self {
            Self::Starting { is_needed } => is_needed,
            Self::Booting => true,
            Self::Stopped | Self::Running | Self::Stopping => latent.build_wait.is_none(),
        }
    }
}

impl Engine {
    fn latent(&self, worker: WorkerId) -> Option<Latent> {
        self.config.workers.get(&worker)?.latent
    }

    /// Sees to it that the machine of a worker comes up for a build that waits for it.
    pub(crate) fn substantiate(&mut self, worker: WorkerId) {
        self.timers.cancel(Timer::Idle(worker));
        let state = self.workers.entry(worker);
        match state.instance {
            Instance::Stopped => self.start_instance(worker),
            Instance::Starting { .. } => {
                self.set_instance(worker, Instance::Starting { is_needed: true });
                self.expect_instance(worker);
            }
            // Its connection is lost: only a new one helps.
            Instance::Running => self.stop_instance(worker),
            Instance::Booting => {
                if self.timers.get(Timer::Missing(worker)).is_none() {
                    self.expect_instance(worker);
                }
            }
            Instance::Stopping => {}
        }
    }

    fn start_instance(&mut self, worker: WorkerId) {
        let Some(build) = self.builds.substantiating(worker) else {
            return;
        };
        if self.latent(worker).is_none() {
            self.fail_substantiation(worker, InstanceStart::Failed);
            return;
        }
        self.set_instance(worker, Instance::Starting { is_needed: true });
        self.expect_instance(worker);
        self.effects
            .push_back(Effect::StartInstance { worker, build });
    }

    /// Waits for it to attach, but not for ever.
    fn expect_instance(&mut self, worker: WorkerId) {
        if let Some(latent) = self.latent(worker) {
            let until = self.now + latent.missing_timeout;
            self.timers.set(Timer::Missing(worker), until);
        }
    }

    /// Stops it, or waits with that until its start has ended.
    pub(crate) fn stop_instance(&mut self, worker: WorkerId) {
        self.timers.cancel(Timer::Idle(worker));
        self.timers.cancel(Timer::Missing(worker));
        let state = self.workers.entry(worker);
        match state.instance {
            Instance::Stopped | Instance::Stopping => return,
            Instance::Starting { .. } => {
                self.set_instance(worker, Instance::Starting { is_needed: false });
                return;
            }
            Instance::Booting | Instance::Running => {
                self.set_instance(worker, Instance::Stopping);
            }
        }
        if let Some(session) = self.workers.session(worker) {
            self.effects
                .push_back(Effect::Disconnect { worker, session });
        }
        self.effects.push_back(Effect::StopInstance { worker });
    }

    /// Every change may make a worker fit, or not.
    fn set_instance(&mut self, worker: WorkerId, instance: Instance) {
        self.workers.entry(worker).instance = instance;
        self.mark_worker(worker);
    }

    pub(crate) fn instance_started(&mut self, worker: WorkerId, outcome: InstanceStart) {
        let state = self.workers.entry(worker);
        let Instance::Starting { is_needed } = state.instance else {
            return;
        };
        match outcome {
            InstanceStart::Started => {
                let instance = match state.session {
                    Some(_) => Instance::Running,
                    None => Instance::Booting,
                };
                self.set_instance(worker, instance);
                if is_needed {
                    self.substantiated(worker);
                } else {
                    self.stop_instance(worker);
                }
            }
            InstanceStart::Failed | InstanceStart::CannotRunBuild => {
                self.set_instance(worker, Instance::Booting);
                self.stop_instance(worker);
                self.announce(Fact::InstanceFailed { worker });
                self.fail_substantiation(worker, outcome);
            }
        }
    }

    /// It did not attach in time, or died before.
    pub(crate) fn instance_failed(&mut self, worker: WorkerId) {
        match self.workers.entry(worker).instance {
            Instance::Starting { .. } | Instance::Booting => {
                self.stop_instance(worker);
                self.announce(Fact::InstanceFailed { worker });
                self.fail_substantiation(worker, InstanceStart::Failed);
            }
            Instance::Stopped | Instance::Running | Instance::Stopping => {}
        }
    }

    pub(crate) fn instance_stopped(&mut self, worker: WorkerId) {
        if self.workers.entry(worker).instance == Instance::Stopping {
            self.set_instance(worker, Instance::Stopped);
            self.start_instance(worker);
        }
    }

    /// The worker has attached.
    pub(crate) fn instance_attached(&mut self, worker: WorkerId) {
        self.timers.cancel(Timer::Missing(worker));
        match self.workers.entry(worker).instance {
            Instance::Stopped | Instance::Booting | Instance::Running => {
                self.set_instance(worker, Instance::Running);
            }
            Instance::Starting { .. } | Instance::Stopping => {}
        }
        self.instance_idle(worker);
    }

    /// Looks whether an instance is still needed.
    pub(crate) fn instance_idle(&mut self, worker: WorkerId) {
        let latent = self.latent(worker);
        let state = self.workers.entry(worker);
        if state.instance == Instance::Stopped || !state.is_idle() {
            return;
        }
        match (latent, state.instance) {
            (Some(latent), Instance::Running) => match latent.build_wait {
                Some(wait) if !wait.is_zero() => {
                    self.timers.set(Timer::Idle(worker), self.now + wait);
                }
                Some(_) => self.stop_instance(worker),
                None => {}
            },
            (Some(_) | None, _) => self.stop_instance(worker),
        }
    }
}
