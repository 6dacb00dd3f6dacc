//! The gateway and workers: joined in memory with the worker's end of `wire`, and with real worker programs.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod commands;
mod listeners;
mod logins;
mod peer;
mod programs;
mod real;
mod support;
mod transfers;
mod users;
