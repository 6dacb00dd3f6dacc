//! What is wrong with a tac file, with the place and a way out.

use std::fmt;

/// One thing in a tac file that cannot be followed.
///
/// Never holds the text of a string literal: any of them may be the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TacError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What was found and what was expected, a lower-case fragment.
    pub message: String,
    /// What is allowed there, or what to do about it.
    pub help: String,
}

/// Everything wrong with one tac file: at least one [`TacError`].
///
/// Displays each as `buildbot.tac:12:7: message`, followed by an indented line of help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TacErrors {
    /// The name of the file without its directory.
    pub file_name: String,
    /// In the order of their detection.
    pub errors: Vec<TacError>,
}

impl fmt::Display for TacErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(
                f,
                "{}:{}:{}: {}",
                self.file_name, error.line, error.column, error.message
            )?;
            if !error.help.is_empty() {
                write!(f, "\n    {}", error.help)?;
            }
        }
        Ok(())
    }
}

/// A [`TacError`] whose place is still a byte offset into the text.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: help.into(),
        }
    }

    /// Finds line and column of the fault in `text`.
    pub(crate) fn locate(self, text: &str) -> TacError {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before
            .get(line_start..)
            .map_or(0, |line| line.chars().count())
            + 1;
        TacError {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message: self.message,
            help: self.help,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_place_is_counted_in_lines_and_characters_from_one() {
        let text = "a\näöü = x\n";
        let error = Fault::new(text.find('x').unwrap(), "m", "h").locate(text);
        assert_eq!((error.line, error.column), (2, 7));
    }
}
