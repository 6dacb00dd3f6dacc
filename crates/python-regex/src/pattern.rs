//! Patterns that search texts as Python's do.

use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::translate::translate;

/// Steps that one search may take; enough for long lines and dozens of alternatives.
const STEPS_MAX: usize = 4_000_000;
/// Instructions that a compiled pattern may have.
const PROGRAM_MAX: usize = 100_000;
/// Bytes that a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Python's flags that have a letter here: `re.I`, `re.M`, `re.S`, `re.X`.
const LETTERS: [(i64, char); 4] = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')];
/// `re.U`, which texts have anyway.
const UNICODE: i64 = 32;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    anywhere: Regex,
    at_start: Regex,
}

/// A regular expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not a usable regular expression: {reason}")]
pub struct PatternError {
    /// The pattern as it was written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A search that was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a search takes too long: {0}")]
pub struct SearchError(String);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'t> {
    /// The groups; the first is the whole match. `None` took no part.
    pub groups: Vec<Option<&'t str>>,
    /// Where it ends, in bytes.
    pub end: usize,
}

impl<'t> Found<'t> {
    /// What a group matched, if there is such a group and it took part.
    pub fn group(&self, number: usize) -> Option<&'t str> {
        self.groups.get(number).copied().flatten()
    }

    fn new(captures: &Captures<'t, str>) -> Self {
        Self {
            groups: captures
                .iter()
                .map(|group| group.map(|found| found.as_str()))
                .collect(),
            end: captures.get(0).map_or(0, |found| found.end()),
        }
    }
}

impl Pattern {
    /// Compiles a pattern in Python's syntax, with Python's flags.
    pub fn new(pattern: &str, flags: i64) -> Result<Self, PatternError> {
        let unusable = |reason| PatternError {
            pattern: pattern.to_owned(),
            reason,
        };
        let known = LETTERS
            .iter()
            .fold(UNICODE, |known, (flag, _)| known | flag);
        if flags & !known != 0 {
            return Err(unusable(format!("flags {} are not known", flags & !known)));
        }
        let letters: String = LETTERS
            .iter()
            .filter(|(flag, _)| flags & flag != 0)
            .map(|(_, letter)| *letter)
            .collect();
        let with_flags = match letters.as_str() {
            "" => pattern.to_owned(),
            letters => format!("(?{letters}){pattern}"),
        };
        let translated = translate(&with_flags).map_err(unusable)?;
        let compile = |text: &str| {
            let regex = RegexBuilder::new(text)
                .backtrack_limit(STEPS_MAX)
                .max_prog_size(PROGRAM_MAX)
                .delegate_size_limit(COMPILED_BYTES_MAX)
                .build()
                .map_err(|error| unusable(error.to_string()))?;
            // The references were checked by this number; the engine panics at a condition whose group it has not.
            if regex.captures_len() != translated.groups + 1 {
                return Err(unusable("its groups cannot be told apart".to_owned()));
            }
            Ok(regex)
        };
        Ok(Self {
            anywhere: compile(&translated.pattern)?,
            at_start: compile(&format!("\\A(?:{})", translated.pattern))?,
        })
    }

    /// What it matches at the beginning of a text: Python's `match`.
    pub fn match_start<'t>(&self, text: &'t str) -> Result<Option<Found<'t>>, SearchError> {
        find(&self.at_start, text)
    }

    /// What it matches first in a text: Python's `search`.
    pub fn search<'t>(&self, text: &'t str) -> Result<Option<Found<'t>>, SearchError> {
        find(&self.anywhere, text)
    }
}

fn find<'t>(regex: &Regex, text: &'t str) -> Result<Option<Found<'t>>, SearchError> {
    match regex.captures(text) {
        Ok(captures) => Ok(captures.map(|captures| Found::new(&captures))),
        Err(error) => Err(SearchError(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_match_begins_at_the_beginning_and_a_search_does_not() {
        let pattern = Pattern::new("b|(ab)(x)?", 0).expect("a pattern");
        let found = pattern.match_start("abb").expect("found").expect("a match");
        assert_eq!(found.groups, [Some("ab"), Some("ab"), None]);
        assert_eq!(found.end, 2);
        assert_eq!(pattern.match_start("cab"), Ok(None));
        let found = pattern.search("cb").expect("found").expect("a match");
        assert_eq!((found.group(0), found.group(7)), (Some("b"), None));
    }

    #[test]
    fn flags_are_those_of_python() {
        let matches = |pattern: &str, flags, text: &str| {
            let pattern = Pattern::new(pattern, flags).expect(pattern);
            pattern.match_start(text).expect("an answer").is_some()
        };
        assert!(matches("a", 2 | 32, "A"));
        assert!(!matches("a", 32, "A"));
        assert!(matches("a.b$", 16, "a\nb\n"));
        assert!(matches("a b # what", 64, "ab"));
        assert!(matches("(?i).*warning[: ].*", 0, "x.c:1: WARNING: y"));
        assert!(Pattern::new("a", 256).is_err());
        assert!(Pattern::new("(", 0).is_err());
    }
}
