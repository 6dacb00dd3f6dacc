//! The gateway joined in memory with the worker's end of both protocols.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod logins;
mod peer;
mod transfers;
