//! Tools of languages: CMake, Cppcheck, Sphinx, PyLint, PyFlakes, epydoc.

use std::collections::BTreeMap;

use buildbot_config::steps::languages::{
    CMakeArguments, CppcheckArguments, PyLintArguments, SphinxArguments,
};
use buildbot_model::Results;
use buildbot_python_regex::Pattern;
use buildbot_render::Value;

use crate::command::DecodeRc;
use crate::error::StepError;
use crate::pattern::raise;
use crate::port::{Channel, TestResult};
use crate::shell::{Shell, run_lines};
use crate::step::Step;
use crate::value::{pairs, text_of};

/// Lines by category.
type Found = BTreeMap<&'static str, Vec<String>>;

/// A list of arguments; nothing adds nothing.
fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::None => Vec::new(),
        only @ Value::Text(_) => vec![only.clone()],
        other => other.as_sequence().unwrap_or_default().to_vec(),
    }
}

/// Makes a log of lines, if there are any.
async fn log_lines(step: &Step<'_>, name: &str, lines: &[String]) -> Result<(), StepError> {
    if lines.is_empty() {
        return Ok(());
    }
    let text = format!("{}\n", lines.join("\n"));
    step.add_complete_log(name, &text).await
}

fn with_results(text: String, results: Results) -> String {
    if results == Results::Success {
        text
    } else {
        format!("{text} ({})", results.name())
    }
}

/// What steps show that say something of what they found, with the result.
pub(crate) fn found_summary(step: &Step<'_>, results: Results) -> String {
    match step.summary() {
        Some(text) => with_results(text, results),
        None => step.shell_summary(results),
    }
}

/// `CMake`.
pub(crate) async fn cmake(
    step: &Step<'_>,
    arguments: &CMakeArguments,
) -> Result<Results, StepError> {
    let mut command = vec![arguments.cmake.clone()];
    if arguments.generator.is_true() {
        command.extend(["-G".into(), arguments.generator.clone()]);
    }
    for (name, value) in pairs(&arguments.definitions) {
        command.push(format!("-D{}={}", text_of(name), text_of(value)).into());
    }
    command.extend(items(&arguments.options));
    if arguments.path.is_true() {
        command.push(arguments.path.clone());
    }
    let shell = Shell::of(Value::List(command));
    Ok(step.run_shell(shell, None).await?.results)
}

const SEVERITIES: [&str; 6] = [
    "error",
    "warning",
    "style",
    "performance",
    "portability",
    "information",
];

/// `Cppcheck`.
pub(crate) async fn cppcheck(
    step: &Step<'_>,
    arguments: &CppcheckArguments,
) -> Result<Results, StepError> {
    let mut command = vec![arguments.binary.clone()];
    command.extend(items(&arguments.source));
    let enable: Vec<String> = items(&arguments.enable).iter().map(text_of).collect();
    if !enable.is_empty() {
        command.push(format!("--enable={}", enable.join(",")).into());
    }
    if arguments.inconclusive {
        command.push("--inconclusive".into());
    }
    command.extend(items(&arguments.extra_args));
    let shape = Pattern::new(
        r"^(?:\[.+\]: )?\((?P<severity>error|warning|style|performance|portability|information)\) .+",
        32,
    )
    .map_err(raise)?;
    let mut found = Found::new();
    let see = |_, line: &str| {
        if let Ok(Some(matched)) = shape.match_start(line)
            && let Some(severity) = SEVERITIES
                .iter()
                .find(|severity| matched.group(1) == Some(severity))
        {
            found.entry(severity).or_default().push(line.to_owned());
        }
    };
    let end = run_lines(step, Shell::of(Value::List(command)), see).await?;
    let mut text = "cppcheck".to_owned();
    let mut total = 0;
    for severity in SEVERITIES {
        let lines = found.get(severity).map(Vec::as_slice).unwrap_or_default();
        if !lines.is_empty() {
            text.push_str(&format!(" {severity}={}", lines.len()));
        }
        log_lines(step, severity, lines).await?;
        let count = lines.len() as i64;
        total += count;
        let name = format!("cppcheck-{severity}");
        step.port.set_property(&name, count.into(), "Cppcheck");
    }
    step.port
        .set_property("cppcheck-total", total.into(), "Cppcheck");
    step.set_summary(text);
    Ok(if end.results != Results::Success {
        end.results
    } else if found.contains_key("error") {
        Results::Failure
    } else if total > 0 {
        Results::Warnings
    } else {
        Results::Success
    })
}

