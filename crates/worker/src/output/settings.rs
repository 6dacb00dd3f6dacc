//! What the master may set about output.

use std::time::Duration;

use super::NewlinePattern;

/// How output becomes updates; a msgpack master sends it, for PB the defaults hold.
///
/// Buildbot: `set_worker_settings`. Settings hold for commands that start afterwards.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Size of buffered updates that makes them be sent: characters + 16 per line, 20 for other values.
    pub buffer_size: usize,
    /// How long the first buffered update waits at most.
    pub buffer_timeout: Duration,
    /// Lines of this many characters or more are split; values below 2 are taken as 2.
    pub max_line_length: usize,
    /// What becomes a newline.
    pub newline: NewlinePattern,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            buffer_size: 65_536,
            buffer_timeout: Duration::from_secs(5),
            max_line_length: 4096,
            newline: NewlinePattern::default(),
        }
    }
}
