//! Everything in the bytes of a segment, for tools that look at one, and for the fuzzer.

use buildbot_model::LogId;

use super::file::{Damage, SegmentFile, read_frame};
use super::index::Index;
use super::scan::scan;

/// One log in the bytes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedLog {
    /// Which.
    pub log: LogId,
    /// How many lines it says it has.
    pub lines: u64,
    /// Whether it is finished.
    pub is_finished: bool,
    /// The text of its lines, as far as they are readable.
    pub text: String,
    /// Where in the bytes something is wrong, and what.
    pub damaged: Vec<(u64, &'static str)>,
}

/// Reads all logs of a segment, by its index if there is one. Says where and why the bytes are no segment.
///
/// Needs as much memory as there is text.
pub fn inspect(bytes: &[u8]) -> Result<Vec<InspectedLog>, (u64, &'static str)> {
    match SegmentFile::open(bytes) {
        Ok(file) => Ok(logs(bytes, &file.index)),
        Err(error) => Err(told(error)),
    }
}

/// The same without the index: what would be there after a crash.
pub fn inspect_records(bytes: &[u8]) -> Result<Vec<InspectedLog>, (u64, &'static str)> {
    let found = scan(bytes, true).map_err(|error| told(error.into()))?;
    Ok(logs(bytes, &found.index))
}

fn logs(bytes: &[u8], index: &Index) -> Vec<InspectedLog> {
    let logs = index.logs.iter().map(|(&log, index)| {
        let mut found = InspectedLog {
            log: LogId(log),
            lines: index.lines,
            is_finished: index.is_finished,
            text: String::new(),
            damaged: Vec::new(),
        };
        for frame in &index.frames {
            match read_frame(bytes, log, frame) {
                Ok(text) => found.text.push_str(&text),
                Err(error) => found.damaged.push(told(error)),
            }
        }
        found
    });
    logs.collect()
}

fn told(damage: Damage) -> (u64, &'static str) {
    match damage {
        Damage::Corrupt { offset, what } => (offset, what),
        Damage::Io(_) => (0, "the bytes end too early"),
    }
}
