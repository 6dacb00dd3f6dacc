//! Where a command prints.

use std::io::{self, Write as _};

use crate::log::{DateStyle, LogLayer, Target};

/// The lines of a command: plain on standard output, or with `--verbose` as log lines on standard error.
///
/// A reader that went away is no reason to fail.
pub struct Output {
    verbose: Option<LogLayer>,
}

impl Output {
    /// With `verbose` the lines are those of a log.
    pub fn new(verbose: bool) -> Self {
        // Standard error is always open as far as the log is concerned, so that this cannot fail.
        let log = verbose
            .then(|| LogLayer::open(&Target::Stderr, DateStyle::Space).ok())
            .flatten();
        let output = Self { verbose: log };
        if output.verbose.is_some() {
            output.line("Log opened.");
        }
        output
    }

    /// Prints `text` and a newline; `text` may have several lines.
    pub fn line(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        match &self.verbose {
            Some(log) => text.split('\n').for_each(|line| log.write("-", line)),
            None => drop(writeln!(io::stdout().lock(), "{text}")),
        }
    }

    /// Prints `text` where errors belong.
    pub fn error_line(&self, text: impl AsRef<str>) {
        match &self.verbose {
            Some(_) => self.line(text),
            None => drop(writeln!(io::stderr().lock(), "{}", text.as_ref())),
        }
    }
}
