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

/// First and last lines of the new rows. Only what follows each other comes together: lines that are in no row stay
/// missing, and no other line gets their number.
fn groups(extents: &[Extent]) -> Vec<(i64, i64)> {
    let mut groups: Vec<(i64, i64)> = Vec::new();
    let mut bytes = 0;
    for extent in extents {
        match groups.last_mut() {
            Some((first, last))
                if last.checked_add(1) == Some(extent.first_line)
                    && bytes + extent.bytes <= GROUP_BYTES_MAX
                    && extent.last_line.saturating_sub(*first) <= GROUP_LINES_MAX =>
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

/// The content of one row in the place of several, and how many bytes those have. Together they have the lines that they
/// say, or all of them could not be read any more.
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
        let begin = text.len();
        let content = row.content.as_deref().unwrap_or_default();
        before += i64::try_from(content.len()).unwrap_or(i64::MAX);
        let stored = Compression::from_code(row.compression)
            .ok_or_else(|| damaged(format!("compression {} is unknown", row.compression)))?;
        let unpacked = stored.decompress(content);
        text.extend(unpacked.map_err(|error| damaged(error.to_string()))?);
        let lines = memchr::memchr_iter(b'\n', &text[begin..]).count() + 1;
        let expected = i128::from(row.last_line) - i128::from(row.first_line) + 1;
        if lines as i128 != expected {
            return Err(damaged(format!(
                "it has {lines} lines and says that it has those from {} to {}",
                row.first_line, row.last_line
            )));
        }
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
    use super::{Compression, Extent, LogChunk, LogId, groups, pack};

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

    #[test]
    fn rows_with_missing_lines_between_them_do_not_come_together() {
        check(
            &[(0, 9, 10), (10, 19, 10), (22, 29, 10), (30, 30, 10)],
            &[(0, 19), (22, 30)],
        );
        // Nor do those that have a line twice.
        check(&[(0, 9, 10), (9, 19, 10)], &[(0, 9), (9, 19)]);
    }

    #[test]
    fn a_row_without_the_lines_that_it_says_is_damaged() {
        let row = |first_line: i64, last_line: i64, text: &str| LogChunk {
            first_line,
            last_line,
            content: Some(text.as_bytes().to_vec()),
            compression: Compression::Raw.code(),
        };
        let check = |rows: &[LogChunk], expected: Option<&str>| {
            let packed = pack(LogId(1), rows, Compression::Raw).ok();
            let text = packed.map(|(text, _)| String::from_utf8(text).expect("text"));
            assert_eq!(text.as_deref(), expected, "{rows:?}");
        };
        check(&[row(0, 1, "a\nb"), row(2, 2, "c")], Some("a\nb\nc"));
        check(&[row(0, 1, "a\nb"), row(2, 3, "c")], None);
    }
}
