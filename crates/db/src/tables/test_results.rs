//! Results of tests: sets of a step, and what is in them.

use buildbot_model::{BuildId, BuilderId, StepId};

use crate::connection::{Connection, StatementError, sql, values};

/// A set before it has a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSet<'a> {
    /// Whose tests they are.
    pub builder: BuilderId,
    /// The build.
    pub build: BuildId,
    /// The step.
    pub step: StepId,
    /// What they are about.
    pub description: &'a str,
    /// What kind of results they are: `pass_fail` …
    pub category: &'a str,
    /// What the values are: `boolean` …
    pub value_unit: &'a str,
}

/// A set as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// What it is about.
    pub description: Option<String>,
    /// What kind of results it has.
    pub category: String,
    /// What the values are.
    pub value_unit: String,
    /// How many tests have passed, where that is counted.
    pub passed: Option<i64>,
    /// How many have failed.
    pub failed: Option<i64>,
    /// Whether nothing more is added to it.
    pub complete: bool,
}

/// One result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub name: Option<String>,
    /// The file.
    pub path: Option<String>,
    /// The line of the file.
    pub line: Option<i64>,
    /// How long it took.
    pub duration_ns: Option<i64>,
    /// The value, in the unit of its set.
    pub value: String,
}

/// Adds a set; its row.
pub fn add_set(connection: &Connection, set: &NewSet<'_>) -> Result<i64, StatementError> {
    connection.insert(
        sql!("test_result_sets/insert"),
        values![
            set.builder,
            set.build,
            set.step,
            set.description,
            set.category,
            set.value_unit
        ],
    )
}

/// A set by its row.
pub fn set_by_id(connection: &Connection, set: i64) -> Result<Option<Set>, StatementError> {
    connection.first(sql!("test_result_sets/by_id"), values![set], |row| {
        Ok(Set {
            description: row.take()?,
            category: row.take()?,
            value_unit: row.take()?,
            passed: row.take()?,
            failed: row.take()?,
            complete: row.take()?,
        })
    })
}

/// Adds results to a set.
pub fn add(
    connection: &Connection,
    builder: BuilderId,
    set: i64,
    results: &[TestResult],
) -> Result<(), StatementError> {
    for result in results {
        let name: Option<i64> = match &result.name {
            Some(name) => Some(connection.find_or_insert(
                (sql!("test_names/by_name"), values![builder, name]),
                (sql!("test_names/insert"), values![builder, name]),
            )?),
            None => None,
        };
        let path: Option<i64> = match &result.path {
            Some(path) => Some(connection.find_or_insert(
                (sql!("test_code_paths/by_path"), values![builder, path]),
                (sql!("test_code_paths/insert"), values![builder, path]),
            )?),
            None => None,
        };
        connection.execute(
            sql!("test_results/insert"),
            values![
                builder,
                set,
                name,
                path,
                result.line,
                result.duration_ns,
                &result.value
            ],
        )?;
    }
    Ok(())
}

/// The results of a set, in the order in which they were added.
pub fn of_set(connection: &Connection, set: i64) -> Result<Vec<TestResult>, StatementError> {
    connection.all(sql!("test_results/of_set"), values![set], |row| {
        Ok(TestResult {
            name: row.take()?,
            path: row.take()?,
            line: row.take()?,
            duration_ns: row.take()?,
            value: row.take()?,
        })
    })
}

/// Nothing more is added to a set; how many tests have passed and failed, where that is counted.
pub fn complete(
    connection: &Connection,
    set: i64,
    passed: Option<i64>,
    failed: Option<i64>,
) -> Result<(), StatementError> {
    connection.execute(
        sql!("test_result_sets/complete"),
        values![passed, failed, set],
    )?;
    Ok(())
}
