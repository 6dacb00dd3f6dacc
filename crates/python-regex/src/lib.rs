//! Regular expressions as configurations write them: in Python's syntax, with Python's meaning.
//!
//! What Python does not know is an error, and so is the little that the engine does not have: flags `a` and `L`,
//! and named characters (`\N{…}`). A search that takes millions of steps is given up with an error.

mod pattern;
mod translate;

pub use pattern::{Found, Pattern, PatternError, SearchError};
pub use translate::{Translated, translate};
