//! What is said about a configuration: to people, or as JSON.

use buildbot_config::Problem;
use buildbot_config::diff::Difference;
use serde::Serialize;

use crate::checkconfig::Failure;
use crate::checkconfig::load::Loaded;
use crate::checkconfig::locate::ConfigFile;
use crate::output::{error_line, line};

/// Says all to people: warnings and errors on standard error, success and differences on standard output.
pub(crate) fn say(target: &ConfigFile, loaded: &Loaded, difference: Option<&Difference>) {
    let found = &loaded.outcome.problems;
    let directory = target.shown_directory();
    say_warnings(&found.warnings, &directory);
    for problem in &found.refused_at_start {
        error_line(warning(
            problem,
            &directory,
            " (a master does not start with this)",
        ));
    }
    if found.errors.is_empty() {
        line("Config file is good!");
        if let Some(difference) = difference {
            line(difference.to_string().trim_end());
        }
    } else {
        error_line(format!(
            "Configuration Errors:\n{}",
            problems(&found.errors, &directory)
        ));
    }
}

/// Says warnings on standard error.
pub(crate) fn say_warnings(warnings: &[Problem], directory: &str) {
    for problem in warnings {
        error_line(warning(problem, directory, ""));
    }
}

/// As Python shows warnings: place, class, text.
fn warning(problem: &Problem, directory: &str, note: &str) -> String {
    let place = problem.at.as_ref().map_or_else(String::new, |place| {
        format!("{}: ", place.shown_from(directory))
    });
    let has_class = problem
        .message
        .split_once(": ")
        .is_some_and(|(class, _)| class.ends_with("Warning") && !class.contains(' '));
    let class = if has_class { "" } else { "warning: " };
    let mut text = format!("{place}{class}{}{note}", problem.message);
    for help in problem.help_shown(directory) {
        text.push_str("\n    ");
        text.push_str(&help);
    }
    text
}

/// Each problem as the reference shows it, with place and help below.
pub(crate) fn problems(found: &[Problem], directory: &str) -> String {
    let shown: Vec<String> = found
        .iter()
        .map(|problem| problem.shown(directory))
        .collect();
    shown.join("\n")
}

/// Why there is nothing else to say.
pub(crate) fn failure(failure: &Failure) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    let shown = failure.problem.shown(&current.to_string_lossy());
    if failure.is_of_file {
        format!("Configuration Errors:\n{shown}")
    } else {
        shown.trim_start().to_owned()
    }
}

/// Says how long everything took.
pub(crate) fn say_timings(loaded: &Loaded) {
    let timings = loaded.timings;
    let took = loaded.description.took_ms;
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
    error_line(format!(
        "Python started in {:.1} ms, file executed in {:.1} ms, described in {:.1} ms, {} bytes brought over in {:.1} ms, read in {:.1} ms, checked in {:.1} ms",
        ms(timings.start),
        took.execute,
        took.describe,
        timings.bytes,
        ms(timings.load) - took.execute - took.describe,
        ms(timings.decode),
        ms(timings.check),
    ));
}

/// The form of `--json`; `docs/manual/checkconfig.md` describes it.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    good: bool,
    starts: bool,
    errors: &'a [Problem],
    refused_at_start: &'a [Problem],
    warnings: &'a [Problem],
    python: Option<Python<'a>>,
    counts: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<&'a Difference>,
}

#[derive(Serialize)]
struct Python<'a> {
    version: &'a str,
    twisted: bool,
    handles: u64,
}

#[derive(Serialize)]
struct Counts {
    builders: usize,
    schedulers: usize,
    workers: usize,
    change_sources: usize,
    services: usize,
}

/// One line of JSON about a configuration.
pub(crate) fn as_json(
    target: &ConfigFile,
    loaded: &Loaded,
    difference: Option<&Difference>,
) -> String {
    let (config, found) = (&loaded.outcome.config, &loaded.outcome.problems);
    let good = found.errors.is_empty();
    written(&Report {
        file: target.basedir.join(&target.file).display().to_string(),
        good,
        starts: good && found.refused_at_start.is_empty(),
        errors: &found.errors,
        refused_at_start: &found.refused_at_start,
        warnings: &found.warnings,
        python: Some(Python {
            version: &loaded.description.python.version,
            twisted: loaded.description.python.twisted,
            handles: loaded.description.handles,
        }),
        counts: Some(Counts {
            builders: config.builders.len(),
            schedulers: config.schedulers.len(),
            workers: config.workers.len(),
            change_sources: config.change_sources.len(),
            services: config.services.len(),
        }),
        diff: difference,
    })
}

/// The same form for a configuration about which nothing else is known.
pub(crate) fn failure_as_json(failure: &Failure) -> String {
    written(&Report {
        file: failure.file.clone(),
        good: false,
        starts: false,
        errors: std::slice::from_ref(&*failure.problem),
        refused_at_start: &[],
        warnings: &[],
        python: None,
        counts: None,
        diff: None,
    })
}

fn written(report: &Report<'_>) -> String {
    // Names and texts always are JSON.
    serde_json::to_string(report).unwrap_or_default()
}
