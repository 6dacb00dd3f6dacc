//! The keys that hold one value each: titles, URLs, limits, callables.

use crate::check::Check;
use crate::db::plain;
use crate::problem::{Problem, listed, nearest};
use buildbot_render::Value;

/// Every key that `BuildmasterConfig` may have.
pub const KNOWN_KEYS: &[&str] = &[
    "buildCacheSize",
    "buildbotNetUsageData",
    "buildbotURL",
    "builders",
    "caches",
    "changeCacheSize",
    "changeHorizon",
    "change_source",
    "codebaseGenerator",
    "codebases",
    "collapseRequests",
    "configurators",
    "db",
    "db_url",
    "logCompressionLimit",
    "logCompressionMethod",
    "logEncoding",
    "logMaxSize",
    "logMaxTailSize",
    "machines",
    "manhole",
    "metrics",
    "mq",
    "multiMaster",
    "prioritizeBuilders",
    "projects",
    "properties",
    "protocols",
    "revlink",
    "schedulers",
    "secretsProviders",
    "select_next_worker",
    "services",
    "title",
    "titleURL",
    "user_managers",
    "validation",
    "workers",
    "www",
];

/// What keys of old versions are called today, or what to do without them.
const OLD_KEYS: &[(&str, &str)] = &[
    ("buildHorizon", "use util.JanitorConfigurator"),
    ("debugPassword", "remove it"),
    ("eventHorizon", "use util.JanitorConfigurator"),
    ("logHorizon", "use util.JanitorConfigurator"),
    ("mergeRequests", "use collapseRequests"),
    ("reporters", "reporters stand in c['services']"),
    ("slavePortnum", "use protocols = {'pb': {'port': …}}"),
    ("slaves", "use workers"),
    ("sources", "use change_source"),
    (
        "status",
        "reporters stand in c['services'], the web server in c['www']",
    ),
];

const COMPRESSION_METHODS: &[&str] = &["raw", "bz2", "gz", "lz4", "zstd", "br"];

/// More characters do not fit where the title is shown.
const TITLE_CHARACTERS_MAX: usize = 18;

/// The keys that hold one value each.
#[derive(Debug, Clone, PartialEq)]
pub struct Globals {
    /// `title`.
    pub title: String,
    /// `titleURL`, with a `/` at its end.
    pub title_url: Option<String>,
    /// `buildbotURL`, with a `/` at its end.
    pub buildbot_url: Option<String>,
    /// `buildbotNetUsageData`.
    pub net_usage_data: Value,
    /// `changeHorizon`; without effect.
    pub change_horizon: Option<i64>,
    /// `logCompressionLimit`, in bytes.
    pub log_compression_limit: Option<i64>,
    /// `logCompressionMethod`.
    pub log_compression_method: String,
    /// `logMaxSize`, in bytes.
    pub log_max_size: Option<i64>,
    /// `logMaxTailSize`, in bytes.
    pub log_max_tail_size: Option<i64>,
    /// `logEncoding`: a name or a callable.
    pub log_encoding: Value,
    /// `properties`.
    pub properties: Vec<(String, Value)>,
    /// `collapseRequests`: `None`, a truth value, or a callable.
    pub collapse_requests: Value,
    /// `codebaseGenerator`.
    pub codebase_generator: Value,
    /// `prioritizeBuilders`.
    pub prioritize_builders: Value,
    /// `select_next_worker`.
    pub select_next_worker: Value,
    /// `protocols`: name and options of each.
    pub protocols: Vec<(String, Value)>,
    /// `multiMaster`.
    pub multi_master: bool,
    /// `manhole`.
    pub manhole: Value,
    /// `revlink`, unless it is the default.
    pub revlink: Option<Value>,
}

/// Reports keys that nobody knows.
pub(crate) fn check_unknown_keys(check: &mut Check<'_>) {
    let description = check.description;
    // What configurators added is not checked.
    let names: Vec<&str> = match &description.keys {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => description.config.iter().map(|(name, _)| name).collect(),
    };
    let mut unknown: Vec<&str> = names
        .into_iter()
        .filter(|name| KNOWN_KEYS.binary_search(name).is_err())
        .collect();
    unknown.sort_unstable();
    let Some(first) = unknown.first() else {
        return;
    };
    let at = check.place_of_key(first);
    let message = match unknown.as_slice() {
        [only] => format!("Unknown BuildmasterConfig key {only}"),
        several => format!("Unknown BuildmasterConfig keys {}", several.join(", ")),
    };
    let mut problem = Problem::error(message).at(at);
    for (index, name) in unknown.iter().enumerate() {
        let advice = OLD_KEYS
            .iter()
            .find(|(old, _)| old == name)
            .map(|(_, advice)| format!("{name}: {advice}"))
            .or_else(|| {
                let near = nearest(name, KNOWN_KEYS.iter().copied())?;
                Some(format!("did you mean '{near}' instead of '{name}'?"))
            });
        problem = problem.maybe_help(advice);
        if index > 0 {
            let place = check.place_of_key(name);
            problem =
                problem.maybe_help(place.map(|place| {
                    format!("'{name}' is at {}:{}", base_name(&place.file), place.line)
                }));
        }
    }
    check.report(problem);
}

fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

pub(crate) fn read(check: &mut Check<'_>) -> Globals {
    let title = read_title(check);
    let title_url = read_url(check, "titleURL", "http://buildbot.net/");
    let buildbot_url = read_url(check, "buildbotURL", "http://localhost:8080/");
    let net_usage_data = read_net_usage_data(check);
    let change_horizon = read_int(check, "changeHorizon", None);
    let log_compression_limit = read_int(check, "logCompressionLimit", Some(4096));
    let log_compression_method = read_compression_method(check);
    let log_max_size = read_int(check, "logMaxSize", None);
    let log_max_tail_size = read_int(check, "logMaxTailSize", None);
    let log_encoding = check.key("logEncoding").cloned().unwrap_or("utf-8".into());
    let properties = read_properties(check);
    let collapse_requests = read_collapse_requests(check);
    let codebase_generator = read_callable(
        check,
        "codebaseGenerator",
        "codebaseGenerator must be a callable accepting a dict and returning a str",
    );
    let prioritize_builders = read_callable(
        check,
        "prioritizeBuilders",
        "prioritizeBuilders must be a callable",
    );
    let select_next_worker = read_callable(
        check,
        "select_next_worker",
        "select_next_worker must be a callable",
    );
    let mut globals = Globals {
        title,
        title_url,
        buildbot_url,
        net_usage_data,
        change_horizon,
        log_compression_limit,
        log_compression_method,
        log_max_size,
        log_max_tail_size,
        log_encoding,
        properties,
        collapse_requests,
        codebase_generator,
        prioritize_builders,
        select_next_worker,
        protocols: Vec::new(),
        multi_master: false,
        manhole: Value::None,
        revlink: None,
    };
    // The reference leaves out the rest after some errors in `protocols`.
    if let Some(protocols) = read_protocols(check) {
        globals.protocols = protocols;
        globals.multi_master = check.key("multiMaster").is_some_and(Value::is_true);
        globals.manhole = check.key("manhole").cloned().unwrap_or_default();
        globals.revlink = read_revlink(check);
    }
    globals
}

fn read_title(check: &mut Check<'_>) -> String {
    const DEFAULT: &str = "Buildbot";
    let title = match check.key("title") {
        None => return DEFAULT.to_owned(),
        Some(Value::Text(title)) => title.clone(),
        Some(_) => {
            check.error_in_key("title", "c['title'] must be a string");
            return DEFAULT.to_owned();
        }
    };
    if title.chars().count() > TITLE_CHARACTERS_MAX {
        let at = check.place_of_key("title");
        check.report(
            Problem::warning(
                "WARNING: Title is too long to be displayed. \"Buildbot\" will be used instead.",
            )
            .at(at)
            .help(format!(
                "at most {TITLE_CHARACTERS_MAX} characters are shown"
            )),
        );
    }
    title
}

/// A value of the right type; `None` passes as it is, anything else leaves the default.
fn read_int(check: &mut Check<'_>, name: &str, default: Option<i64>) -> Option<i64> {
    match check.key(name) {
        None => default,
        Some(Value::None) => None,
        Some(Value::Int(number)) => Some(*number),
        Some(Value::Bool(value)) => Some(i64::from(*value)),
        Some(Value::BigInt(_)) => Some(i64::MAX),
        Some(_) => {
            check.error_in_key(name, format!("c['{name}'] must be an int"));
            default
        }
    }
}

fn read_url(check: &mut Check<'_>, name: &str, default: &str) -> Option<String> {
    let mut url = match check.key(name) {
        None => default.to_owned(),
        Some(Value::None) => return None,
        Some(Value::Text(url)) => url.clone(),
        Some(_) => {
            check.error_in_key(name, format!("c['{name}'] must be a string"));
            default.to_owned()
        }
    };
    if !url.ends_with('/') {
        url.push('/');
    }
    Some(url)
}

