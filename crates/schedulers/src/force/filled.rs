//! What a person has entered, checked and converted.

use std::collections::BTreeMap;

use buildbot_model::python_text::repr_of_text;
use buildbot_render::Value;
use indexmap::IndexMap;

use super::field::{Class, Field};
use crate::input::TriggerStamp;
use crate::output::Patch;
use crate::settings::Validation;

/// The value of a `WorkerChoiceParameter` that chooses none.
const ANY_WORKER: &str = "-any-";

/// Properties in the order in which they are set.
pub(super) type Entered = IndexMap<String, Value>;

/// Checks and converts the fields of a form; everything that is wrong is collected.
pub(super) struct Filled<'a> {
    entered: &'a BTreeMap<String, Vec<Value>>,
    evaluated: &'a BTreeMap<String, Evaluated>,
    validation: &'a Validation,
    properties: Entered,
    stamps: Vec<TriggerStamp>,
    errors: BTreeMap<String, String>,
}

/// What code made of a field of a user's class.
#[derive(Debug, Clone, Default)]
pub(super) struct Evaluated {
    properties: Vec<(String, Value)>,
    stamps: Vec<(String, Value)>,
    errors: Vec<(String, String)>,
}

/// Why a field has no value.
enum Wrong {
    /// What its user is told.
    Invalid(String),
    /// An exception that ends it all.
    Failed(String),
}

impl Evaluated {
    pub(super) fn read(value: &Value) -> Self {
        let pairs = |key: &str| {
            let pairs = value.get(key).and_then(Value::as_dict).unwrap_or_default();
            pairs
                .iter()
                .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), value.clone())))
                .collect::<Vec<_>>()
        };
        let errors = pairs("errors").into_iter();
        Self {
            properties: pairs("properties"),
            stamps: pairs("sourcestamps"),
            errors: errors
                .filter_map(|(name, value)| Some((name, value.as_text()?.to_owned())))
                .collect(),
        }
    }
}

