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

impl Update {
    /// Roughly the bytes that it takes in memory.
    #[must_use]
    pub fn memory_cost(&self) -> usize {
        let below = match self {
            Update::Text {
                stream,
                text,
                marks,
            } => {
                let name = match stream {
                    Stream::Log(name) => name.len(),
                    Stream::Header | Stream::Stderr | Stream::Stdout => 0,
                };
                let lines = marks.as_ref().map_or(0, |marks| marks.times.len());
                name + text.len() + lines * (size_of::<f64>() + size_of::<u32>())
            }
            Update::FailureReason(reason) => reason.len(),
            Update::Files(files) => files
                .iter()
                .map(|file| file.len() + size_of::<String>())
                .sum(),
            Update::Other { key, value } => key.len() + value.memory_cost(),
            Update::Rc(_) | Update::Elapsed(_) | Update::Stat(_) => 0,
        };
        below + size_of::<Update>()
    }

    /// Key and value of an update that is no text; both protocols send these alike.
    pub(crate) fn into_plain_pair(self) -> (crate::Value, crate::Value) {
        use crate::Value;
        let (key, value) = match self {
            Update::Rc(rc) => ("rc", Value::from(rc)),
            Update::Elapsed(seconds) => ("elapsed", Value::Float(seconds)),
            Update::FailureReason(reason) => ("failure_reason", Value::Text(reason)),
            Update::Files(files) => (
                "files",
                Value::List(files.into_iter().map(Value::Text).collect()),
            ),
            Update::Stat(fields) => ("stat", Value::Tuple(fields.map(Value::Int).to_vec())),
            Update::Other { key, value } => return (Value::Text(key), value),
            Update::Text { stream, text, .. } => (stream.key(), Value::Text(text)),
        };
        (Value::from(key), value)
    }

    /// The update that a key and a plain value stand for.
    pub(crate) fn from_plain_pair(key: &str, value: crate::Value) -> Self {
        let known = match key {
            "rc" => value
                .as_int()
                .and_then(|rc| i64::try_from(rc).ok())
                .map(Update::Rc),
            "elapsed" => value.as_float().map(Update::Elapsed),
            "failure_reason" => value
                .as_text()
                .map(|text| Update::FailureReason(text.to_owned())),
            "files" => value.as_sequence().and_then(|files| {
                let files = files.iter().map(|file| file.as_text().map(str::to_owned));
                files.collect::<Option<Vec<_>>>().map(Update::Files)
            }),
            "stat" => value.as_sequence().and_then(|fields| {
                let fields = fields.iter().map(crate::Value::as_int);
                let fields = fields.collect::<Option<Vec<_>>>()?;
                fields.try_into().ok().map(Update::Stat)
            }),
            _ => None,
        };
        known.unwrap_or_else(|| Update::Other {
            key: key.to_owned(),
            value,
        })
    }
}

impl Stream {
    /// The key of this stream's updates.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Stream::Header => "header",
            Stream::Log(_) => "log",
            Stream::Stderr => "stderr",
            Stream::Stdout => "stdout",
        }
    }
}
