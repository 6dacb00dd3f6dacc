//! The readers, seen from outside.

use buildbot_db::ReadError;
use buildbot_db::tables::builders;

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
