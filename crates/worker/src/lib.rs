//! The worker program.
