//! The master: joins configuration, engine, database, logs, workers, schedulers and web server into a running program.
//!
//! [`process::run`] is the program; [`Master`] is what it runs. The engine decides on a thread of its own and knows
//! nothing of the rest; what it asks for is done here. Invariants: what is announced is durable; no async thread waits
//! for the disk; a configuration replaces another one whole or not at all.

mod announce;
mod attachment;
mod build;
mod build_logs;
mod called;
mod cancelling;
mod changes;
mod control;
mod credentials;
mod custom;
mod engine_thread;
mod facts;
mod hands;
mod host_requests;
mod identity;
mod instances;
mod interruptions;
mod json;
mod live;
mod live_data;
mod load;
mod local_workers;
mod master;
mod ordered_writes;
mod perspectives;
mod plan;
mod pollers;
mod port;
pub mod process;
mod process_group;
mod properties;
mod questions;
mod recover;
mod refused;
mod rendering;
mod rows;
mod running;
mod scheduler_questions;
mod schedulers;
mod secrets;
mod shell;
mod site;
mod sites;
mod sources;
mod startable;
mod store;
mod submissions;
mod try_jobdir;
mod virtual_builder;
mod waiters;
mod why;
mod wire_value;
mod workers;

pub use changes::ChangeError;
pub use load::LoadFailure;
pub use local_workers::{COMMAND as LOCAL_WORKER, run_child as run_local_worker};
pub use master::{Master, Options};
pub use startable::refused_at_start;
