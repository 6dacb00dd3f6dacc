//! Programs that run on the master.

use std::time::Duration;

use crate::port::LogKey;

/// A program on the master.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalCommand {
    /// Program and arguments; the program is looked up in `PATH`.
    pub argv: Vec<String>,
    /// Where it runs; `None` is the master's base directory, to which others are relative.
    pub workdir: Option<String>,
    /// Variables over those of the master.
    pub env: Vec<(String, String)>,
    /// Whether it has a terminal.
    pub use_pty: bool,
    /// It is killed when it has run so long.
    pub runtime_timeout: Option<Duration>,
    /// It is killed when it has written nothing for so long.
    pub output_timeout: Option<Duration>,
    /// Where its output goes.
    pub log: LogKey,
}

/// How a program on the master ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalEnd {
    /// By itself.
    Exited(i32),
    /// By a signal.
    Killed(i32),
}
