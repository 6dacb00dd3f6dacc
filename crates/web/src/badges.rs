//! `/plugins/badges/NAME.svg`: how the newest build of a builder is, as a small picture.

use std::sync::Arc;

use buildbot_config::Value;
use buildbot_data::Answer;
use buildbot_model::Results;
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use serde_json::Value as Json;

use crate::authz::Wish;
use crate::index::escape;
use crate::request::Request;
use crate::response::{self, Response};
use crate::server::Shared;
use crate::site::Site;

/// What the colours are, when the configuration does not say.
const COLORS: &[(&str, &str)] = &[
    ("exception", "#007ec6"),
    ("failure", "#e05d44"),
    ("retry", "#007ec6"),
    ("running", "#007ec6"),
    ("skipped", "#a4a61d"),
    ("success", "#4c1"),
    ("warnings", "#dfb317"),
];

/// The colour of everything else.
const UNKNOWN_COLOR: &str = "#9f9f9f";

/// How a badge looks.
struct Look {
    left_pad: f64,
    left_text: String,
    left_color: String,
    right_pad: f64,
    border_radius: f64,
    style: String,
    font_face: String,
    font_size: f64,
    colors: Vec<(String, String)>,
}

/// The picture of a builder, if the plugin is configured.
///
/// Differs: badges are SVG only, and without templates of the user, both of which the reference has; their widths are
/// those of average letters, because no font is at hand.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    site: &Site,
    request: &Request,
    name: &str,
) -> Response {
    let plugins = site.settings.www.plugins.iter();
    let Some((_, options)) = plugins.rev().find(|(plugin, _)| plugin == "badges") else {
        return response::page(StatusCode::NOT_FOUND, "No such resource.");
    };
    let Some(builder) = name.strip_suffix(".svg") else {
        if name.ends_with(".png") {
            let text = "Badges as PNG are not supported yet; ask for .svg.";
            return response::page(StatusCode::NOT_IMPLEMENTED, text);
        }
        return response::page(StatusCode::NOT_FOUND, "No such resource.");
    };
    let visitor = site.visitor(request);
    let path = [
        "builders".to_owned(),
        builder.to_owned(),
        "builds".to_owned(),
    ];
    let wish = Wish {
        path: &path,
        action: "GET",
        parameters: None,
    };
    if let Err(denied) = site.authorise(&shared.data, &visitor.identity, wish).await {
        return response::page(StatusCode::FORBIDDEN, &escape(&denied.to_string()));
    }
    let status = status(shared, &path).await;
    let look = Look::new(options, request);
    let mut response = response::with(StatusCode::OK, "image/svg+xml", look.draw(status));
    response::set(&mut response, CACHE_CONTROL, "no-cache");
    response
}

/// The word for the newest build of a builder.
async fn status(shared: &Arc<Shared>, path: &[String]) -> &'static str {
    let newest = [("order", "-number"), ("limit", "1")];
    let newest = newest.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let build = match shared.data.read(path, &newest).await {
        Ok(Answer::Objects { items, .. }) => items.into_iter().next(),
        Ok(Answer::Log(_) | Answer::Bytes { .. }) | Err(_) => None,
    };
    let Some(build) = build else { return "unknown" };
    if build.get("complete").and_then(Json::as_bool) != Some(true) {
        return "running";
    }
    let results = build.get("results").and_then(Json::as_i64);
    results
        .and_then(Results::from_code)
        .map_or("unknown", Results::name)
}

