//! What goes wrong in a simulation, and how often it did.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// One kind of trouble.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])+ $name,)+
        }

        impl Fault {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

faults! {
    /// The database takes long.
    SlowCommit,
    /// The database takes a transaction only later.
    CommitUnavailable,
    /// Another master has claimed a request that we claim.
    ClaimRefused,
    /// Another master claims a request.
    OtherMasterClaims,
    /// It gives a claim up.
    OtherMasterGivesUp,
    /// User code answers late.
    CallableLate,
    /// User code never answers.
    CallableHangs,
    /// User code raises.
    CallableFails,
    /// User code says no.
    CallableVetoes,
    /// User code gives something that was not offered.
    CallableNonsense,
    /// An answer comes that nobody waits for any more.
    StaleAnswer,
    /// A worker is lost without a build.
    DetachIdle,
    /// A worker is lost while builds are prepared or wait for locks.
    DetachInPreparation,
    /// A worker is lost while a step runs.
    DetachInStep,
    /// A worker connects while it is connected.
    SecondConnection,
    /// A worker does not answer the ping.
    PingFails,
    /// A worker refuses a build.
    StartRefused,
    /// The end of a command is reported twice.
    DuplicateCompletion,
    /// A worker is lost while the name of a step is rendered.
    DetachInNaming,
    /// A worker is lost while a step is prepared.
    DetachInStepPreparation,
    /// A worker is lost while a step waits for locks.
    DetachInStepLocks,
    /// A build cannot make its steps.
    SetupFails,
    /// The name of a step cannot be rendered.
    NamingFails,
    /// The preparation of a step takes long.
    StepPreparationSlow,
    /// The preparation of a step fails.
    StepPreparationFails,
    /// A step is skipped.
    StepSkipped,
    /// A step has locks that were not known before.
    StepLocksRendered,
    /// A step wants a lock that its build holds.
    LockOfBuild,
    /// A step is ended because its build was stopped.
    StepNotRun,
    /// Steps are added while a build runs.
    StepsAdded,
    /// A step does not end although its worker is gone.
    LostStepSilent,
    /// A step ends with an exception.
    StepException,
    /// A machine does not start.
    InstanceFails,
    /// A machine cannot run the build.
    InstanceCannot,
    /// A machine dies before it attaches.
    InstanceCrashes,
    /// A machine never attaches.
    InstanceSilent,
    /// Another configuration.
    Reconfig,
    /// A lock has another count.
    LockCountChanged,
    /// A worker is gone from the configuration.
    WorkerRemoved,
    /// A builder is gone from the configuration.
    BuilderRemoved,
    /// The master dies and starts again.
    Crash,
    /// The master ends after its builds, and starts again.
    CleanShutdown,
    /// The master stops its builds, ends, and starts again.
    QuickShutdown,
    /// A build is stopped.
    BuildStopped,
    /// A request is cancelled.
    RequestCancelled,
    /// A priority changes.
    PriorityChanged,
    /// A request replaces an older one.
    Collapse,
    /// A worker is paused.
    Paused,
    /// A worker is to end after its builds.
    Graceful,
    /// A worker is to end.
    Killed,
    /// User code puts a worker into quarantine.
    Quarantined,
}

/// How often each happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    /// One more.
    pub fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or_default()
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }
}
