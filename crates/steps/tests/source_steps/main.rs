//! Source steps, against what the reference did and with a real git.

mod json;
mod port;
mod real_git;
mod recorded;
