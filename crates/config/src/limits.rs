//! `c['validation']`, `c['metrics']`, `c['caches']` and the old keys for sizes of caches.

use crate::check::Check;
use crate::db::plain;
use crate::problem::{Problem, listed};
use buildbot_render::Value;

const VALIDATION_KEYS: &[&str] = &["branch", "property_name", "property_value", "revision"];

/// Patterns that input of users must match: texts, or compiled patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// For branches.
    pub branch: Value,
    /// For revisions.
    pub revision: Value,
    /// For names of properties.
    pub property_name: Value,
    /// For values of properties.
    pub property_value: Value,
}

/// How often figures of the master are logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// The keys as they were given.
    pub options: Vec<(String, Value)>,
}

/// Sizes of caches, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Caches(pub Vec<(String, i64)>);

pub(crate) fn read_validation(check: &mut Check<'_>) -> Validation {
    let default = Validation {
        branch: r"^[\w.+/~-]*$".into(),
        revision: r"^[ \w\.\-/]*$".into(),
        property_name: r"^[\w\.\-/~:]*$".into(),
        property_value: r"^[\w\.\-/~:]*$".into(),
    };
    let Some(value) = check.key("validation") else {
        return default;
    };
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("validation", "c['validation'] must be a dictionary");
        return default;
    };
    let mut unknown: Vec<String> = pairs
        .iter()
        .filter(|(key, _)| {
            !key.as_text()
                .is_some_and(|key| VALIDATION_KEYS.contains(&key))
        })
        .map(|(key, _)| plain(check, key))
        .collect();
    unknown.sort();
    if !unknown.is_empty() {
        let at = check.place_of_key("validation");
        check.report(
            Problem::error(format!(
                "unrecognized validation key(s): {}",
                unknown.join(", ")
            ))
            .at(at)
            .help(format!(
                "known keys: {}",
                listed(VALIDATION_KEYS.iter().copied())
            )),
        );
        return default;
    }
    let given = |key: &str, default: Value| value.get(key).cloned().unwrap_or(default);
    Validation {
        branch: given("branch", default.branch),
        revision: given("revision", default.revision),
        property_name: given("property_name", default.property_name),
        property_value: given("property_value", default.property_value),
    }
}

pub(crate) fn read_metrics(check: &mut Check<'_>) -> Option<Metrics> {
    let value = check.key("metrics")?;
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("metrics", "c['metrics'] must be a dictionary");
        return None;
    };
    Some(Metrics {
        options: pairs
            .iter()
            .filter_map(|(key, value)| Some((key.as_text()?.to_owned(), value.clone())))
            .collect(),
    })
}

pub(crate) fn read_caches(check: &mut Check<'_>) -> Caches {
    let mut caches = vec![("Builds".to_owned(), 15), ("Changes".to_owned(), 10)];
    let explicit = check.key("caches");
    if let Some(value) = explicit {
        read_sizes(check, value, &mut caches);
    }
    for (key, cache) in [("buildCacheSize", "Builds"), ("changeCacheSize", "Changes")] {
        let Some(value) = check.key(key) else {
            continue;
        };
        if explicit.is_some() {
            check.error_in_key(key, format!("cannot specify c['caches'] and c['{key}']"));
        }
        match value {
            Value::Int(size) => set(&mut caches, cache, *size),
            _ => {
                let at = check.place_of_key(key);
                check.refuse_at_start(
                    Problem::warning(format!("c['{key}'] must be an integer")).at(at),
                );
            }
        }
    }
    Caches(caches)
}

fn read_sizes(check: &mut Check<'_>, value: &Value, caches: &mut Vec<(String, i64)>) {
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("caches", "c['caches'] must be a dictionary");
        return;
    };
    for (name, size) in pairs {
        let name = plain(check, name);
        let size = match size {
            Value::Int(size) => *size,
            Value::Bool(size) => i64::from(*size),
            _ => {
                check.error_in_key(
                    "caches",
                    format!("value for cache size '{name}' must be an integer"),
                );
                return;
            }
        };
        if size < 1 {
            check.error_in_key(
                "caches",
                format!("'{name}' cache size must be at least 1, got '{size}'"),
            );
        }
        set(caches, &name, size);
    }
}

fn set(caches: &mut Vec<(String, i64)>, name: &str, size: i64) {
    match caches.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = size,
        None => caches.push((name.to_owned(), size)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::errors;

    fn check(config: &str, expected: &[&str]) {
        let found: Vec<String> = errors(config)
            .into_iter()
            .map(|problem| problem.message)
            .filter(|message| !message.ends_with("are configured"))
            .collect();
        assert_eq!(found, expected, "{config}");
    }

    #[test]
    fn validation_knows_its_keys() {
        check(
            r#"{"validation": 5}"#,
            &["c['validation'] must be a dictionary"],
        );
        check(
            r#"{"validation": {"$": "dict", "v": [["b", 1], ["a", 1], ["branch", "x"]]}}"#,
            &["unrecognized validation key(s): a, b"],
        );
    }

    #[test]
    fn metrics_and_caches_are_dictionaries() {
        check(
            r#"{"metrics": null}"#,
            &["c['metrics'] must be a dictionary"],
        );
        check(r#"{"caches": 1}"#, &["c['caches'] must be a dictionary"]);
        check(
            r#"{"caches": {"$": "dict", "v": [["b", 0], ["a", "x"], ["c", 0]]}}"#,
            &[
                "'b' cache size must be at least 1, got '0'",
                "value for cache size 'a' must be an integer",
            ],
        );
        check(
            r#"{"caches": {"$": "dict", "v": []}, "buildCacheSize": 1, "changeCacheSize": 1}"#,
            &[
                "cannot specify c['caches'] and c['buildCacheSize']",
                "cannot specify c['caches'] and c['changeCacheSize']",
            ],
        );
    }
}