/// `Sphinx`.
pub(crate) async fn sphinx(
    step: &Step<'_>,
    arguments: &SphinxArguments,
) -> Result<Results, StepError> {
    let mut command = vec![arguments.sphinx.clone()];
    if !arguments.sphinx_builder.is_none() {
        command.extend(["-b".into(), arguments.sphinx_builder.clone()]);
    }
    for tag in items(&arguments.tags) {
        command.extend(["-t".into(), tag]);
    }
    let mut defines: Vec<(String, &Value)> = pairs(&arguments.defines)
        .iter()
        .map(|(name, value)| (text_of(name), value))
        .collect();
    defines.sort_by(|(first, _), (second, _)| first.cmp(second));
    for (name, value) in defines {
        let define = match value {
            Value::None => name,
            Value::Bool(value) => format!("{name}={}", u8::from(*value)),
            other => format!("{name}={}", text_of(other)),
        };
        command.extend(["-D".into(), define.into()]);
    }
    if arguments.mode.as_text() == Some("full") {
        command.push("-E".into());
    }
    if arguments.strict_warnings {
        command.push("-W".into());
    }
    command.extend([
        arguments.sphinx_sourcedir.clone(),
        arguments.sphinx_builddir.clone(),
    ]);
    let mut warnings: Vec<String> = Vec::new();
    let mut succeeded = false;
    let mut next_is_one = false;
    let see = |_, line: &str| {
        if line.starts_with("build succeeded") || line.starts_with("no targets are out of date.") {
            succeeded = true;
        } else if line.starts_with("Warning, treated as error:") {
            next_is_one = true;
        } else if next_is_one {
            warnings.push(line.to_owned());
            next_is_one = false;
        } else {
            for word in ["WARNING", "ERROR", "SEVERE"] {
                if line.contains(word) {
                    warnings.push(line.to_owned());
                }
            }
        }
    };
    run_lines(step, Shell::of(Value::List(command)), see).await?;
    log_lines(step, "warnings", &warnings).await?;
    step.set_statistic("warnings", warnings.len() as i64);
    step.set_summary(format!(
        "{} {} warnings",
        step.port.step_name(),
        warnings.len()
    ));
    Ok(if !succeeded {
        Results::Failure
    } else if warnings.is_empty() {
        Results::Success
    } else {
        Results::Warnings
    })
}

/// `BuildEPYDoc`.
pub(crate) async fn epydoc(step: &Step<'_>) -> Result<Results, StepError> {
    let (mut imports, mut warnings, mut errors) = (0, 0, 0);
    let see = |_, line: &str| {
        if line.starts_with("Error importing ") {
            imports += 1;
        }
        if line.contains("Warning: ") {
            warnings += 1;
        }
        if line.contains("Error: ") {
            errors += 1;
        }
    };
    let end = run_lines(step, Shell::default(), see).await?;
    let mut text = "epydoc".to_owned();
    for (count, word) in [(imports, "ierr"), (warnings, "warn"), (errors, "err")] {
        if count != 0 {
            text.push_str(&format!(" {word}={count}"));
        }
    }
    step.set_summary(text);
    Ok(if end.did_fail() {
        Results::Failure
    } else if warnings > 0 || errors > 0 {
        Results::Warnings
    } else {
        Results::Success
    })
}

const FLAKES: [&str; 5] = ["unused", "undefined", "redefs", "import*", "misc"];

/// `PyFlakes`.
pub(crate) async fn pyflakes(step: &Step<'_>) -> Result<Results, StepError> {
    let mut found = Found::new();
    let mut has_begun = false;
    let mut syntax_error = false;
    let see = |channel, line: &str| {
        if channel == Channel::Header {
            return;
        }
        if !has_begun {
            if !line.contains(':') {
                return;
            }
            has_begun = true;
        }
        let kind = if line.contains("imported but unused") {
            "unused"
        } else if line.contains("*' used; unable to detect undefined names") {
            "import*"
        } else if line.contains("undefined name") {
            "undefined"
        } else if line.contains("redefinition of unused") {
            "redefs"
        } else {
            syntax_error |= line.contains("invalid syntax");
            "misc"
        };
        found.entry(kind).or_default().push(line.to_owned());
    };
    let shell = Shell {
        decode_rc: Some(DecodeRc(vec![
            (Some(0), Results::Success),
            (Some(1), Results::Warnings),
        ])),
        ..Shell::default()
    };
    let end = run_lines(step, shell, see).await?;
    let lines = |kind: &str| found.get(kind).map(Vec::as_slice).unwrap_or_default();
    let mut text = "pyflakes".to_owned();
    for kind in FLAKES {
        if !lines(kind).is_empty() {
            text.push_str(&format!(" {kind}={}", lines(kind).len()));
        }
    }
    step.set_summary(text);
    if syntax_error {
        log_lines(step, "syntax-error", lines("misc")).await?;
        return Ok(Results::Failure);
    }
    let mut total = 0;
    for kind in FLAKES {
        log_lines(step, kind, lines(kind)).await?;
        let count = lines(kind).len() as i64;
        total += count;
        let name = format!("pyflakes-{kind}");
        step.port.set_property(&name, count.into(), "pyflakes");
    }
    step.port
        .set_property("pyflakes-total", total.into(), "pyflakes");
    Ok(if end.did_fail() || found.contains_key("undefined") {
        Results::Failure
    } else if total > 0 {
        Results::Warnings
    } else {
        Results::Success
    })
}

