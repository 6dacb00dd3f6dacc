//! Tools of Twisted: Trial, HLint, and what removes compiled files.

use std::collections::BTreeSet;

use buildbot_config::steps::languages::{HLintArguments, TrialArguments};
use buildbot_model::Results;
use buildbot_python_regex::Pattern;
use buildbot_render::Value;

use crate::command::Piece;
use crate::error::StepError;
use crate::pattern::raise;
use crate::shell::{Shell, run_lines};
use crate::step::Step;
use crate::value::flatten;

/// A list of words; a text is split at white space.
fn words(value: &Value) -> Vec<Value> {
    match value {
        Value::None => Vec::new(),
        only @ Value::Text(_) => vec![only.clone()],
        other => other.as_sequence().unwrap_or_default().to_vec(),
    }
}

/// What Trial says at its end.
#[derive(Debug, Default)]
struct Counts {
    total: Option<i64>,
    failures: i64,
    errors: i64,
    skips: i64,
    expected_failures: i64,
}

/// Reads the output of Trial.
struct TrialLines {
    ran: Pattern,
    counts: Counts,
    /// What is wrong in detail has begun.
    in_problems: bool,
    problems: String,
    warnings: BTreeSet<String>,
    waits_for_next: Option<String>,
}

impl TrialLines {
    fn line(&mut self, line: &str) {
        if let Ok(Some(found)) = self.ran.search(line) {
            self.counts.total = found.group(1).and_then(|count| count.parse().ok());
        }
        if line.starts_with("OK") || line.starts_with("FAILED ") || line.starts_with("PASSED") {
            for (name, place) in [
                ("failures", &mut self.counts.failures),
                ("errors", &mut self.counts.errors),
                ("skips", &mut self.counts.skips),
                ("expectedFailures", &mut self.counts.expected_failures),
            ] {
                if let Some(count) = count_of(line, name) {
                    *place = count;
                }
            }
        }
        if self.in_problems || starts_problems(line) {
            self.in_problems = true;
            self.problems.push_str(line);
            self.problems.push('\n');
        }
        if let Some(first) = self.waits_for_next.take() {
            self.warnings.insert(format!("{first}\n{line}\n"));
        } else if line.contains("DeprecationWarning") || line.contains("UserWarning") {
            self.waits_for_next = Some(line.to_owned());
        } else if line.contains("Warning: ") {
            // The reference forgets the end of such a line.
            self.warnings.insert(line.to_owned());
        }
    }
}

/// `name=N` in a line.
fn count_of(line: &str, name: &str) -> Option<i64> {
    let at = line.find(&format!("{name}="))?;
    let digits: String = line
        .get(at + name.len() + 1..)?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// Sixty characters that rule a line off.
fn starts_problems(line: &str) -> bool {
    ['=', '-'].into_iter().any(|rule| {
        line.chars()
            .take_while(|character| *character == rule)
            .count()
            >= 60
    })
}

/// `Trial`.
pub(crate) async fn trial(
    step: &Step<'_>,
    arguments: &TrialArguments,
) -> Result<Results, StepError> {
    let mut command = words(&arguments.python);
    command.push(match &arguments.trial {
        Value::None => "trial".into(),
        trial => trial.clone(),
    });
    if arguments.trial_mode.is_none() {
        command.push("--reporter=bwverbose".into());
    } else {
        command.extend(words(&arguments.trial_mode));
    }
    let reactor = arguments.reactor.as_text().filter(|text| !text.is_empty());
    if arguments.recurse.is_true() {
        command.push("--recurse".into());
    }
    if let Some(reactor) = reactor {
        let mut description = words(&step.description());
        description.push(format!("({reactor})").into());
        step.set_description(Value::List(description));
        command.push(format!("--reactor={reactor}").into());
    }
    if arguments.randomly.is_true() {
        command.push("--random=0".into());
    }
    command.extend(words(&arguments.trial_args));
    let jobs = match &arguments.jobs {
        Value::Int(jobs) => Some(*jobs),
        _ => None,
    };
    if let Some(jobs) = jobs {
        command.push(format!("--jobs={jobs}").into());
    }
    if arguments.test_changes.is_true() {
        for file in step.port.build().files() {
            if file.ends_with(".py") {
                command.push(format!("--testmodule={file}").into());
            }
        }
    } else {
        command.extend(words(&arguments.tests));
    }
    let mut lines = TrialLines {
        ran: Pattern::new(r"Ran (\d+) tests?", 32).map_err(raise)?,
        counts: Counts::default(),
        in_problems: false,
        problems: String::new(),
        warnings: BTreeSet::new(),
        waits_for_next: None,
    };
    let env = match &arguments.testpath {
        Value::Text(path) => Some(path.as_str()),
        _ => None,
    };
    let remote = step
        .shell_command(Shell {
            env: match env {
                Some(path) => python_path(step, path)?,
                None => Vec::new(),
            },
            logfiles: log_files(jobs),
            ..Shell::of(Value::List(command))
        })
        .await?;
    let mut see = |piece: Piece<'_>| {
        if piece.log == "stdio" {
            piece.lines().for_each(|line| lines.line(line));
        }
    };
    let end = step.run_command(remote, Some(&mut see)).await?;
    if !lines.problems.is_empty() {
        step.add_complete_log("problems", &lines.problems).await?;
    }
    if !lines.warnings.is_empty() {
        let text: String = lines.warnings.iter().map(String::as_str).collect();
        step.add_complete_log("warnings", &text).await?;
    }
    let (results, text) = judged(&lines.counts, end.did_fail());
    let text = match reactor {
        Some(reactor) => {
            let short = reactor.replace("reactor", "");
            format!("{text} ({short})")
        }
        None => text,
    };
    step.set_summary(text);
    Ok(results)
}

