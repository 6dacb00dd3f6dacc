//! Where the command prints. A reader that went away is no reason to fail.

use std::io::{self, Write as _};

/// Prints `text` and a newline on standard output.
pub(crate) fn line(text: impl AsRef<str>) {
    drop(writeln!(io::stdout().lock(), "{}", text.as_ref()));
}

/// Prints `text` and a newline where errors belong.
pub(crate) fn error_line(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", text.as_ref()));
}
