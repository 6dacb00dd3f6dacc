//! What a scenario leads to, as far as the reference and ours must agree.

use anyhow::{Result, bail};
use serde_json::Value;
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fmt;

/// A log of a step: only the lines of the programs; header lines are free.
#[derive(Clone, Debug)]
pub struct LogOutcome {
    /// Name of the log.
    pub name: String,
    /// Lines of a text log, or standard output of a stream log; each without its newline.
    pub out: Vec<String>,
    /// Standard error of a stream log.
    pub err: Vec<String>,
    /// Whether a header says something. Its text is free, so it takes no part in the comparison.
    pub header: Vec<String>,
}

impl LogOutcome {
    /// Takes the content apart that the REST interface gives for a log of type `kind`.
    ///
    /// Standard output and error are kept apart: how they are mixed depends on the moment a worker reads them.
    pub(crate) fn new(name: &str, kind: &str, content: &str) -> Self {
        let mut log = Self {
            name: name.to_owned(),
            out: Vec::new(),
            err: Vec::new(),
            header: Vec::new(),
        };
        for line in content.split_terminator('\n') {
            match (kind, line.split_at_checked(1)) {
                ("s", Some(("o", text))) => log.out.push(text.to_owned()),
                ("s", Some(("e", text))) => log.err.push(text.to_owned()),
                ("s", Some((_, text))) => log.header.push(text.to_owned()),
                // The trace of an exception names files and lines of the program that raised it.
                _ if name.starts_with("err.") => {}
                _ => log.out.push(line.to_owned()),
            }
        }
        log
    }
}

/// A step of a build.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    /// Name of the step.
    pub name: String,
    /// Result code, none while it runs.
    pub results: Option<i64>,
    /// What the master's pages show for it.
    pub state: String,
    /// Links of the step.
    pub urls: Value,
    /// Its logs.
    pub logs: Vec<LogOutcome>,
}

impl StepOutcome {
    /// The log called `name`.
    #[must_use]
    pub fn log(&self, name: &str) -> Option<&LogOutcome> {
        self.logs.iter().find(|log| log.name == name)
    }

    /// Standard output in the log `stdio`, one text with newlines.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.log("stdio")
            .map(|log| log.out.iter().map(|line| format!("{line}\n")).collect())
            .unwrap_or_default()
    }
}

/// A build.
#[derive(Clone, Debug)]
pub struct BuildOutcome {
    /// Name of the builder.
    pub builder: String,
    /// Result code, none while it runs.
    pub results: Option<i64>,
    /// What the master's pages show for it.
    pub state: String,
    /// Properties without those that differ between two builds.
    pub properties: BTreeMap<String, Value>,
    /// Its steps, in order.
    pub steps: Vec<StepOutcome>,
}

impl BuildOutcome {
    /// The step called `name`.
    pub fn step(&self, name: &str) -> Result<&StepOutcome> {
        match self.steps.iter().find(|step| step.name == name) {
            Some(step) => Ok(step),
            None => bail!("the build has no step {name:?}:\n{self}"),
        }
    }
}

/// What a scenario leads to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Builds, in the order in which they were asked for.
    pub builds: Vec<BuildOutcome>,
    /// Further observations, each under a name that says what it is.
    pub notes: BTreeMap<String, Value>,
}

impl Outcome {
    /// An outcome that consists of `builds`.
    #[must_use]
    pub fn of_builds(builds: Vec<BuildOutcome>) -> Self {
        Self {
            builds,
            notes: BTreeMap::new(),
        }
    }

    /// The logs of all steps called `name`, to take out what may differ.
    pub fn logs_of_step(&mut self, name: &str) -> impl Iterator<Item = &mut LogOutcome> {
        let steps = self.builds.iter_mut().flat_map(|build| &mut build.steps);
        steps
            .filter(move |step| step.name == name)
            .flat_map(|step| &mut step.logs)
    }

    /// Adds an observation.
    pub fn note(&mut self, what: &str, value: impl Into<Value>) {
        self.notes.insert(what.to_owned(), value.into());
    }

    /// [`Outcome::note`] in a chain.
    #[must_use]
    pub fn noting(mut self, what: &str, value: impl Into<Value>) -> Self {
        self.note(what, value);
        self
    }
}

/// Fails with the difference if the outcomes are not equal. `normalise` takes out what may differ in any line.
pub(crate) fn assert_same_outcome(
    python: &Outcome,
    rust: &Outcome,
    normalise: impl Fn(&str) -> String,
) -> Result<()> {
    let (python, rust) = (normalise(&python.to_string()), normalise(&rust.to_string()));
    if python == rust {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&python, &rust);
    bail!(
        "the outcomes differ (-: Python worker, +: our worker):\n{}",
        diff.unified_diff()
            .context_radius(6)
            .header("python", "rust")
    )
}

/// Control characters as escapes, everything else as it is.
fn visible(line: &str) -> String {
    line.chars()
        .fold(String::with_capacity(line.len()), |mut text, c| {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
            text
        })
}

fn write_lines(
    f: &mut fmt::Formatter<'_>,
    indent: &str,
    mark: &str,
    lines: &[String],
) -> fmt::Result {
    for line in lines {
        writeln!(f, "{indent}{mark}|{}", visible(line))?;
    }
    Ok(())
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  step {}: results {:?}, {:?}",
            self.name, self.results, self.state
        )?;
        if self.urls.as_array().is_some_and(|urls| !urls.is_empty()) {
            writeln!(f, "    urls {}", self.urls)?;
        }
        for log in &self.logs {
            writeln!(f, "    log {}", log.name)?;
            write_lines(f, "      ", "o", &log.out)?;
            write_lines(f, "      ", "e", &log.err)?;
        }
        Ok(())
    }
}

impl fmt::Display for BuildOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "build of {}: results {:?}, {:?}",
            self.builder, self.results, self.state
        )?;
        for (name, value) in &self.properties {
            writeln!(f, "  property {name} = {value}")?;
        }
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, value) in &self.notes {
            writeln!(f, "{what}: {value}")?;
        }
        self.builds
            .iter()
            .try_for_each(|build| write!(f, "{build}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(content: &str) -> Outcome {
        let step = StepOutcome {
            name: "a".into(),
            results: Some(0),
            state: "done".into(),
            urls: Value::Null,
            logs: vec![LogOutcome::new("stdio", "s", content)],
        };
        let build = BuildOutcome {
            builder: "b".into(),
            results: Some(0),
            state: "build successful".into(),
            properties: BTreeMap::new(),
            steps: vec![step],
        };
        Outcome::of_builds(vec![build])
    }

    fn difference(python: &str, rust: &str) -> Option<String> {
        let result = assert_same_outcome(&outcome(python), &outcome(rust), |text| {
            text.replace("/tmp/x", "<temp>")
        });
        result.err().map(|error| error.to_string())
    }

    #[test]
    fn headers_and_the_mixture_of_streams_are_free() {
        assert_eq!(difference("hone\noa\neb\n", "eb\noa\nhother\n"), None);
        assert_eq!(difference("o/tmp/x/a\n", "o<temp>/a\n"), None);
    }

    #[test]
    fn a_changed_line_is_shown() {
        let shown = difference("oa\nob\n", "oa\noB\n").expect("a difference");
        assert!(
            shown.contains("-      o|b") && shown.contains("+      o|B"),
            "{shown}"
        );
        assert!(difference("oa\n", "ea\n").is_some());
        assert!(difference("oa \n", "oa\n").is_some());
    }
}
