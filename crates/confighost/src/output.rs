//! What user code writes to standard output and standard error.
//!
//! It is read without end, so that no `print` ever blocks. What nobody takes is dropped from the oldest on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::broadcast;

/// Lines that are kept for who takes them slowly; older ones are dropped and counted.
pub(crate) const LINES_KEPT: usize = 1000;

/// Longer lines are cut into pieces.
const LINE_BYTES_MAX: usize = 8 << 10;

/// Lines of standard error that are kept for the report of an end.
const TAIL_LINES: usize = 100;

const READ_BYTES: usize = 64 << 10;

/// Where user code wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line that user code wrote; without its end, not longer than 8 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub stream: Stream,
    /// What; bytes that are not UTF-8 are replaced.
    pub text: Arc<str>,
}

/// The last lines of a stream; shared between who reads and who reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<Arc<str>>>>);

impl Tail {
    fn push(&self, line: Arc<str>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| line.as_ref().to_owned()).collect()
    }
}

/// Reads a stream to its end.
pub(crate) async fn read(
    mut pipe: pipe::Receiver,
    stream: Stream,
    lines: broadcast::Sender<Line>,
    tail: Option<Tail>,
) {
    let say = |text: &[u8]| {
        let text: Arc<str> = String::from_utf8_lossy(text).into();
        if let Some(tail) = &tail {
            tail.push(text.clone());
        }
        // Nobody need listen.
        let _ = lines.send(Line { stream, text });
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut cutter = LineCutter::default();
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) => break,
            Ok(length) => cutter.feed(buffer.get(..length).unwrap_or_default(), say),
            Err(error) => {
                tracing::warn!(%error, ?stream, "output of user code cannot be read");
                break;
            }
        }
    }
    cutter.finish(say);
}

/// Cuts bytes into lines.
#[derive(Debug, Default)]
struct LineCutter {
    begun: Vec<u8>,
}

impl LineCutter {
    fn feed(&mut self, mut bytes: &[u8], say: impl Fn(&[u8])) {
        loop {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let room = LINE_BYTES_MAX - self.begun.len();
            let (line, rest) = match end {
                Some(end) if end <= room => (bytes.get(..end), bytes.get(end + 1..)),
                _ if bytes.len() > room => (bytes.get(..room), bytes.get(room..)),
                _ => break,
            };
            self.begun.extend_from_slice(line.unwrap_or_default());
            say(self.begun.strip_suffix(b"\r").unwrap_or(&self.begun));
            self.begun.clear();
            bytes = rest.unwrap_or_default();
        }
        self.begun.extend_from_slice(bytes);
    }

    fn finish(self, say: impl Fn(&[u8])) {
        if !self.begun.is_empty() {
            say(&self.begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let found = RefCell::new(Vec::new());
        let say = |line: &[u8]| {
            found
                .borrow_mut()
                .push(String::from_utf8_lossy(line).into_owned());
        };
        let mut cutter = LineCutter::default();
        for piece in pieces {
            cutter.feed(piece, say);
        }
        cutter.finish(say);
        found.into_inner()
    }

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        assert_eq!(cut(&[b"a\nb", b"c\r\n", b"\nend"]), ["a", "bc", "", "end"]);
        assert_eq!(cut(&[b"a", b"\n"]), ["a"]);
        assert_eq!(cut(&[]), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = vec![b'x'; 20_000];
        let lengths = |pieces: &[&[u8]]| cut(pieces).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[&long]), [8192, 8192, 3616]);
        let pieces: Vec<&[u8]> = long.chunks(7).collect();
        assert_eq!(lengths(&pieces), [8192, 8192, 3616]);
        let mut exact = vec![b'x'; 8192];
        exact.push(b'\n');
        assert_eq!(lengths(&[&exact]), [8192]);
    }

    #[test]
    fn only_the_last_lines_are_kept_for_the_report() {
        let tail = Tail::default();
        for number in 0..250 {
            tail.push(number.to_string().into());
        }
        let lines = tail.lines();
        assert_eq!(
            (lines.len(), lines[0].as_str(), lines[99].as_str()),
            (100, "150", "249")
        );
    }
}
