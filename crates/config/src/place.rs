//! Places in the files of a configuration.

use std::fmt;

pub use buildbot_render::Place;

/// A place with the name of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct SourcePlace {
    /// The file, as Python names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl SourcePlace {
    /// The place with its file named relative to `directory`, if it is below it.
    pub fn shown_from(&self, directory: &str) -> String {
        let below = self
            .file
            .strip_prefix(directory)
            .map(|rest| rest.trim_start_matches('/'))
            .filter(|rest| !rest.is_empty() && !directory.is_empty());
        format!("{}:{}", below.unwrap_or(&self.file), self.line)
    }
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The line in which a file assigns the key `name` of `BuildmasterConfig`, from 1.
///
/// The last assignment counts: `c['www'] = …`, or a literal `{'www': …}`; after those, any line
/// that names the key in quotes, `c['workers'].append(…)` for example. Names in comments do not count.
pub(crate) fn line_of_key(text: &str, name: &str) -> Option<u32> {
    let mut assigned = None;
    let mut in_literal = None;
    let mut named = None;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(rest) = after_quoted(line, name) else {
            continue;
        };
        let rest = rest.trim_start();
        named = named.or(Some(number));
        if let Some(rest) = rest.strip_prefix(']') {
            let rest = rest.trim_start();
            if rest.starts_with('=') && !rest.starts_with("==") || rest.starts_with("+=") {
                assigned = Some(number);
            }
        } else if rest.starts_with(':') {
            in_literal = in_literal.or(Some(number));
        }
    }
    assigned.or(in_literal).or(named)
}

/// What follows `name` in quotes in `line`, outside of a comment.
fn after_quoted<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(found) = line.get(from..)?.find(name) {
        let start = from + found;
        let end = start + name.len();
        let before = line.get(..start)?;
        let quote = before.chars().next_back();
        let after = line.get(end..)?;
        if matches!(quote, Some('\'' | '"'))
            && after.chars().next() == quote
            && !before.trim_start().starts_with('#')
        {
            return after.get(1..);
        }
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{SourcePlace, line_of_key};

    #[test]
    fn the_assignment_of_a_key_is_found_in_the_text() {
        let check = |text: &str, expected: Option<u32>| {
            assert_eq!(line_of_key(text, "www"), expected, "{text}");
        };
        check("c = {}\nc['www'] = 1\n", Some(2));
        check("c[\"www\"]=1", Some(1));
        check("c['www'] = 1\nc['www'] = 2\nx = c['www']", Some(2));
        check("#c['www'] = 1\nc['www'] = 2", Some(2));
        check("BuildmasterConfig = {\n 'title': 1,\n 'www': 2}", Some(3));
        check("if c['www'] == 2: pass\n", Some(1));
        check("c['workers'].append(1)", None);
        check("c['www2'] = 1", None);
        check("www = 1", None);
    }

    #[test]
    fn a_place_is_shown_from_the_base_directory() {
        let place = SourcePlace {
            file: "/srv/bb/sub/x.py".into(),
            line: 3,
        };
        assert_eq!(place.shown_from("/srv/bb"), "sub/x.py:3");
        assert_eq!(place.shown_from("/srv"), "bb/sub/x.py:3");
        assert_eq!(place.shown_from("/other"), "/srv/bb/sub/x.py:3");
    }
}
