//! The front end of the reference, unmodified, as it is installed in the Python of the configuration.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use buildbot_config::{FrontEndPart, Value, Www};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use hyper::{Method, StatusCode};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::request::Request;
use crate::response::{self, Body, Response};

/// How much the files of one part may have: they are kept in memory. Those of 4.3 have 3 MB.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How deep their directories may be.
const DEPTH_MAX: usize = 8;

/// Where the configuration goes into the page.
const CONFIG_MARK: &str = " <!-- BUILDBOT_CONFIG_PLACEHOLDER -->";

/// Where colours go into the page.
const THEME_BEGIN: &str = "<!-- BUILDBOT_THEME_CSS_PLACEHOLDER_BEGIN -->";
const THEME_END: &str = "<!-- BUILDBOT_THEME_CSS_PLACEHOLDER_END -->";

/// Colours that can be set, and what they are otherwise.
const THEME: &[(&str, &str)] = &[
    ("bb-sidebar-background-color", "#30426a"),
    ("bb-sidebar-header-background-color", "#273759"),
    ("bb-sidebar-header-text-color", "#fff"),
    ("bb-sidebar-title-text-color", "#627cb7"),
    ("bb-sidebar-footer-background-color", "#273759"),
    ("bb-sidebar-button-text-color", "#b2bfdc"),
    ("bb-sidebar-button-hover-background-color", "#1b263d"),
    ("bb-sidebar-button-hover-text-color", "#fff"),
    ("bb-sidebar-button-current-background-color", "#273759"),
    ("bb-sidebar-button-current-text-color", "#b2bfdc"),
    ("bb-sidebar-stripe-hover-color", "#e99d1a"),
    ("bb-sidebar-stripe-current-color", "#8c5e10"),
];

/// What is served of it.
#[derive(Debug)]
pub(crate) struct FrontEnd {
    /// The page, with colours, and without the configuration; `None` if no front end is installed.
    page: Option<String>,
    /// By their path below the root.
    files: HashMap<String, File>,
}

#[derive(Debug)]
struct File {
    bytes: Bytes,
    gzip: Option<Bytes>,
    content_type: &'static str,
    tag: String,
    modified: Option<SystemTime>,
    /// Whether another content has another name.
    is_hashed: bool,
}

impl FrontEnd {
    /// Reads what is installed and configured; names what is configured and not there.
    pub(crate) fn load(www: &Www) -> Result<Self, String> {
        let mut front_end = Self {
            page: None,
            files: HashMap::new(),
        };
        for (name, _) in &www.plugins {
            check_plugin(www, name)?;
            if let Some(directory) = part(www, name).and_then(|part| part.files.as_ref())
                && name != "base"
            {
                front_end.read(directory, &format!("plugins/{name}/"))?;
            }
        }
        if let Some(directory) = part(www, "base").and_then(|base| base.files.as_ref()) {
            front_end.read(directory, "")?;
            let page = front_end.files.get("index.html");
            let page = page.and_then(|file| std::str::from_utf8(&file.bytes).ok());
            let page = page.ok_or_else(|| {
                let directory = directory.display();
                format!("the front end in {directory} has no index.html")
            })?;
            front_end.page = Some(with_theme(page, &theme(www)));
        }
        Ok(front_end)
    }

    fn read(&mut self, directory: &Path, prefix: &str) -> Result<(), String> {
        let mut left = BYTES_MAX;
        self.read_below(directory, prefix, DEPTH_MAX, &mut left)
            .map_err(|error| {
                let directory = directory.display();
                format!("cannot read the front end in {directory}: {error}")
            })
    }

    fn read_below(
        &mut self,
        directory: &Path,
        prefix: &str,
        depth: usize,
        left: &mut usize,
    ) -> std::io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let metadata = std::fs::metadata(&path)?;
            if metadata.is_dir() {
                if depth == 0 {
                    return Err(std::io::Error::other("its directories are too deep"));
                }
                self.read_below(&path, &format!("{prefix}{name}/"), depth - 1, left)?;
            } else if metadata.is_file() && !name.starts_with('.') {
                let bytes = std::fs::read(&path)?;
                *left = left
                    .checked_sub(bytes.len())
                    .ok_or_else(|| std::io::Error::other("it is larger than 64 MiB"))?;
                let is_hashed = prefix == "assets/";
                let file = File::new(&name, bytes, metadata.modified().ok(), is_hashed);
                self.files.insert(format!("{prefix}{name}"), file);
            }
        }
        Ok(())
    }

    /// The page with a configuration in it, if a front end is installed.
    pub(crate) fn page(&self, config: &Json) -> Option<String> {
        let page = self.page.as_ref()?;
        // Nothing in it ends the script.
        let config = config.to_string().replace('<', "\\u003c");
        let script =
            format!("<script id=\"bb-config\">window.buildbotFrontendConfig = {config};</script>");
        Some(page.replacen(CONFIG_MARK, &script, 1))
    }

    /// A file by its path below the root.
    pub(crate) fn serve(&self, request: &Request) -> Response {
        // The front end asks for `//icon.svg` when a build is shown, in vain in the reference.
        let path = request.path.join("/");
        let Some(file) = self.files.get(path.trim_start_matches('/')) else {
            return response::page(StatusCode::NOT_FOUND, "No such resource.");
        };
        if request.method != Method::GET && request.method != Method::HEAD {
            let mut response = response::page(StatusCode::METHOD_NOT_ALLOWED, "Only to be read.");
            response::set(&mut response, ALLOW, "GET, HEAD");
            return response;
        }
        file.serve(request)
    }
}

