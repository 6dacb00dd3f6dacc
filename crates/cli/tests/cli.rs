//! The program from outside.
//!
//! `like_buildbot` compares its verdicts with those of the real one, which `BUILDBOT_VENV` names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "cli/command_line.rs"]
mod command_line;
#[path = "cli/differences.rs"]
mod differences;
#[path = "cli/like_buildbot.rs"]
mod like_buildbot;
#[path = "cli/master_commands.rs"]
mod master_commands;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/refused.rs"]
mod refused;
#[path = "cli/trouble.rs"]
mod trouble;
