//! Bytes on their way to the peer.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// What waits to be sent, in order. Blocks of files stay where they are; all else is put together.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Bytes that were put together, each with the block behind them.
    blocks: VecDeque<(Vec<u8>, Arc<Vec<u8>>)>,
    /// What is behind the last block.
    buffer: Vec<u8>,
    /// How much of the first block and of the bytes before it is sent.
    sent: usize,
}

impl Outgoing {
    /// Bytes that are not sent.
    #[must_use]
    pub fn len(&self) -> usize {
        let blocks = self.blocks.iter();
        let all: usize = blocks.map(|(head, block)| head.len() + block.len()).sum();
        all + self.buffer.len() - self.sent
    }

    /// Whether everything is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.buffer.is_empty()
    }

    /// Where bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends a block without copying it.
    pub fn push(&mut self, block: Arc<Vec<u8>>) {
        self.blocks
            .push_back((std::mem::take(&mut self.buffer), block));
    }

    /// What is to be sent next.
    #[must_use]
    pub fn slices(&self) -> [IoSlice<'_>; 3] {
        let (head, block, behind) = match self.blocks.front() {
            None => (self.buffer.as_slice(), &[][..], &[][..]),
            Some((head, block)) => {
                let behind = self.blocks.get(1).map_or(&self.buffer, |(head, _)| head);
                let of_block = self.sent.saturating_sub(head.len());
                (
                    head.get(self.sent..).unwrap_or_default(),
                    block.get(of_block..).unwrap_or_default(),
                    behind.as_slice(),
                )
            }
        };
        [head, block, behind].map(IoSlice::new)
    }

    /// Drops what was sent from the front.
    pub fn advance(&mut self, mut length: usize) {
        while let Some((head, block)) = self.blocks.front() {
            let left = head.len() + block.len() - self.sent;
            if length < left {
                self.sent += length;
                return;
            }
            length -= left;
            self.sent = 0;
            self.blocks.pop_front();
        }
        self.buffer.drain(..length);
    }

    /// Gives memory back that is not needed for the bytes that wait, but for so much.
    pub fn shrink_to(&mut self, length: usize) {
        self.buffer.shrink_to(length);
    }

    /// Takes everything, as one piece.
    pub fn take(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len());
        for (head, block) in std::mem::take(&mut self.blocks) {
            all.extend_from_slice(&head);
            all.extend_from_slice(&block);
        }
        all.append(&mut self.buffer);
        all.drain(..std::mem::take(&mut self.sent));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ab`, the block `cdef`, `g`, the block `hi`, `j`.
    fn mixed() -> Outgoing {
        let mut outgoing = Outgoing::default();
        for (head, block) in [("ab", "cdef"), ("g", "hi")] {
            outgoing.buffer().extend_from_slice(head.as_bytes());
            outgoing.push(Arc::new(block.into()));
        }
        outgoing.buffer().push(b'j');
        outgoing
    }

    #[test]
    fn everything_comes_once_and_in_order_whatever_is_sent_at_a_time() {
        for step in 1..=10 {
            let mut outgoing = mixed();
            let mut sent = Vec::new();
            while !outgoing.is_empty() {
                let next = outgoing.slices().map(|slice| slice.to_vec()).concat();
                let length = step.min(next.len());
                sent.extend_from_slice(&next[..length]);
                outgoing.advance(length);
                assert_eq!(outgoing.len(), 10 - sent.len());
            }
            assert_eq!(sent, b"abcdefghij", "{step} at a time");
        }
    }

    #[test]
    fn what_is_taken_is_what_is_not_sent() {
        let mut outgoing = mixed();
        outgoing.advance(4);
        assert_eq!(outgoing.take(), b"efghij");
        assert!(outgoing.is_empty());
        assert_eq!(outgoing.len(), 0);
    }

    #[test]
    fn a_block_that_is_sent_is_free_again() {
        let mut outgoing = Outgoing::default();
        let mut block = Arc::new(b"block".to_vec());
        outgoing.push(Arc::clone(&block));
        outgoing.advance(4);
        assert!(Arc::get_mut(&mut block).is_none());
        outgoing.advance(1);
        assert!(Arc::get_mut(&mut block).is_some());
    }
}