impl<'a> Filled<'a> {
    pub(super) fn new(
        entered: &'a BTreeMap<String, Vec<Value>>,
        evaluated: &'a BTreeMap<String, Evaluated>,
        validation: &'a Validation,
    ) -> Self {
        Self {
            entered,
            evaluated,
            validation,
            properties: Entered::new(),
            stamps: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    /// What was made of the form, or what is wrong with it.
    pub(super) fn finish(self) -> Result<(Entered, Vec<TriggerStamp>), BTreeMap<String, String>> {
        if self.errors.is_empty() {
            Ok((self.properties, self.stamps))
        } else {
            Err(self.errors)
        }
    }

    /// The value of one field, which becomes no property.
    pub(super) fn single(&mut self, field: &Field) -> Result<Value, String> {
        let mut properties = Entered::new();
        self.update(field, &mut properties)?;
        let value = properties.swap_remove(&field.name);
        Ok(value.unwrap_or_default())
    }

    /// Takes a field over.
    pub(super) fn add(&mut self, field: &Field) -> Result<(), String> {
        let mut properties = std::mem::take(&mut self.properties);
        let added = self.update(field, &mut properties);
        self.properties = properties;
        added
    }

    fn update(&mut self, field: &Field, properties: &mut Entered) -> Result<(), String> {
        let full_name = field.full_name.clone().unwrap_or_default();
        if field.is_own() {
            let evaluated = self.evaluated.get(&full_name).cloned().unwrap_or_default();
            properties.extend(evaluated.properties);
            for (codebase, stamp) in evaluated.stamps {
                let stamp = stamp.as_dict().unwrap_or_default().iter();
                let stamp = stamp
                    .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), value.clone())));
                self.stamps.push(stamp_of(&codebase, &stamp.collect()));
            }
            self.errors.extend(evaluated.errors);
            return Ok(());
        }
        match &field.class {
            Class::Group => {
                let group = self.group(field)?;
                if field.name.is_empty() {
                    properties.extend(group);
                } else {
                    let pairs = group.into_iter();
                    let pairs = pairs.map(|(name, value)| (Value::from(name), value));
                    properties.insert(field.name.clone(), Value::Dict(pairs.collect()));
                }
            }
            Class::Patch => {
                let group = self.group(field)?;
                let patch = group.into_iter();
                properties.extend(patch.map(|(name, value)| (format!("patch_{name}"), value)));
            }
            Class::Codebase(codebase) => {
                let group = self.group(field)?;
                self.stamps.push(stamp_of(codebase, &group));
            }
            Class::AnyProperty => self.any_property(field, &full_name, properties)?,
            Class::Worker => {
                if let Some(value) = self.value(field, &full_name)?
                    && value.as_text() != Some(ANY_WORKER)
                {
                    properties.insert(field.name.clone(), value);
                }
            }
            Class::Base
            | Class::Fixed
            | Class::Text
            | Class::TextArea
            | Class::Int
            | Class::Bool
            | Class::UserName
            | Class::Choice
            | Class::Inherit
            | Class::File => {
                if let Some(value) = self.value(field, &full_name)? {
                    properties.insert(field.name.clone(), value);
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, field: &Field) -> Result<Entered, String> {
        let mut group = Entered::new();
        for field in &field.fields {
            self.update(field, &mut group)?;
        }
        Ok(group)
    }

    fn any_property(
        &mut self,
        field: &Field,
        full_name: &str,
        properties: &mut Entered,
    ) -> Result<(), String> {
        let mut group = self.group(field)?;
        let name = group.swap_remove("name").unwrap_or_default();
        let value = group.swap_remove("value").unwrap_or_default();
        if !name.is_true() {
            return Ok(());
        }
        let not_text = |value: &Value| {
            let kind = value.type_name();
            format!("TypeError: expected string or bytes-like object, got '{kind}'")
        };
        let name = match name {
            Value::Text(name) => name,
            other => return Err(not_text(&other)),
        };
        let is_valid = |pattern: &Option<buildbot_python_regex::Pattern>, text: &str| match pattern
        {
            None => true,
            Some(pattern) => matches!(pattern.match_start(text), Ok(Some(_))),
        };
        let is_right = is_valid(&self.validation.property_name, &name)
            && match &value {
                Value::Text(text) => is_valid(&self.validation.property_value, text),
                other => return Err(not_text(other)),
            };
        if is_right {
            properties.insert(name, value);
        } else {
            let message = format!("bad property name='{name}', value='{}'", plain(&value));
            self.errors.insert(full_name.to_owned(), message);
        }
        Ok(())
    }

    /// The value of a field; what is wrong is noted.
    fn value(&mut self, field: &Field, full_name: &str) -> Result<Option<Value>, String> {
        match self.convert(field, full_name) {
            Ok(value) => Ok(Some(value)),
            Err(Wrong::Invalid(message)) => {
                self.errors.insert(full_name.to_owned(), message);
                Ok(None)
            }
            Err(Wrong::Failed(why)) => Err(why),
        }
    }

    fn convert(&self, field: &Field, full_name: &str) -> Result<Value, Wrong> {
        let default = field.attribute("default");
        let entered = self.entered.get(full_name);
        if field.class == Class::Bool {
            let is_true = |value: &Value| {
                matches!(value, Value::Bool(true) | Value::Int(1)) || *value == Value::Float(1.0)
            };
            return Ok(Value::Bool(match entered {
                Some(values) => matches!(&values[..], [value] if is_true(value)),
                None => is_true(default),
            }));
        }
        let is_blank = |value: &Value| value.as_text().is_some_and(|text| text.trim().is_empty());
        let values = entered.map(Vec::as_slice).unwrap_or_default().iter();
        let mut values: Vec<&Value> = values.filter(|value| !is_blank(value)).collect();
        let is_required = field.attribute("required").is_true();
        let is_multiple = field.attribute("multiple").is_true();
        let mut letters = Vec::new();
        if values.is_empty() {
            if is_required {
                let label = field.label();
                return Err(Wrong::Invalid(format!("'{label}' needs to be specified")));
            }
            // Several are what Python iterates over.
            match default {
                one if !is_multiple => values.push(one),
                Value::List(items) | Value::Tuple(items) => values.extend(items),
                Value::Text(text) => {
                    letters.extend(text.chars().map(|letter| Value::Text(letter.to_string())));
                    values.extend(&letters);
                }
                other => {
                    let kind = other.type_name();
                    return Err(Wrong::Failed(format!(
                        "TypeError: '{kind}' object is not iterable"
                    )));
                }
            }
        }
        for value in &values {
            check(field, value)?;
        }
        if field.class == Class::Fixed {
            return Ok(default.clone());
        }
        if is_multiple {
            let values = values.into_iter();
            let values: Result<Vec<Value>, Wrong> = values
                .map(|value| one(field, full_name, value, is_required))
                .collect();
            return Ok(Value::List(values?));
        }
        let Some(value) = values.first() else {
            return Err(Wrong::Failed(
                "IndexError: list index out of range".to_owned(),
            ));
        };
        match one(field, full_name, value, is_required)? {
            Value::None => Err(Wrong::Invalid(format!(
                "need {full_name}: no default provided by config"
            ))),
            value => Ok(value),
        }
    }
}

fn check(field: &Field, value: &Value) -> Result<(), Wrong> {
    if let Some(pattern) = &field.regex {
        let Some(text) = value.as_text() else {
            return Err(Wrong::Failed(format!(
                "TypeError: expected string or bytes-like object, got '{}'",
                value.type_name()
            )));
        };
        match pattern.match_start(text) {
            Ok(Some(_)) => {}
            Ok(None) => {
                return Err(Wrong::Invalid(format!(
                    "{}:'{text}' does not match pattern '{}'",
                    field.label(),
                    field.pattern_text
                )));
            }
            Err(error) => return Err(Wrong::Failed(error.to_string())),
        }
    }
    if let Value::Int(max) = field.attribute("maxsize") {
        let length = match value {
            Value::Text(text) => text.chars().count(),
            Value::List(items) => items.len(),
            Value::Dict(pairs) => pairs.len(),
            other => {
                return Err(Wrong::Failed(format!(
                    "TypeError: object of type '{}' has no len()",
                    other.type_name()
                )));
            }
        };
        if i64::try_from(length).unwrap_or(i64::MAX) > *max {
            let label = field.label();
            return Err(Wrong::Invalid(format!(
                "{label}: is too large {length} > {max}"
            )));
        }
    }
    Ok(())
}

/// Converts one value.
fn one(field: &Field, full_name: &str, value: &Value, is_required: bool) -> Result<Value, Wrong> {
    match field.class {
        Class::Int => int(value),
        Class::UserName => user_name(field, value, is_required),
        Class::Choice | Class::Worker => choice(field, value),
        Class::Inherit => Err(Wrong::Invalid(format!("bad build: {}", plain(value)))),
        Class::Base
        | Class::Fixed
        | Class::Text
        | Class::TextArea
        | Class::Bool
        | Class::File
        | Class::Group
        | Class::AnyProperty
        | Class::Codebase(_)
        | Class::Patch => {
            let _ = full_name;
            Ok(value.clone())
        }
    }
}

/// Python's `int`.
fn int(value: &Value) -> Result<Value, Wrong> {
    match value {
        Value::Int(_) | Value::BigInt(_) => Ok(value.clone()),
        Value::Bool(value) => Ok(Value::Int((*value).into())),
        Value::Float(number) => Ok(Value::Int(number.trunc() as i64)),
        Value::Text(text) => parse_int(text).map(Value::Int).ok_or_else(|| {
            let shown = repr_of_text(text);
            Wrong::Invalid(format!("invalid literal for int() with base 10: {shown}"))
        }),
        other => Err(Wrong::Failed(format!(
            "TypeError: int() argument must be a string, a bytes-like object or a real number, not '{}'",
            other.type_name()
        ))),
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let is_right = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    let digits = digits.replace('_', "");
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_right && is_number)
        .then(|| format!("{sign}{digits}").parse().ok())
        .flatten()
}

fn user_name(field: &Field, value: &Value, is_required: bool) -> Result<Value, Wrong> {
    let needs_mail = field.attribute("need_email").is_true();
    if !needs_mail || !value.is_true() && !is_required {
        return Ok(value.clone());
    }
    let Some(text) = value.as_text() else {
        return Err(Wrong::Failed(format!(
            "AttributeError: '{}' object has no attribute 'strip'",
            value.type_name()
        )));
    };
    if (!text.trim().is_empty() || is_required) && !has_mail_address(text) {
        let name = &field.name;
        return Err(Wrong::Invalid(format!(
            "{name}: please fill in email address in the form 'User <email@email.com>'"
        )));
    }
    Ok(value.clone())
}

/// Somewhere in the text: anything, an at sign, and a name with a dot.
fn has_mail_address(text: &str) -> bool {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    text.match_indices('@').any(|(at, sign)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + sign.len()..];
        before.is_some_and(|letter| !letter.is_whitespace())
            && after.split_once('.').is_some_and(|(name, rest)| {
                !name.is_empty() && name.chars().all(is_of_name) && rest.starts_with(is_of_name)
            })
    })
}

