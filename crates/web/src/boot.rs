//! What the front end is told when it begins: `window.buildbotFrontendConfig` of the page, and `/config`.

use buildbot_config::Value;
use buildbot_config::auth::AvatarKind;
use serde_json::{Map, Value as Json, json};

use crate::front_end::shown;
use crate::identity::Identity;
use crate::site::Site;

/// Keys of `c['www']` that browsers get as they are.
///
/// Differs: only those keys of `c['www']` that the front end uses are shown to browsers, because others may hold what
/// is nobody's business.
const SHOWN: &[&str] = &[
    "allowed_origins",
    "debug",
    "default_page",
    "graphql",
    "json_cache_seconds",
    "jsonp",
    "logRotateLength",
    "maxRotatedFiles",
    "project_widgets",
    "rest_minimum_version",
    "theme",
    "ui_default_config",
    "ws_ping_interval",
];

/// The configuration of the front end for somebody, with what is to be warned about.
pub(crate) fn config(site: &Site, who: &Identity, warning: Option<String>) -> Json {
    let www = &site.settings.www;
    let mut config = Map::new();
    let mut put = |name: &str, value: Json| config.insert(name.to_owned(), value);
    put("port", shown(&www.port));
    let plugins = www.plugins.iter();
    let plugins: Map<String, Json> = plugins
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect();
    put("plugins", plugins.into());
    put("auth", site.login.shown());
    put("authz", json!({}));
    put("avatar_methods", avatars(site));
    let log = site.option("logfileName").map(shown);
    put("logfileName", log.unwrap_or_else(|| "http.log".into()));
    for (name, value) in &www.options {
        if SHOWN.contains(&name.as_str()) {
            put(name, shown(value));
        }
    }
    put("versions", versions(site));
    put("buildbotURL", site.settings.buildbot_url.as_str().into());
    put("title", site.settings.title.as_str().into());
    put("titleURL", site.settings.title_url.as_str().into());
    put("multiMaster", site.settings.multi_master.into());
    put("user", who.info().clone().into());
    if let Some(warning) = warning {
        put("on_load_warning", warning.into());
    }
    config.into()
}

/// An object, or a list if a list is configured: the front end shows pictures for lists only.
fn avatars(site: &Site) -> Json {
    let Some(methods) = &site.settings.www.avatar_methods else {
        return json!({"name": "gravatar"});
    };
    let names = methods.0.iter().map(|method| {
        let name = match method.kind {
            AvatarKind::Gravatar => "gravatar",
            AvatarKind::GitHub(_) => "github",
            AvatarKind::Custom => "custom",
        };
        json!({ "name": name })
    });
    let mut names: Vec<Json> = names.collect();
    let is_list = site
        .option("avatar_methods")
        .is_some_and(|value| value.as_sequence().is_some());
    match names.pop() {
        Some(only) if !is_list && names.is_empty() => only,
        Some(last) => {
            names.push(last);
            names.into()
        }
        None => Json::Array(names),
    }
}

/// What the page "About" shows. Scripts read the version of Buildbot there: it is the one whose interfaces these are.
fn versions(site: &Site) -> Json {
    let www = &site.settings.www;
    let mut versions = vec![
        json!(["Python", www.front_end.python]),
        json!(["Buildbot", "4.3.0"]),
    ];
    if let Some(twisted) = &www.front_end.twisted {
        versions.push(json!(["Twisted", twisted]));
    }
    versions.extend(www.versions.iter().map(|version: &Value| shown(version)));
    versions.into()
}
