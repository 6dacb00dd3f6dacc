//! Every statement is right, and used.

use std::path::{Path, PathBuf};

use crate::place::Place;

fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found
}

fn package(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)
}

#[test]
fn every_statement_can_be_prepared_and_counts_its_parameters_in_order() {
    let place = Place::new();
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    let statements = files(&package("sql"), "sql");
    assert!(statements.len() > 100);
    for path in statements {
        let text = std::fs::read_to_string(&path).unwrap();
        let statement = connection
            .prepare(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for number in 1..=statement.parameter_count() {
            // Values go to positions: the position of a parameter is that of its first occurrence.
            assert_eq!(
                statement.parameter_name(number),
                Some(format!("${number}").as_str()),
                "{}",
                path.display()
            );
            assert!(
                text.starts_with("-- ") && text.contains(&format!("${number} ")),
                "{} does not say what ${number} is",
                path.display()
            );
        }
    }
}

#[test]
fn every_statement_is_used() {
    let mut sources = String::new();
    for path in files(&package("src"), "rs") {
        sources += &std::fs::read_to_string(path).unwrap();
    }
    let root = package("sql");
    for path in files(&root, "sql") {
        let name = path.strip_prefix(&root).unwrap().with_extension("");
        let used = format!("sql!(\"{}\")", name.display());
        assert!(sources.contains(&used), "nothing uses {}", path.display());
    }
}

/// Tables that grow with every build or change.
const HISTORY: [&str; 17] = [
    "build_data",
    "build_properties",
    "buildrequest_claims",
    "buildrequests",
    "builds",
    "buildset_properties",
    "buildset_sourcestamps",
    "buildsets",
    "change_files",
    "change_properties",
    "change_users",
    "changes",
    "logchunks",
    "logs",
    "patches",
    "sourcestamps",
    "steps",
];

/// Statements that go through a table of history on purpose: the newest changes, what is deleted with old ones or with a
/// user, and what a command counts while no master runs.
const SCANS: [&str; 6] = [
    "change_users/delete_of_user",
    "changes/horizon",
    "changes/newest",
    "changes/parent",
    "logs/count",
    "scheduler_changes/delete_up_to",
];

#[test]
fn no_statement_goes_through_history() {
    let place = Place::new();
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    let root = package("sql");
    let mut scans = Vec::new();
    for path in files(&root, "sql") {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let steps: Vec<String> = plan
            .raw_query()
            .mapped(|row| row.get("detail"))
            .map(Result::unwrap)
            .collect();
        let name = path.strip_prefix(&root).unwrap().with_extension("");
        let name = name.to_str().unwrap();
        for step in steps {
            let (how, table) = step.split_once(' ').unwrap();
            let table = table.split(' ').next().unwrap();
            // All that one master or worker ever built is no better.
            let is_scan =
                how == "SCAN" || step.contains("masterid=?") || step.contains("workerid=?");
            if is_scan && HISTORY.contains(&table) && !SCANS.contains(&name) {
                scans.push(format!("{name}: {step}"));
            }
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}
