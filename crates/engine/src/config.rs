//! The immutable description of one configuration generation, as far as decisions need it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuilderId, WorkerId};

/// Which load of the configuration; a later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(pub u64);

/// A function of the user, which is asked by its handle in the process of its generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callable {
    /// Its number in that process.
    pub handle: u32,
    /// File and line of its definition.
    pub place: Arc<str>,
}

/// One configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which load it is.
    pub generation: Generation,
    /// Chance, for choices among equals.
    pub salt: u64,
    /// Orders builders, and may leave some out.
    pub prioritize_builders: Option<Callable>,
    /// How long a question to user code may take.
    pub question_timeout: Duration,
    /// The builders. Those of a running build are kept by the build.
    pub builders: BTreeMap<BuilderId, Arc<Builder>>,
    /// The workers.
    pub workers: BTreeMap<WorkerId, Worker>,
}

/// One builder.
#[derive(Debug, Clone)]
pub struct Builder {
    /// Its row.
    pub id: BuilderId,
    /// Its name.
    pub name: Arc<str>,
    /// The workers that may build it.
    pub workers: Vec<WorkerId>,
    /// Locks that each build holds from before its first step to its end.
    pub locks: BuilderLocks,
    /// Chooses a request.
    pub next_build: Option<Callable>,
    /// Chooses a worker.
    pub next_worker: Option<Callable>,
    /// May refuse a worker for a request.
    pub can_start_build: Option<Callable>,
    /// May skip a build altogether.
    pub do_build_if: Option<Callable>,
    /// Whether a new request replaces older ones: the builder's rule, else the global one, else the default.
    pub collapse: Collapse,
    /// What each build does.
    pub steps: Vec<Step>,
}

impl Builder {
    /// Whether user code decides what is built where: it may change its mind whenever something else ends.
    pub(crate) fn asks(&self) -> bool {
        self.next_build.is_some() || self.next_worker.is_some() || self.can_start_build.is_some()
    }

    /// Whether one request may fit where another does not.
    pub(crate) fn depends_on_request(&self, config: &Config) -> bool {
        let asks = |id| {
            let worker = config.workers.get(id);
            worker.is_some_and(|worker| worker.is_compatible.is_some())
        };
        self.can_start_build.is_some()
            || matches!(self.locks, BuilderLocks::Rendered(_))
            || self.workers.iter().any(asks)
    }
}

/// The locks of a builder.
#[derive(Debug, Clone)]
pub enum BuilderLocks {
    /// The same for every build.
    Listed(Arc<[LockAccess]>),
    /// Rendered with the properties known before the build starts.
    Rendered(Callable),
}

impl BuilderLocks {
    /// Those that are known without rendering.
    pub(crate) fn listed(&self) -> &[LockAccess] {
        match self {
            Self::Listed(accesses) => accesses,
            Self::Rendered(_) => &[],
        }
    }
}

/// When a new request replaces older ones.
#[derive(Debug, Clone)]
pub enum Collapse {
    /// Never.
    Never,
    /// If both want the same.
    Default,
    /// If a function of the user says so.
    Ask(Callable),
}

/// One step, as far as its end matters to the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name; `None` if that has to be rendered.
    pub name: Option<Arc<str>>,
    /// Locks that it holds while it runs, as far as they are known without rendering.
    pub locks: Arc<[LockAccess]>,
    /// What its result means. `always_run` is as configured: something that has to be rendered counts as true.
    pub flags: StepFlags,
    /// Whether locks and flags are all there is to know before it runs: nothing of them has to be rendered, and
    /// nobody has to be asked whether it runs. Others are prepared first.
    pub is_static: bool,
}

/// What a step's result means to its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepFlags {
    /// A failure ends the build, but for steps that always run.
    pub halt_on_failure: bool,
    /// Warnings make the build a failure.
    pub flunk_on_warnings: bool,
    /// A failure makes the build a failure.
    pub flunk_on_failure: bool,
    /// Warnings give the build warnings.
    pub warn_on_warnings: bool,
    /// A failure gives the build warnings.
    pub warn_on_failure: bool,
    /// It runs also when the build has been stopped or halted.
    pub always_run: bool,
}

impl Default for StepFlags {
    fn default() -> Self {
        Self {
            halt_on_failure: false,
            flunk_on_warnings: false,
            flunk_on_failure: true,
            warn_on_warnings: false,
            warn_on_failure: false,
            always_run: false,
        }
    }
}

/// One worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its name.
    pub name: Arc<str>,
    /// How many builds it may run at a time; `None` is no limit.
    pub max_builds: Option<u32>,
    /// Locks that it claims for each build on it.
    pub locks: Arc<[LockAccess]>,
    /// Says whether a running instance fits a build; workers that fit every build have none.
    pub is_compatible: Option<Callable>,
    /// How its machine comes and goes, if the master starts it.
    pub latent: Option<Latent>,
}

/// A worker whose machine is started when a build needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latent {
    /// How long an idle instance is kept; `None` is for ever.
    pub build_wait: Option<Duration>,
    /// How long an instance may take to attach.
    pub missing_timeout: Duration,
}

/// A lock as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lock {
    /// One for the master, or one for each worker.
    pub kind: LockKind,
    /// Together with the kind its identity, over all generations.
    pub name: Arc<str>,
    /// How many counting accesses it grants at a time.
    pub max_count: u32,
    /// Other numbers for some workers.
    pub max_count_for_worker: BTreeMap<WorkerId, u32>,
}

/// Whose lock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockKind {
    /// One for the whole master.
    Master,
    /// An independent one for each worker.
    Worker,
}

/// A lock, and how it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockAccess {
    /// The lock.
    pub lock: Arc<Lock>,
    /// How it is wanted.
    pub mode: AccessMode,
}

/// How a lock is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessMode {
    /// So many of its units. None of them is always granted.
    Counting(u32),
    /// Alone.
    Exclusive,
}
