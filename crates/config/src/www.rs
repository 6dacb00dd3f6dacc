//! `c['www']`.

use crate::arguments::{FromValue, OneOrMore};
use crate::auth::{AuthKind, AvatarKind};
use crate::authz::Authz;
use crate::check::Check;
use crate::db::plain;
use crate::description::FrontEnd;
use crate::parts::Part;
use crate::problem::{Problem, nearest};
use buildbot_render::Value;

const KNOWN: &[&str] = &[
    "allowed_origins",
    "auth",
    "authz",
    "avatar_methods",
    "change_hook_auth",
    "change_hook_dialects",
    "cookie_expiration_time",
    "custom_templates_dir",
    "debug",
    "default_page",
    "graphql",
    "json_cache_seconds",
    "jsonp",
    "logRotateLength",
    "logfileName",
    "maxRotatedFiles",
    "plugins",
    "port",
    "project_widgets",
    "rest_minimum_version",
    "theme",
    "ui_default_config",
    "versions",
    "ws_ping_interval",
];

/// The web server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Www {
    /// Where it listens: a number or an endpoint; `None` for no web server.
    pub port: Value,
    /// Parts of the front end, by name, and what they are given.
    pub plugins: Vec<(String, Value)>,
    /// Who may log in, and how.
    pub auth: Option<Part<AuthKind>>,
    /// Who may do what.
    pub authz: Option<Authz>,
    /// Where pictures of people come from; `None` for the default.
    pub avatar_methods: Option<OneOrMore<Part<AvatarKind>>>,
    /// The dialects of hooks, by name, and what they are given.
    pub change_hook_dialects: Vec<(String, Value)>,
    /// Further lines for the list of versions.
    pub versions: Vec<Value>,
    /// All keys as they were given.
    pub options: Vec<(String, Value)>,
    /// What is installed of a front end.
    pub front_end: FrontEnd,
}

pub(crate) fn read(check: &mut Check<'_>) -> Www {
    let Some(value) = check.key("www") else {
        return Www::default();
    };
    let Some(pairs) = value.as_dict() else {
        check.error_in_key("www", "c['www'] must be a dictionary");
        return Www::default();
    };
    check_keys(check, pairs);
    let versions = read_versions(check, value);
    if let Some(time) = value.get("cookie_expiration_time")
        && !time.is_none()
        && !matches!(time, Value::Interval(_))
    {
        check.error_in_key(
            "www",
            "Invalid www[\"cookie_expiration_time\"] configuration should be a datetime.timedelta",
        );
    }
    let named = |key: &str| -> Vec<(String, Value)> {
        value
            .get(key)
            .and_then(Value::as_dict)
            .unwrap_or_default()
            .iter()
            .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), value.clone())))
            .collect()
    };
    let part = |key: &str| Some((value.get(key)?, check.description));
    let www = Www {
        port: value.get("port").cloned().unwrap_or_default(),
        plugins: named("plugins"),
        auth: part("auth").and_then(|(value, all)| Part::from_value(value, all)),
        authz: part("authz").and_then(|(value, all)| Authz::from_value(value, all)),
        avatar_methods: part("avatar_methods")
            .and_then(|(value, all)| OneOrMore::from_value(value, all)),
        change_hook_dialects: named("change_hook_dialects"),
        versions,
        options: pairs
            .iter()
            .filter_map(|(key, value)| Some((key.as_text()?.to_owned(), value.clone())))
            .collect(),
        front_end: FrontEnd {
            python: check.description.python.version.clone(),
            ..check.description.front_end.clone()
        },
    };
    refuse_wrong_types(check, value, &www);
    refuse_old_front_end(check, &www);
    www
}

/// The reference does not look at these before it starts with them.
fn refuse_wrong_types(check: &mut Check<'_>, value: &Value, www: &Www) {
    let is_dict = |key| {
        value
            .get(key)
            .is_some_and(|value| value.as_dict().is_some())
    };
    let fits = [
        (
            "port",
            "a number or an endpoint",
            matches!(www.port, Value::Int(_) | Value::Text(_)),
        ),
        ("plugins", "a dictionary", is_dict("plugins")),
        (
            "change_hook_dialects",
            "a dictionary",
            is_dict("change_hook_dialects"),
        ),
        (
            "auth",
            "a way to log in, such as util.UserPasswordAuth(…)",
            www.auth.is_some(),
        ),
        ("authz", "util.Authz(…)", www.authz.is_some()),
        (
            "avatar_methods",
            "a list of avatars",
            www.avatar_methods.is_some(),
        ),
    ];
    for (key, expected, fits) in fits {
        if !fits && value.get(key).is_some_and(|value| !value.is_none()) {
            let at = check.place_of_key("www");
            check.refuse_at_start(
                Problem::warning(format!("c['www']['{key}'] must be {expected}")).at(at),
            );
        }
    }
}

fn check_keys(check: &mut Check<'_>, pairs: &[(Value, Value)]) {
    let unknown: Vec<String> = pairs
        .iter()
        .filter(|(key, _)| !key.as_text().is_some_and(|key| KNOWN.contains(&key)))
        .map(|(key, _)| plain(check, key))
        .collect();
    if unknown.is_empty() {
        return;
    }
    let at = check.place_of_key("www");
    let mut problem = Problem::error(format!(
        "unknown www configuration parameter(s) {}",
        unknown.join(", ")
    ))
    .at(at);
    for name in &unknown {
        let near = nearest(name, KNOWN.iter().copied());
        problem = problem
            .maybe_help(near.map(|near| format!("did you mean '{near}' instead of '{name}'?")));
    }
    check.report(problem);
}

