//! Commands whose warnings are counted: `WarningCountingShellCommand`, `Compile`, `Test`, and what is built on them.

use buildbot_config::steps::shell::WarningArguments;
use buildbot_model::Results;
use buildbot_python_regex::{Pattern, PatternError};
use buildbot_render::{Kind, Regex, Value};

use crate::call::Argument;
use crate::command::{Observer, Piece};
use crate::error::StepError;
use crate::pattern::{compile, raise, search_error};
use crate::shell::Shell;
use crate::step::{Step, type_error};
use crate::value::{NoObjects, repr, strip};

/// Bytes of one piece of a file of suppressions.
const BLOCK: i64 = 32 * 1024;

pub(crate) const WARNING: &str = "(?i).*warning[: ].*";
const ENTER: &str = "make.*: Entering directory [\u{2019}\"`'](.*)[\u{2019}'`\"]";
const LEAVE: &str = "make.*: Leaving directory";

/// The extractor of the class that takes the groups of the pattern.
const FROM_GROUPS: &str = "warnExtractFromRegexpGroups";
/// The extractor of the class that takes the whole line.
const WHOLE_LINE: &str = "warnExtractWholeLine";

/// What steps have that count warnings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counting {
    pub(crate) pattern: Value,
    pub(crate) extractor: Value,
    pub(crate) most: Value,
    pub(crate) enter: Value,
    pub(crate) leave: Value,
    pub(crate) file: Value,
    pub(crate) list: Value,
    /// Suppressions of the step's own.
    pub(crate) own: Vec<Suppression>,
    /// The source of the property.
    pub(crate) class: &'static str,
    /// The pattern if none was given.
    pub(crate) default_pattern: &'static str,
    /// The command, if it is not that of the step.
    pub(crate) command: Option<Value>,
    /// Whether log, statistic and property say how many there were.
    pub(crate) is_reported: bool,
}

impl From<&WarningArguments> for Counting {
    fn from(arguments: &WarningArguments) -> Self {
        Self {
            pattern: arguments.warning_pattern.clone(),
            extractor: arguments.warning_extractor.clone(),
            most: arguments.max_warn_count.clone(),
            enter: arguments.directory_enter_pattern.clone(),
            leave: arguments.directory_leave_pattern.clone(),
            file: arguments.suppression_file.clone(),
            list: arguments.suppression_list.clone(),
            own: Vec::new(),
            class: "WarningCountingShellCommand",
            default_pattern: WARNING,
            command: None,
            is_reported: true,
        }
    }
}

/// Which warnings do not count.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Suppression {
    pub(crate) file: Option<Regex>,
    pub(crate) text: Option<Regex>,
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

/// A suppression whose patterns are compiled.
struct Compiled {
    file: Option<Pattern>,
    text: Option<Pattern>,
    start: Option<i64>,
    end: Option<i64>,
}

/// A warning that may be suppressed.
#[derive(Debug, Clone)]
struct Warning {
    line: String,
    directory: Option<String>,
}

/// Finds warnings among the lines of a command.
struct Scanner {
    warning: Option<Pattern>,
    enter: Option<Pattern>,
    leave: Option<Pattern>,
    directories: Vec<String>,
    found: Vec<Warning>,
    error: Option<StepError>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    /// Lines that count.
    pub(crate) lines: Vec<String>,
}

impl Scanner {
    fn scan(&mut self, line: &str) -> Result<(), StepError> {
        let Some(warning) = &self.warning else {
            return Ok(());
        };
        if let Some(enter) = &self.enter
            && let Some(found) = enter.search(line).map_err(search_error)?
        {
            let directory = found.group(1).unwrap_or_default();
            self.directories.push(directory.to_owned());
            return Ok(());
        }
        if let Some(leave) = &self.leave
            && !self.directories.is_empty()
            && leave.search(line).map_err(search_error)?.is_some()
        {
            self.directories.pop();
            return Ok(());
        }
        if warning.match_start(line).map_err(search_error)?.is_some() {
            self.found.push(Warning {
                line: line.to_owned(),
                directory: (!self.directories.is_empty()).then(|| self.directories.join("/")),
            });
        }
        Ok(())
    }
}

impl Observer for Scanner {
    fn lines(&mut self, piece: Piece<'_>) {
        if piece.log != "stdio" || self.error.is_some() {
            return;
        }
        for line in piece.lines() {
            if let Err(error) = self.scan(line) {
                self.error = Some(error);
            }
        }
    }
}

