//! A segment as bytes: what is in `docs/formats/log-segments.md`. It decides nothing, and writes no file.

mod bytes;
mod file;
mod index;
mod inspect;
mod record;
mod scan;
mod varint;

pub(crate) use file::{Damage, SegmentFile, read_file_header, read_frame};
pub use inspect::{InspectedLog, inspect, inspect_records};

pub(crate) use index::{Frame, Index, LogIndex};
pub(crate) use record::{Codec, encode_file_header, encode_trailer};
pub(crate) use record::{FILE_HEADER_BYTES, Kind, Record, TEXT_BYTES_MAX, TRAILER_BYTES};
pub(crate) use scan::scan;
