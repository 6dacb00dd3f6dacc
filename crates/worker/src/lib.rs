//! The worker program.

pub mod output;
