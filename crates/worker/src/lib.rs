//! The worker program.

pub mod endpoint;
pub mod output;
mod python_number;
