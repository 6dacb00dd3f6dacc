//! Methods of text, dicts, open files and `os.environ`, of the application and the worker.

use std::rc::Rc;

use super::{Evaluator, not_set};
use crate::arguments::{Arguments, Bound, Given};
use crate::error::Fault;
use crate::text;
use crate::value::Value;

const TEXT_METHODS: &str = "strip, lstrip, rstrip, split, rsplit, splitlines, lower, upper, replace, \
    startswith, endswith, join, format, partition, rpartition, find, count, isdigit, zfill, \
    removeprefix, removesuffix";

/// Whether Python's `str.strip()` removes the character.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn unknown_method(at: usize, object: &Value, name: &str, known: &str) -> Fault {
    Fault::new(
        at,
        format!("the method `{name}` of {} is not known here", object.kind()),
        format!("known: {known}"),
    )
}

/// Takes an argument that must be text if it is there and not None.
fn optional_text(bound: &mut Bound, name: &str) -> Result<Option<Rc<str>>, Fault> {
    match bound.take(name) {
        None => Ok(None),
        Some(given) => match given.value {
            Value::None => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(Fault::new(
                given.at,
                format!("`{name}` must be text, not {}", other.kind()),
                "write it in quotes",
            )),
        },
    }
}

/// Takes an argument that must be text.
pub(super) fn needed_text(bound: &mut Bound, name: &str) -> Result<Rc<str>, Fault> {
    let at = bound.at;
    optional_text(bound, name)?.ok_or_else(|| {
        Fault::new(
            at,
            format!("`{name}` must be text, not None"),
            "write it in quotes; os.environ.get(…) is None if the variable is not set",
        )
    })
}

fn optional_count(bound: &mut Bound, name: &str) -> Result<Option<usize>, Fault> {
    match bound.take(name) {
        None => Ok(None),
        Some(Given {
            value: Value::Int(count),
            ..
        }) => Ok(usize::try_from(count).ok()),
        Some(given) => Err(Fault::new(
            given.at,
            format!(
                "`{name}` must be a whole number, not {}",
                given.value.kind()
            ),
            "write a number",
        )),
    }
}

