//! Logs as the master and its web pages use them.

#[path = "logs/chunks.rs"]
mod chunks;
#[path = "logs/crash.rs"]
mod crash;
#[path = "logs/damage.rs"]
mod damage;
#[path = "logs/like_buildbot.rs"]
mod like_buildbot;
#[path = "logs/place.rs"]
mod place;
#[path = "logs/segments.rs"]
mod segments;
#[path = "logs/writing.rs"]
mod writing;
