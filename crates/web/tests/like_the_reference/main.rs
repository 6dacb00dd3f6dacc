//! The REST API beside that of a real master: both read the same database, and must answer the same.
//!
//! `reference/fixture.py` runs the master of `reference/master.cfg`, has it do something of everything, and adds rows
//! for what only other masters or much time make.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a run tells how much was compared"
)]

mod control;
mod paths;
mod queries;
mod reference;
mod sides;

use anyhow::Result;

#[test]
fn paths_questions_and_calls_are_answered_as_in_the_reference() -> Result<()> {
    let sides = sides::Sides::start()?;
    let outcomes = [
        paths::check(&sides),
        queries::check(&sides),
        control::check(&sides),
    ];
    // Each has said what differs; the first that does is the error.
    for outcome in &outcomes {
        if let Err(error) = outcome {
            eprintln!("{error:?}");
        }
    }
    outcomes.into_iter().collect()
}
