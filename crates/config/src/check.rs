//! What every check works with: the description, the texts of its files, and the problems found so far.

use std::collections::BTreeMap;

use crate::description::{Description, Object};
use crate::place::{Place, SourcePlace, line_of_key};
use crate::problem::{Problem, Problems, Severity};
use buildbot_render::{ObjectId, Value};

/// The files behind a description; their texts are asked for only when the place of a key must be shown.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The configuration file, as Python names it.
    pub file: &'a str,
    /// Gives the text of a file, if it can be had.
    pub text_of: &'a dyn Fn(&str) -> Option<String>,
}

impl Sources<'_> {
    /// No files at all.
    pub const NONE: Sources<'static> = Sources {
        file: "",
        text_of: &|_| None,
    };
}

pub(crate) struct Check<'d> {
    pub(crate) description: &'d Description,
    sources: Sources<'d>,
    texts: BTreeMap<String, Option<String>>,
    places: BTreeMap<String, Option<SourcePlace>>,
    pub(crate) problems: Problems,
}

impl Problem {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            at: None,
            help: Vec::new(),
        }
    }

    pub(crate) fn at(mut self, place: Option<SourcePlace>) -> Self {
        self.at = place;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }
}

impl<'d> Check<'d> {
    pub(crate) fn new(description: &'d Description, sources: Sources<'d>) -> Self {
        Self {
            description,
            sources,
            texts: BTreeMap::new(),
            places: BTreeMap::new(),
            problems: Problems::default(),
        }
    }

    /// The value of a key of `BuildmasterConfig`, if it is there.
    pub(crate) fn key(&self, name: &str) -> Option<&'d Value> {
        self.description.config.get(name)
    }

    /// Adds a problem of the kind that its severity says.
    pub(crate) fn report(&mut self, problem: Problem) {
        match problem.severity {
            Severity::Error => self.problems.errors.push(problem),
            Severity::Warning => self.problems.warnings.push(problem),
        }
    }

    /// Adds a warning because of which a master does not start.
    pub(crate) fn refuse_at_start(&mut self, problem: Problem) {
        self.problems.refused_at_start.push(problem);
    }

    /// An error about a key, at its assignment.
    pub(crate) fn error_in_key(&mut self, key: &str, message: impl Into<String>) {
        let at = self.place_of_key(key);
        self.report(Problem::error(message).at(at));
    }

    /// Where the file assigns a key. The text is only read when something must be shown.
    pub(crate) fn place_of_key(&mut self, key: &str) -> Option<SourcePlace> {
        if let Some(known) = self.places.get(key) {
            return known.clone();
        }
        let found = self.find_key(key);
        self.places.insert(key.to_owned(), found.clone());
        found
    }

    fn find_key(&mut self, key: &str) -> Option<SourcePlace> {
        let Sources { file, text_of } = self.sources;
        let others = self.description.files.iter().map(String::as_str);
        std::iter::once(file)
            .chain(others.filter(|other| *other != file))
            .find_map(|file| {
                let text = self
                    .texts
                    .entry(file.to_owned())
                    .or_insert_with(|| text_of(file));
                let line = line_of_key(text.as_deref()?, key)?;
                Some(SourcePlace {
                    file: file.to_owned(),
                    line,
                })
            })
    }

    pub(crate) fn place(&self, place: Option<Place>) -> Option<SourcePlace> {
        self.description.source_place(place?)
    }

    /// Where an object was made.
    pub(crate) fn place_of(&self, id: ObjectId) -> Option<SourcePlace> {
        self.place(self.description.object(id)?.at)
    }

    /// Where a value was made, or else where its key is assigned.
    pub(crate) fn place_of_value(&mut self, value: &Value, key: &str) -> Option<SourcePlace> {
        let known = match value {
            Value::Object(id) => self.place_of(*id),
            Value::Callable(callable) => self.place(callable.place),
            Value::Renderable(renderable) => self.place(renderable.place),
            _ => None,
        };
        known.or_else(|| self.place_of_key(key))
    }

    /// The object that a value stands for.
    pub(crate) fn object(&self, value: &Value) -> Option<(ObjectId, &'d Object)> {
        let id = value.as_object()?;
        Some((id, self.description.object(id)?))
    }
}
