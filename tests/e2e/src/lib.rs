//! A running master as a user sees it: the program on a base directory, workers that connect, the REST API.
//!
//! Everything is awaited by a condition with a deadline. Processes are ended by their ids when a site is dropped.

pub mod browser;
mod database;
mod processes;
pub mod realtime;
mod rest;
mod site;

pub use site::{Program, Site, copy, git, program, venv};

/// The numbers of results.
pub mod results {
    /// All went well.
    pub const SUCCESS: i64 = 0;
    /// With warnings.
    pub const WARNINGS: i64 = 1;
    /// Something that was built is wrong.
    pub const FAILURE: i64 = 2;
    /// Not needed.
    pub const SKIPPED: i64 = 3;
    /// What builds is wrong.
    pub const EXCEPTION: i64 = 4;
    /// It is built again.
    pub const RETRY: i64 = 5;
    /// Somebody stopped it.
    pub const CANCELLED: i64 = 6;
}
