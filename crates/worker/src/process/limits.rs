//! How long and how much a program may run and say, and how it is killed.

use std::fmt;
use std::time::Duration;

use rustix::process::Signal;

/// A number of seconds, as the master wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seconds {
    /// The same.
    pub(crate) duration: Duration,
    /// The number for headers: `1200`, `0.5`.
    pub(crate) text: String,
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The limits of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    /// Longest time without output.
    pub(crate) timeout: Option<Seconds>,
    /// Longest time altogether.
    pub(crate) max_time: Option<Seconds>,
    /// Most lines of output.
    pub(crate) max_lines: Option<u64>,
    /// Time between `TERM` and `interrupt_signal`; without it there is no `TERM`.
    pub(crate) sigterm_time: Option<Duration>,
    /// The signal that is to end the program.
    pub(crate) interrupt_signal: Signal,
}

/// Counts line ends, CR LF, CR or LF, in pieces of one stream.
#[derive(Debug, Default)]
pub(crate) struct LineCounter {
    after_cr: bool,
}

impl LineCounter {
    /// The number of line ends in `bytes`; a CR LF that two pieces share counts with the first.
    pub(crate) fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut lines = 0;
        for byte in bytes {
            match byte {
                b'\r' => lines += 1,
                b'\n' if !self.after_cr => lines += 1,
                _ => {}
            }
            self.after_cr = *byte == b'\r';
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], expected: u64) {
        let mut counter = LineCounter::default();
        let lines: u64 = pieces
            .iter()
            .map(|piece| counter.count(piece.as_bytes()))
            .sum();
        assert_eq!(lines, expected, "{pieces:?}");
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        check(&["a\nb\r\nc\rd"], 3);
        check(&["\n\n\r\r"], 4);
        check(&["\r\n\r\n"], 2);
    }

    #[test]
    fn a_line_end_that_is_split_between_reads_counts_once() {
        check(&["a\r", "\nb"], 1);
        check(&["a\r", "", "\nb"], 1);
        check(&["a\r", "b\n"], 2);
    }
}
