//! Which changes and source stamps count: `ChangeFilter`, `GerritChangeFilter`, `SourceStampFilter`.
//!
//! Differs: conditions of a `ChangeFilter` that are no functions are looked at first, because thousands of changes must
//! be cheap; in the reference a function may be called that is not called here.

use std::sync::Arc;

use buildbot_config::Object;
use buildbot_config::filters::FilterKind;
use buildbot_config::{Arguments, Part};
use buildbot_python_regex::Pattern;
use buildbot_render::{Callable, Value};
use serde_json::Value as Json;

use crate::change::Change;
use crate::json;
use crate::output::{NewSourceStamp, Question};

/// A filter that is ready to be used.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
    callables: Vec<(What, Callable)>,
    /// The method of a user's class that decides instead.
    method: Option<(Json, &'static str)>,
}

/// What a filter says.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It does not count.
    No,
    /// It counts if user code says yes to all of these. Without any it counts.
    If(Vec<Question>),
    /// A condition cannot be evaluated.
    Failed(String),
}

/// What a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// All of it.
    Everything,
    Project,
    Codebase,
    Repository,
    Category,
    Branch,
    Property(String),
}

#[derive(Debug, Clone)]
struct Condition {
    what: What,
    test: Test,
    /// Whether the test must succeed, or must not.
    wanted: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Equals(Vec<Option<String>>),
    Matches(Vec<Pattern>),
}

