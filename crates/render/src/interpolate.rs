//! The keyed form of `Interpolate`: `%(prop:branch:-master)s` and the like.
//!
//! A format is parsed once. Python's own `%` decides where keys end and which conversions are allowed: every
//! key is formatted on trial with an empty text, as the reference does when an `Interpolate` is made.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use indexmap::IndexSet;

use crate::exception::{Exception, Kind};
use crate::percent::{self, Operand};
use crate::value::Value;

/// How deep replacements may stand in replacements.
const NESTING_MAX: usize = 100;

/// A parsed format.
#[derive(Debug, PartialEq)]
pub(crate) struct Template {
    pub(crate) format: String,
    /// Each key of the format with what it stands for, in the order of their first use.
    pub(crate) parts: Vec<(String, Arc<Part>)>,
}

/// What a key stands for.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) lookup: Lookup,
    pub(crate) choice: Choice,
}

/// Where the value comes from.
#[derive(Debug, PartialEq)]
pub(crate) enum Lookup {
    Property(String),
    Source { codebase: String, attribute: String },
    Keyword(String),
    Secret(String),
    Worker(String),
}

/// What becomes of the value.
#[derive(Debug, PartialEq)]
pub(crate) enum Choice {
    /// The value, or nothing.
    Value,
    /// `-`: the value, or this if it is absent.
    OrIfAbsent(Nested),
    /// `~`: the value, or this if it is absent or false.
    OrIfFalse(Nested),
    /// `+`: this if the value is there, or nothing.
    IfPresent(Nested),
    /// `?`: the one if the value is there, or the other.
    Presence(Nested, Nested),
    /// `#?`: the one if the value is true, or the other.
    Truth(Nested, Nested),
}

/// A replacement.
#[derive(Debug, PartialEq)]
pub(crate) enum Nested {
    Text(String),
    Template(Arc<Template>),
}

/// The place where the parsed form of a format is kept. It is no part of the format's value.
#[derive(Default, Clone)]
pub(crate) struct Parsed(OnceLock<Result<Arc<Template>, Exception>>);

impl Parsed {
    pub(crate) fn get(&self, format: &str) -> Result<Arc<Template>, Exception> {
        self.0
            .get_or_init(|| Template::parse(format).map(Arc::new))
            .clone()
    }
}

impl PartialEq for Parsed {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Template {
    pub(crate) fn parse(format: &str) -> Result<Self, Exception> {
        Self::parse_at(format, 0)
    }

    fn parse_at(format: &str, depth: usize) -> Result<Self, Exception> {
        if depth > NESTING_MAX {
            return Err(Exception::new(
                Kind::Recursion,
                "maximum recursion depth exceeded",
            ));
        }
        let keys = RefCell::new(IndexSet::new());
        let note = |key: &str| {
            keys.borrow_mut().insert(key.to_owned());
            Ok(Value::Text(String::new()))
        };
        percent::format(format, Operand::Mapping(&Value::Dict(Vec::new()), &note))?;
        let parts = keys
            .into_inner()
            .into_iter()
            .map(|key| {
                let part = Part::parse(&key, depth)?;
                Ok((key, Arc::new(part)))
            })
            .collect::<Result<_, Exception>>()?;
        Ok(Self {
            format: format.to_owned(),
            parts,
        })
    }
}

impl Part {
    fn parse(key: &str, depth: usize) -> Result<Self, Exception> {
        let Some((selector, rest)) = key.split_once(':') else {
            return Err(Exception::config(format!(
                "invalid Interpolate substitution without selector '{key}'"
            )));
        };
        let (lookup, rest) = match selector {
            "prop" => {
                let (name, rest) = named("prop", "Property name", rest)?;
                (Lookup::Property(name), rest)
            }
            "kw" => {
                let (name, rest) = named("kw", "Keyword", rest)?;
                (Lookup::Keyword(name), rest)
            }
            "src" => source(rest)?,
            "secret" => {
                let (name, rest) = split(rest);
                (Lookup::Secret(name.to_owned()), rest)
            }
            "worker" => {
                let (name, rest) = split(rest);
                (Lookup::Worker(name.to_owned()), rest)
            }
            _ => {
                return Err(Exception::config(format!(
                    "invalid Interpolate selector '{selector}'"
                )));
            }
        };
        let choice = match rest {
            Some(rest) => Choice::parse(rest, depth)?,
            None => Choice::Value,
        };
        Ok(Self { lookup, choice })
    }
}

/// What stands before the first colon, and what after it.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(':')
        .map_or((text, None), |(name, rest)| (name, Some(rest)))
}

