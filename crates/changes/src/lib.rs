//! Change sources that look for changes themselves: they poll, and what they find becomes changes.
//!
//! [`Sources`] owns one task for each source. A task claims its source among masters, polls when it is time, never twice
//! at once, and logs what goes wrong. A poll is a function over a [`Port`], which has clock, state, user code and
//! programs. Programs are ended with the poll that runs them.

mod encoding;
mod git;
mod port;
mod private_directory;
mod process_group;
mod programs;
mod schedule;
mod sources;
mod supported;

pub use port::{Ended, Later, PollError, Port, Program, StateObject};
pub use private_directory::PrivateDirectory;
pub use process_group::ProcessGroup;
pub use programs::run as run_program;
pub use schedule::Schedule;
pub use sources::{CLAIM_INTERVAL, Sources, poll};
pub use supported::unsupported;
