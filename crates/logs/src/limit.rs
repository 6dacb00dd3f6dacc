//! What of a log is left out because it is too long.

use std::collections::VecDeque;

use crate::writer::{Limits, Stream};

/// Follows how much of a log is kept.
#[derive(Debug)]
pub(crate) struct Limiter {
    bytes_max: u64,
    tail_bytes: u64,
    kept_bytes: u64,
    cut: Option<Cut>,
}

/// What is known once something was left out.
#[derive(Debug, Default)]
struct Cut {
    tail: VecDeque<(Stream, String)>,
    tail_bytes: u64,
    left_out: u64,
}

impl Limiter {
    /// Nothing if everything is kept.
    pub(crate) fn new(limits: Limits) -> Option<Self> {
        Some(Self {
            bytes_max: limits.bytes_max?,
            tail_bytes: limits.tail_bytes.unwrap_or(0),
            kept_bytes: 0,
            cut: None,
        })
    }

    /// Passes to `keep` what of these lines is kept, and what is said about the others.
    pub(crate) fn pass(&mut self, stream: Stream, lines: &str, mut keep: impl FnMut(Stream, &str)) {
        if stream == Stream::Header {
            return keep(stream, lines);
        }
        let room = self.bytes_max - self.kept_bytes;
        if self.cut.is_none() && lines.len() as u64 <= room {
            self.kept_bytes += lines.len() as u64;
            return keep(stream, lines);
        }
        for line in lines.split_inclusive('\n') {
            let bytes = line.len() as u64;
            if self.cut.is_none() && self.kept_bytes + bytes <= self.bytes_max {
                self.kept_bytes += bytes;
                keep(stream, line);
                continue;
            }
            if self.cut.is_none() {
                let max = self.bytes_max;
                keep(
                    Stream::Header,
                    &format!("logMaxSize is {max} bytes: output from here on is left out\n"),
                );
            }
            self.leave_out(stream, line);
        }
    }

    fn leave_out(&mut self, stream: Stream, line: &str) {
        let cut = self.cut.get_or_insert_default();
        let bytes = line.len() as u64;
        cut.left_out += bytes;
        if bytes > self.tail_bytes {
            cut.tail.clear();
            cut.tail_bytes = 0;
            return;
        }
        cut.tail.push_back((stream, line.to_owned()));
        cut.tail_bytes += bytes;
        while cut.tail_bytes > self.tail_bytes {
            let Some((_, first)) = cut.tail.pop_front() else {
                break;
            };
            cut.tail_bytes -= first.len() as u64;
        }
    }

    /// Passes to `keep` what is known only at the end.
    pub(crate) fn finish(self, mut keep: impl FnMut(Stream, &str)) {
        let Some(cut) = self.cut else { return };
        let without = cut.left_out - cut.tail_bytes;
        let tail = cut.tail_bytes;
        let told = if cut.tail.is_empty() {
            format!("{without} bytes of output were left out\n")
        } else {
            format!("{without} bytes of output were left out; the last {tail} bytes follow\n")
        };
        keep(Stream::Header, &told);
        for (stream, line) in cut.tail {
            keep(stream, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limits: (u64, Option<u64>), lines: &[(Stream, &str)], expected: &str) {
        let mut limiter = Limiter::new(Limits {
            bytes_max: Some(limits.0),
            tail_bytes: limits.1,
        })
        .unwrap();
        let mut kept = String::new();
        let mut keep = |stream: Stream, text: &str| {
            for line in text.split_inclusive('\n') {
                kept.push(stream.letter());
                kept.push_str(line);
            }
        };
        for (stream, text) in lines {
            limiter.pass(*stream, text, &mut keep);
        }
        limiter.finish(&mut keep);
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_log_of_the_greatest_size_is_whole() {
        check((4, None), &[(Stream::Stdout, "a\nb\n")], "oa\nob\n");
    }

    #[test]
    fn lines_past_the_limit_are_left_out_and_headers_stay() {
        check(
            (3, None),
            &[
                (Stream::Stdout, "a\nb\n"),
                (Stream::Header, "end\n"),
                (Stream::Stderr, "c\n"),
            ],
            "oa\nhlogMaxSize is 3 bytes: output from here on is left out\nhend\n\
             h4 bytes of output were left out\n",
        );
    }

    #[test]
    fn the_tail_follows_in_whole_lines_with_their_streams() {
        check(
            (0, Some(6)),
            &[(Stream::Stdout, "one\n2\n"), (Stream::Stderr, "3\n4\n")],
            "hlogMaxSize is 0 bytes: output from here on is left out\n\
             h4 bytes of output were left out; the last 6 bytes follow\no2\ne3\ne4\n",
        );
    }
}
