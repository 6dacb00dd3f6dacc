//! The worker program.

pub mod endpoint;
pub mod log;
pub mod output;
pub mod pid_file;
mod python_number;
pub mod reconnect;
pub mod signals;
