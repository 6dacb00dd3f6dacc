//! The engine under a million random events, and the proof that the simulation would notice if it were wrong.

use buildbot_sim::faults::{Fault, Faults};
use buildbot_sim::planted::Planted;
use buildbot_sim::simulation::run;

const EVENTS: u64 = 1_000_000;
const EVENTS_PER_SEED: u64 = 2_000;
/// A planted bug must be found within so many seeds.
const SEEDS_PER_BUG: u64 = 40;

#[test]
fn a_million_random_events_break_no_rule_and_every_fault_occurs() {
    let (mut events, mut builds, mut faults) = (0, 0, Faults::default());
    let mut seed = 0;
    while events < EVENTS {
        seed += 1;
        let report = match run(seed, EVENTS_PER_SEED, None, false) {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        };
        events += report.events;
        builds += report.builds;
        faults.add(&report.faults);
    }
    println!("{seed} seeds, {events} events, {builds} builds");
    for fault in Fault::ALL {
        println!("{:>8}  {fault:?}", faults.of(*fault));
    }
    for fault in Fault::ALL {
        assert_ne!(faults.of(*fault), 0, "{fault:?} did not occur");
    }
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Planted::ALL {
        let found =
            (1..=SEEDS_PER_BUG).find_map(|seed| run(seed, EVENTS_PER_SEED, Some(bug), false).err());
        match found {
            Some(failure) => println!(
                "{bug:?}: seed {}, event {}: {}",
                failure.seed, failure.events, failure.broken
            ),
            None => panic!("{bug:?} is not found within {SEEDS_PER_BUG} seeds"),
        }
    }
}

#[test]
fn a_seed_repeats_itself() {
    let once = run(7, EVENTS_PER_SEED, Some(Planted::LockNotReleased), true);
    let again = run(7, EVENTS_PER_SEED, Some(Planted::LockNotReleased), true);
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
    let once = run(8, EVENTS_PER_SEED, None, false);
    let again = run(8, EVENTS_PER_SEED, None, false);
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
}

#[test]
fn a_failure_says_how_to_repeat_it() {
    let failure = (1..=SEEDS_PER_BUG)
        .find_map(|seed| run(seed, EVENTS_PER_SEED, Some(Planted::AnnouncedEarly), false).err());
    let failure = failure.map(|failure| (failure.seed, failure.to_string()));
    let (seed, text) = failure.unwrap();
    let command = format!("cargo run -q -p buildbot-sim -- replay {seed}");
    assert!(text.ends_with(&command), "{text}");
}