/// A pattern that is a text or compiled.
fn regex(value: &Value) -> Result<Option<Regex>, StepError> {
    match value {
        Value::None => Ok(None),
        Value::Regex(regex) => Ok(Some((**regex).clone())),
        Value::Text(_) => Ok(Some(Regex {
            pattern: value.clone(),
            flags: 32,
        })),
        other => Err(type_error(format!(
            "first argument must be string or compiled pattern, not {}",
            other.type_name()
        ))),
    }
}

/// The pattern of an argument; `default` if it was left out.
fn pattern(
    step: &Step<'_>,
    argument: &str,
    value: &Value,
    default: &str,
) -> Result<Option<Pattern>, StepError> {
    if value.is_none() && step.config.get(argument).is_none() {
        return Ok(Some(Pattern::new(default, 32).map_err(raise)?));
    }
    regex(value)?.as_ref().map(compile).transpose()
}

/// Runs the command, sees to the warnings, and gives the result.
pub(crate) async fn run(
    step: &Step<'_>,
    counting: &Counting,
    more: Option<&mut dyn Observer>,
) -> Result<Results, StepError> {
    let (end, counted) = count(step, counting, more).await?;
    evaluate(counting, &counted, end.results)
}

/// Runs the command and sees to the warnings.
pub(crate) async fn count(
    step: &Step<'_>,
    counting: &Counting,
    mut more: Option<&mut dyn Observer>,
) -> Result<(crate::command::CommandEnd, Counted), StepError> {
    let suppressions = suppressions(step, counting).await?;
    let mut scanner = Scanner {
        warning: pattern(
            step,
            "warningPattern",
            &counting.pattern,
            counting.default_pattern,
        )?,
        enter: pattern(step, "directoryEnterPattern", &counting.enter, ENTER)?,
        leave: pattern(step, "directoryLeavePattern", &counting.leave, LEAVE)?,
        directories: Vec::new(),
        found: Vec::new(),
        error: None,
    };
    let end = {
        let mut both = |piece: Piece<'_>| {
            scanner.lines(piece);
            if let Some(more) = &mut more {
                more.lines(piece);
            }
        };
        {
            let shell = Shell {
                command: counting.command.clone(),
                ..Shell::default()
            };
            step.run_shell(shell, Some(&mut both)).await?
        }
    };
    if let Some(log) = step.log("stdio") {
        step.port.finish_log(log).await?;
    }
    if let Some(error) = scanner.error {
        return Err(error);
    }
    let mut counted = Counted::default();
    for warning in scanner.found {
        if !is_suppressed(step, counting, &suppressions, &warning).await? {
            counted.lines.push(warning.line);
        }
    }
    if !counting.is_reported {
        return Ok((end, counted));
    }
    let count = counted.lines.len() as i64;
    if count > 0 {
        let text = format!("{}\n", counted.lines.join("\n"));
        step.add_complete_log(&format!("warnings ({count})"), &text)
            .await?;
    }
    step.set_statistic("warnings", step.count("warnings") + count);
    let old = step.port.property("warnings-count");
    let old = match old.map(|property| property.value) {
        Some(Value::Int(old)) => old,
        _ => 0,
    };
    let total = Value::Int(old + count);
    step.port
        .set_property("warnings-count", total, counting.class);
    Ok((end, counted))
}

/// What the command's result becomes because of the warnings.
pub(crate) fn evaluate(
    counting: &Counting,
    counted: &Counted,
    results: Results,
) -> Result<Results, StepError> {
    let count = counted.lines.len() as i64;
    let most = match &counting.most {
        Value::None => None,
        Value::Int(most) => Some(*most as f64),
        Value::Float(most) => Some(*most),
        Value::Bool(most) => Some(f64::from(u8::from(*most))),
        other => {
            return Err(type_error(format!(
                "'>' not supported between instances of 'int' and '{}'",
                other.type_name()
            )));
        }
    };
    Ok(match most {
        Some(most) if count as f64 > most => results.worst(Results::Failure),
        _ if count > 0 => results.worst(Results::Warnings),
        _ => results,
    })
}

/// Whether a warning does not count.
async fn is_suppressed(
    step: &Step<'_>,
    counting: &Counting,
    suppressions: &[Compiled],
    warning: &Warning,
) -> Result<bool, StepError> {
    if suppressions.is_empty() {
        return Ok(false);
    }
    let (mut file, line, text) = extract(step, counting, &warning.line).await?;
    if let (Some(file), Some(directory)) = (&mut file, &warning.directory)
        && !file.is_empty()
    {
        *file = format!("{directory}/{file}");
    }
    for suppression in suppressions {
        if let (Some(file), Some(pattern)) = (&file, &suppression.file)
            && pattern.match_start(file).map_err(search_error)?.is_none()
        {
            continue;
        }
        if let Some(pattern) = &suppression.text
            && pattern.search(&text).map_err(search_error)?.is_none()
        {
            continue;
        }
        let in_range = match (suppression.start, suppression.end, line) {
            (Some(start), Some(end), Some(line)) => start <= line && line <= end,
            (Some(_), Some(_), None) => false,
            _ => true,
        };
        if in_range {
            return Ok(true);
        }
    }
    Ok(false)
}

