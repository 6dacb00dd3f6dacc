//! Rows of `logchunks` made into fewer and smaller ones, while no master runs.
//!
//! Buildbot: manual, "cleanupdb". Segments are as small as they get when a build ends, and stay as they are.

use buildbot_db::tables::log_chunks::{self, Extent, LogChunk};
use buildbot_db::{Database, ReadError, WriteError};
use buildbot_model::LogId;

use crate::codec::Compression;

/// How many bytes rows have together, as they are stored, that are put into one.
const GROUP_BYTES_MAX: i64 = 65_536;

/// How many lines such a row has.
const GROUP_LINES_MAX: i64 = 1000;

/// Why the rows of a log stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum RecompressError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// They cannot be replaced.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is in a row is not what it says.
    #[error("log {} has a damaged row at line {first_line}: {what}", log.0)]
    Damaged {
        /// The log.
        log: LogId,
        /// The first line of the row.
        first_line: i64,
        /// What is wrong.
        what: String,
    },
}

/// Puts rows of a log together and compresses them anew. Returns how many bytes that saves; less than nothing if they
/// grow.
///
/// Nothing is done if there are no two rows that fit into one, unless it is `forced`. Each new row is one transaction:
/// a log is whole at every moment.
pub fn recompress(
    database: &Database,
    log: LogId,
    way: Compression,
    forced: bool,
) -> Result<i64, RecompressError> {
    let extents = database.read(move |connection| log_chunks::extents(connection, log))?;
    let groups = groups(&extents);
    if !forced && extents.len() <= groups.len() {
        return Ok(0);
    }
    let mut saved = 0;
    for (first_line, last_line) in groups {
        let rows = database
            .read(move |connection| log_chunks::between(connection, log, first_line, last_line))?;
        let (content, before) = pack(log, &rows, way)?;
        saved += before - i64::try_from(content.len()).unwrap_or(i64::MAX);
        let chunk = LogChunk {
            first_line,
            last_line,
            content: Some(content),
            compression: way.code(),
        };
        database.write(move |connection| log_chunks::replace(connection, log, &chunk))?;
    }
    Ok(saved)
}

/// First and last lines of the new rows.
fn groups(extents: &[Extent]) -> Vec<(i64, i64)> {
    let mut groups: Vec<(i64, i64)> = Vec::new();
    let mut bytes = 0;
    for extent in extents {
        match groups.last_mut() {
            Some((first, last))
                if bytes + extent.bytes <= GROUP_BYTES_MAX
                    && extent.last_line - *first <= GROUP_LINES_MAX =>
            {
                *last = extent.last_line;
                bytes += extent.bytes;
            }
            _ => {
                groups.push((extent.first_line, extent.last_line));
                bytes = extent.bytes;
            }
        }
    }
    groups
}

/// The content of one row in the place of several, and how many bytes those have.
fn pack(
    log: LogId,
    rows: &[LogChunk],
    way: Compression,
) -> Result<(Vec<u8>, i64), RecompressError> {
    let mut text = Vec::new();
    let mut before = 0;
    for (index, row) in rows.iter().enumerate() {
        let damaged = |what: String| RecompressError::Damaged {
            log,
            first_line: row.first_line,
            what,
        };
        if index > 0 {
            text.push(b'\n');
        }
        let content = row.content.as_deref().unwrap_or_default();
        before += i64::try_from(content.len()).unwrap_or(i64::MAX);
        let stored = Compression::from_code(row.compression)
            .ok_or_else(|| damaged(format!("compression {} is unknown", row.compression)))?;
        let unpacked = stored.decompress(content);
        text.extend(unpacked.map_err(|error| damaged(error.to_string()))?);
    }
    let first_line = rows.first().map_or(0, |row| row.first_line);
    let packed = way.compress(&text);
    let packed = packed.map_err(|error| RecompressError::Damaged {
        log,
        first_line,
        what: error.to_string(),
    })?;
    Ok((packed, before))
}

#[cfg(test)]
mod tests {
    use super::{Extent, groups};

    fn check(rows: &[(i64, i64, i64)], expected: &[(i64, i64)]) {
        let extents: Vec<Extent> = rows
            .iter()
            .map(|(first_line, last_line, bytes)| Extent {
                first_line: *first_line,
                last_line: *last_line,
                bytes: *bytes,
            })
            .collect();
        assert_eq!(groups(&extents), expected, "{rows:?}");
    }

    #[test]
    fn rows_come_together_up_to_their_bytes_and_lines() {
        check(&[], &[]);
        check(&[(0, 9, 10), (10, 19, 10), (20, 20, 10)], &[(0, 20)]);
        check(
            &[(0, 9, 40_000), (10, 19, 25_536), (20, 29, 1)],
            &[(0, 19), (20, 29)],
        );
        check(
            &[(0, 9, 1), (10, 1000, 1), (1001, 1002, 1)],
            &[(0, 1000), (1001, 1002)],
        );
        // One that is too large stays alone.
        check(&[(0, 0, 70_000), (1, 1, 1)], &[(0, 0), (1, 1)]);
    }
}
