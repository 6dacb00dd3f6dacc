//! What events are called, and which of them somebody wants to hear.

use std::fmt;

/// How many parts the longest topic of ours has: `buildsets/1/builders/2/buildrequests/3/new`.
const PARTS_MAX: usize = 7;

/// The name of an event, `builds/12/new`: a list of parts, the last of which says what happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(String);

impl Topic {
    /// The topic of a text with slashes between its parts.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its parts with slashes between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every pattern that matches it: each part as it is, or `*`. Nothing for a topic with more parts than any of ours,
    /// as code of users may make one.
    pub(crate) fn patterns(&self) -> Option<impl ExactSizeIterator<Item = Pattern>> {
        let parts: Vec<&str> = self.parts().collect();
        if parts.len() > PARTS_MAX {
            return None;
        }
        let every = (0..1_u32 << parts.len()).map(move |wildcards| {
            let parts = parts.iter().enumerate();
            let parts = parts.map(|(at, part)| if wildcards >> at & 1 == 1 { "*" } else { part });
            Pattern(parts.collect::<Vec<_>>().join("/"))
        });
        Some(every)
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which topics somebody wants: as many parts, each equal or `*`.
///
/// Any text is one; what cannot match is silent. There is no wildcard for several parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern of a text such as `builds/*/*`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it wants a topic.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut parts = topic.parts();
        for wanted in self.0.split('/') {
            match parts.next() {
                Some(part) if wanted == "*" || wanted == part => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Topic};

    #[test]
    fn a_wildcard_stands_for_one_part() {
        let check = |pattern: &str, topic: &str, expected: bool| {
            let matches = Pattern::new(pattern).matches(&Topic::new(topic));
            assert_eq!(matches, expected, "{pattern} {topic}");
        };
        check("builds/*/*", "builds/7/update", true);
        check("builds/7/update", "builds/7/update", true);
        check("builds/*/*", "builds/7/steps/3/new", false);
        check("builds/*", "builds/7/update", false);
        check("*/*/*", "steps/7/new", true);
        check("/builds/*/*", "builds/7/update", false);
        check("", "builds/7/update", false);
        check("builds/1*/new", "builds/12/new", false);
    }

    #[test]
    fn the_patterns_of_a_topic_are_those_that_match_it() {
        let topic = Topic::new("builds/7/steps/3/new");
        let patterns: Vec<_> = topic.patterns().expect("a short topic").collect();
        assert_eq!(patterns.len(), 32);
        assert!(patterns.iter().all(|pattern| pattern.matches(&topic)));
        for pattern in ["builds/7/steps/3/new", "*/*/*/*/*", "builds/*/steps/*/*"] {
            assert!(patterns.contains(&Pattern::new(pattern)), "{pattern}");
        }
        assert!(Topic::new("a/".repeat(40)).patterns().is_none());
    }
}
