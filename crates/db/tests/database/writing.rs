//! Group commit, seen from outside.

use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

use buildbot_db::tables::builders;
use buildbot_db::{Connection, Statement, StatementError, Verdict, WRITE_QUEUE_MAX, WriteError};

use crate::place::Place;

const NOTHING: Statement<'_> = Statement {
    name: "test/nothing",
    text: "SELECT 1",
};

fn wrong(connection: &Connection) -> Result<(), StatementError> {
    let wrong = Statement {
        name: "test/wrong",
        text: "INSERT INTO builders (name) VALUES ('no hash')",
    };
    connection.execute(wrong, &[]).map(|_| ())
}

/// Holds the writer until the returned sender is dropped, so that what follows is one group.
fn hold(place: &Place) -> std::sync::mpsc::Sender<()> {
    let (release, released) = channel::<()>();
    let released = std::sync::Mutex::new(released);
    let (reached, has_reached) = sync_channel(1);
    place.database.submit(
        move |_| {
            let _ = reached.try_send(());
            let _ = released.lock().unwrap().recv();
            Ok(Verdict::Keep(()))
        },
        drop,
    );
    has_reached.recv().unwrap();
    release
}

#[test]
fn a_failing_transaction_takes_no_other_with_it() {
    let place = Place::new();
    let (answer, answers) = channel();
    let held = hold(&place);
    for number in 0..30 {
        let answer = answer.clone();
        place.database.submit(
            move |connection| {
                builders::find_or_add(connection, &format!("b{number}"))?;
                match number % 3 {
                    0 => wrong(connection)?,
                    1 => return Ok(Verdict::Undo(number)),
                    _ => {}
                }
                Ok(Verdict::Keep(number))
            },
            move |outcome| answer.send((number, outcome)).unwrap(),
        );
    }
    drop(held);
    for expected in 0..30 {
        let (number, outcome) = answers.recv().unwrap();
        assert_eq!(number, expected, "answers come in order");
        match outcome {
            Ok(answered) => assert_eq!(answered, number),
            Err(WriteError::Statement(error)) => {
                assert_eq!(number % 3, 0);
                assert!(!WriteError::Statement(error.clone()).may_pass());
                assert!(error.to_string().starts_with("statement test/wrong: "));
            }
            Err(other) => panic!("{other}"),
        }
    }
    let there = place.read(builders::all);
    let names: Vec<_> = there.into_iter().map(|builder| builder.name).collect();
    let kept: Vec<_> = (0..30)
        .filter(|number| number % 3 == 2)
        .map(|number| format!("b{number}"))
        .collect();
    assert_eq!(names, kept);
}

#[test]
fn readers_see_what_was_answered() {
    let place = Place::new();
    for count in 1..50 {
        place.write(move |connection| builders::find_or_add(connection, &format!("b{count}")));
        assert_eq!(place.read(builders::all).len(), count);
    }
}

#[test]
fn readers_change_nothing() {
    let place = Place::new();
    let outcome = place
        .database
        .read(|connection| builders::find_or_add(connection, "b"));
    assert!(outcome.unwrap_err().to_string().contains("readonly"));
    // The reader that was asked for it can still read.
    for _ in 0..20 {
        assert_eq!(place.read(builders::all), []);
    }
}

#[test]
fn a_lock_of_another_process_is_waited_for() {
    let place = Place::new();
    let other = rusqlite::Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (answer, answers) = channel();
    place.database.submit(
        |connection| builders::find_or_add(connection, "b").map(Verdict::Keep),
        move |outcome| answer.send(outcome).unwrap(),
    );
    // Longer than one busy wait of SQLite.
    assert!(answers.recv_timeout(Duration::from_millis(1500)).is_err());
    other.execute_batch("ROLLBACK").unwrap();
    answers.recv().unwrap().unwrap();
}

#[test]
fn what_is_queued_is_written_before_the_end() {
    let place = Place::new();
    let (answer, answers) = channel();
    for number in 0..1000 {
        let answer = answer.clone();
        place.database.submit(
            move |connection| {
                connection.has(NOTHING, &[])?;
                builders::find_or_add(connection, &format!("b{number}")).map(Verdict::Keep)
            },
            move |outcome| answer.send(outcome.is_ok()).unwrap(),
        );
    }
    drop(answer);
    let directory = place.close();
    assert_eq!(
        answers.iter().filter(|is_durable| *is_durable).count(),
        1000
    );
    // The last connection leaves one file.
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["state.sqlite"]);
}

#[test]
fn a_full_disk_fails_only_what_does_not_fit() {
    let place = Place::new();
    let limit = Statement {
        name: "test/limit",
        text: "PRAGMA max_page_count = 200",
    };
    place.write(move |connection| connection.first(limit, &[], |_| Ok(())));
    let large = "x".repeat(4_000_000);
    let (answer, answers) = channel();
    let held = hold(&place);
    for number in 0..9 {
        let (answer, large) = (answer.clone(), large.clone());
        place.database.submit(
            move |connection| {
                let name = if number == 4 { &large } else { "b" };
                builders::find_or_add(connection, &format!("{name}{number}")).map(Verdict::Keep)
            },
            move |outcome| answer.send((number, outcome)).unwrap(),
        );
    }
    drop(held);
    for (number, outcome) in answers.iter().take(9) {
        match outcome {
            Ok(_) => assert_ne!(number, 4),
            Err(error) => assert!(number == 4 && error.may_pass(), "{number}: {error}"),
        }
    }
    assert_eq!(place.read(builders::all).len(), 8);
}

#[test]
fn whoever_submits_to_a_full_queue_waits() {
    let place = Place::new();
    let held = hold(&place);
    let (submitted, count) = channel();
    let last = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..=WRITE_QUEUE_MAX {
                let work = |connection: &Connection| {
                    builders::find_or_add(connection, "b").map(Verdict::Keep)
                };
                place.database.submit(work, drop);
                submitted.send(number).unwrap();
            }
        });
        let last = loop {
            match count.recv_timeout(Duration::from_millis(500)) {
                Ok(number) if number + 1 < WRITE_QUEUE_MAX => {}
                Ok(number) => break number,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(count.recv_timeout(Duration::from_millis(200)).is_err());
        drop(held);
        last
    });
    assert_eq!(last + 1, WRITE_QUEUE_MAX);
    assert_eq!(count.recv().unwrap(), WRITE_QUEUE_MAX);
}

#[test]
fn a_transaction_that_panics_takes_no_other_with_it() {
    let place = Place::new();
    let (answer, answers) = channel();
    let held = hold(&place);
    for number in 0..5 {
        let answer = answer.clone();
        place.database.submit(
            move |connection| {
                assert_ne!(number, 2, "a fault of ours");
                builders::find_or_add(connection, "b").map(Verdict::Keep)
            },
            move |outcome| {
                answer.send((number, outcome.map(drop))).unwrap();
                assert_ne!(number, 3, "a fault of whoever hears it");
            },
        );
    }
    drop((held, answer));
    for (number, outcome) in answers {
        match outcome {
            Ok(()) => assert_ne!(number, 2),
            Err(WriteError::Statement(error)) => {
                assert_eq!(number, 2);
                assert!(matches!(*error, StatementError::Broke));
            }
            Err(other) => panic!("{other}"),
        }
    }
    place.write(|connection| builders::find_or_add(connection, "later"));
    assert_eq!(place.read(builders::all).len(), 2);
}
