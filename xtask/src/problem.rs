//! What is wrong, where, and what to do.

use std::fmt;

/// A rule that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the root.
    path: String,
    /// The line, from 1 on, if there is one to point at.
    line: Option<usize>,
    /// What is wrong, and the way out.
    text: String,
}

impl Problem {
    pub(crate) fn in_file(path: &str, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            text: text.into(),
        }
    }

    pub(crate) fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::in_file(path, text)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.text),
            None => write!(f, "{}: {}", self.path, self.text),
        }
    }
}