fn named<'a>(
    selector: &str,
    what: &str,
    text: &'a str,
) -> Result<(String, Option<&'a str>), Exception> {
    let (name, rest) = split(text);
    if is_identifier(name) {
        Ok((name.to_owned(), rest))
    } else {
        Err(Exception::config(format!(
            "{what} must be alphanumeric for {selector} Interpolation '{text}'"
        )))
    }
}

fn source(text: &str) -> Result<(Lookup, Option<&str>), Exception> {
    let Some((codebase, after)) = text.split_once(':') else {
        return Err(Exception::config(format!(
            "Must specify both codebase and attribute for src Interpolation '{text}'"
        )));
    };
    let (attribute, rest) = split(after);
    for (what, name) in [("Codebase", codebase), ("Attribute", attribute)] {
        if !is_identifier(name) {
            return Err(Exception::config(format!(
                "{what} must be alphanumeric for src Interpolation '{text}'"
            )));
        }
    }
    let lookup = Lookup::Source {
        codebase: codebase.to_owned(),
        attribute: attribute.to_owned(),
    };
    Ok((lookup, rest))
}

/// Letters, digits, `_`, `.` and `-`; one newline at the end passes unnoticed.
fn is_identifier(name: &str) -> bool {
    name.strip_suffix('\n')
        .unwrap_or(name)
        .chars()
        .all(|character| character.is_alphanumeric() || matches!(character, '_' | '.' | '-'))
}

impl Choice {
    fn parse(text: &str, depth: usize) -> Result<Self, Exception> {
        let nested = |text: &str| Nested::parse(text, depth);
        let mut characters = text.chars();
        let sign = characters.next().ok_or_else(out_of_range)?;
        let rest = characters.as_str();
        match sign {
            '-' => nested(rest).map(Self::OrIfAbsent),
            '~' => nested(rest).map(Self::OrIfFalse),
            '+' => nested(rest).map(Self::IfPresent),
            '?' => {
                let (first, second) = branches(rest)?;
                Ok(Self::Presence(nested(first)?, nested(second)?))
            }
            '#' if rest.starts_with('?') => {
                let (first, second) = branches(rest.get(1..).unwrap_or_default())?;
                Ok(Self::Truth(nested(first)?, nested(second)?))
            }
            other => Err(Exception::config(format!(
                "invalid Interpolate default type '{other}'"
            ))),
        }
    }
}

fn out_of_range() -> Exception {
    Exception::new(Kind::Index, "string index out of range")
}

