//! The program as users and scripts run it: commands, files, processes, signals.
//!
//! `reference` compares it with the real Python program, which `BUILDBOT_VENV` names.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, also in the functions that tests share"
)]

#[path = "cli/reference.rs"]
mod reference;
#[path = "cli/stage.rs"]
mod stage;
#[path = "cli/twistd.rs"]
mod twistd;
#[path = "cli/worker.rs"]
mod worker;