/// A value that a condition looks at.
enum Seen<'a> {
    Text(&'a str),
    Nothing,
    /// Neither a text nor `None`; its type.
    Other(&'a str),
}

/// What a filter is applied to.
enum Subject<'a> {
    Change(&'a Change),
    Stamp(&'a NewSourceStamp),
}

/// The attributes of changes, in the order in which their functions are called.
const ATTRIBUTES: [(&str, What); 5] = [
    ("project", What::Project),
    ("codebase", What::Codebase),
    ("repository", What::Repository),
    ("category", What::Category),
    ("branch", What::Branch),
];

impl Filter {
    /// The filter that a scheduler was given.
    ///
    /// # Errors
    ///
    /// What of it cannot be used.
    pub fn of_part(part: &Part<FilterKind>) -> Result<Self, String> {
        let object = part.object.as_deref();
        if let Some(object) = object.filter(|object| object.overrides("filter_change")) {
            return Ok(Self::asking(&part.value, object, "filter_change"));
        }
        match (&part.kind, object) {
            (FilterKind::Changes(_), Some(object)) => Self::of_changes(&object.arguments),
            (FilterKind::Gerrit(_), Some(object)) => Self::of_gerrit(&object.arguments),
            (FilterKind::Custom, Some(object)) => {
                Ok(Self::asking(&part.value, object, "filter_change"))
            }
            (_, None) => Ok(Self {
                method: Some((json::value(&part.value), "filter_change")),
                ..Self::default()
            }),
        }
    }

    /// A filter of source stamps.
    ///
    /// # Errors
    ///
    /// What of it cannot be used.
    pub fn of_source_stamps(value: &Value, object: &Object) -> Result<Self, String> {
        if object.overrides("is_matched") {
            return Ok(Self::asking(value, object, "is_matched"));
        }
        let arguments = &object.arguments;
        let mut filter = Self::default();
        filter.add_callable(arguments, "filter_fn", What::Everything)?;
        for (name, what) in ATTRIBUTES {
            filter.add_tests(arguments, name, "_eq", &what)?;
        }
        Ok(filter)
    }

    /// Only changes of one of these branches.
    pub(crate) fn of_branches(branches: Vec<Option<String>>) -> Self {
        let mut filter = Self::default();
        filter.require(What::Branch, branches);
        filter
    }

    /// Only changes of one of these categories, besides what it asks for already.
    pub(crate) fn and_categories(mut self, categories: Vec<Option<String>>) -> Self {
        self.require(What::Category, categories);
        self
    }

    /// Whether user code decides.
    pub(crate) fn asks(&self) -> bool {
        self.method.is_some() || !self.callables.is_empty()
    }

    fn require(&mut self, what: What, values: Vec<Option<String>>) {
        self.conditions.push(Condition {
            what,
            test: Test::Equals(values),
            wanted: true,
        });
    }

    fn asking(value: &Value, _object: &Object, method: &'static str) -> Self {
        Self {
            method: Some((json::value(value), method)),
            ..Self::default()
        }
    }

    fn of_changes(arguments: &Arguments) -> Result<Self, String> {
        let mut filter = Self::default();
        filter.add_callable(arguments, "filter_fn", What::Everything)?;
        for (name, what) in ATTRIBUTES {
            filter.add_callable(arguments, &format!("{name}_fn"), what.clone())?;
            filter.add_tests(arguments, name, "", &what)?;
        }
        filter.add_properties(arguments)?;
        Ok(filter)
    }

    /// Gerrit's branch and type of event are properties of the change.
    fn of_gerrit(arguments: &Arguments) -> Result<Self, String> {
        let mut filter = Self::default();
        let event = What::Property("event.type".to_owned());
        let branch = What::Property("event.change.branch".to_owned());
        filter.add_callable(arguments, "filter_fn", What::Everything)?;
        for (name, what) in ATTRIBUTES {
            let what = if name == "branch" { &branch } else { &what };
            filter.add_callable(arguments, &format!("{name}_fn"), what.clone())?;
        }
        filter.add_callable(arguments, "eventtype_fn", event.clone())?;
        filter.add_tests(arguments, "eventtype", "", &event)?;
        for (name, what) in ATTRIBUTES {
            if name == "branch" {
                filter.add_equal(arguments, name, &branch, true)?;
                filter.add_match(arguments, "branch_re", &branch, true)?;
                filter.add_equal(arguments, "branch_not_eq", &what, false)?;
                filter.add_match(arguments, "branch_not_re", &what, false)?;
            } else {
                filter.add_tests(arguments, name, "", &what)?;
            }
        }
        filter.add_properties(arguments)?;
        Ok(filter)
    }

    fn add_tests(
        &mut self,
        arguments: &Arguments,
        name: &str,
        equal: &str,
        what: &What,
    ) -> Result<(), String> {
        self.add_equal(arguments, &format!("{name}{equal}"), what, true)?;
        self.add_equal(arguments, &format!("{name}_not_eq"), what, false)?;
        self.add_match(arguments, &format!("{name}_re"), what, true)?;
        self.add_match(arguments, &format!("{name}_not_re"), what, false)
    }

    fn add_callable(
        &mut self,
        arguments: &Arguments,
        name: &str,
        what: What,
    ) -> Result<(), String> {
        match arguments.get(name) {
            None | Some(Value::None) => Ok(()),
            Some(Value::Callable(callable)) => {
                self.callables.push((what, (**callable).clone()));
                Ok(())
            }
            Some(_) => Err(format!("{name} of its filter cannot be called")),
        }
    }

    /// `None` counts only where it can be meant: for branches.
    fn add_equal(
        &mut self,
        arguments: &Arguments,
        name: &str,
        what: &What,
        wanted: bool,
    ) -> Result<(), String> {
        let values = match arguments.get(name) {
            None => return Ok(()),
            Some(Value::None) if !name.starts_with("branch") => return Ok(()),
            Some(value) => value,
        };
        let test = Test::Equals(texts(values).ok_or_else(|| not_texts(name))?);
        self.conditions.push(Condition {
            what: what.clone(),
            test,
            wanted,
        });
        Ok(())
    }

    fn add_match(
        &mut self,
        arguments: &Arguments,
        name: &str,
        what: &What,
        wanted: bool,
    ) -> Result<(), String> {
        let Some(value) = arguments.get(name).filter(|value| !value.is_none()) else {
            return Ok(());
        };
        self.conditions.push(Condition {
            what: what.clone(),
            test: Test::Matches(patterns(value, name)?),
            wanted,
        });
        Ok(())
    }

    fn add_properties(&mut self, arguments: &Arguments) -> Result<(), String> {
        for (name, is_pattern, wanted) in [
            ("property_eq", false, true),
            ("property_not_eq", false, false),
            ("property_re", true, true),
            ("property_not_re", true, false),
        ] {
            let pairs = arguments.get(name).and_then(Value::as_dict);
            for (property, value) in pairs.unwrap_or_default() {
                let property = property.as_text().unwrap_or_default().to_owned();
                let test = if is_pattern {
                    Test::Matches(patterns(value, name)?)
                } else {
                    Test::Equals(texts(value).ok_or_else(|| not_texts(name))?)
                };
                self.conditions.push(Condition {
                    what: What::Property(property),
                    test,
                    wanted,
                });
            }
        }
        Ok(())
    }

    /// Whether a change counts.
    pub fn on_change(&self, change: &Change) -> Decision {
        self.decide(&Subject::Change(change))
    }

    /// Whether a source stamp counts.
    pub fn on_source_stamp(&self, stamp: &NewSourceStamp) -> Decision {
        self.decide(&Subject::Stamp(stamp))
    }

    fn decide(&self, subject: &Subject<'_>) -> Decision {
        if let Some((on, name)) = &self.method {
            return Decision::If(vec![Question::Method {
                on: on.clone(),
                name,
                arguments: vec![subject.json()],
            }]);
        }
        for condition in &self.conditions {
            match condition.accepts(subject.see(&condition.what)) {
                Ok(true) => {}
                Ok(false) => return Decision::No,
                Err(why) => return Decision::Failed(why),
            }
        }
        let ask = |(what, callable): &(What, Callable)| Question::Call {
            callable: callable.clone(),
            arguments: vec![subject.argument(what)],
        };
        Decision::If(self.callables.iter().map(ask).collect())
    }
}

impl Condition {
    fn accepts(&self, seen: Seen<'_>) -> Result<bool, String> {
        let found = match &self.test {
            Test::Equals(values) => values.iter().any(|value| match (value, &seen) {
                (Some(value), Seen::Text(text)) => value == text,
                (None, Seen::Nothing) => true,
                _ => false,
            }),
            Test::Matches(patterns) => match seen {
                Seen::Nothing => false,
                Seen::Text(text) => matches_any(patterns, text)?,
                Seen::Other(_) if patterns.is_empty() => false,
                Seen::Other(kind) => {
                    return Err(format!(
                        "TypeError: expected string or bytes-like object, got '{kind}'"
                    ));
                }
            },
        };
        Ok(found == self.wanted)
    }
}

fn matches_any(patterns: &[Pattern], text: &str) -> Result<bool, String> {
    for pattern in patterns {
        let found = pattern.match_start(text).map_err(|error| error.to_string());
        if found?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Subject<'_> {
    fn see(&self, what: &What) -> Seen<'_> {
        fn optional(text: Option<&str>) -> Seen<'_> {
            text.map_or(Seen::Nothing, Seen::Text)
        }
        match (self, what) {
            (Self::Change(change), What::Project) => Seen::Text(&change.project),
            (Self::Change(change), What::Codebase) => Seen::Text(&change.codebase),
            (Self::Change(change), What::Repository) => Seen::Text(&change.repository),
            (Self::Change(change), What::Category) => optional(change.category.as_deref()),
            (Self::Change(change), What::Branch) => optional(change.branch.as_deref()),
            (Self::Change(change), What::Property(name)) => match change.property(name) {
                None => Seen::Text(""),
                Some(Value::None) => Seen::Nothing,
                Some(Value::Text(text)) => Seen::Text(text),
                Some(other) => Seen::Other(other.type_name()),
            },
            (Self::Stamp(stamp), What::Project) => Seen::Text(&stamp.project),
            (Self::Stamp(stamp), What::Codebase) => Seen::Text(&stamp.codebase),
            (Self::Stamp(stamp), What::Repository) => Seen::Text(&stamp.repository),
            (Self::Stamp(stamp), What::Branch) => optional(stamp.branch.as_deref()),
            (Self::Stamp(_), What::Category | What::Property(_)) | (_, What::Everything) => {
                Seen::Nothing
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Change(change) => json::live_change(change),
            Self::Stamp(stamp) => json::filtered_stamp(stamp),
        }
    }

    fn argument(&self, what: &What) -> Json {
        match (self, what) {
            (_, What::Everything) => self.json(),
            (Self::Change(change), What::Property(name)) => {
                change.property(name).map_or("".into(), json::value)
            }
            _ => match self.see(what) {
                Seen::Text(text) => text.into(),
                Seen::Nothing | Seen::Other(_) => Json::Null,
            },
        }
    }
}

/// One text or `None`, or a list of them.
pub(crate) fn texts(value: &Value) -> Option<Vec<Option<String>>> {
    let one = |value: &Value| match value {
        Value::Text(text) => Some(Some(text.clone())),
        Value::None => Some(None),
        _ => None,
    };
    match value.as_sequence() {
        Some(items) => items.iter().map(one).collect(),
        None => one(value).map(|one| vec![one]),
    }
}

fn not_texts(name: &str) -> String {
    format!("{name} of its filter is no text")
}

fn patterns(value: &Value, name: &str) -> Result<Vec<Pattern>, String> {
    let one = |value: &Value| match value {
        Value::Text(text) => Pattern::new(text, 0).map_err(|error| error.to_string()),
        Value::Regex(regex) => match regex.pattern.as_text() {
            Some(text) => Pattern::new(text, regex.flags).map_err(|error| error.to_string()),
            None => Err(not_texts(name)),
        },
        _ => Err(not_texts(name)),
    };
    match value.as_sequence() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// Filters are shared by what waits for answers.
pub(crate) type SharedFilter = Arc<Filter>;