const MESSAGES: [(&str, &str); 6] = [
    ("C", "convention"),
    ("E", "error"),
    ("F", "fatal"),
    ("I", "info"),
    ("R", "refactor"),
    ("W", "warning"),
];

/// Exit codes of PyLint that mean more than messages: fatal, error, usage.
const BAD_CODES: i64 = 1 | 2 | 32;

/// `PyLint`.
pub(crate) async fn pylint(
    step: &Step<'_>,
    arguments: &PyLintArguments,
) -> Result<Results, StepError> {
    let new = |text| Pattern::new(text, 32).map_err(raise);
    // The newer default, what is called parseable, and what was the default once.
    let shapes = [
        new(
            r"^(?P<path>[^:]+):(?P<line>\d+):\d+: *(?P<code>[CRWEFI]\d+)(?:\([^)]*\))?: ?(?P<text>.*)$",
        )?,
        new(
            r"^(?P<path>[^:]+):(?P<line>\d+): \[(?P<code>[CRWEFI]\d+)(?:\([^)]*\))?[^\]]*\] ?(?P<text>.*)$",
        )?,
    ];
    let old = new(r"^(?P<code>[CRWEFI](?:\d+)?): *\d+(?:, *\d+)?:.*$")?;
    let mut found = Found::new();
    let mut results: Vec<TestResult> = Vec::new();
    let see = |channel, line: &str| {
        if channel == Channel::Header {
            return;
        }
        let category = |code: Option<&str>| {
            let letter = code.and_then(|code| code.get(..1));
            MESSAGES.iter().find(|(known, _)| Some(*known) == letter)
        };
        for shape in &shapes {
            if let Ok(Some(matched)) = shape.match_start(line)
                && let Some((letter, _)) = category(matched.group(3))
            {
                found.entry(letter).or_default().push(line.to_owned());
                results.push(TestResult {
                    value: line.to_owned(),
                    test_code_path: matched.group(1).map(str::to_owned),
                    line: matched.group(2).and_then(|line| line.parse().ok()),
                    ..TestResult::default()
                });
                return;
            }
        }
        if let Ok(Some(matched)) = old.match_start(line)
            && let Some((letter, _)) = category(matched.group(1))
        {
            found.entry(letter).or_default().push(line.to_owned());
        }
    };
    let set = if arguments.store_results {
        let port = step.port;
        Some(
            port.add_test_results("Pylint warnings", "code_issue", "message")
                .await?,
        )
    } else {
        None
    };
    let end = run_lines(step, Shell::default(), see).await?;
    if let Some(set) = set {
        for result in results {
            step.port.add_test_result(set, result).await?;
        }
        step.port.finish_test_results(set).await?;
    }
    let lines = |letter: &str| found.get(letter).map(Vec::as_slice).unwrap_or_default();
    let mut text = "pylint".to_owned();
    let mut total = 0;
    for (letter, word) in MESSAGES {
        let lines = lines(letter);
        if !lines.is_empty() {
            text.push_str(&format!(" {word}={}", lines.len()));
        }
        log_lines(step, word, lines).await?;
        let count = lines.len() as i64;
        total += count;
        let name = format!("pylint-{word}");
        step.port.set_property(&name, count.into(), "Pylint");
    }
    step.port
        .set_property("pylint-total", total.into(), "Pylint");
    step.set_summary(text);
    let is_bad = end.rc.is_some_and(|rc| rc & BAD_CODES != 0);
    Ok(
        if is_bad || !lines("F").is_empty() || !lines("E").is_empty() {
            Results::Failure
        } else if total > 0 {
            Results::Warnings
        } else {
            Results::Success
        },
    )
}
