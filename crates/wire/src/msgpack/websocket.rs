//! WebSocket messages (RFC 6455) without a socket: frames, fragments, masks.
//!
//! Frame headers are read and written by `tungstenite`. What is here is the assembly of messages,
//! with masks that the caller supplies: this crate draws no random numbers.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::{Limits, Outgoing};

/// Room for input that is kept between messages.
const KEPT_INPUT_BYTES: usize = 64 << 10;

/// Makes the mask of the next frame. Masks should be unpredictable for whoever supplies payloads.
pub type Masks = Box<dyn FnMut() -> [u8; 4] + Send>;

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Carries the protocol.
    Binary(Vec<u8>),
    /// Not used by the protocol; may be any bytes.
    Text(Vec<u8>),
    /// To be answered with a pong of the same content.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The peer closes the connection. The payload is a status code and a reason, or empty.
    Close(Vec<u8>),
}

/// Why the stream is not WebSocket. Every such error ends the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// A frame header that does not exist.
    #[error("malformed frame: {0}")]
    Header(String),
    /// A reserved bit is set: an extension that was not agreed.
    #[error("a frame uses an extension that was not agreed")]
    ReservedBits,
    /// A frame of a client without a mask, or of a server with one.
    #[error("a frame has the wrong masking for its direction")]
    Masking,
    /// A control frame that is fragmented or longer than 125 bytes.
    #[error("malformed control frame")]
    ControlFrame,
    /// A continuation of nothing, or a new message within another.
    #[error("fragments are out of order")]
    Fragments,
    /// A message past the limit.
    #[error("a message of more than {0} bytes")]
    MessageTooLong(usize),
}

/// One end of a WebSocket stream after the handshake.
pub struct WebSocket {
    /// `Some` for a client, whose frames are masked.
    masks: Option<Masks>,
    message_bytes_max: usize,
    input: Vec<u8>,
    consumed: usize,
    fragments: Option<(Data, Vec<u8>)>,
    output: Outgoing,
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket")
            .field("client", &self.masks.is_some())
            .finish_non_exhaustive()
    }
}

impl WebSocket {
    /// The client's end; `masks` makes the masks of its frames.
    pub fn client(masks: Masks, limits: &Limits) -> Self {
        Self::new(Some(masks), limits)
    }

    /// The server's end.
    pub fn server(limits: &Limits) -> Self {
        Self::new(None, limits)
    }

    fn new(masks: Option<Masks>, limits: &Limits) -> Self {
        Self {
            masks,
            message_bytes_max: limits.message_bytes,
            input: Vec::new(),
            consumed: 0,
            fragments: None,
            output: Outgoing::default(),
        }
    }

    /// Bytes for the peer.
    pub fn output(&mut self) -> &mut Outgoing {
        &mut self.output
    }

    /// Appends bytes of the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.consumed > 0 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
            if self.input.is_empty() {
                // A large message must not be held for the rest of a long life.
                self.input.shrink_to(KEPT_INPUT_BYTES);
            }
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes have come.
    pub fn next_message(&mut self) -> Result<Option<Message>, WebSocketError> {
        while let Some((header, payload)) = self.next_frame()? {
            let message = match header.opcode {
                OpCode::Control(control) => {
                    if !header.is_final || payload.len() > 125 {
                        return Err(WebSocketError::ControlFrame);
                    }
                    match control {
                        Control::Ping => Message::Ping(payload),
                        Control::Pong => Message::Pong(payload),
                        Control::Close => Message::Close(payload),
                        Control::Reserved(_) => return Err(WebSocketError::ControlFrame),
                    }
                }
                OpCode::Data(kind) => match self.assemble(kind, header.is_final, payload)? {
                    Some(message) => message,
                    None => continue,
                },
            };
            return Ok(Some(message));
        }
        Ok(None)
    }

    fn next_frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, WebSocketError> {
        let mut cursor = Cursor::new(&self.input[self.consumed..]);
        let parsed = FrameHeader::parse(&mut cursor);
        let Some((header, length)) =
            parsed.map_err(|error| WebSocketError::Header(error.to_string()))?
        else {
            return Ok(None);
        };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(WebSocketError::ReservedBits);
        }
        if header.mask.is_some() == self.masks.is_some() {
            return Err(WebSocketError::Masking);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.message_bytes_max {
            return Err(WebSocketError::MessageTooLong(self.message_bytes_max));
        }
        let header_length = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let start = self.consumed + header_length;
        let Some(payload) = self.input.get(start..start + length) else {
            return Ok(None);
        };
        let mut payload = payload.to_vec();
        if let Some(mask) = header.mask {
            apply_mask(&mut payload, mask);
        }
        self.consumed = start + length;
        Ok(Some((header, payload)))
    }