impl Look {
    /// What the configuration says, and then the parameters of the URL.
    fn new(options: &Value, request: &Request) -> Self {
        let text = |name: &str, default: &str| {
            let parameter = request.parameter(name).map(str::to_owned);
            let configured = || match options.get(name) {
                Some(Value::Text(text)) => Some(text.clone()),
                Some(Value::Int(number)) => Some(number.to_string()),
                Some(Value::Float(number)) => Some(number.to_string()),
                _ => None,
            };
            parameter
                .or_else(configured)
                .unwrap_or_else(|| default.to_owned())
        };
        let number = |name: &str, default: f64| {
            let number = text(name, "").parse().ok();
            number
                .filter(|number: &f64| number.is_finite() && (0.0..=1000.0).contains(number))
                .unwrap_or(default)
        };
        let mut colors: Vec<(String, String)> = COLORS
            .iter()
            .map(|&(status, color)| (status.to_owned(), color.to_owned()))
            .collect();
        let configured = options.get("color_scheme").and_then(Value::as_dict);
        let configured = configured.unwrap_or_default().iter();
        colors.extend(configured.filter_map(|(status, color)| {
            Some((status.as_text()?.to_owned(), color.as_text()?.to_owned()))
        }));
        Self {
            left_pad: number("left_pad", 5.0),
            left_text: text("left_text", "Build Status"),
            left_color: text("left_color", "#555"),
            right_pad: number("right_pad", 5.0),
            border_radius: number("border_radius", 5.0),
            style: text("style", "plastic"),
            font_face: text("font_face", "DejaVu Sans"),
            font_size: number("font_size", 11.0),
            colors,
        }
    }

    /// Two coloured boxes with a word in each.
    fn draw(&self, status: &str) -> String {
        let color = self.colors.iter().rev().find(|(known, _)| known == status);
        let color = color.map_or(UNKNOWN_COLOR, |(_, color)| color.as_str());
        // Without fonts at hand, a letter is as wide as it is on average.
        let width = |text: &str| text.chars().count() as f64 * self.font_size * 0.62;
        let left = width(&self.left_text) + 2.0 * self.left_pad;
        let right = width(status) + 2.0 * self.right_pad;
        let (total, height) = (
            left + right,
            if self.style == "plastic" { 18.0 } else { 20.0 },
        );
        let is_flat_square = self.style == "flat-square";
        let radius = if is_flat_square {
            0.0
        } else {
            self.border_radius
        };
        let gloss = match self.style.as_str() {
            "flat-square" => String::new(),
            style => {
                let strength = if style == "plastic" { 0.3 } else { 0.1 };
                format!(
                    "<linearGradient id=\"g\" x2=\"0\" y2=\"100%\"><stop offset=\"0\" stop-color=\"#fff\" \
                     stop-opacity=\"{strength}\"/><stop offset=\"1\" stop-opacity=\"{strength}\"/></linearGradient>"
                )
            }
        };
        let overlay = if gloss.is_empty() {
            String::new()
        } else {
            format!("<rect width=\"{total:.0}\" height=\"{height:.0}\" fill=\"url(#g)\"/>")
        };
        let word = |center: f64, text: &str| {
            let (text, baseline) = (escape(text), height / 2.0 + self.font_size * 0.35);
            let shadow = if is_flat_square {
                String::new()
            } else {
                let below = baseline + 1.0;
                format!(
                    "<text x=\"{center:.1}\" y=\"{below:.1}\" fill=\"#010101\" fill-opacity=\".3\">{text}</text>"
                )
            };
            format!("{shadow}<text x=\"{center:.1}\" y=\"{baseline:.1}\">{text}</text>")
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total:.0}\" height=\"{height:.0}\">{gloss}\
             <clipPath id=\"c\"><rect width=\"{total:.0}\" height=\"{height:.0}\" rx=\"{radius}\"/></clipPath>\
             <g clip-path=\"url(#c)\"><rect width=\"{left:.1}\" height=\"{height:.0}\" fill=\"{left_color}\"/>\
             <rect x=\"{left:.1}\" width=\"{right:.1}\" height=\"{height:.0}\" fill=\"{color}\"/>{overlay}</g>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"{font}\" font-size=\"{size}\">{first}{second}</g></svg>",
            left_color = escape(&self.left_color),
            color = escape(color),
            font = escape(&self.font_face),
            size = self.font_size,
            first = word(left / 2.0, &self.left_text),
            second = word(left + right / 2.0, status),
        )
    }
}