/// Differs: no warning when `buildbotNetUsageData` is missing, because nothing is sent without being asked for.
fn read_net_usage_data(check: &mut Check<'_>) -> Value {
    let Some(value) = check.key("buildbotNetUsageData") else {
        return Value::None;
    };
    let fits =
        matches!(value, Value::None | Value::Text(_)) || value.is_callable(check.description);
    if fits {
        value.clone()
    } else {
        check.error_in_key(
            "buildbotNetUsageData",
            "c['buildbotNetUsageData'] must be a string or callable",
        );
        Value::None
    }
}

/// Differs: the libraries for lz4, zstd and brotli need not be installed in Python, because ours are built in.
fn read_compression_method(check: &mut Check<'_>) -> String {
    const DEFAULT: &str = "zstd";
    match check.key("logCompressionMethod") {
        None => DEFAULT.to_owned(),
        Some(Value::Text(method)) if COMPRESSION_METHODS.contains(&method.as_str()) => {
            method.clone()
        }
        Some(_) => {
            check.error_in_key(
                "logCompressionMethod",
                "c['logCompressionMethod'] must be 'raw', 'bz2', 'gz', 'lz4', 'br' or 'zstd'",
            );
            DEFAULT.to_owned()
        }
    }
}

fn read_properties(check: &mut Check<'_>) -> Vec<(String, Value)> {
    let Some(value) = check.key("properties") else {
        return Vec::new();
    };
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("properties", "c['properties'] must be a dictionary");
        return Vec::new();
    };
    let mut properties = Vec::new();
    for (name, value) in pairs {
        let Some(text) = crate::service::text_of(name) else {
            let name = name.repr(check.description);
            check.error_in_key(
                "properties",
                format!("the name of a property must be a string, not {name}"),
            );
            continue;
        };
        if let Some(found) = not_json(value) {
            let found = found.python_type(check.description);
            let found = found.trim_start_matches("<class '").trim_end_matches("'>");
            let found = found.rsplit('.').next().unwrap_or(found).to_owned();
            let at = check.place_of_key("properties");
            check.report(
                Problem::error(format!("Object of type {found} is not JSON serializable"))
                    .at(at)
                    .help(format!("it is the value of the property '{text}'")),
            );
            continue;
        }
        properties.push((text, value.clone()));
    }
    properties
}

/// What of a property's value cannot be written as JSON. What is rendered later is not looked into.
pub(crate) fn not_json(value: &Value) -> Option<&Value> {
    match value {
        Value::Bytes(_)
        | Value::Set(_)
        | Value::FrozenSet(_)
        | Value::Regex(_)
        | Value::Interval(_)
        | Value::Path(_)
        | Value::Object(_)
        | Value::Callable(_)
        | Value::Opaque(_)
        | Value::Ref(_) => Some(value),
        Value::List(items) | Value::Tuple(items) => items.iter().find_map(not_json),
        Value::Dict(pairs) => pairs.iter().find_map(|(_, value)| not_json(value)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Renderable(_) => None,
    }
}

fn read_collapse_requests(check: &mut Check<'_>) -> Value {
    let Some(value) = check.key("collapseRequests") else {
        return Value::None;
    };
    // Compared as Python compares: 0 and 1.0 are equal to truth values.
    let fits = match value {
        Value::None | Value::Bool(_) => true,
        Value::Int(number) => matches!(number, 0 | 1),
        Value::Float(number) => *number == 0.0 || *number == 1.0,
        other => other.is_callable(check.description),
    };
    if fits {
        value.clone()
    } else {
        check.error_in_key(
            "collapseRequests",
            "collapseRequests must be a callable, True, or False",
        );
        Value::None
    }
}

fn read_callable(check: &mut Check<'_>, name: &str, message: &str) -> Value {
    match check.key(name) {
        None | Some(Value::None) => Value::None,
        Some(value) if may_be_called(check, value) => value.clone(),
        Some(_) => {
            check.error_in_key(name, message);
            Value::None
        }
    }
}

/// Objects of users' classes may have `__call__` without the description saying so.
fn may_be_called(check: &Check<'_>, value: &Value) -> bool {
    value.is_callable(check.description)
}

/// `None` when what follows is left out.
fn read_protocols(check: &mut Check<'_>) -> Option<Vec<(String, Value)>> {
    let Some(value) = check.key("protocols") else {
        return Some(Vec::new());
    };
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("protocols", "c['protocols'] must be dict");
        return None;
    };
    let mut protocols = Vec::new();
    for (name, options) in pairs {
        if name.as_text().is_none() {
            check.error_in_key("protocols", "c['protocols'] keys must be strings");
        }
        let name = plain(check, name);
        if options.as_dict().is_none() {
            check.error_in_key(
                "protocols",
                format!("c['protocols']['{name}'] must be a dict"),
            );
            return None;
        }
        protocols.push((name, options.clone()));
    }
    warn_of_unknown_protocols(check, &protocols);
    Some(protocols)
}

