//! Records, and what stands before and after them.

use std::io;

use super::varint;

/// The first bytes of every segment: magic, version, build, checksum.
pub(crate) const FILE_HEADER_BYTES: u64 = 32;
/// The first bytes of every record.
pub(crate) const HEADER_BYTES: usize = 44;
/// The last bytes of a sealed segment.
pub(crate) const TRAILER_BYTES: usize = 24;

const FILE_MAGIC: &[u8; 8] = b"BBLOGSEG";
const TRAILER_MAGIC: &[u8; 8] = b"BBLOGEND";
const VERSION: u16 = 1;

/// The first bytes of a record. The first of them is in no UTF-8 text.
pub(super) const MAGIC: [u8; 4] = [0xf5, b'B', b'L', b'R'];

/// How many bytes of text, or of an index, one record has at most.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How hard zstd tries. Measured on build output: 5 and more cost twice the time for some percent.
const LEVEL: i32 = 3;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lines of a log.
    Lines,
    /// A log begins; the payload is the letter of its kind.
    Opened,
    /// A log is finished, and has as many lines as `first_line` says.
    Finished,
    /// Where everything is.
    Index,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Lines => 1,
            Self::Opened => 2,
            Self::Finished => 3,
            Self::Index => 4,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Lines, Self::Opened, Self::Finished, Self::Index]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// Whether the payload is a zstd frame.
    pub(crate) is_compressed: bool,
    /// 0 for an index.
    pub(crate) log: i64,
    pub(crate) first_line: u64,
    pub(crate) lines: u32,
    /// How many bytes the payload has in the file.
    pub(crate) stored_bytes: u32,
    /// How many bytes it has in truth.
    pub(crate) text_bytes: u32,
    /// The checksum of the payload as it is in the file.
    pub(crate) checksum: u32,
}

impl Record {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind.code();
        bytes[5] = self.is_compressed.into();
        bytes[8..16].copy_from_slice(&self.log.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_line.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.lines.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.text_bytes.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..40]);
        bytes[40..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Nothing if these bytes are no header, or say what no writer says.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if bytes[..4] != MAGIC || u32_at(bytes, 40) != crc32fast::hash(&bytes[..40]) {
            return None;
        }
        let record = Self {
            kind: Kind::from_code(bytes[4])?,
            is_compressed: match bytes[5] {
                0 => false,
                1 => true,
                _ => return None,
            },
            log: u64_at(bytes, 8) as i64,
            first_line: u64_at(bytes, 16),
            lines: u32_at(bytes, 24),
            stored_bytes: u32_at(bytes, 28),
            text_bytes: u32_at(bytes, 32),
            checksum: u32_at(bytes, 36),
        };
        let text_bytes = record.text_bytes as usize;
        // What zstd cannot make smaller is stored as it is, so a payload is never larger than its text.
        let fits = text_bytes <= TEXT_BYTES_MAX && record.stored_bytes <= record.text_bytes;
        let counts = match record.kind {
            Kind::Lines => {
                record.lines > 0
                    && record.lines <= record.text_bytes
                    && record.first_line.checked_add(record.lines.into()).is_some()
            }
            Kind::Opened | Kind::Finished | Kind::Index => record.lines == 0,
        };
        (fits && counts).then_some(record)
    }

    /// How many bytes it takes in the file, with its payload.
    pub(crate) fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// Makes payloads smaller. Keeps what zstd needs for it between calls.
pub(crate) struct Codec {
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Codec {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            buffer: Vec::new(),
        })
    }

    /// Appends a record with this payload to `out`. `sizes and checksum` of `record` are filled in.
    pub(crate) fn append(
        &mut self,
        out: &mut Vec<u8>,
        mut record: Record,
        payload: &[u8],
    ) -> io::Result<Record> {
        let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "a record is too large");
        record.text_bytes = u32::try_from(payload.len()).map_err(|_| too_large())?;
        if payload.len() > TEXT_BYTES_MAX {
            return Err(too_large());
        }
        self.buffer.clear();
        self.buffer
            .reserve(zstd::zstd_safe::compress_bound(payload.len()));
        // Small ones do not become smaller.
        record.is_compressed = payload.len() >= 64 && {
            let length = self
                .compressor
                .compress_to_buffer(payload, &mut self.buffer)?;
            length < payload.len()
        };
        let stored = if record.is_compressed {
            &self.buffer
        } else {
            payload
        };
        record.stored_bytes = u32::try_from(stored.len()).map_err(|_| too_large())?;
        record.checksum = crc32fast::hash(stored);
        out.extend_from_slice(&record.encode());
        out.extend_from_slice(stored);
        Ok(record)
    }
}

/// The payload of `record` from what is stored; says what is wrong.
pub(crate) fn payload(record: &Record, stored: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if crc32fast::hash(&stored) != record.checksum {
        return Err("the checksum of a record's text is wrong");
    }
    let text_bytes = record.text_bytes as usize;
    let payload = if record.is_compressed {
        zstd::bulk::decompress(&stored, text_bytes).map_err(|_| "a record is no zstd frame")?
    } else {
        stored
    };
    if payload.len() != text_bytes {
        return Err("a record has another length than it says");
    }
    Ok(payload)
}

/// The first bytes of the segment of `build`.
pub(crate) fn encode_file_header(build: i64) -> [u8; FILE_HEADER_BYTES as usize] {
    let mut bytes = [0; FILE_HEADER_BYTES as usize];
    bytes[..8].copy_from_slice(FILE_MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&build.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The build whose segment begins with these bytes; says what is wrong.
pub(crate) fn decode_file_header(
    bytes: &[u8; FILE_HEADER_BYTES as usize],
) -> Result<i64, &'static str> {
    if bytes[..8] != *FILE_MAGIC {
        return Err("it is no log segment");
    }
    if crc32fast::hash(&bytes[..28]).to_le_bytes() != bytes[28..] {
        return Err("the checksum of its header is wrong");
    }
    if bytes[8..10] != VERSION.to_le_bytes() {
        return Err("it has a version that this program does not know");
    }
    let mut build = [0; 8];
    build.copy_from_slice(&bytes[16..24]);
    Ok(i64::from_le_bytes(build))
}

/// The last bytes of a sealed segment whose index is at `offset`.
pub(crate) fn encode_trailer(offset: u64) -> [u8; TRAILER_BYTES] {
    let mut bytes = [0; TRAILER_BYTES];
    bytes[..8].copy_from_slice(&offset.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes[16..].copy_from_slice(TRAILER_MAGIC);
    bytes
}

/// Where the index is, if these are the last bytes of a sealed segment.
pub(crate) fn decode_trailer(bytes: &[u8; TRAILER_BYTES]) -> Option<u64> {
    let is_one = bytes[16..] == *TRAILER_MAGIC
        && crc32fast::hash(&bytes[..12]).to_le_bytes() == bytes[12..16];
    let mut offset = [0; 8];
    offset.copy_from_slice(&bytes[..8]);
    is_one.then(|| u64::from_le_bytes(offset))
}

/// A number with its sign, for varints.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// And back.
pub(super) fn unzigzag(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// Appends a number with its sign.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    varint::put(out, zigzag(number));
}