/// File, line and text of a warning.
async fn extract(
    step: &Step<'_>,
    counting: &Counting,
    line: &str,
) -> Result<(Option<String>, Option<i64>, String), StepError> {
    let known = match &counting.extractor {
        Value::None => WHOLE_LINE,
        Value::Ref(name) => name.rsplit('.').next().unwrap_or_default(),
        Value::Callable(callable) if callable.name.ends_with(FROM_GROUPS) => FROM_GROUPS,
        Value::Callable(callable) if callable.name.ends_with(WHOLE_LINE) => WHOLE_LINE,
        _ => "",
    };
    if known == WHOLE_LINE {
        return Ok((None, None, line.to_owned()));
    }
    let of_step = regex(&counting.pattern)?.unwrap_or_else(|| Regex {
        pattern: counting.default_pattern.into(),
        flags: 32,
    });
    if known == FROM_GROUPS {
        let pattern = compile(&of_step)?;
        let found = pattern.match_start(line).map_err(search_error)?;
        let Some(found) = found else {
            return Ok((None, None, line.to_owned()));
        };
        let group = |number: usize| {
            if number < found.groups.len() {
                Ok(found.group(number))
            } else {
                Err(StepError::raise(Kind::Index, "no such group"))
            }
        };
        let number = group(2)?
            .map(|text| {
                strip(text).parse().map_err(|_| {
                    let message = format!(
                        "invalid literal for int() with base 10: {}",
                        repr(&text.into())
                    );
                    StepError::raise(Kind::Value, message)
                })
            })
            .transpose()?;
        let text = group(3)?.unwrap_or_default().to_owned();
        return Ok((group(1)?.map(str::to_owned), number, text));
    }
    let arguments = vec![
        step.live(None),
        Argument::Value(line.into()),
        Argument::Match {
            pattern: of_step,
            text: line.to_owned(),
        },
    ];
    let answer = step.port.call(&counting.extractor, arguments).await?;
    let Some([file, number, text]) = answer.as_sequence() else {
        return Err(type_error(format!(
            "cannot unpack non-iterable {} object",
            answer.type_name()
        )));
    };
    let number = match number {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    Ok((
        file.as_text().map(str::to_owned),
        number,
        text.as_text().unwrap_or_default().to_owned(),
    ))
}

/// All suppressions of a step, compiled.
async fn suppressions(step: &Step<'_>, counting: &Counting) -> Result<Vec<Compiled>, StepError> {
    let mut all = counting.own.clone();
    if !counting.list.is_none() {
        let Some(list) = counting.list.as_sequence() else {
            return Err(type_error(format!(
                "'{}' object is not iterable",
                counting.list.type_name()
            )));
        };
        for item in list {
            all.push(suppression(item)?);
        }
    }
    if !counting.file.is_none() {
        let content = step.file_of_worker(&counting.file, Some(BLOCK)).await?;
        let Some(content) = content else {
            return Err(StepError::Failed);
        };
        for line in content.split('\n') {
            all.extend(line_of_file(line)?);
        }
    }
    all.into_iter()
        .map(|suppression| {
            Ok(Compiled {
                file: suppression.file.as_ref().map(compile).transpose()?,
                text: suppression.text.as_ref().map(compile).transpose()?,
                start: suppression.start,
                end: suppression.end,
            })
        })
        .collect()
}

/// A suppression of the argument.
fn suppression(item: &Value) -> Result<Suppression, StepError> {
    let Some([file, text, start, end]) = item.as_sequence() else {
        return Err(StepError::raise(
            Kind::Value,
            format!("not enough values to unpack: {}", item.repr(&NoObjects)),
        ));
    };
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    Ok(Suppression {
        file: regex(file)?,
        text: regex(text)?,
        start: number(start),
        end: number(end),
    })
}

/// A suppression of a line of a file, if the line has one.
fn line_of_file(line: &str) -> Result<Vec<Suppression>, StepError> {
    let blank = |found: Result<Pattern, PatternError>| found.map_err(raise);
    let is_nothing = blank(Pattern::new(r"^\s*(#.*)?$", 32))?;
    if is_nothing
        .match_start(line)
        .map_err(search_error)?
        .is_some()
    {
        return Ok(Vec::new());
    }
    let shape = blank(Pattern::new(
        r"^(.+?)\s*:\s*(.+?)\s*(?:[:]\s*([0-9]+)(?:-([0-9]+))?\s*)?$",
        32,
    ))?;
    let Some(found) = shape.match_start(line).map_err(search_error)? else {
        return Ok(Vec::new());
    };
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    let start = number(found.group(3));
    let text = |number| {
        found.group(number).map(|text| Regex {
            pattern: text.into(),
            flags: 32,
        })
    };
    Ok(vec![Suppression {
        file: text(1),
        text: text(2),
        start,
        end: number(found.group(4)).or(start),
    }])
}

/// Adds results of tests to the statistics of a step.
pub(crate) fn set_test_results(
    step: &Step<'_>,
    total: i64,
    failed: i64,
    passed: i64,
    warnings: i64,
) {
    for (name, count) in [
        ("tests-total", total),
        ("tests-failed", failed),
        ("tests-passed", passed),
        ("tests-warnings", warnings),
    ] {
        step.set_statistic(name, step.count(name) + count);
    }
}

/// What tests show at their end.
pub(crate) fn test_summary(step: &Step<'_>, results: Results) -> String {
    if !step.has_statistic("tests-total") {
        return step.shell_summary(results);
    }
    let (passed, warnings, failed) = (
        step.count("tests-passed"),
        step.count("tests-warnings"),
        step.count("tests-failed"),
    );
    let total = match step.count("tests-total") {
        0 => passed + warnings + failed,
        total => total,
    };
    let mut words = Vec::new();
    if total != 0 {
        words.push(format!("{total} tests"));
    }
    for (count, word) in [
        (passed, "passed"),
        (warnings, "warnings"),
        (failed, "failed"),
    ] {
        if count != 0 {
            words.push(format!("{count} {word}"));
        }
    }
    let mut text = words.join(" ");
    if results != Results::Success {
        text.push_str(&format!(" ({})", results.name()));
    }
    if step.has_timed_out() {
        text.push_str(" (timed out)");
    }
    text
}

/// `PerlModuleTest`: what `prove` has to say, whatever its exit code.
pub(crate) async fn run_perl(step: &Step<'_>, counting: &Counting) -> Result<Results, StepError> {
    let mut lines: Vec<String> = Vec::new();
    let mut see = |piece: Piece<'_>| {
        if piece.log == "stdio" && piece.channel == crate::port::Channel::Stdout {
            lines.extend(piece.lines().map(str::to_owned));
        }
    };
    let _ = count(step, counting, Some(&mut see)).await?;
    let warning = pattern(
        step,
        "warningPattern",
        &counting.pattern,
        counting.default_pattern,
    )?;
    let new = |text| Pattern::new(text, 32).map_err(raise);
    let report = new("^Test Summary Report")?;
    let subtests = new(r"(\d+)/(\d+) subtests failed")?;
    let files = new(r"Files=\d+, Tests=(\d+),")?;
    let new_style_failed = new("^Result: FAIL")?;
    let new_style_tests = new(r"^\s*.*Tests:\s+\d+\s+Failed:\s+(\d+)\)")?;
    let number =
        |text: Option<&str>| -> i64 { text.and_then(|text| text.parse().ok()).unwrap_or_default() };
    let (mut total, mut failed, mut warnings) = (0, 0, 0);
    let mut results = Results::Success;
    let mut begin = None;
    for (at, line) in lines.iter().enumerate() {
        if report.match_start(line).map_err(search_error)?.is_some() {
            begin = Some(at);
            break;
        }
    }
    if let Some(begin) = begin {
        lines.drain(..begin);
    }
    for line in &lines {
        if let Some(warning) = &warning
            && warning.match_start(line).map_err(search_error)?.is_some()
        {
            warnings += 1;
        }
        if let Some(found) = files.search(line).map_err(search_error)? {
            total = number(found.group(1));
        }
        if begin.is_some() {
            if new_style_failed
                .match_start(line)
                .map_err(search_error)?
                .is_some()
            {
                results = Results::Failure;
            }
            if let Some(found) = new_style_tests.match_start(line).map_err(search_error)? {
                let count = number(found.group(1));
                failed += count;
                if count > 0 {
                    results = Results::Failure;
                }
            }
        } else if let Some(found) = subtests.search(line).map_err(search_error)? {
            failed = number(found.group(1));
            total = number(found.group(2));
            results = Results::Failure;
        }
    }
    if total != 0 {
        set_test_results(step, total, failed, total - failed, warnings);
    }
    if results == Results::Success && warnings > 0 {
        results = Results::Warnings;
    }
    Ok(results)
}