    fn assemble(
        &mut self,
        kind: Data,
        is_final: bool,
        payload: Vec<u8>,
    ) -> Result<Option<Message>, WebSocketError> {
        let (kind, payload) = match (kind, self.fragments.take()) {
            (Data::Continue, Some((kind, mut begun))) => {
                if begun.len() + payload.len() > self.message_bytes_max {
                    return Err(WebSocketError::MessageTooLong(self.message_bytes_max));
                }
                begun.extend_from_slice(&payload);
                (kind, begun)
            }
            (Data::Continue, None) | (_, Some(_)) => return Err(WebSocketError::Fragments),
            (kind, None) => (kind, payload),
        };
        if !is_final {
            self.fragments = Some((kind, payload));
            return Ok(None);
        }
        Ok(Some(match kind {
            Data::Text => Message::Text(payload),
            Data::Binary | Data::Continue | Data::Reserved(_) => Message::Binary(payload),
        }))
    }

    /// Sends a message in one frame.
    pub fn send(&mut self, message: &Message) {
        let (opcode, payload) = match message {
            Message::Binary(payload) => (OpCode::Data(Data::Binary), payload),
            Message::Text(payload) => (OpCode::Data(Data::Text), payload),
            Message::Ping(payload) => (OpCode::Control(Control::Ping), payload),
            Message::Pong(payload) => (OpCode::Control(Control::Pong), payload),
            Message::Close(payload) => (OpCode::Control(Control::Close), payload),
        };
        let mask = self.masks.as_mut().map(|masks| masks());
        let header = FrameHeader {
            opcode,
            mask,
            ..FrameHeader::default()
        };
        let output = self.output.buffer();
        if header.format(payload.len() as u64, output).is_err() {
            unreachable!("a Vec takes every write");
        }
        let start = output.len();
        output.extend_from_slice(payload);
        if let (Some(mask), Some(sent)) = (mask, output.get_mut(start..)) {
            apply_mask(sent, mask);
        }
    }
}

fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let mut chunks = payload.chunks_exact_mut(4);
    for chunk in &mut chunks {
        chunk
            .iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    let rest = chunks.into_remainder();
    rest.iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(limit: usize) -> WebSocket {
        WebSocket::server(&Limits {
            message_bytes: limit,
            ..Limits::default()
        })
    }

    fn check(bytes: &[u8], expected: Result<Option<Message>, WebSocketError>) {
        let mut socket = server(200);
        socket.feed(bytes);
        assert_eq!(socket.next_message(), expected);
    }

    #[test]
    fn fragments_become_one_message_with_control_frames_between() {
        let mut socket = server(200);
        socket.feed(b"\x02\x82\0\0\0\0ab\x89\x81\0\0\0\0p\x80\x81\0\0\0\0c");
        assert_eq!(
            socket.next_message(),
            Ok(Some(Message::Ping(b"p".to_vec())))
        );
        assert_eq!(
            socket.next_message(),
            Ok(Some(Message::Binary(b"abc".to_vec())))
        );
        assert_eq!(socket.next_message(), Ok(None));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        check(b"\x82\x01a", Err(WebSocketError::Masking));
        check(b"\xc2\x81\0\0\0\0a", Err(WebSocketError::ReservedBits));
        check(b"\x80\x81\0\0\0\0a", Err(WebSocketError::Fragments));
        check(b"\x09\x81\0\0\0\0a", Err(WebSocketError::ControlFrame));
        check(
            b"\x82\xfe\x01\x00\0\0\0\0",
            Err(WebSocketError::MessageTooLong(200)),
        );
        check(
            &[b"\x82".as_slice(), &[0xff; 13]].concat(),
            Err(WebSocketError::MessageTooLong(200)),
        );
        let mut within = b"\x02\x81\0\0\0\0a".to_vec();
        within.extend(b"\x82\x81\0\0\0\0a");
        check(&within, Err(WebSocketError::Fragments));
        check(
            b"\x83\x80\0\0\0\0",
            Err(WebSocketError::Header(
                "WebSocket protocol error: Encountered invalid opcode: 3".to_owned(),
            )),
        );
    }

    #[test]
    fn fragments_together_keep_to_the_limit() {
        let mut socket = server(3);
        socket.feed(b"\x02\x82\0\0\0\0ab\x00\x82\0\0\0\0cd");
        assert_eq!(
            socket.next_message(),
            Err(WebSocketError::MessageTooLong(3))
        );
    }

    #[test]
    fn the_two_ends_understand_each_other() {
        let mut client = WebSocket::client(Box::new(|| [1, 2, 3, 4]), &Limits::default());
        let mut server = WebSocket::server(&Limits::default());
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let message = Message::Binary(vec![0xa5; length]);
            client.send(&message);
            let sent = client.output().take();
            server.feed(&sent);
            assert_eq!(server.next_message(), Ok(Some(message.clone())));
            server.send(&message);
            let sent = server.output().take();
            client.feed(&sent);
            assert_eq!(client.next_message(), Ok(Some(message)));
        }
    }
}
