//! One plain page: builders, running builds, and links into the API.

use std::sync::Arc;

use buildbot_data::Answer;
use hyper::StatusCode;
use serde_json::Value as Json;

use crate::authz::Wish;
use crate::identity::Identity;
use crate::response::{self, HTML, Response};
use crate::server::Shared;
use crate::site::Site;

/// How many rows of a table are shown.
const ROWS_MAX: &str = "200";

/// Text inside of HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The page, as far as somebody may read.
pub(crate) async fn page(shared: &Arc<Shared>, site: &Site, who: &Identity) -> Response {
    let title = escape(&site.settings.title);
    let builders = rows(shared, site, who, "builders", &[("limit", ROWS_MAX)]).await;
    let running = [
        ("complete", "false"),
        ("order", "-buildid"),
        ("limit", ROWS_MAX),
    ];
    let builds = rows(shared, site, who, "builds", &running).await;
    let cell = |object: &Json, key: &str| match object.get(key) {
        Some(Json::String(text)) => escape(text),
        Some(value) => escape(&value.to_string()),
        None => String::new(),
    };
    let builders: String = builders
        .iter()
        .map(|builder| {
            let (id, name) = (cell(builder, "builderid"), cell(builder, "name"));
            format!(
                "<tr><td>{name}</td><td><a href=\"api/v2/builders/{id}\">builder</a></td>\
                 <td><a href=\"api/v2/builders/{id}/builds?order=-number&amp;limit=20\">builds</a></td></tr>\n"
            )
        })
        .collect();
    let builds: String = builds
        .iter()
        .map(|build| {
            let id = cell(build, "buildid");
            let (builder, number) = (cell(build, "builderid"), cell(build, "number"));
            let state = cell(build, "state_string");
            format!(
                "<tr><td><a href=\"api/v2/builds/{id}\">build {number} of builder {builder}</a></td>\
                 <td>{state}</td><td><a href=\"api/v2/builds/{id}/steps\">steps</a></td></tr>\n"
            )
        })
        .collect();
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head><body>\n\
         <h1>{title}</h1>\n<h2>Running builds</h2>\n<table>{builds}</table>\n\
         <h2>Builders</h2>\n<table>{builders}</table>\n\
         <p><a href=\"api/v2/application.spec\">API</a></p>\n</body></html>\n"
    );
    response::with(StatusCode::OK, HTML, body)
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
