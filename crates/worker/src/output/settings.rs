//! What the master may set about output.

use std::time::Duration;

use super::NewlinePattern;

/// How output becomes updates; a msgpack master sends it, for PB the defaults hold.
///
/// Buildbot: `set_worker_settings`. Settings hold for commands that start afterwards.
///
/// Differs: sizes and lengths that the master sets beyond limits of this worker are taken as the limit,
/// because a worker's memory and the size of its messages have to stay bounded, whatever the master asks for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Size of buffered updates that makes them be sent: characters + 16 per line, 20 for other values;
    /// at most [`BUFFER_SIZE_MAX`](Self::BUFFER_SIZE_MAX).
    pub buffer_size: usize,
    /// How long the first buffered update waits at most.
    pub buffer_timeout: Duration,
    /// Lines of this many characters or more are split into pieces of one less;
    /// [`LINE_LENGTH_MIN`](Self::LINE_LENGTH_MIN) to [`LINE_LENGTH_MAX`](Self::LINE_LENGTH_MAX).
    pub max_line_length: usize,
    /// What becomes a newline.
    pub newline: NewlinePattern,
}

impl Settings {
    /// The largest buffer: with four bytes per character a message is at most the 64 MiB that masters take.
    pub const BUFFER_SIZE_MAX: usize = 15 << 20;
    /// The shortest line that can be split: a piece has one character.
    pub const LINE_LENGTH_MIN: usize = 2;
    /// The longest line.
    pub const LINE_LENGTH_MAX: usize = 1 << 20;
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
