//! Frames: what a stream of bytes is cut into, in both directions. No IO.
//!
//! Format: `docs/formats/config-host.md`, "Transport".

/// Most bytes that one frame may announce.
pub const FRAME_BYTES_MAX: usize = 256 << 20;

/// A decoder gives memory beyond this back when it has become empty.
const KEPT_BYTES_MAX: usize = 256 << 10;

const HEADER_BYTES: usize = 4;
const KIND_JSON: u8 = b'J';
const KIND_STREAM: u8 = b'R';

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A JSON text, not looked at yet.
    Json(Vec<u8>),
    /// Raw bytes that belong to a numbered stream.
    Stream {
        /// The number of the stream.
        stream: u64,
        /// The next bytes of it.
        bytes: Vec<u8>,
    },
}

/// The peer does not speak in frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is beyond [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes is announced, more than {FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// No kind at all.
    #[error("a frame without a kind")]
    Empty,
    /// A kind that nobody knows.
    #[error("a frame of the unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// A stream frame that ends within the stream's number.
    #[error("a stream frame of {0} bytes is too short for its number")]
    ShortStream(usize),
}

/// Cuts bytes, in whatever pieces they come, into frames.
///
/// Holds at most one unfinished frame and what was fed with it; memory grows with what has arrived, not with
/// what is announced.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
}

impl Decoder {
    /// Takes the next bytes of the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if all of it has arrived. After an error nothing more can be understood.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let waiting = self.buffer.get(self.start..).unwrap_or_default();
        let Some((length, rest)) = waiting.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(length));
        }
        if length == 0 {
            return Err(FrameError::Empty);
        }
        // Known before the rest arrives: nonsense is refused at once.
        if let Some(&kind) = rest.first() {
            check(kind, length)?;
        }
        let Some(((&kind, payload), _)) = rest
            .split_at_checked(length)
            .and_then(|(frame, after)| Some((frame.split_first()?, after)))
        else {
            return Ok(None);
        };
        let frame = match (kind, payload.split_first_chunk()) {
            (KIND_STREAM, Some((stream, bytes))) => Frame::Stream {
                stream: u64::from_be_bytes(*stream),
                bytes: bytes.to_vec(),
            },
            _ => Frame::Json(payload.to_vec()),
        };
        self.start += HEADER_BYTES + length;
        Ok(Some(frame))
    }

    /// Whether an unfinished frame is waiting.
    pub fn is_within_a_frame(&self) -> bool {
        self.start < self.buffer.len()
    }
}

fn check(kind: u8, length: usize) -> Result<(), FrameError> {
    match kind {
        KIND_JSON => Ok(()),
        KIND_STREAM if length > size_of::<u64>() => Ok(()),
        KIND_STREAM => Err(FrameError::ShortStream(length)),
        other => Err(FrameError::UnknownKind(other)),
    }
}

impl Frame {
    /// The bytes that travel, or the size that is too large for one frame.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let (kind, number, payload) = match self {
            Self::Json(text) => (KIND_JSON, None, text),
            Self::Stream { stream, bytes } => (KIND_STREAM, Some(stream.to_be_bytes()), bytes),
        };
        let number = number.as_ref().map_or(&[][..], <[u8; 8]>::as_slice);
        let length = 1 + number.len() + payload.len();
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(length));
        }
        let announced = u32::try_from(length).map_err(|_| FrameError::TooLarge(length))?;
        let mut out = Vec::with_capacity(HEADER_BYTES + length);
        out.extend_from_slice(&announced.to_be_bytes());
        out.push(kind);
        out.extend_from_slice(number);
        out.extend_from_slice(payload);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], expected: Result<Option<Frame>, FrameError>) {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        assert_eq!(decoder.next_frame(), expected, "{bytes:?}");
    }

    #[test]
    fn the_length_counts_kind_and_payload() {
        check(b"\0\0\0\x03J{}", Ok(Some(Frame::Json(b"{}".to_vec()))));
        let stream = Frame::Stream {
            stream: 258,
            bytes: b"ab".to_vec(),
        };
        check(b"\0\0\0\x0bR\0\0\0\0\0\0\x01\x02ab", Ok(Some(stream)));
    }

    #[test]
    fn an_unfinished_frame_is_none() {
        check(b"", Ok(None));
        check(b"\0\0\0", Ok(None));
        check(b"\0\0\0\x03J{", Ok(None));
        check(b"\x10\0\0\0J", Ok(None));
    }

    #[test]
    fn nonsense_is_refused_before_it_has_arrived() {
        check(b"\x10\0\0\x01", Err(FrameError::TooLarge((256 << 20) + 1)));
        check(b"\0\0\0\0", Err(FrameError::Empty));
        check(b"\0\0\x01\0X", Err(FrameError::UnknownKind(b'X')));
        check(b"\0\0\0\x08R", Err(FrameError::ShortStream(8)));
        // What a program says that prints to the wrong descriptor.
        check(b"hello world", Err(FrameError::TooLarge(0x6865_6c6c)));
    }

    #[test]
    fn a_frame_that_is_too_large_is_not_sent() {
        let frame = Frame::Json(vec![b' '; FRAME_BYTES_MAX]);
        assert_eq!(
            frame.encode(),
            Err(FrameError::TooLarge(FRAME_BYTES_MAX + 1))
        );
    }

    #[test]
    fn memory_of_a_large_frame_is_given_back() {
        let mut decoder = Decoder::default();
        decoder.feed(
            &Frame::Json(vec![b' '; 1 << 20])
                .encode()
                .expect("small enough"),
        );
        assert!(decoder.next_frame().expect("a frame").is_some());
        assert!(!decoder.is_within_a_frame());
        decoder.feed(b"\0");
        assert!(decoder.buffer.capacity() <= KEPT_BYTES_MAX);
        assert!(decoder.is_within_a_frame());
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        let frame = prop_oneof![
            bytes().prop_map(Frame::Json),
            (any::<u64>(), bytes()).prop_map(|(stream, bytes)| Frame::Stream { stream, bytes }),
        ];
        proptest::collection::vec(frame, 0..6)
    }

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(frame) = decoder.next_frame().expect("frames") {
                found.push(frame);
            }
        }
        found
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_were_split(frames in frames(), size in 1_usize..20) {
            let mut bytes = Vec::new();
            for frame in &frames {
                bytes.extend(frame.encode().expect("small enough"));
            }
            prop_assert_eq!(&decode(bytes.chunks(size)), &frames);
            for boundary in 0..=bytes.len() {
                let (before, after) = bytes.split_at(boundary);
                prop_assert_eq!(&decode([before, after]), &frames);
            }
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            for piece in bytes.chunks(7) {
                decoder.feed(piece);
                while let Ok(Some(_)) = decoder.next_frame() {}
            }
        }
    }
}
