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
