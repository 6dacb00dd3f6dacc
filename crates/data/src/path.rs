//! Patterns of paths: `builders/n:builderid/builds`.

use crate::query::{integer, is_identifier};
use crate::select::{Arguments, Bound};

/// A pattern, in parts.
#[derive(Debug)]
pub(crate) struct PathPattern {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(&'static str),
    /// `n:name`
    Integer(&'static str),
    /// `i:name`
    Identifier(&'static str),
    /// `s:name`: text that is not empty. `:name`: any.
    Text(&'static str),
}

impl PathPattern {
    pub(crate) fn new(text: &'static str) -> Self {
        let part = |part: &'static str| match part.split_once(':') {
            Some(("n", name)) => Part::Integer(name),
            Some(("i", name)) => Part::Identifier(name),
            Some((_, name)) => Part::Text(name),
            None => Part::Literal(part),
        };
        // The root has no parts, and not one that is empty.
        let parts = text.split('/').filter(|_| !text.is_empty());
        Self {
            parts: parts.map(part).collect(),
        }
    }

    /// What a path has in place of the names, if it is one of these.
    pub(crate) fn matches(&self, path: &[String]) -> Option<Arguments> {
        if path.len() != self.parts.len() {
            return None;
        }
        let mut arguments = Vec::new();
        for (part, text) in self.parts.iter().zip(path) {
            match part {
                Part::Literal(literal) if literal == text => {}
                Part::Literal(_) => return None,
                Part::Integer(name) => arguments.push((*name, Bound::Integer(integer(text)?))),
                Part::Identifier(_) if !is_identifier(text) => return None,
                Part::Text(_) if text.is_empty() => return None,
                Part::Identifier(name) | Part::Text(name) => {
                    arguments.push((*name, Bound::Text(text.clone())));
                }
            }
        }
        Some(Arguments(arguments))
    }
}
