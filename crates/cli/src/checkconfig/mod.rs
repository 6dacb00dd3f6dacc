//! `buildbot checkconfig`: whether a configuration can be used, and what it would change.
//!
//! Buildbot: manual, "checkconfig". Exit code 0 for a configuration without errors, 1 for everything else.
//!
//! Differs: an exception while the configuration is checked exits with 1, because the reference's 0 tells scripts
//! that a broken file is good.

mod load;
mod locate;
mod options;
mod report;

use std::process::ExitCode;

use buildbot_config::{MasterConfig, Problem, Severity, SourcePlace};

use crate::output::{error_line, line};
pub(crate) use locate::{ConfigFile, file_of_directory};
pub(crate) use options::{USAGE, parse};

use load::{Loaded, Loader};
use options::Options;

/// Carries out the command.
pub(crate) fn run(options: &Options, is_verbose: bool) -> ExitCode {
    match check(options, is_verbose) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            if options.json {
                line(report::failure_as_json(&failure));
            } else if !options.quiet {
                failure.say();
            }
            ExitCode::FAILURE
        }
    }
}

/// Why there is nothing to report about a configuration.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) problem: Box<Problem>,
    /// Whether it is the file's fault: then it is shown as an error of the configuration.
    pub(crate) is_of_file: bool,
    /// The file that was checked, if it got as far as that.
    pub(crate) file: String,
    /// What the reference says on standard output besides.
    pub(crate) last_line: Option<String>,
}

impl Failure {
    /// Something that is not the file's fault.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem {
                severity: Severity::Error,
                message: message.into(),
                at: None,
                help: Vec::new(),
            }),
            is_of_file: false,
            file: String::new(),
            last_line: None,
        }
    }

    /// Something that is the file's fault.
    pub(crate) fn of_file(
        message: impl Into<String>,
        at: Option<SourcePlace>,
        help: Vec<String>,
    ) -> Self {
        Self {
            problem: Box::new(Problem {
                severity: Severity::Error,
                message: message.into(),
                at,
                help,
            }),
            is_of_file: true,
            file: String::new(),
            last_line: None,
        }
    }
}

impl Failure {
    /// Says it to people.
    pub(crate) fn say(&self) {
        error_line(report::failure(self));
        if let Some(last) = &self.last_line {
            line(last);
        }
    }

    fn in_file(mut self, target: &ConfigFile) -> Self {
        self.file = target.basedir.join(&target.file).display().to_string();
        self
    }
}

/// The configuration of a file, for another command: warnings are said, and the error is what is below
/// `Errors loading configuration:`.
pub(crate) fn load(target: &ConfigFile) -> Result<MasterConfig, String> {
    let loader = Loader::new(&Options::default(), false);
    let shown = |failure: Failure| report::problems(&[*failure.problem], &target.shown_directory());
    let (loaded, _) = loader
        .and_then(|loader| loader.load_both(target, None))
        .map_err(shown)?;
    let directory = target.shown_directory();
    report::say_warnings(&loaded.outcome.problems.warnings, &directory);
    let errors = &loaded.outcome.problems.errors;
    if errors.is_empty() {
        Ok(loaded.outcome.config)
    } else {
        Err(report::problems(errors, &directory))
    }
}

/// Whether the configuration is good; says what is to be said.
fn check(options: &Options, is_verbose: bool) -> Result<bool, Failure> {
    let target = locate::locate(options.file.as_deref())?;
    let old_target = options
        .diff
        .as_deref()
        .map(|old| locate::locate(Some(old)))
        .transpose()?;
    let loader = Loader::new(options, is_verbose)?;
    let (mut loaded, old_loaded) = loader.load_both(&target, old_target.as_ref())?;
    loaded.add_refused_at_start(&target);
    let old = match (&old_loaded, &old_target) {
        (Some(old), Some(target)) => Some(check_old(old, target)?),
        _ => None,
    };
    let difference = old.map(|old| buildbot_config::diff::diff(old.side(), loaded.side()));
    let is_good = loaded.outcome.problems.errors.is_empty();
    if options.json {
        line(report::as_json(&target, &loaded, difference.as_ref()));
    } else if !options.quiet {
        report::say(&target, &loaded, difference.as_ref());
    }
    if is_verbose {
        report::say_timings(&loaded);
    }
    // The process ends: the system frees faster.
    std::mem::forget((loaded, old_loaded));
    Ok(is_good)
}

/// What cannot be executed cannot be compared with; other errors do not matter.
fn check_old<'l>(old: &'l Loaded, target: &ConfigFile) -> Result<&'l Loaded, Failure> {
    if old.description.fatal.is_none() {
        return Ok(old);
    }
    let shown = report::problems(&old.outcome.problems.errors, &target.shown_directory());
    Err(Failure::new(format!(
        "The configuration to compare with cannot be read:\n{shown}"
    )))
}