fn read_versions(check: &mut Check<'_>, www: &Value) -> Vec<Value> {
    let versions = match www.get("versions") {
        None | Some(Value::None) => return Vec::new(),
        Some(versions) => versions,
    };
    let fits = |version: &Value| matches!(version, Value::Tuple(parts) if parts.len() >= 2);
    match versions {
        Value::List(items) if items.iter().all(fits) => items.clone(),
        _ => {
            let at = check.place_of_key("www");
            check.report(
                Problem::error("Invalid www configuration value of versions")
                    .at(at)
                    .help("write a list of tuples: [('Name', '1.0')]"),
            );
            Vec::new()
        }
    }
}

/// The reference starts with it, reports an error, and has no front end.
fn refuse_old_front_end(check: &mut Check<'_>, www: &Www) {
    if www.plugins.iter().any(|(name, _)| name == "base_react") {
        let at = check.place_of_key("www");
        check.refuse_at_start(
            Problem::warning(
                "'base_react' plugin is no longer supported. Use 'base' plugin in master.cfg \
                 BuildmasterConfig['www'] dictionary instead. Remove 'buildbot-www-react' and \
                 install 'buildbot-www' package.",
            )
            .at(at),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::{AuthKind, AvatarKind};
    use crate::authz::{MatcherKind, RoleKind};
    use crate::testing::{config, errors, object, refused};

    #[test]
    fn people_log_in_and_have_roles() {
        let auth = object(
            "buildbot.www.oauth2.GitHubAuth",
            r#""clientId": "i", "clientSecret": "s""#,
        );
        let rule = object(
            "buildbot.www.authz.endpointmatchers.AnyControlEndpointMatcher",
            r#""role": "admins""#,
        );
        let roles = object(
            "buildbot.www.authz.roles.RolesFromEmails",
            r#""admins": ["a@example.com"]"#,
        );
        let authz = object(
            "buildbot.www.authz.authz.Authz",
            &format!(r#""allowRules": [{rule}], "roleMatchers": [{roles}]"#),
        );
        let avatar = object("buildbot.www.avatar.AvatarGravatar", "");
        let www = config(&format!(
            r#"{{"www": {{"$": "dict", "v": [["auth", {auth}], ["authz", {authz}], ["avatar_methods", {avatar}]]}}}}"#
        ))
        .www;
        let auth = www.auth.expect("a way to log in");
        let AuthKind::GitHub(github) = &auth.kind else {
            panic!("{auth:?}");
        };
        assert_eq!(github.api_version, 3);
        let authz = www.authz.expect("rules");
        let MatcherKind::AnyControl(rule) = &authz.allow_rules[0].kind else {
            panic!("{authz:?}");
        };
        assert_eq!((&rule.role, rule.default_deny), (&"admins".into(), true));
        let RoleKind::Emails(roles) = &authz.role_matchers[0].kind else {
            panic!("{authz:?}");
        };
        assert_eq!(roles.roles[0].0, "admins");
        let avatars = www.avatar_methods.expect("avatars");
        assert_eq!(avatars.0[0].kind, AvatarKind::Gravatar);
    }

    #[test]
    fn what_is_no_way_to_log_in_is_refused_at_start() {
        let config = r#"{"www": {"$": "dict", "v": [["auth", 5], ["authz", null]]}}"#;
        let found: Vec<String> = refused(config).into_iter().map(|p| p.message).collect();
        assert_eq!(
            found,
            ["c['www']['auth'] must be a way to log in, such as util.UserPasswordAuth(…)"]
        );
    }

    #[test]
    fn values_that_no_master_starts_with_are_refused_at_start() {
        let check = |pairs: &str, expected: &[&str]| {
            let found: Vec<String> =
                refused(&format!(r#"{{"www": {{"$": "dict", "v": [{pairs}]}}}}"#))
                    .into_iter()
                    .map(|problem| problem.message)
                    .collect();
            assert_eq!(found, expected, "{pairs}");
        };
        check(
            r#"["port", "tcp:80"], ["auth", null], ["plugins", {"$": "dict", "v": []}]"#,
            &[],
        );
        check(
            r#"["port", 1.5], ["plugins", ["a"]]"#,
            &[
                "c['www']['port'] must be a number or an endpoint",
                "c['www']['plugins'] must be a dictionary",
            ],
        );
    }

    #[test]
    fn keys_and_values_have_the_texts_of_the_reference() {
        let check = |pairs: &str, expected: &[&str]| {
            let config = format!(r#"{{"www": {{"$": "dict", "v": [{pairs}]}}}}"#);
            let found: Vec<String> = errors(&config)
                .into_iter()
                .map(|problem| problem.message)
                .filter(|message| !message.ends_with("are configured"))
                .collect();
            assert_eq!(found, expected, "{pairs}");
        };
        check(r#"["port", 8010]"#, &[]);
        check(
            r#"["prot", 8010], ["x", 1]"#,
            &["unknown www configuration parameter(s) prot, x"],
        );
        check(
            r#"["versions", 5]"#,
            &["Invalid www configuration value of versions"],
        );
        check(
            r#"["versions", [["a", "b"]]]"#,
            &["Invalid www configuration value of versions"],
        );
        check(r#"["versions", [{"$": "tuple", "v": ["a", "b"]}]]"#, &[]);
        check(
            r#"["cookie_expiration_time", 5]"#,
            &[
                "Invalid www[\"cookie_expiration_time\"] configuration should be a datetime.timedelta",
            ],
        );
        check(
            r#"["cookie_expiration_time", {"$": "timedelta", "s": 5.0}]"#,
            &[],
        );
    }
}
