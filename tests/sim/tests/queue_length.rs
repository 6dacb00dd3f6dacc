//! How much is looked at to start a build does not depend on how many requests wait.

use buildbot_engine::Counters;
use buildbot_engine::config::Collapse;
use buildbot_model::Results::Success;
use buildbot_model::{BuildRequestId, NewSourceStamp, WantedSource};
use buildbot_sim::configuration::{Configuration, config, uses};
use buildbot_sim::story::World;

const BUILDS: i64 = 100;

/// What is looked at while the first builds of a queue are done, one after the other.
fn work(configuration: Configuration, waiting: i64) -> Counters {
    let mut world = World::new(configuration);
    for number in 0..waiting {
        let mut wish = world.wish("a");
        wish.source_stamps = vec![WantedSource::New(NewSourceStamp {
            revision: Some(number.to_string()),
            ..NewSourceStamp::default()
        })];
        world.submit(wish);
    }
    let before = world.engine().counters();
    for number in 1..=BUILDS {
        world.end_step(BuildRequestId(number), Success);
    }
    let after = world.engine().counters();
    Counters {
        turns: after.turns - before.turns,
        requests_examined: after.requests_examined - before.requests_examined,
        workers_examined: after.workers_examined - before.workers_examined,
    }
}

fn check(configuration: &Configuration) {
    let few = work(configuration.clone(), 2 * BUILDS);
    let many = work(configuration.clone(), 50_000);
    assert_eq!(few, many);
    assert!(many.requests_examined <= 3 * BUILDS as u64, "{many:?}");
}

#[test]
fn fifty_thousand_waiting_requests_do_not_slow_a_start() {
    check(&config().builder("a"));
    check(&config().builder_with("a", |builder| builder.collapse = Collapse::Default));
}

#[test]
fn fifty_thousand_requests_that_wait_for_a_lock_do_not_slow_a_start() {
    let config = config().lock("db", 1).builders(["a", "b"], uses("db"));
    check(&config);
}

#[test]
fn a_lock_that_becomes_free_wakes_only_builders_that_want_it() {
    let mut configuration = config().builder("free");
    for number in 0..200 {
        let (lock, builder) = (format!("lock{number}"), format!("b{number}"));
        configuration = configuration
            .lock(&lock, 1)
            .builder_on("w", &builder, &uses(&lock));
    }
    let mut world = World::new(configuration);
    let running: Vec<BuildRequestId> = (0..200).map(|it| world.force(&format!("b{it}"))).collect();
    let waiting: Vec<BuildRequestId> = (0..200).map(|it| world.force(&format!("b{it}"))).collect();
    let before = world.engine().counters().turns;
    world
        .end_step(running[7], Success)
        .expect_running(waiting[7]);
    let turns = world.engine().counters().turns - before;
    assert!(turns <= 3, "{turns}");
}