fn warn_of_unknown_protocols(check: &mut Check<'_>, protocols: &[(String, Value)]) {
    const KNOWN: &[&str] = &["pb", "msgpack_experimental_v7", "null"];
    for (name, _) in protocols {
        if !KNOWN.contains(&name.as_str()) {
            let at = check.place_of_key("protocols");
            check.report(
                Problem::warning(format!(
                    "c['protocols']['{name}'] is not a known protocol and is ignored"
                ))
                .at(at)
                .help(format!(
                    "known protocols: {}",
                    listed(KNOWN.iter().copied())
                )),
            );
        }
    }
}

fn read_revlink(check: &mut Check<'_>) -> Option<Value> {
    let value = check.key("revlink")?;
    if may_be_called(check, value) {
        return Some(value.clone());
    }
    check.error_in_key("revlink", "revlink must be a callable");
    None
}

#[cfg(test)]
mod tests {
    use super::KNOWN_KEYS;
    use crate::testing::{errors, warnings};

    #[test]
    fn the_known_keys_are_sorted() {
        assert!(KNOWN_KEYS.is_sorted());
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_known_one() {
        let found = errors(r#"{"bulders": 1}"#);
        assert_eq!(found[0].message, "Unknown BuildmasterConfig key bulders");
        assert_eq!(
            found[0].help,
            ["did you mean 'builders' instead of 'bulders'?"]
        );
        let found = errors(r#"{"status": [], "slaves": []}"#);
        assert_eq!(
            found[0].message,
            "Unknown BuildmasterConfig keys slaves, status"
        );
        assert_eq!(found[0].help[0], "slaves: use workers");
    }

    #[test]
    fn wrong_types_have_the_texts_of_the_reference() {
        let check = |config: &str, expected: &str| {
            assert_eq!(errors(config)[0].message, expected, "{config}");
        };
        check(r#"{"title": 5}"#, "c['title'] must be a string");
        check(r#"{"title": null}"#, "c['title'] must be a string");
        check(r#"{"buildbotURL": 5}"#, "c['buildbotURL'] must be a string");
        check(r#"{"logMaxSize": "x"}"#, "c['logMaxSize'] must be an int");
        check(r#"{"logMaxSize": 1.5}"#, "c['logMaxSize'] must be an int");
        check(
            r#"{"collapseRequests": 2}"#,
            "collapseRequests must be a callable, True, or False",
        );
        check(r#"{"revlink": null}"#, "revlink must be a callable");
        check(
            r#"{"properties": []}"#,
            "c['properties'] must be a dictionary",
        );
        check(
            r#"{"properties": {"$": "dict", "v": [["a", {"$": "opaque", "h": 1, "type": "builtins.object", "repr": "x"}]]}}"#,
            "Object of type object is not JSON serializable",
        );
        check(r#"{"protocols": []}"#, "c['protocols'] must be dict");
        check(
            r#"{"protocols": {"$": "dict", "v": [["pb", 1]]}, "revlink": 1}"#,
            "c['protocols']['pb'] must be a dict",
        );
    }

    #[test]
    fn none_and_truth_values_pass_where_the_reference_lets_them() {
        let check = |config: &str| {
            let texts: Vec<String> = errors(config).into_iter().map(|p| p.message).collect();
            assert_eq!(
                texts,
                ["no workers are configured", "no builders are configured"],
                "{config}"
            );
        };
        check(r#"{"logMaxSize": null, "changeHorizon": true, "buildbotURL": null}"#);
        check(r#"{"collapseRequests": 0, "codebaseGenerator": null, "prioritizeBuilders": null}"#);
    }

    #[test]
    fn a_long_title_is_a_warning() {
        let found = warnings(r#"{"title": "xxxxxxxxxxxxxxxxxxx"}"#);
        assert!(found[0].message.starts_with("WARNING: Title is too long"));
    }
}
