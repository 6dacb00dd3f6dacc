//! Typed functions, one module for each table with the tables that belong to it.
//!
//! Each maps its rows in one place. They take a connection, so that several make one transaction.

pub mod build_data;
pub mod build_requests;
pub mod builders;
pub mod builds;
pub mod buildsets;
pub mod change_sources;
pub mod changes;
pub mod log_chunks;
pub mod logs;
pub mod masters;
pub mod objects;
pub mod projects;
mod properties;
pub mod schedulers;
pub mod source_stamps;
pub mod steps;
pub mod test_results;
pub mod users;
pub mod workers;
