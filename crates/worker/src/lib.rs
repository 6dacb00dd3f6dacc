//! The worker program.

#[cfg(windows)]
compile_error!("buildbot-worker needs a POSIX system: on Windows, use the Python worker");

pub mod agent;
pub mod cli;
pub mod daemon;
pub mod endpoint;
pub mod log;
pub mod output;
pub mod pid_file;
mod python_number;
pub mod reconnect;
pub mod signals;
pub mod worker_process;
