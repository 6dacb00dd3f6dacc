//! How the rows of `logchunks` are compressed.

use std::io::{self, Read as _, Write as _};

use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// How many bytes one row has unpacked at most. Buildbot writes 64 KiB, or one line that becomes as small as that.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A way to compress rows: `logCompressionMethod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Raw,
    /// A zlib stream, though it is called gz.
    Gz,
    /// bzip2.
    Bz2,
    /// A block of LZ4 after its size in 4 bytes.
    Lz4,
    /// Zstandard.
    Zstd,
    /// Brotli.
    Br,
}

impl Compression {
    /// All of them, by their code.
    pub const ALL: [Self; 6] = [
        Self::Raw,
        Self::Gz,
        Self::Bz2,
        Self::Lz4,
        Self::Zstd,
        Self::Br,
    ];

    /// The number in column `compressed`.
    pub fn code(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::Gz => 1,
            Self::Bz2 => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
            Self::Br => 5,
        }
    }

    /// The way with this number.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }

    /// The way with this name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "raw" => Self::Raw,
            "gz" => Self::Gz,
            "bz2" => Self::Bz2,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            "br" => Self::Br,
            _ => return None,
        })
    }

    /// Compresses as Buildbot 4.3 does, with its levels.
    pub fn compress(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Raw => Ok(text.to_vec()),
            Self::Gz => {
                let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(text)?;
                encoder.finish()
            }
            Self::Bz2 => {
                let level = bzip2::Compression::best();
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(text)?;
                encoder.finish()
            }
            Self::Lz4 => Ok(lz4_flex::compress_prepend_size(text)),
            Self::Zstd => zstd::bulk::compress(text, 9),
            Self::Br => {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: 11,
                    mode: brotli::enc::backward_references::BrotliEncoderMode::BROTLI_MODE_TEXT,
                    ..Default::default()
                };
                let mut out = Vec::new();
                let mut rest = text;
                brotli::BrotliCompress(&mut rest, &mut out, &params)?;
                Ok(out)
            }
        }
    }

    /// What was compressed.
    pub fn decompress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Raw => Ok(bytes.to_vec()),
            Self::Gz => read_all(ZlibDecoder::new(bytes)),
            Self::Bz2 => read_all(bzip2::read::BzDecoder::new(bytes)),
            Self::Lz4 => {
                let size = bytes.first_chunk().map(|size| u32::from_le_bytes(*size));
                if size.is_none_or(|size| u64::from(size) > TEXT_BYTES_MAX) {
                    return Err(io::Error::other("the size before an LZ4 block is wrong"));
                }
                lz4_flex::decompress_size_prepended(bytes).map_err(io::Error::other)
            }
            Self::Zstd => read_all(zstd::stream::read::Decoder::new(bytes)?),
            Self::Br => read_all(brotli::Decompressor::new(bytes, 4096)),
        }
    }
}

fn read_all(decoder: impl io::Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    decoder.take(TEXT_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(io::Error::other("it is larger than any row"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back_in_every_way() {
        let text = "a line of output\n".repeat(1000);
        for way in Compression::ALL {
            let bytes = way.compress(text.as_bytes()).unwrap();
            assert_eq!(way.decompress(&bytes).unwrap(), text.as_bytes(), "{way:?}");
            assert_eq!(Compression::from_code(way.code()), Some(way));
        }
    }

    #[test]
    fn garbage_is_an_error_in_every_way_that_compresses() {
        for way in &Compression::ALL[1..] {
            assert!(
                way.decompress(b"\xff\xff\xff\xffgarbage").is_err(),
                "{way:?}"
            );
        }
    }
}
