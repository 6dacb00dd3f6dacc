//! The lines that are in rows of `logchunks`: history that Buildbot wrote, and how it is written for going back.

use std::fmt;
use std::sync::Arc;

use buildbot_db::tables::{log_chunks, logs};
use buildbot_db::{Connection, Database, Reader, StatementError};
use buildbot_model::LogId;
use log_chunks::LogChunk;

use crate::codec::Compression;
use crate::pool::Pool;
use crate::reader::{Later, Lines, LogSource, Progress, ReadError};
use crate::sealed::cut;
use crate::writer::character_end;

/// How many bytes a row has at most.
const CHUNK_BYTES_MAX: usize = 65_536;

/// Reads one log from `logchunks`.
pub struct ChunkReader {
    database: Arc<Database>,
    whose: Reader,
    log: LogId,
    pool: Pool,
}

impl fmt::Debug for ChunkReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkReader")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl ChunkReader {
    pub(crate) fn new(database: Arc<Database>, whose: Reader, log: LogId, pool: Pool) -> Self {
        Self {
            database,
            whose,
            log,
            pool,
        }
    }

    async fn now(&self) -> Result<Progress, ReadError> {
        let log = self.log;
        let row = ask(&self.database, self.whose, move |connection| {
            logs::by_id(connection, log)
        })
        .await?;
        let lines = row.map_or(0, |row| u64::try_from(row.line_count).unwrap_or(0));
        // This process writes none of them, so nobody here could tell that there are more.
        Ok(Progress {
            lines,
            stored: lines,
            finished: true,
        })
    }
}

impl LogSource for ChunkReader {
    fn progress(&self) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(self.now())
    }

    fn block(&self, first: u64) -> Later<'_, Result<Option<Lines>, ReadError>> {
        Box::pin(async move {
            let log = self.log;
            let Ok(line) = i64::try_from(first) else {
                return Ok(None);
            };
            let chunk = ask(&self.database, self.whose, move |connection| {
                log_chunks::of_line(connection, log, line)
            });
            let Some(chunk) = chunk.await? else {
                return Ok(None);
            };
            self.pool.run(move || read(log, &chunk, first)).await?
        })
    }

    fn wait_beyond(&self, _lines: u64) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(self.now())
    }
}

/// The answer of the database.
pub(crate) async fn ask<T: Send + 'static>(
    database: &Database,
    whose: Reader,
    work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
) -> Result<T, ReadError> {
    let read = database.read_in_task(whose, work).await;
    read.map_err(|error| ReadError::Database(Arc::new(error)))
}

/// The lines of a row from `line` on. Lines that are in no row are skipped, as Buildbot does.
fn read(log: LogId, chunk: &LogChunk, line: u64) -> Result<Option<Lines>, ReadError> {
    let damaged = |what: String| ReadError::Chunk {
        log,
        first_line: chunk.first_line,
        what,
    };
    let first = u64::try_from(chunk.first_line).map_err(|error| damaged(error.to_string()))?;
    let way = Compression::from_code(chunk.compression)
        .ok_or_else(|| damaged(format!("compression {} is unknown", chunk.compression)))?;
    let content = chunk.content.as_deref().unwrap_or_default();
    let text = way
        .decompress(content)
        .map_err(|error| damaged(error.to_string()))?;
    let mut text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    text.push('\n');
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let expected = i128::from(chunk.last_line) - i128::from(chunk.first_line) + 1;
    if lines as i128 != expected {
        return Err(damaged(format!("it has {lines} lines and not {expected}")));
    }
    Ok(cut(&text, first, line.max(first)))
}

/// Adds whole lines to a log in rows that Buildbot 4.3 reads, and returns how many there were. `lines` begins with
/// line number `first_line` of the log; the row of the log is not changed.
///
/// As in Buildbot, a row has at most 65 536 bytes; a longer line has a row of its own, and is cut off after 65 535
/// bytes if it does not become small enough.
pub fn append_chunks(
    connection: &Connection,
    log: LogId,
    first_line: i64,
    lines: &str,
    way: Compression,
) -> Result<i64, StatementError> {
    let mut line = first_line;
    let mut rest = lines;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(chunk_end(rest));
        let text = part.strip_suffix('\n').unwrap_or(part);
        let count = memchr::memchr_iter(b'\n', text.as_bytes()).count() as i64 + 1;
        let (content, compression) = pack(text, way);
        let chunk = LogChunk {
            first_line: line,
            last_line: line + count - 1,
            content: Some(content),
            compression: compression.code(),
        };
        log_chunks::add(connection, log, &chunk)?;
        line += count;
        rest = after;
    }
    Ok(line - first_line)
}

/// Where the row ends that begins `text`: after the last line that fits, or after the first line.
fn chunk_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    // The last `\n` is not stored.
    let window = &bytes[..bytes.len().min(CHUNK_BYTES_MAX + 1)];
    if window.len() == bytes.len() && (bytes.len() <= CHUNK_BYTES_MAX || text.ends_with('\n')) {
        return text.len();
    }
    let end = memchr::memrchr(b'\n', window).or_else(|| memchr::memchr(b'\n', bytes));
    end.map_or(text.len(), |end| end + 1)
}

/// The content of a row: compressed if that makes it smaller, else as it is.
fn pack(text: &str, way: Compression) -> (Vec<u8>, Compression) {
    match way.compress(text.as_bytes()) {
        Ok(packed) if packed.len() < text.len() && packed.len() <= CHUNK_BYTES_MAX => (packed, way),
        Ok(_) | Err(_) => {
            let end = if text.len() > CHUNK_BYTES_MAX {
                character_end(text, CHUNK_BYTES_MAX - 1)
            } else {
                text.len()
            };
            (text.as_bytes()[..end].to_vec(), Compression::Raw)
        }
    }
}
