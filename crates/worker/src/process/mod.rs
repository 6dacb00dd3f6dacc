//! Programs: how they are started, watched, killed and reaped.
//!
//! The worker process calls [`close_inherited_descriptors_on_exec`] once; everything else is for the worker
//! commands. A program leads a process group of its own, all that it says goes through the [`Report`](crate::command) of its command,
//! and it is gone, reaped and without survivors if the worker killed it, when its run is over.

mod child;
mod command_line;
mod environment;
mod inheritance;
mod limits;
mod log_files;
mod pipes;
mod pty;
mod run;
mod runner;
mod signals;
mod spawn;

pub use child::reap_left_behind;
pub use inheritance::{close_inherited_descriptors_on_exec, ignored_signals};
pub use pty::Pty;

pub(crate) use command_line::{Argument, CommandLine};
pub(crate) use environment::{Change, child_environment};
pub(crate) use limits::{Limits, Seconds};
pub(crate) use log_files::LogFileRequest;
pub(crate) use run::Run;
pub(crate) use runner::{Ended, run};
pub(crate) use signals::signal_named;
pub(crate) use spawn::reason;
