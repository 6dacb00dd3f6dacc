//! `c['db']`, `c['db_url']` and `c['mq']`.

use crate::check::Check;
use crate::problem::{Problem, listed};
use buildbot_render::Value;

const DEFAULT_URL: &str = "sqlite:///state.sqlite";

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Db {
    /// A database URL, or a renderable that gives one.
    pub url: Value,
    /// Arguments for the library of the reference.
    pub engine_kwargs: Value,
}

/// How events travel between masters.
#[derive(Debug, Clone, PartialEq)]
pub struct Mq {
    /// `simple` or `wamp`.
    pub kind: String,
    /// The other keys.
    pub options: Vec<(String, Value)>,
}

pub(crate) fn read(check: &mut Check<'_>) -> Db {
    let mut db = Db {
        url: DEFAULT_URL.into(),
        engine_kwargs: Value::None,
    };
    let key = match (check.key("db"), check.key("db_url")) {
        (Some(value), _) => {
            let Some(pairs) = value.as_dict() else {
                check.error_in_key("db", "c['db'] must be a dictionary");
                return db;
            };
            let unknown = pairs
                .iter()
                .any(|(key, _)| !matches!(key.as_text(), Some("db_url" | "engine_kwargs")));
            if unknown {
                let at = check.place_of_key("db");
                check.report(
                    Problem::error("unrecognized keys in c['db']")
                        .at(at)
                        .help("known keys: db_url, engine_kwargs"),
                );
            }
            if let Some(url) = value.get("db_url") {
                db.url = url.clone();
            }
            if let Some(arguments) = value.get("engine_kwargs") {
                db.engine_kwargs = arguments.clone();
            }
            "db"
        }
        (None, Some(url)) => {
            db.url = url.clone();
            "db_url"
        }
        (None, None) => return db,
    };
    check_url(check, key, &db.url);
    db
}

/// Differs: a database other than SQLite passes `checkconfig` with a warning and is refused at start, because only
/// SQLite works so far.
fn check_url(check: &mut Check<'_>, key: &str, url: &Value) {
    let message = match url {
        Value::Renderable(_) => return,
        Value::Text(url) => match url.split_once("://") {
            Some((scheme, _)) if scheme.split('+').next() == Some("sqlite") => return,
            Some((scheme, _)) => format!("the database of '{scheme}://…' is not supported yet"),
            None => "db_url must be a URL such as sqlite:///state.sqlite".to_owned(),
        },
        _ => "db_url must be a string".to_owned(),
    };
    let at = check.place_of_key(key);
    check.refuse_at_start(
        Problem::warning(message)
            .at(at)
            .help("use SQLite: sqlite:///state.sqlite"),
    );
}

pub(crate) fn read_mq(check: &mut Check<'_>) -> Mq {
    let mut mq = Mq {
        kind: "simple".to_owned(),
        options: Vec::new(),
    };
    let Some(value) = check.key("mq") else {
        return mq;
    };
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("mq", "c['mq'] must be a dictionary");
        return mq;
    };
    let kind = value.get("type").cloned().unwrap_or("simple".into());
    let known: &[&str] = match kind.as_text() {
        Some("simple") => &["type", "debug"],
        Some("wamp") => &["type", "router_url", "realm", "wamp_debug_level"],
        _ => {
            let shown = match &kind {
                Value::Text(text) => text.clone(),
                other => other.repr(check.description),
            };
            let at = check.place_of_key("mq");
            check.report(
                Problem::error(format!("mq type '{shown}' is not known"))
                    .at(at)
                    .help("known types: simple, wamp"),
            );
            return mq;
        }
    };
    let unknown: Vec<String> = pairs
        .iter()
        .filter(|(key, _)| !key.as_text().is_some_and(|key| known.contains(&key)))
        .map(|(key, _)| plain(check, key))
        .collect();
    if !unknown.is_empty() {
        let at = check.place_of_key("mq");
        check.report(
            Problem::error(format!(
                "unrecognized keys in c['mq']: {}",
                unknown.join(", ")
            ))
            .at(at)
            .help(format!("known keys: {}", listed(known.iter().copied()))),
        );
    }
    if let Some(kind) = kind.as_text() {
        mq.kind = kind.to_owned();
    }
    if mq.kind == "wamp" {
        let at = check.place_of_key("mq");
        check.refuse_at_start(
            Problem::warning("c['mq'] of type 'wamp' is not supported yet")
                .at(at)
                .help("a single master needs no c['mq']"),
        );
    }
    mq.options = pairs
        .iter()
        .filter_map(|(key, value)| Some((key.as_text()?.to_owned(), value.clone())))
        .filter(|(key, _)| key != "type")
        .collect();
    mq
}

/// A key as it stands in a joined list: a text without quotes.
pub(crate) fn plain(check: &Check<'_>, key: &Value) -> String {
    match key {
        Value::Text(text) => text.clone(),
        other => other.repr(check.description),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, refused};

    #[test]
    fn wrong_databases_are_named() {
        let check = |config: &str, expected: &str| {
            assert_eq!(errors(config)[0].message, expected, "{config}");
        };
        check(r#"{"db": 5}"#, "c['db'] must be a dictionary");
        check(
            r#"{"db": {"$": "dict", "v": [["x", 1]]}}"#,
            "unrecognized keys in c['db']",
        );
    }

    #[test]
    fn other_databases_are_refused_at_start() {
        let check = |config: &str, expected: usize| {
            assert_eq!(refused(config).len(), expected, "{config}");
        };
        check(r#"{"db_url": "sqlite:///x"}"#, 0);
        check(r#"{"db_url": "postgresql+psycopg2://h/x"}"#, 1);
        check(r#"{"db_url": null}"#, 1);
        check(
            r#"{"db": {"$": "dict", "v": []}, "db_url": "mysql://x"}"#,
            0,
        );
        check(
            r#"{"db_url": {"$": "Interpolate", "fmt": "%(secret:x)s"}}"#,
            0,
        );
    }

    #[test]
    fn wrong_message_queues_are_named() {
        let check = |config: &str, expected: &str| {
            assert_eq!(errors(config)[0].message, expected, "{config}");
        };
        check(
            r#"{"mq": {"$": "dict", "v": [["type", "x"], ["y", 1]]}}"#,
            "mq type 'x' is not known",
        );
        check(
            r#"{"mq": {"$": "dict", "v": [["y", 1], ["z", 1]]}}"#,
            "unrecognized keys in c['mq']: y, z",
        );
        check(r#"{"mq": null}"#, "c['mq'] must be a dictionary");
    }
}
