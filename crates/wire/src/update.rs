//! What a running command reports to the master.

/// A named stream of lines of a running command.
///
/// The order is the alphabetical order of the keys on the wire, in which unfinished lines are passed
/// on when a command ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Annotations by the worker itself, shown in the step's log.
    Header,
    /// A log file that the command writes, by the name of the log.
    Log(String),
    /// Standard error of the program.
    Stderr,
    /// Standard output of the program; with a terminal everything.
    Stdout,
}

/// Where the lines of a text end and when they began; only msgpack carries them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineMarks {
    /// Indexes of the `\n` characters, counted in characters (code points), increasing.
    pub newlines: Vec<u32>,
    /// When the first character of each line arrived, in seconds since the epoch.
    pub times: Vec<f64>,
}

/// One thing that a running command reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// One or more whole lines, each ended by `\n`.
    Text {
        /// The stream that the lines belong to.
        stream: Stream,
        /// The lines.
        text: String,
        /// Present if the protocol carries them.
        marks: Option<LineMarks>,
    },
    /// Exit code; −1 if a signal ended the program.
    Rc(i64),
    /// Seconds from start to end of the command.
    Elapsed(f64),
    /// Why the worker killed the program: `timeout`, `timeout_without_output`, `max_lines_failure`.
    FailureReason(String),
    /// Result of `glob` and `listdir`.
    Files(Vec<String>),
    /// Result of `stat`: mode, inode, device, links, uid, gid, size, atime, mtime, ctime.
    Stat([i128; 10]),
    /// A key that this implementation does not know, as a master has to accept it.
    Other {
        /// The key on the wire.
        key: String,
        /// Its value.
        value: crate::Value,
    },
}
