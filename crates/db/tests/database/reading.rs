//! The readers, seen from outside.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use buildbot_db::tables::builders;
use buildbot_db::{Connection, READ_QUEUE_MAX, ReadError, Reader};

use crate::place::Place;

#[test]
fn a_read_that_panics_does_not_take_a_reader_with_it() {
    let place = Place::new();
    place.write(|connection| builders::find_or_add(connection, "linux"));
    // More of them than there are threads.
    for _ in 0..32 {
        let outcome = place
            .database
            .read::<()>(|_| panic!("a fault of the program"));
        assert!(matches!(outcome, Err(ReadError::Stopped)), "{outcome:?}");
    }
    assert_eq!(place.read(builders::all).len(), 1);
}

/// Holds all readers that clients may have until the returned sender is dropped.
fn hold_clients(place: &Place) -> std::sync::mpsc::Sender<()> {
    let (release, released) = channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let (reached, has_reached) = channel();
    for _ in 0..3 {
        let (released, reached) = (released.clone(), reached.clone());
        let work = move |_: &Connection| {
            reached.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            Ok(())
        };
        place.database.ask(Reader::Client, || true, work, drop);
    }
    for _ in 0..3 {
        has_reached.recv().unwrap();
    }
    release
}

#[test]
fn the_master_reads_while_clients_have_long_questions() {
    let place = Place::new();
    let release = hold_clients(&place);
    // One more is waiting before it, and would take long too.
    let (release_last, released) = channel::<()>();
    let (reached, has_reached) = channel();
    let work = move |_: &Connection| {
        reached.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    };
    place.database.ask(Reader::Client, || true, work, drop);
    for _ in 0..3 {
        assert!(place.read(builders::all).is_empty());
    }
    assert!(has_reached.try_recv().is_err());
    drop((release, release_last));
    has_reached.recv().unwrap();
}

#[test]
fn too_many_questions_of_clients_are_refused_and_nobody_waits_for_them() {
    let place = Place::new();
    let release = hold_clients(&place);
    let (answer, answers) = channel();
    for _ in 0..READ_QUEUE_MAX + 1 {
        let answer = answer.clone();
        let tell = move |outcome: Result<(), ReadError>| drop(answer.send(outcome));
        place
            .database
            .ask(Reader::Client, || true, |_| Ok(()), tell);
    }
    assert!(matches!(answers.recv().unwrap(), Err(ReadError::Busy)));
    drop(release);
    for _ in 0..READ_QUEUE_MAX {
        assert!(answers.recv().unwrap().is_ok());
    }
}

#[test]
fn what_nobody_waits_for_any_more_is_not_read() {
    let place = Place::new();
    let (read, was_read) = channel();
    let work = move |_: &Connection| {
        read.send(()).unwrap();
        Ok(())
    };
    place.database.ask(Reader::Client, || false, work, drop);
    // The sender is dropped with the question.
    assert!(was_read.recv().is_err());
}
