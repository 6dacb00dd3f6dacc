//! What a step keeps with its build: data, and results of tests.

use buildbot_db::tables::{build_data, test_results};
use buildbot_steps::{StepError, TestResult, TestResultSet};

use super::{StepPort, internal};

/// Results of a set that wait; then they are written.
const BATCH: usize = 3000;

/// A set of results while its step runs.
#[derive(Debug)]
pub(super) struct OpenSet {
    id: i64,
    waiting: Vec<test_results::TestResult>,
    counts: Counts,
    passed: i64,
    failed: i64,
}

/// What is counted in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Nothing,
    /// Values are truth values.
    PassesAndFailures,
    Passes,
    Failures,
}

impl Counts {
    fn of(category: &str, value_unit: &str) -> Self {
        match (category, value_unit) {
            ("pass_fail", "boolean") => Self::PassesAndFailures,
            ("pass_only", _) => Self::Passes,
            ("fail_only", _) => Self::Failures,
            _ => Self::Nothing,
        }
    }
}

impl OpenSet {
    fn count(&mut self, value: &str) {
        let passed = match self.counts {
            Counts::Nothing => return,
            Counts::Passes => true,
            Counts::Failures => false,
            // Values that are no numbers count for nothing.
            Counts::PassesAndFailures => match value.trim().parse::<i64>() {
                Ok(number) => number != 0,
                Err(_) => return,
            },
        };
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

pub(super) async fn set_build_data(
    port: &StepPort,
    name: &str,
    value: Vec<u8>,
    source: &str,
) -> Result<(), StepError> {
    let (build, name, source) = (port.build.id, name.to_owned(), source.to_owned());
    let written = port
        .shell
        .store
        .write(move |connection| build_data::set(connection, build, &name, &value, &source));
    written.await.map_err(|error| internal(&error))
}

pub(super) async fn add_set(
    port: &StepPort,
    description: &str,
    category: &str,
    value_unit: &str,
) -> Result<TestResultSet, StepError> {
    let step = port.row()?;
    let (builder, build) = (port.build.recorded_under, port.build.id);
    let counts = Counts::of(category, value_unit);
    let texts = [description, category, value_unit].map(str::to_owned);
    let written = port.shell.store.write(move |connection| {
        let [description, category, value_unit] = &texts;
        let set = test_results::NewSet {
            builder,
            build,
            step,
            description,
            category,
            value_unit,
        };
        test_results::add_set(connection, &set)
    });
    let id = written.await.map_err(|error| internal(&error))?;
    port.state().sets.push(OpenSet {
        id,
        waiting: Vec::new(),
        counts,
        passed: 0,
        failed: 0,
    });
    Ok(TestResultSet(id))
}

pub(super) async fn add(
    port: &StepPort,
    TestResultSet(id): TestResultSet,
    result: TestResult,
) -> Result<(), StepError> {
    let full = {
        let mut state = port.state();
        let set = state.sets.iter_mut().find(|set| set.id == id);
        let set = set.ok_or_else(|| internal(&"there is no such set of results of tests"))?;
        set.count(&result.value);
        set.waiting.push(test_results::TestResult {
            name: result.test_name,
            path: result.test_code_path,
            line: result.line,
            duration_ns: result.duration_ns,
            value: result.value,
        });
        (set.waiting.len() >= BATCH).then(|| std::mem::take(&mut set.waiting))
    };
    match full {
        Some(results) => write(port, id, results).await,
        None => Ok(()),
    }
}

pub(super) async fn finish(
    port: &StepPort,
    TestResultSet(id): TestResultSet,
) -> Result<(), StepError> {
    let set = {
        let mut state = port.state();
        let at = state.sets.iter().position(|set| set.id == id);
        at.map(|at| state.sets.remove(at))
    };
    // It was finished before.
    let Some(set) = set else { return Ok(()) };
    write(port, id, set.waiting).await?;
    let is_counted = set.counts != Counts::Nothing;
    let (passed, failed) = (
        is_counted.then_some(set.passed),
        is_counted.then_some(set.failed),
    );
    let written = port
        .shell
        .store
        .write(move |connection| test_results::complete(connection, id, passed, failed));
    written.await.map_err(|error| internal(&error))
}

async fn write(
    port: &StepPort,
    set: i64,
    results: Vec<test_results::TestResult>,
) -> Result<(), StepError> {
    if results.is_empty() {
        return Ok(());
    }
    let builder = port.build.recorded_under;
    let written = port
        .shell
        .store
        .write(move |connection| test_results::add(connection, builder, set, &results));
    written.await.map_err(|error| internal(&error))
}