impl Evaluator<'_> {
    /// Calls a method.
    pub(super) fn method(
        &mut self,
        at: usize,
        object: &Value,
        name: &str,
        arguments: Arguments,
    ) -> Result<Value, Fault> {
        match object {
            Value::Text(text) => self.text_method(at, text, name, arguments),
            Value::Environ => self.environ_method(at, name, arguments),
            Value::Dict(pairs) => match name {
                "get" => {
                    let mut bound = arguments.bind(name, &["key", "default"], 2, 1)?;
                    let key = bound.take("key").map_or(Value::None, |given| given.value);
                    let default = bound
                        .take("default")
                        .map_or(Value::None, |given| given.value);
                    self.charge(at, pairs.pairs().len())?;
                    Ok(pairs.get(&key).cloned().unwrap_or(default))
                }
                "keys" | "values" | "items" => {
                    arguments.bind(name, &[], 0, 0)?;
                    let mut values = Vec::new();
                    for (key, value) in pairs.pairs() {
                        values.push(match name {
                            "keys" => key.clone(),
                            "values" => value.clone(),
                            _ => self.tuple(at, vec![key.clone(), value.clone()])?,
                        });
                    }
                    self.list(at, values)
                }
                _ => Err(unknown_method(at, object, name, "get, keys, values, items")),
            },
            Value::File(file) => match name {
                "read" => {
                    arguments.bind(name, &[], 0, 0)?;
                    self.new_text(at, file.read())
                }
                "readline" => {
                    arguments.bind(name, &[], 0, 0)?;
                    self.new_text(at, file.read_line())
                }
                "readlines" => {
                    arguments.bind(name, &[], 0, 0)?;
                    let lines = self.iterate(at, object)?;
                    self.list(at, lines)
                }
                "close" => {
                    arguments.bind(name, &[], 0, 0)?;
                    Ok(Value::None)
                }
                _ => Err(unknown_method(
                    at,
                    object,
                    name,
                    "read, readline, readlines, close",
                )),
            },
            Value::Application if name == "setComponent" => self.set_component(arguments),
            Value::Worker if name == "setServiceParent" => self.attach(arguments),
            Value::Application => Err(unknown_method(at, object, name, "setComponent")),
            other => Err(unknown_method(at, other, name, "setServiceParent")),
        }
    }

    fn environ_method(
        &mut self,
        at: usize,
        name: &str,
        arguments: Arguments,
    ) -> Result<Value, Fault> {
        match name {
            "get" | "pop" | "setdefault" => {
                let given_default =
                    arguments.positional.len() > 1 || !arguments.keywords.is_empty();
                let mut bound = arguments.bind(name, &["key", "default"], 2, 1)?;
                let key = needed_text(&mut bound, "key")?;
                let default = bound
                    .take("default")
                    .map_or(Value::None, |given| given.value);
                let found = if name == "pop" {
                    self.environ.remove(&*key)
                } else {
                    self.environ.get(&*key).cloned()
                };
                match found {
                    Some(value) => self.new_text(at, value),
                    None if name == "setdefault" => {
                        self.set_environment(at, &Value::Text(key), &default)?;
                        Ok(default)
                    }
                    None if name == "pop" && !given_default => Err(not_set(at, &key)),
                    None => Ok(default),
                }
            }
            "keys" | "values" | "items" => {
                arguments.bind(name, &[], 0, 0)?;
                let pairs: Vec<(Value, Value)> = self
                    .environ
                    .iter()
                    .map(|(key, value)| (Value::text(key.as_str()), Value::text(value.as_str())))
                    .collect();
                let mut values = Vec::new();
                for (key, value) in pairs {
                    self.charge(at, key.size().saturating_add(value.size()))?;
                    values.push(match name {
                        "keys" => key,
                        "values" => value,
                        _ => self.tuple(at, vec![key, value])?,
                    });
                }
                self.list(at, values)
            }
            "update" => {
                let mut bound = arguments.bind(name, &["values"], 1, 1)?;
                let Some(Value::Dict(pairs)) = bound.take("values").map(|given| given.value) else {
                    return Err(Fault::new(
                        at,
                        "os.environ.update(…) needs a dict",
                        "for instance os.environ.update({'LANG': 'C'})",
                    ));
                };
                for (key, value) in pairs.pairs() {
                    self.set_environment(at, key, value)?;
                }
                Ok(Value::None)
            }
            _ => Err(unknown_method(
                at,
                &Value::Environ,
                name,
                "get, pop, setdefault, update, keys, values, items",
            )),
        }
    }

    fn text_method(
        &mut self,
        at: usize,
        text: &Rc<str>,
        name: &str,
        arguments: Arguments,
    ) -> Result<Value, Fault> {
        self.charge(at, text.len())?;
        match name {
            "strip" | "lstrip" | "rstrip" => {
                let mut bound = arguments.bind(name, &["chars"], 1, 0)?;
                let chars: Option<Vec<char>> =
                    optional_text(&mut bound, "chars")?.map(|chars| chars.chars().collect());
                self.charge(at, chars.as_ref().map_or(1, Vec::len))?;
                let strips = |c: char| chars.as_ref().map_or(is_space(c), |set| set.contains(&c));
                let stripped = match name {
                    "strip" => text.trim_matches(strips),
                    "lstrip" => text.trim_start_matches(strips),
                    _ => text.trim_end_matches(strips),
                };
                self.new_text(at, stripped)
            }
            "lower" | "upper" | "isdigit" | "splitlines" => {
                arguments.bind(name, &[], 0, 0)?;
                match name {
                    "lower" => self.new_text(at, text.to_lowercase()),
                    "upper" => self.new_text(at, text.to_uppercase()),
                    "isdigit" => Ok(Value::Bool(
                        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()),
                    )),
                    _ => {
                        let lines = lines(text);
                        self.list(at, lines)
                    }
                }
            }
            "split" | "rsplit" => {
                let mut bound = arguments.bind(name, &["sep", "maxsplit"], 2, 0)?;
                let separator = optional_text(&mut bound, "sep")?;
                // A negative number means no limit.
                let limit = optional_count(&mut bound, "maxsplit")?.unwrap_or(usize::MAX - 1);
                let parts = match separator.as_deref() {
                    Some("") => {
                        return Err(Fault::new(
                            at,
                            "the separator is empty",
                            "write the character that separates the parts",
                        ));
                    }
                    Some(separator) if name == "split" => {
                        text.splitn(limit + 1, separator).map(Value::text).collect()
                    }
                    Some(separator) => {
                        let mut parts: Vec<Value> = text
                            .rsplitn(limit + 1, separator)
                            .map(Value::text)
                            .collect();
                        parts.reverse();
                        parts
                    }
                    None if name == "split" => split_words(text, limit),
                    None => {
                        if limit < usize::MAX - 1 {
                            return Err(Fault::new(
                                at,
                                "rsplit with a limit needs a separator",
                                "write it, for instance rsplit(':', 1)",
                            ));
                        }
                        split_words(text, limit)
                    }
                };
                self.list(at, parts)
            }
            "partition" | "rpartition" => {
                let mut bound = arguments.bind(name, &["sep"], 1, 1)?;
                let separator = needed_text(&mut bound, "sep")?;
                let found = if name == "partition" {
                    text.split_once(&*separator)
                } else {
                    text.rsplit_once(&*separator)
                };
                let parts = match found {
                    Some((before, after)) => [before, &separator, after],
                    None if name == "partition" => [text, "", ""],
                    None => ["", "", text],
                };
                self.tuple(at, parts.into_iter().map(Value::text).collect())
            }
            "replace" => {
                let mut bound = arguments.bind(name, &["old", "new"], 2, 2)?;
                let old = needed_text(&mut bound, "old")?;
                let new = needed_text(&mut bound, "new")?;
                let count = if old.is_empty() {
                    text.len() + 1
                } else {
                    text.matches(&*old).count()
                };
                self.charge(at, count.saturating_mul(new.len()))?;
                self.new_text(at, text.replace(&*old, &new))
            }
            "startswith" | "endswith" => {
                let mut bound = arguments.bind(name, &["prefix"], 1, 1)?;
                let given = bound
                    .take("prefix")
                    .map_or(Value::None, |given| given.value);
                let candidates = match &given {
                    Value::Tuple(items) => items.values(),
                    single => std::slice::from_ref(single),
                };
                self.charge(at, given.size())?;
                let mut found = false;
                for candidate in candidates {
                    let Value::Text(part) = candidate else {
                        return Err(Fault::new(
                            at,
                            format!("{name}(…) needs text, not {}", candidate.kind()),
                            "write it in quotes",
                        ));
                    };
                    found |= if name == "startswith" {
                        text.starts_with(&**part)
                    } else {
                        text.ends_with(&**part)
                    };
                }
                Ok(Value::Bool(found))
            }
            "removeprefix" | "removesuffix" | "find" | "count" => {
                let mut bound = arguments.bind(name, &["part"], 1, 1)?;
                let part = needed_text(&mut bound, "part")?;
                match name {
                    "removeprefix" => {
                        let rest = text.strip_prefix(&*part).unwrap_or(text);
                        self.new_text(at, rest)
                    }
                    "removesuffix" => {
                        let rest = text.strip_suffix(&*part).unwrap_or(text);
                        self.new_text(at, rest)
                    }
                    "find" => {
                        let index = text
                            .find(&*part)
                            .and_then(|byte| text.get(..byte))
                            .and_then(|before| i128::try_from(before.chars().count()).ok());
                        Ok(Value::Int(index.unwrap_or(-1)))
                    }
                    _ => {
                        let count = text.matches(&*part).count();
                        Ok(Value::Int(i128::try_from(count).unwrap_or(0)))
                    }
                }
            }
            "zfill" => {
                let mut bound = arguments.bind(name, &["width"], 1, 1)?;
                let width = optional_count(&mut bound, "width")?.unwrap_or(0);
                self.charge(at, width)?;
                let (sign, digits) = match text.strip_prefix(['+', '-']) {
                    Some(digits) => text.split_at(text.len() - digits.len()),
                    None => ("", &**text),
                };
                let width = width.saturating_sub(sign.len());
                let missing = width.saturating_sub(digits.chars().count());
                self.new_text(at, format!("{sign}{}{digits}", "0".repeat(missing)))
            }
            "join" => {
                let mut bound = arguments.bind(name, &["parts"], 1, 1)?;
                let parts = bound.take("parts").map_or(Value::None, |given| given.value);
                let mut texts = Vec::new();
                for part in self.iterate(at, &parts)? {
                    let Value::Text(part) = part else {
                        return Err(Fault::new(
                            at,
                            format!("join(…) needs a list of text, and found {}", part.kind()),
                            "convert the items with str(…)",
                        ));
                    };
                    self.charge(at, part.len() + text.len())?;
                    texts.push(part);
                }
                self.new_text(at, texts.join(text))
            }
            "format" => self.format(at, text, arguments),
            _ => Err(unknown_method(
                at,
                &Value::Text(Rc::clone(text)),
                name,
                TEXT_METHODS,
            )),
        }
    }

    fn format(&mut self, at: usize, template: &str, arguments: Arguments) -> Result<Value, Fault> {
        let fields = template.matches('{').count();
        let all = arguments.positional.len() + arguments.keywords.len();
        self.charge(at, fields.saturating_mul(all))?;
        let sizes = arguments.positional.iter().map(|given| &given.value);
        let sizes = sizes.chain(arguments.keywords.iter().map(|(_, _, given)| &given.value));
        let largest = sizes.map(Value::size).max().unwrap_or(0);
        self.charge(at, fields.saturating_mul(largest))?;
        let formatted = text::format_template(template, |field| match field.parse::<usize>() {
            Ok(index) => arguments
                .positional
                .get(index)
                .map(|given| given.value.clone()),
            Err(_) => arguments
                .keywords
                .iter()
                .find(|(_, name, _)| **name == *field)
                .map(|(_, _, given)| given.value.clone()),
        })
        .map_err(|fault| Fault::new(at, fault.0, fault.1))?;
        self.new_text(at, formatted)
    }
}

/// `text.split()`: the words between white space, the rest after `limit` splits.
fn split_words(text: &str, limit: usize) -> Vec<Value> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if words.len() == limit {
            words.push(Value::text(rest));
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(Value::text(word));
        rest = after.trim_start_matches(is_space);
    }
    words
}

/// `text.splitlines()`
fn lines(text: &str) -> Vec<Value> {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        lines.push(Value::text(line));
        rest = match after.strip_prefix("\r\n") {
            Some(after) => after,
            None => {
                let mut characters = after.chars();
                characters.next();
                characters.as_str()
            }
        };
    }
    lines
}
