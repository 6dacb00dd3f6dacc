//! The configuration of a master: typed values with their places, and everything that is wrong with them.
//!
//! The configuration host executes `master.cfg` and describes it as JSON ([`Description`]); [`read`] makes
//! a [`MasterConfig`] of it and collects all [`Problems`] in the order and with the texts of the reference.
//! [`diff::diff`] says what another configuration would change. There is no IO in this crate.

mod arguments;
pub mod auth;
pub mod authz;
mod builders;
pub mod changes;
mod check;
mod classes;
mod cross;
mod db;
mod defaults;
mod description;
pub mod diff;
pub mod filters;
pub mod formatters;
pub mod generators;
mod globals;
mod limits;
mod locks;
mod machines;
mod master;
#[cfg(test)]
mod parameters;
mod parts;
mod place;
mod problem;
mod projects;
pub mod reporters;
mod schedulers;
pub mod secrets;
mod service;
mod services;
pub mod steps;
#[cfg(test)]
mod testing;
pub mod users;
mod workers;
mod www;

pub use arguments::{FromValue, Given, OneOrMore, Seconds};
pub use buildbot_render::{
    Callable, Format, Handle, ObjectId, Opaque, Regex, Renderable, RenderableKind, Value,
};
pub use builders::BuilderConfig;
pub use changes::{ChangeSource, ChangeSourceKind, PollingArguments};
pub use check::Sources;
pub use db::{Db, Mq};
pub use description::{
    Arguments, DecodeError, Description, Fatal, FrontEnd, FrontEndPart, Object, Python, Reported,
    Took, Unsupported, VERSION, Warning, WrongName,
};
pub use globals::{Globals, KNOWN_KEYS};
pub use limits::{Caches, Metrics, Validation};
pub use locks::{Lock, LockAccess, LockMode, Locks, access};
pub use machines::{LatentMachineArguments, Machine};
pub use master::{MasterConfig, Outcome, place_of_key, read};
pub use parts::{Named, Part};
pub use place::{Place, SourcePlace};
pub use problem::{Problem, Problems, Severity, nearest};
pub use projects::{Codebase, CodebaseArguments, Project, ProjectArguments};
pub use schedulers::CommonArguments as SchedulerArguments;
pub use schedulers::{
    BuilderNames, ChangeArguments, DependentArguments, ForceArguments, NightlyArguments,
    PeriodicArguments, Scheduler, SchedulerKind, TimedArguments, TryJobdirArguments,
    TryUserpassArguments, Upstream,
};
pub use service::Service;
pub use steps::{Factory, StepArguments, StepConfig};
pub use workers::CommonArguments as WorkerArguments;
pub use workers::{
    DockerArguments, Ec2Arguments, KubeArguments, LatentArguments, LibVirtArguments,
    LocalArguments, MarathonArguments, OpenStackArguments, UpCloudArguments, Worker, WorkerKind,
};
pub use www::Www;
