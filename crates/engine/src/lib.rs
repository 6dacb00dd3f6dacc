//! The decisions of a master: events in, effects out.
//!
//! The engine has no socket, disk, clock or chance of its own, so that everything that must be right under any
//! interleaving can be run from a seed. Its owner calls [`Engine::handle`] for each event and [`Engine::handle_timeout`]
//! when [`Engine::poll_timeout`] is due, and then does all that [`Engine::poll_effect`] gives, in order.
//!
//! A build, as its owner sees it; whatever is in brackets is left out if there is nothing to ask or to wait for:
//!
//! ```text
//! Commit (claim, row, worker_preparation)   → CommitAnswered
//! BeginBuild  [Ask DoBuildIf                → QuestionAnswered]  [StartInstance → InstanceStarted, WorkerAttached]
//! PrepareWorker                             → WorkerPrepared { properties of the build }
//!                                             [locks of the builder are waited for]
//! for each step:
//!   [NameStep                               → StepNamed]
//!   Commit (end of what was before, row)    → CommitAnswered
//!   [PrepareStep                            → StepPrepared]       unless it is static
//!                                             [locks of the step are waited for]
//!   StartCommand, or EndStep                → CommandFinished { texts, properties }   [StepsAdded meanwhile]
//! Commit (end of step, build, request …)    → CommitAnswered
//! Announce BuildFinished
//! ```
//!
//! A step that was to be named, prepared, started or ended always answers, also after it was interrupted or its worker
//! was lost; the last is waited for a minute at most.
//!
//! Invariants: no lock over its count; one owner for each request; nothing is announced, and nothing is started, before
//! the database has confirmed what it depends on; whatever holds a request back has a [`Reason`].

mod attachment;
mod build_state;
mod builds;
mod buildsets;
mod collapse;
mod commits;
pub mod config;
mod distribution;
pub mod effect;
mod engine;
pub mod event;
mod latent;
mod lock_users;
mod locks;
mod preparation;
mod questions;
mod reason;
mod requests;
mod running_step;
mod semaphore;
mod step_list;
mod timers;
mod turn;
mod why;
mod workers;

pub use config::Config;
pub use effect::{Effect, Fact, Interrupt, NotRun, Question};
pub use engine::{Counters, Engine, Restored, RestoredWorker};
pub use event::{Event, Shutdown, StepEnd, StepPlace};
pub use locks::SemaphoreId;
pub use reason::{LockTaken, Owner, Reason, Unavailable};
pub use workers::QUARANTINE_MIN;