impl File {
    fn new(name: &str, bytes: Vec<u8>, modified: Option<SystemTime>, is_hashed: bool) -> Self {
        let content_type = content_type(name);
        let is_text = !content_type.starts_with("image/") || content_type == "image/svg+xml";
        let gzip = if is_text { gzip(&bytes) } else { None };
        let digest = Sha256::digest(&bytes);
        let tag = digest.get(..12).unwrap_or_default();
        Self {
            tag: data_encoding::HEXLOWER.encode(tag),
            bytes: bytes.into(),
            gzip,
            content_type,
            modified,
            is_hashed,
        }
    }

    fn serve(&self, request: &Request) -> Response {
        let tag = format!("\"{}\"", self.tag);
        let known = request.header(IF_NONE_MATCH).unwrap_or_default();
        // Proxies that compress make a weak tag of it.
        let is_known = known.split(',').any(|known| {
            let known = known.trim();
            known.strip_prefix("W/").unwrap_or(known) == tag
        });
        let (status, body) = if is_known {
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, self.bytes.clone())
        };
        let mut response = response::with(status, self.content_type, body);
        if let Some(gzip) = &self.gzip {
            response::set(&mut response, VARY, "Accept-Encoding");
            if !is_known && response::takes_gzip(request) {
                *response.body_mut() = Body::Whole(gzip.clone());
                response::set(&mut response, CONTENT_ENCODING, "gzip");
            }
        }
        let caching = if self.is_hashed {
            "public,max-age=31536000,immutable"
        } else {
            "no-cache"
        };
        response::set(&mut response, CACHE_CONTROL, caching);
        response::set(&mut response, ETAG, &tag);
        if let Some(modified) = self.modified {
            response::set(
                &mut response,
                LAST_MODIFIED,
                &httpdate::fmt_http_date(modified),
            );
        }
        response
    }
}

/// Names the parts that there are not. Nothing is read.
pub(crate) fn refused(www: &Www) -> impl Iterator<Item = String> {
    let names = www.plugins.iter().map(|(name, _)| name);
    names.filter_map(|name| check_plugin(www, name).err())
}

fn check_plugin(www: &Www, name: &str) -> Result<(), String> {
    if name == "wsgi_dashboards" {
        return Err(
            "c['www']['plugins']: wsgi_dashboards runs applications of Python inside of the master, \
             which is not supported"
                .to_owned(),
        );
    }
    // Badges are drawn here.
    if name == "base" || name == "badges" || part(www, name).is_some() {
        return Ok(());
    }
    Err(format!("could not find plugin {name}; is it installed?"))
}

/// A part that is installed.
fn part<'w>(www: &'w Www, name: &str) -> Option<&'w FrontEndPart> {
    www.front_end.parts.iter().find(|part| part.name == name)
}

/// Nothing if it does not get shorter.
fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(6));
    encoder.write_all(bytes).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < bytes.len()).then(|| compressed.into())
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => "text/html",
        Some("js" | "mjs") => "text/javascript",
        Some("css") => "text/css",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("ico") => "image/vnd.microsoft.icon",
        Some("txt" | "md") => "text/plain",
        Some("woff") => "font/woff",
        Some("woff2") => "font/woff2",
        Some("ttf") => "font/ttf",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

fn theme(www: &Www) -> Vec<(&'static str, String)> {
    let options = www.options.iter().rev();
    let configured = options
        .into_iter()
        .find(|(name, _)| name == "theme")
        .map(|(_, value)| value);
    let color = |name: &str| configured?.get(name)?.as_text();
    let colors = THEME.iter().map(|&(name, default)| {
        let color = color(name).unwrap_or(default);
        (name, color.replace(['<', '{', '}', ';'], ""))
    });
    colors.collect()
}

fn with_theme(page: &str, theme: &[(&str, String)]) -> String {
    let Some((before, rest)) = page.split_once(THEME_BEGIN) else {
        return page.to_owned();
    };
    let Some((_, after)) = rest.split_once(THEME_END) else {
        return page.to_owned();
    };
    let colors: Vec<String> = theme
        .iter()
        .map(|(name, color)| format!("--{name}: {color};"))
        .collect();
    let colors = colors.join(" ");
    format!("{before}<style id=\"bb-style\">:root {{ {colors} }}</style>{after}")
}

/// A value of the configuration as the browser gets it.
pub(crate) fn shown(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(value) | Value::Path(value) => value.as_str().into(),
        Value::List(values) | Value::Tuple(values) => values.iter().map(shown).collect(),
        Value::Dict(pairs) => {
            let members = pairs.iter().map(|(key, value)| {
                let key = match shown(key) {
                    Json::String(key) => key,
                    other => other.to_string(),
                };
                (key, shown(value))
            });
            Json::Object(members.collect())
        }
        other => format!("{} not yet IConfigured", other.type_name()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_theme;

    #[test]
    fn colours_replace_what_is_between_the_marks() {
        let page = "a<!-- BUILDBOT_THEME_CSS_PLACEHOLDER_BEGIN -->x<!-- BUILDBOT_THEME_CSS_PLACEHOLDER_END -->b";
        let theme = [("c", "#fff".to_owned())];
        assert_eq!(
            with_theme(page, &theme),
            "a<style id=\"bb-style\">:root { --c: #fff; }</style>b"
        );
        assert_eq!(with_theme("ab", &theme), "ab");
    }
}
