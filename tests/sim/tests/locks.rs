//! Stories about locks. Buildbot: manual, "Interlocks".

use std::time::Duration;

use buildbot_engine::event::Prepared;
use buildbot_engine::{Owner, Reason};
use buildbot_model::Results::{Cancelled, Exception, Retry, Success};
use buildbot_sim::configuration::{alone, config, uses, uses_units};
use buildbot_sim::story::World;

fn waits_for(name: &'static str) -> impl FnOnce(&Reason) -> bool {
    move |reason| matches!(reason, Reason::Lock(taken) if &*taken.lock.name == name)
}

#[test]
fn a_waiting_build_starts_when_the_lock_holder_is_interrupted() {
    let mut world = World::new(config().lock("db", 1).builders(["a", "b"], uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_waiting(b, waits_for("db"));
    world.interrupt(a);
    world.expect_finished(a, Cancelled).expect_running(b);
}

#[test]
fn a_lock_with_three_units_lets_three_builds_run() {
    let names = ["a", "b", "c", "d"];
    let mut world = World::new(config().lock("db", 3).builders(names, uses("db")));
    let [a, b, c, d] = names.map(|name| world.force(name));
    world.expect_running(a).expect_running(b).expect_running(c);
    world.expect_waiting(d, waits_for("db"));
    world.end_step(b, Success).expect_running(d);
}

#[test]
fn a_reason_names_the_owner_of_the_lock() {
    let mut world = World::new(config().lock("db", 1).builders(["a", "b"], uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_waiting(
        b,
        |reason| matches!(reason, Reason::Lock(it) if matches!(*it.owners, [Owner::Build(_)])),
    );
}

#[test]
fn an_exclusive_build_waits_for_all_and_lets_nobody_in() {
    let config = config().lock("db", 5).builders(["a", "b"], uses("db"));
    let mut world = World::new(config.builders(["c"], alone("db")));
    let a = world.force("a");
    let c = world.force("c");
    world.expect_running(a).expect_waiting(c, waits_for("db"));
    world.end_step(a, Success).expect_running(c);
    let b = world.force("b");
    world.expect_waiting(b, waits_for("db"));
    world.end_step(c, Success).expect_running(b);
}

#[test]
fn a_counting_waiter_does_not_overtake_an_exclusive_one() {
    let config = config().lock("db", 2).builders(["a", "b"], uses("db"));
    let mut world = World::new(config.builders(["c"], alone("db")));
    world.hold_preparation();
    let a = world.force("a");
    let c = world.force("c");
    let b = world.force("b");
    world.release_preparation(Prepared::Ready);
    world.expect_running(a);
    world.expect_waiting(c, |reason| matches!(reason, Reason::Building(_)));
    world.end_step(a, Success).expect_running(c);
    world.end_step(c, Success).expect_running(b);
}

#[test]
fn no_units_are_always_granted() {
    let config = config().lock("db", 1).builders(["a"], alone("db"));
    let mut world = World::new(config.builders(["b"], uses_units("db", 0)));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_running(b);
}

#[test]
fn a_request_for_more_units_than_are_free_waits() {
    let config = config().lock("db", 3).builders(["a"], uses_units("db", 2));
    let mut world = World::new(config.builders(["b"], uses_units("db", 2)));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_waiting(b, waits_for("db"));
    world.end_step(a, Success).expect_running(b);
}

#[test]
fn a_worker_lock_is_one_for_each_worker_with_its_own_count() {
    let config = config().no_workers().worker("slow").worker("fast");
    let config = config.worker_lock("cpu", 1, &[("fast", 3)]);
    let names = ["a", "b", "c", "d", "e"];
    let mut world = World::new(config.builders(names, uses("cpu")));
    let requests = names.map(|name| world.force(name));
    for request in &requests[..4] {
        world.expect_running(*request);
    }
    let fast = world.worker("fast");
    let on_fast = requests[..4]
        .iter()
        .filter(|it| world.worker_of(**it) == fast);
    assert_eq!(on_fast.count(), 3);
    world.expect_waiting(requests[4], waits_for("cpu"));
}

#[test]
fn a_step_waits_for_its_lock_while_its_build_keeps_the_worker() {
    let config = config().lock("db", 1);
    let config = config.builder_with_step("a", &uses("db"));
    let mut world = World::new(config.builder_with_step("b", &uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a);
    world.expect_waiting(b, |reason| matches!(reason, Reason::Building(_)));
    world.end_step(a, Success).expect_running(b);
}

#[test]
fn a_step_that_is_stopped_while_it_waits_is_cancelled() {
    let config = config().lock("db", 1);
    let config = config.builder_with_step("a", &uses("db"));
    let mut world = World::new(config.builder_with_step("b", &uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.interrupt(b).expect_finished(b, Cancelled);
    world.end_step(a, Success).expect_finished(a, Success);
}

#[test]
fn a_step_with_a_lock_of_its_own_build_is_an_exception() {
    let locks = config().lock("db", 5);
    let config = locks.builders(["a"], uses("db"));
    let config = config.builder_with_step("b", &uses("db"));
    let mut world = World::new(config.clone());
    let b = world.force("b");
    world.expect_running(b);
    let both = config.builder_with_both("c", &uses("db"));
    let mut world = World::new(both);
    let c = world.force("c");
    world.expect_finished(c, Exception);
}

#[test]
fn a_build_that_lost_the_race_for_its_lock_waits_on_its_worker_and_can_be_stopped() {
    let mut world = World::new(config().lock("db", 1).builders(["a", "b"], uses("db")));
    world.hold_preparation();
    let a = world.force("a");
    let b = world.force("b");
    world.release_preparation(Prepared::Ready);
    world.expect_running(a);
    world.expect_waiting(b, |reason| matches!(reason, Reason::Building(_)));
    world.interrupt(b).expect_finished(b, Cancelled);
}

#[test]
fn a_lock_is_free_when_its_owner_is_lost() {
    let config = config().worker("v").lock("db", 1);
    let config = config.builder_on("w", "a", &uses("db"));
    let mut world = World::new(config.builder_on("v", "b", &uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_waiting(b, waits_for("db"));
    world.detach("w").expect_running(b);
    assert_eq!(world.builds_of(a), [Some(Retry)]);
}

#[test]
fn a_lock_of_the_worker_is_held_for_each_of_its_builds() {
    let config = config().no_workers().lock("license", 1);
    let config = config.worker_locked("w", &uses("license"));
    let mut world = World::new(config.builders(["a", "b"], Vec::new()));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_waiting(b, |reason| {
        matches!(reason, Reason::NoWorker(workers) if format!("{workers:?}").contains("license"))
    });
    world.end_step(a, Success).expect_running(b);
}

#[test]
fn more_units_of_a_lock_count_as_soon_as_they_are_configured() {
    let with = |count| config().lock("db", count).builders(["a", "b"], uses("db"));
    let mut world = World::new(with(1));
    let a = world.force("a");
    let b = world.force("b");
    world.expect_running(a).expect_waiting(b, waits_for("db"));
    world.reconfigure(with(2)).expect_running(b);
}

#[test]
fn fewer_units_take_nothing_away() {
    let with = |count| {
        config()
            .lock("db", count)
            .builders(["a", "b", "c"], uses("db"))
    };
    let mut world = World::new(with(2));
    let a = world.force("a");
    let b = world.force("b");
    world
        .reconfigure(with(1))
        .expect_running(a)
        .expect_running(b);
    let c = world.force("c");
    world
        .end_step(a, Success)
        .expect_waiting(c, waits_for("db"));
    world.end_step(b, Success).expect_running(c);
}

#[test]
fn locks_are_free_only_when_the_end_of_the_build_is_durable() {
    let mut world = World::new(config().lock("db", 1).builders(["a", "b"], uses("db")));
    let a = world.force("a");
    let b = world.force("b");
    world.hold_commits().end_step(a, Success);
    world.expect_waiting(b, waits_for("db"));
    world.refuse_commits().expect_waiting(b, waits_for("db"));
    world.advance(Duration::from_secs(2)).expect_running(b);
}
