//! What is wrong with a configuration, and what is odd about it.

use std::fmt::Write as _;

use crate::place::SourcePlace;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can; somebody should look.
    Warning,
}

/// One thing to tell the user.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong; where the reference has a text for it, exactly that.
    pub message: String,
    /// Where.
    pub at: Option<SourcePlace>,
    /// What helps, one line each.
    pub help: Vec<String>,
}

impl Problem {
    /// The message as the reference shows it, then place and help on further lines.
    ///
    /// `directory` is what file names are shown relative to.
    pub fn shown(&self, directory: &str) -> String {
        let mut text = format!("  {}", self.message);
        if let Some(place) = &self.at {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n      at {}", place.shown_from(directory));
        }
        let below = format!("{directory}/");
        for line in self.help.iter().flat_map(|help| help.lines()) {
            let line = if directory.is_empty() {
                line.to_owned()
            } else {
                line.replace(&below, "")
            };
            let _ = write!(text, "\n{}", format!("      {line}").trim_end());
        }
        text
    }
}

/// What was found in a configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems {
    /// The configuration cannot be used because of these, in the order of the reference.
    pub errors: Vec<Problem>,
    /// Odd, but no obstacle.
    pub warnings: Vec<Problem>,
    /// Warnings of `checkconfig` because of which a master does not start or reconfigure: the reference
    /// accepts this when it checks a file, and fails later.
    pub refused_at_start: Vec<Problem>,
}

impl Problems {
    /// All of them, errors first.
    pub fn all(&self) -> impl Iterator<Item = &Problem> {
        self.errors
            .iter()
            .chain(&self.refused_at_start)
            .chain(&self.warnings)
    }
}

/// The known name that `name` was probably meant to be.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        // One mistake in three letters; more is another word.
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A list of names for a help line, not too long: `a, b, c … (12 in all)`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown = names[..names.len().min(SHOWN_MAX)].join(", ");
    if names.len() > SHOWN_MAX {
        format!("{shown} … ({} in all)", names.len())
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Severity, listed, nearest};
    use crate::place::SourcePlace;

    #[test]
    fn the_nearest_name_is_a_misspelling_not_another_word() {
        let known = ["builders", "buildbotURL", "workers", "www"];
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, known), expected, "{name}");
        };
        check("bulders", Some("builders"));
        check("buildboturl", Some("buildbotURL"));
        check("worker", Some("workers"));
        check("status", None);
        check("ww", Some("www"));
    }

    #[test]
    fn a_problem_has_its_place_and_help_below() {
        let problem = Problem {
            severity: Severity::Error,
            message: "builder 'linux' uses unknown workers 'wkr9'".into(),
            at: Some(SourcePlace {
                file: "/srv/bb/master.cfg".into(),
                line: 42,
            }),
            help: vec!["defined workers: wkr1".into()],
        };
        assert_eq!(
            problem.shown("/srv/bb"),
            "  builder 'linux' uses unknown workers 'wkr9'\n      at master.cfg:42\n      defined workers: wkr1"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed([]), "none");
        assert_eq!(listed(["a", "b"]), "a, b");
        assert!(listed(["x"; 40]).ends_with("x … (40 in all)"));
    }
}
