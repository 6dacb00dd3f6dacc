//! One plain page: builders, running and latest builds, and links into the API.

use std::collections::HashMap;
use std::sync::Arc;

use buildbot_data::Answer;
use buildbot_model::Results;
use hyper::StatusCode;
use serde_json::Value as Json;

use crate::authz::Wish;
use crate::identity::Identity;
use crate::response::{self, HTML, Response};
use crate::server::Shared;
use crate::site::Site;

/// How many builders and running builds are shown.
const ROWS_MAX: &str = "200";

/// How many builds that have ended are shown.
const ENDED_MAX: &str = "20";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .6em .2em 0;border-bottom:1px solid #ddd}\
    a{color:#30426a}.success{color:#27762b}.failure,.exception{color:#b3261e}.warnings,.retry{color:#8c5e10}";

/// Text inside of HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The page, as far as somebody may read.
pub(crate) async fn page(shared: &Arc<Shared>, site: &Site, who: &Identity) -> Response {
    let builders = rows(shared, site, who, "builders", &[("limit", ROWS_MAX)]).await;
    let builds = async |complete: &str, limit: &str| {
        let query = [
            ("complete", complete),
            ("order", "-buildid"),
            ("limit", limit),
        ];
        rows(shared, site, who, "builds", &query).await
    };
    let running = builds("false", ROWS_MAX).await;
    let ended = builds("true", ENDED_MAX).await;
    let names: HashMap<i64, &str> = builders
        .iter()
        .filter_map(|builder| Some((builder["builderid"].as_i64()?, builder["name"].as_str()?)))
        .collect();
    let show = |builds: &[Json]| match builds {
        [] => "<p>None.</p>\n".to_owned(),
        builds => table(builds.iter().map(|build| build_row(build, &names))),
    };
    let title = escape(&site.settings.title);
    let builders = table(builders.iter().map(builder_row));
    let (running, ended) = (show(&running), show(&ended));
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<h2>Running builds</h2>\n{running}<h2>Latest builds</h2>\n{ended}\
         <h2>Builders</h2>\n{builders}\
         <p><a href=\"api/v2/buildrequests?complete=false\">Waiting requests</a> · \
         <a href=\"api/v2/workers\">Workers</a> · <a href=\"api/v2/changes?order=-changeid&amp;limit=20\">Changes</a> · \
         <a href=\"api/v2/application.spec\">The API</a></p>\n</body></html>\n"
    );
    response::with(StatusCode::OK, HTML, body)
}

fn table(rows: impl Iterator<Item = String>) -> String {
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

fn cell(object: &Json, key: &str) -> String {
    match &object[key] {
        Json::String(text) => escape(text),
        Json::Null => String::new(),
        value => escape(&value.to_string()),
    }
}

fn builder_row(builder: &Json) -> String {
    let (id, name) = (cell(builder, "builderid"), cell(builder, "name"));
    format!(
        "<tr><td><a href=\"api/v2/builders/{id}\">{name}</a></td>\
         <td><a href=\"api/v2/builders/{id}/builds?order=-number&amp;limit=20\">builds</a></td></tr>\n"
    )
}

fn build_row(build: &Json, names: &HashMap<i64, &str>) -> String {
    let (id, number) = (cell(build, "buildid"), cell(build, "number"));
    let builder = build["builderid"].as_i64().and_then(|id| names.get(&id));
    let builder = builder.map_or_else(|| cell(build, "builderid"), |name| escape(name));
    let results = build["results"].as_i64().and_then(Results::from_code);
    let (class, state) = (
        results.map_or("running", Results::name),
        cell(build, "state_string"),
    );
    format!(
        "<tr><td><a href=\"api/v2/builds/{id}\">{builder} #{number}</a></td><td class=\"{class}\">{state}</td>\
         <td><a href=\"api/v2/builds/{id}/steps\">steps</a></td></tr>\n"
    )
}

async fn rows(
    shared: &Arc<Shared>,
    site: &Site,
    who: &Identity,
    noun: &str,
    parameters: &[(&str, &str)],
) -> Vec<Json> {
    let path = [noun.to_owned()];
    let wish = Wish {
        path: &path,
        action: "GET",
        parameters: None,
    };
    if site.authorise(&shared.data, who, wish).await.is_err() {
        return Vec::new();
    }
    let parameters: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    match shared.data.read(&path, &parameters).await {
        Ok(Answer::Objects { items, .. }) => items,
        Ok(Answer::Log(_) | Answer::Bytes { .. }) | Err(_) => Vec::new(),
    }
}
