//! How the programs of a base directory run and are spoken to: its log, its pid file, and how a process leaves its
//! terminal.

pub mod basedir;
pub mod directory_lock;
mod follow;
pub mod launch;
pub mod log;
pub mod open_files;
pub mod output;
pub mod pid_file;
pub mod service_manager;

pub use follow::LogFollower;
pub use launch::Launcher;
pub use output::Output;
