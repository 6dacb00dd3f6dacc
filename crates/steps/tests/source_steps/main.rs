//! Source steps, against what the reference did and with a real git.

#![expect(
    clippy::unwrap_used,
    reason = "what is not as expected is a failed test"
)]

mod json;
mod port;
mod real_git;
mod recorded;
