//! The worker program.

pub mod endpoint;
pub mod log;
pub mod output;
mod python_number;
pub mod reconnect;
