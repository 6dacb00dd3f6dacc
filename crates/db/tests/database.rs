//! The database through its public API.
//!
//! `like_buildbot` compares it with the real one, which `BUILDBOT_VENV` names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "database/crash.rs"]
mod crash;
#[path = "database/like_buildbot.rs"]
mod like_buildbot;
#[path = "database/opening.rs"]
mod opening;
#[path = "database/place.rs"]
mod place;
#[path = "database/reading.rs"]
mod reading;
#[path = "database/statements.rs"]
mod statements;
#[path = "database/tables.rs"]
mod tables;
#[path = "database/transactions.rs"]
mod transactions;
#[path = "database/writing.rs"]
mod writing;