fn choice(field: &Field, value: &Value) -> Result<Value, Wrong> {
    let choices = field.attribute("choices");
    let is_known = choices.as_sequence().unwrap_or_default().contains(value);
    if field.attribute("strict").is_true() && !is_known {
        return Err(Wrong::Invalid(format!(
            "'{}' does not belong to list of available choices '{}'",
            plain(value),
            choices.repr(&buildbot_config::Description::default())
        )));
    }
    Ok(value.clone())
}

/// Python's `str`.
fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.repr(&buildbot_config::Description::default()),
    }
}

fn stamp_of(codebase: &str, values: &Entered) -> TriggerStamp {
    let text = |name: &str| match values.get(name) {
        Some(Value::Text(text)) => Some(Some(text.clone())),
        Some(Value::None) => Some(None),
        Some(other) => Some(Some(plain(other))),
        None => None,
    };
    let body = match values.get("patch_body") {
        Some(Value::Text(text)) => text.clone().into_bytes(),
        Some(Value::Bytes(bytes)) => bytes.clone(),
        _ => Vec::new(),
    };
    let patch = (!body.is_empty()).then(|| Patch {
        body,
        level: match values.get("patch_level") {
            Some(Value::Int(level)) => *level,
            _ => 1,
        },
        author: text("patch_author").flatten().unwrap_or_default(),
        comment: text("patch_comment").flatten().unwrap_or_default(),
        subdir: text("patch_subdir").flatten(),
    });
    TriggerStamp {
        codebase: codebase.to_owned(),
        repository: text("repository").map(Option::unwrap_or_default),
        branch: text("branch"),
        revision: text("revision"),
        project: text("project").map(Option::unwrap_or_default),
        patch,
    }
}