/// The log files of each of several jobs; without jobs those of the step.
fn log_files(jobs: Option<i64>) -> Option<Value> {
    let jobs = jobs?;
    let mut files = Vec::new();
    for job in 0..jobs {
        for kind in ["test", "err", "out"] {
            files.push((
                format!("{kind}.{job}.log").into(),
                format!("_trial_temp/{job}/{kind}.log").into(),
            ));
        }
    }
    Some(Value::Dict(files))
}

/// `PYTHONPATH` with the path of the tests in front.
fn python_path(step: &Step<'_>, path: &str) -> Result<Vec<(Value, Value)>, StepError> {
    let given = step.shell()?.env.get("PYTHONPATH").cloned();
    let mut paths: Vec<Value> = vec![path.into()];
    match given {
        None | Some(Value::None) => {}
        Some(Value::Text(one)) => paths.push(one.into()),
        Some(other) => paths.extend(flatten(&other)),
    }
    Ok(vec![("PYTHONPATH".into(), Value::List(paths))])
}

/// The result of tests, and what is shown of it.
fn judged(counts: &Counts, failed: bool) -> (Results, String) {
    let plural = |count: i64, word: &str| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {word}{end}")
    };
    let mut words = Vec::new();
    let results = match counts.total {
        Some(total) if !failed => {
            words.push(if total > 0 {
                format!("{} passed", plural(total, "test"))
            } else {
                "no tests run".to_owned()
            });
            Results::Success
        }
        None if !failed => {
            words.push("testlog unparseable".to_owned());
            Results::Failure
        }
        Some(_) if counts.failures + counts.errors > 0 => {
            words.push("tests".to_owned());
            if counts.failures > 0 {
                words.push(plural(counts.failures, "failure"));
            }
            if counts.errors > 0 {
                words.push(plural(counts.errors, "error"));
            }
            Results::Failure
        }
        _ => {
            words.push("tests failed".to_owned());
            Results::Failure
        }
    };
    if counts.skips > 0 {
        words.push(plural(counts.skips, "skip"));
    }
    if counts.expected_failures > 0 {
        words.push(plural(counts.expected_failures, "todo"));
    }
    (results, words.join(" "))
}

/// `HLint`.
pub(crate) async fn hlint(
    step: &Step<'_>,
    arguments: &HLintArguments,
) -> Result<Results, StepError> {
    let files: BTreeSet<String> = step
        .port
        .build()
        .files()
        .filter(|file| file.ends_with(".xhtml") && !file.starts_with("sandbox/"))
        .map(str::to_owned)
        .collect();
    if files.is_empty() {
        return Ok(Results::Skipped);
    }
    let mut command = words(&arguments.python);
    command.extend(["bin/lore", "-p", "--output", "lint"].map(Value::from));
    command.extend(files.iter().map(|file| Value::from(file.as_str())));
    let mut warnings = Vec::new();
    let see = |channel, line: &str| {
        if channel == crate::port::Channel::Stdout && line.contains(':') {
            warnings.push(line.to_owned());
        }
    };
    let end = run_lines(step, Shell::of(Value::List(command)), see).await?;
    let text: String = warnings.iter().map(|line| format!("{line}\n")).collect();
    step.add_complete_log("warnings", &text).await?;
    let text: String = files.iter().map(|file| format!("{file}\n")).collect();
    step.add_complete_log("files", &text).await?;
    let count = warnings.len();
    let end_of_word = if count == 1 { "" } else { "s" };
    step.set_summary(format!("{count} hlint{end_of_word}"));
    Ok(if end.did_fail() {
        Results::Failure
    } else if count > 0 {
        Results::Warnings
    } else {
        Results::Success
    })
}
