//! Every command beside the real program, line by line: the same output, exit codes, files and rows.
//!
//! `BUILDBOT_VENV` names the real one. What is free is left out: the texts of usage, comments, stack traces, lines of
//! logs, numbers of processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "beside/clients.rs"]
mod clients;
#[path = "beside/dev_proxy.rs"]
mod dev_proxy;
#[path = "beside/life.rs"]
mod life;
#[path = "beside/offline.rs"]
mod offline;
#[path = "beside/place.rs"]
mod place;
#[path = "beside/signals.rs"]
mod signals;
#[path = "beside/usage.rs"]
mod usage;
#[path = "beside/working_trees.rs"]
mod working_trees;
