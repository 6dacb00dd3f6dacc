//! What can be opened, and what is said about the rest.

use std::path::Path;

use buildbot_db::tables::workers;
use buildbot_db::{Database, OpenError, REVISION, create};

use crate::place::{Place, file};

fn run(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn refusal(path: &Path) -> OpenError {
    Database::open(path).unwrap_err()
}

#[test]
fn a_missing_database_is_not_made_by_opening_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    assert!(matches!(refusal(&path), OpenError::Missing { .. }));
    assert!(!path.exists());
}

#[test]
fn an_empty_file_becomes_a_database_and_stays_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    std::fs::write(&path, "").unwrap();
    assert!(matches!(refusal(&path), OpenError::Empty { .. }));
    create(&path).unwrap();
    create(&path).unwrap();
    Database::open(&path).unwrap();
}

#[test]
fn older_revisions_are_refused_with_the_way_to_go() {
    let place = Place::new();
    let path = place.path();
    run(&path, "UPDATE alembic_version SET version_num = '066'");
    let text = refusal(&path).to_string();
    assert!(text.contains("revision 066"), "{text}");
    assert!(text.contains(REVISION), "{text}");
    assert!(
        text.contains("`buildbot upgrade-master` of Buildbot 4.3"),
        "{text}"
    );
    // Neither does creation touch it.
    assert!(matches!(
        create(&path).unwrap_err(),
        OpenError::Revision { .. }
    ));
}

#[test]
fn newer_revisions_are_refused_with_another_way() {
    for found in ["068", "a1b2c3"] {
        let place = Place::new();
        let path = place.path();
        run(
            &path,
            &format!("UPDATE alembic_version SET version_num = '{found}'"),
        );
        let text = refusal(&path).to_string();
        assert!(text.contains(&format!("revision {found}")), "{text}");
        assert!(text.contains("that wrote it"), "{text}");
    }
}

#[test]
fn databases_from_before_alembic_are_older() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    run(&path, "CREATE TABLE migrate_version (version INTEGER)");
    let text = refusal(&path).to_string();
    assert!(text.contains("migrate_version"), "{text}");
    assert!(text.contains("upgrade-master"), "{text}");
}

#[test]
fn databases_and_files_of_others_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    run(&path, "CREATE TABLE songs (title TEXT)");
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(refusal(&path), OpenError::Foreign { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(
        &path,
        "no database at all, but long enough for a header".repeat(9),
    )
    .unwrap();
    assert!(matches!(
        refusal(&path),
        OpenError::Statement { .. } | OpenError::Driver { .. }
    ));
}

#[test]
fn a_creation_that_was_interrupted_is_done_again() {
    // What is left of a creation without its commit: a journal that SQLite undoes.
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    let interrupted = rusqlite::Connection::open(&path).unwrap();
    interrupted
        .execute_batch("PRAGMA journal_mode = WAL; BEGIN; CREATE TABLE masters (id INTEGER)")
        .unwrap();
    let copy = directory.path().join("copy.sqlite");
    for end in ["", "-wal"] {
        let from = format!("{}{end}", path.display());
        if Path::new(&from).exists() {
            std::fs::copy(from, format!("{}{end}", copy.display())).unwrap();
        }
    }
    assert!(matches!(refusal(&copy), OpenError::Empty { .. }));
    create(&copy).unwrap();
    Database::open(&copy).unwrap();
}

#[test]
fn a_folded_log_leaves_a_file_that_can_be_copied_alone() {
    let place = Place::new();
    let worker = place.write(|connection| workers::find_or_add(connection, "folded"));
    place.database.fold_log().unwrap();
    let copy = place.path().with_file_name("copy.sqlite");
    std::fs::copy(place.path(), &copy).unwrap();
    let copied = Database::open(&copy).unwrap();
    let found = copied
        .read(move |connection| workers::by_id(connection, worker))
        .unwrap();
    assert_eq!(found.map(|worker| worker.name), Some("folded".to_owned()));
}
