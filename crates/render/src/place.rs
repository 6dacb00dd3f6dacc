//! Places in the files of a configuration.

/// A line of one of the files that the description names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index into the description's files.
    pub file: u32,
    /// The line, from 1.
    pub line: u32,
}
