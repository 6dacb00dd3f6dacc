//! The worker program.

#[cfg(windows)]
compile_error!("buildbot-worker needs a POSIX system: on Windows, use the Python worker");

pub mod agent;
pub mod cli;
pub mod command;
pub mod connect;
pub mod output;
pub mod process;
mod python_text;
pub mod reconnect;
pub mod signals;
pub mod worker_process;