/// The two texts of a ternary, divided by the first delimiter outside of parentheses. Without one, a text of
/// two characters is divided between them: so does the reference.
fn branches(text: &str) -> Result<(&str, &str), Exception> {
    let mut characters = text.chars();
    let delimiter = characters.next().ok_or_else(out_of_range)?;
    if delimiter == '(' {
        return Err(Exception::config(
            "invalid Interpolate ternary delimiter '('",
        ));
    }
    let text = characters.as_str();
    let mut depth = 0_i64;
    for (index, character) in text.char_indices() {
        if depth == 0 && character == delimiter {
            let (first, second) = text.split_at(index);
            return Ok((
                first,
                second.get(delimiter.len_utf8()..).unwrap_or_default(),
            ));
        }
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    if let (2, Some((middle, _))) = (text.chars().count(), text.char_indices().nth(1)) {
        return Ok(text.split_at(middle));
    }
    Err(Exception::config(format!(
        "invalid Interpolate ternary expression '{text}' with delimiter '{delimiter}'"
    )))
}

impl Nested {
    fn parse(text: &str, depth: usize) -> Result<Self, Exception> {
        if text.contains('%') {
            let template = Template::parse_at(text, depth + 1)?;
            Ok(Self::Template(Arc::new(template)))
        } else {
            Ok(Self::Text(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Lookup, Nested, Template};

    fn only_part(key: &str) -> (Lookup, Choice) {
        let mut template = Template::parse(&format!("%({key})s")).expect(key);
        let (_, part) = template.parts.pop().expect("a part");
        let part = std::sync::Arc::into_inner(part).expect("one owner");
        (part.lookup, part.choice)
    }

    #[test]
    fn keys_are_read_by_the_grammar() {
        let text = |text: &str| Nested::Text(text.to_owned());
        let property = || Lookup::Property("a".to_owned());
        assert_eq!(only_part("prop:a"), (property(), Choice::Value));
        assert_eq!(
            only_part("prop:a:-b:c"),
            (property(), Choice::OrIfAbsent(text("b:c")))
        );
        assert_eq!(
            only_part("prop:a:~"),
            (property(), Choice::OrIfFalse(text("")))
        );
        assert_eq!(
            only_part("prop:a:?|x(|)y|z|"),
            (property(), Choice::Presence(text("x(|)y"), text("z|")))
        );
        assert_eq!(
            only_part("src::branch:#?:T:F"),
            (
                Lookup::Source {
                    codebase: String::new(),
                    attribute: "branch".to_owned()
                },
                Choice::Truth(text("T"), text("F"))
            )
        );
        assert_eq!(
            only_part("prop:a:?|üy"),
            (property(), Choice::Presence(text("ü"), text("y")))
        );
        assert_eq!(
            only_part("secret:a b/c").0,
            Lookup::Secret("a b/c".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_read_has_the_message_of_the_reference() {
        let check = |format: &str, class: &str, message: &str| {
            let error = Template::parse(format).expect_err(format);
            assert_eq!((error.name(), error.message.as_str()), (class, message));
        };
        let config = |format: &str, message: &str| check(format, "ConfigErrors", message);
        config(
            "%(a)s",
            "invalid Interpolate substitution without selector 'a'",
        );
        config("%(foo:a)s", "invalid Interpolate selector 'foo'");
        config(
            "%(prop:a b)s",
            "Property name must be alphanumeric for prop Interpolation 'a b'",
        );
        config(
            "%(src:a)s",
            "Must specify both codebase and attribute for src Interpolation 'a'",
        );
        config(
            "%(src:a b:c)s",
            "Codebase must be alphanumeric for src Interpolation 'a b:c'",
        );
        config(
            "%(src:a:b c)s",
            "Attribute must be alphanumeric for src Interpolation 'a:b c'",
        );
        config(
            "%(kw:a b)s",
            "Keyword must be alphanumeric for kw Interpolation 'a b'",
        );
        config("%(prop:a:#x)s", "invalid Interpolate default type '#'");
        config(
            "%(prop:a:?()x()y)s",
            "invalid Interpolate ternary delimiter '('",
        );
        config(
            "%(prop:a:?|x)s",
            "invalid Interpolate ternary expression 'x' with delimiter '|'",
        );
        check("%(prop:a:)s", "IndexError", "string index out of range");
        check("%(prop:a:?)s", "IndexError", "string index out of range");
        check(
            "%(prop:a)d",
            "TypeError",
            "%d format: a real number is required, not str",
        );
        check("%(prop:a)", "ValueError", "incomplete format");
        let deep = format!("{}{}", "%(prop:a:-".repeat(1000), ")s".repeat(1000));
        check(&deep, "RecursionError", "maximum recursion depth exceeded");
    }
}
