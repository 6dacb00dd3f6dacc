//! The lines of logs: written to one append-only segment for each build, read from segments and from the rows of
//! `logchunks` that Buildbot itself wrote.
//!
//! The master opens a [`LogStore`], [begins](LogStore::begin) the logs of a build, and appends to each through its
//! [`LogWriter`]. Whoever reads asks [`LogStore::reader`], and sees the lines of a running build at once. No call
//! blocks: waiting is asynchronous, under any executor, and the work is done by the threads of the store.
//!
//! What a crash leaves is made whole by [`LogStore::recover`]. The order of what becomes durable: lines of a log reach
//! the disk before [`LogWriter::finish`] returns, and only then the row of the log may say that it is complete.

mod chunks;
mod codec;
mod disk;
mod limit;
mod live;
mod log;
mod parts;
mod pool;
mod reader;
mod recompress;
mod recovery;
mod running;
mod sealed;
mod segment;
mod store;
mod writer;

pub use chunks::{ChunkReader, append_chunks};
pub use codec::Compression;
pub use reader::{
    BLOCK_BYTES_MAX, Later, Lines, LogReader, LogSource, Pieces, Prefix, Progress, ReadError,
};
pub use recompress::{RecompressError, recompress};
pub use recovery::{RecoveredLog, Recovery};
pub use segment::{InspectedLog, inspect, inspect_records};
pub use store::{LogStore, Settings};
pub use writer::{BuildLogs, LINE_BYTES_MAX, Limits, LogWriter, Stream, WriteError};
