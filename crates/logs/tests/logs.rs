//! Logs as the master and its web pages use them.
//!
//! `like_buildbot` compares rows of `logchunks` with the real one, which `BUILDBOT_VENV` names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "logs/chunks.rs"]
mod chunks;
#[path = "logs/crash.rs"]
mod crash;
#[path = "logs/damage.rs"]
mod damage;
#[path = "logs/like_buildbot.rs"]
mod like_buildbot;
#[path = "logs/place.rs"]
mod place;
#[path = "logs/segments.rs"]
mod segments;
#[path = "logs/writing.rs"]
mod writing;
