//! Stories about the steps of a build. Buildbot: manual, "Build Steps"; the rows are those of a real 4.3.0.

use std::time::Duration;

use buildbot_engine::config::{Step, StepFlags};
use buildbot_engine::event::{Prepared, StepPrepared};
use buildbot_engine::{NotRun, StepEnd, StepPlace};
use buildbot_model::BuildRequestId;
use buildbot_model::Results::{self, Cancelled, Exception, Failure, Retry, Skipped, Success};
use buildbot_sim::configuration::{Configuration, config, step, uses};
use buildbot_sim::story::World;

/// Names, state strings and results of all steps of a build.
fn rows(world: &World, request: BuildRequestId) -> Vec<(&str, &str, Option<Results>)> {
    let steps = world.stored(request).steps.values();
    steps
        .map(|step| (&*step.name, &*step.state, step.results))
        .collect()
}

fn asked(name: &str) -> Step {
    Step {
        is_static: false,
        ..step(name)
    }
}

fn with_steps(steps: Vec<Step>) -> Configuration {
    config().builder_with("a", |builder| builder.steps = steps)
}

fn run() -> StepPrepared {
    StepPrepared::Run {
        flags: StepFlags::default(),
        locks: Vec::new(),
    }
}

#[test]
fn a_build_begins_with_the_preparation_of_its_worker() {
    let mut world = World::new(config().builder("a"));
    world.hold_preparation();
    let a = world.force("a");
    assert_eq!(rows(&world, a), [("worker_preparation", "pending", None)]);
    assert_eq!(world.stored(a).state, "pinging worker");
    world.release_preparation(Prepared::Ready);
    assert_eq!(world.stored(a).state, "building");
    world.end_step(a, Success).expect_finished(a, Success);
    assert_eq!(
        rows(&world, a),
        [
            ("worker_preparation", "worker w ready", Some(Success)),
            ("step", "pending", Some(Success)),
        ]
    );
    assert_eq!(world.stored(a).state, "build successful");
}

#[test]
fn a_build_with_locks_has_a_step_that_waits_for_them() {
    let mut world = World::new(config().lock("db", 1).builders(["a", "b"], uses("db")));
    world.hold_preparation();
    let a = world.force("a");
    let b = world.force("b");
    world.release_preparation(Prepared::Ready).expect_running(a);
    assert_eq!(world.stored(b).state, "acquiring locks");
    assert_eq!(rows(&world, b)[1], ("locks_acquire", "pending", None));
    world.end_step(a, Success).expect_running(b);
    let locks = ("locks_acquire", "locks acquired", Some(Success));
    assert_eq!(rows(&world, b)[1], locks);
    assert_eq!(rows(&world, a)[1], locks);
    world.interrupt(b).expect_finished(b, Cancelled);
}

#[test]
fn a_worker_that_fails_to_prepare_is_an_exception_of_the_first_step() {
    for (outcome, step, state, results) in [
        (
            Prepared::NotPinged,
            "error while worker_ping",
            "worker not pinged",
            Retry,
        ),
        (
            Prepared::Refused,
            "error while start_build",
            "worker not building",
            Retry,
        ),
        (
            Prepared::SetupFailed,
            "error while setupBuild",
            "Build.setupBuild failed",
            Exception,
        ),
    ] {
        let mut world = World::new(config().builder("a"));
        world.hold_preparation();
        let a = world.force("a");
        world.release_preparation(outcome);
        assert_eq!(
            rows(&world, a),
            [("worker_preparation", step, Some(Exception))]
        );
        assert_eq!(world.stored(a).state, state);
        assert_eq!(world.stored(a).results, Some(results));
    }
}

#[test]
fn a_build_that_is_stopped_in_preparation_says_so() {
    let mut world = World::new(config().builder("a"));
    world.hold_preparation();
    let a = world.force("a");
    world.interrupt(a).expect_finished(a, Cancelled);
    assert_eq!(
        rows(&world, a),
        [("worker_preparation", "pending", Some(Cancelled))]
    );
    assert_eq!(world.stored(a).state, "worker cancelled");
}

#[test]
fn the_last_state_has_result_reason_and_what_the_steps_say() {
    let fails = |text: &str, results| StepEnd {
        summary: Some(text.into()),
        build_summary: Some(text.into()),
        ..StepEnd::new(results)
    };
    let mut world = World::new(with_steps(vec![step("one"), step("two"), step("three")]));
    let a = world.force("a");
    world.end_step_with(a, fails("'false' (failure)", Failure));
    assert_eq!(world.stored(a).state, "'false' (failure)");
    world.end_step(a, Success);
    world.end_step_with(a, fails("'make' (failure)", Failure));
    let state = "failed 'false' (failure) 'make' (failure)";
    assert_eq!(world.stored(a).state, state);
    let b = world.force("a");
    world.interrupt(b).expect_finished(b, Cancelled);
    assert_eq!(world.stored(b).state, "cancelled (enough)");
    let c = world.force("a");
    let lost = world.build_of(c);
    world.detach("w");
    assert_eq!(world.state_of(lost), "retry lost connection");
}

#[test]
fn a_step_is_prepared_before_its_locks_are_taken() {
    let locks = config().lock("db", 1).builder_with_step("b", &uses("db"));
    let mut world = World::new(locks.builder_with("a", |builder| builder.steps = vec![asked("s")]));
    let b = world.force("b");
    let a = world.force("a");
    world.expect_running(b).expect_not_running(a);
    let locks = world.locks_of_first_step("b");
    let outcome = StepPrepared::Run {
        flags: StepFlags::default(),
        locks,
    };
    world.prepare_step(a, outcome).expect_not_running(a);
    world.end_step(b, Success).expect_running(a);
    assert!(rows(&world, a)[1].2.is_none());
}

#[test]
fn a_step_that_is_skipped_or_cannot_be_prepared_does_not_run() {
    let mut world = World::new(with_steps(vec![asked("one"), asked("two"), step("three")]));
    let a = world.force("a");
    world.prepare_step(a, StepPrepared::Ended(StepEnd::new(Skipped)));
    world.prepare_step(a, StepPrepared::Ended(StepEnd::new(Exception)));
    world.expect_finished(a, Exception);
    let results: Vec<_> = rows(&world, a).iter().map(|row| row.2).collect();
    assert_eq!(results, [Some(Success), Some(Skipped), Some(Exception)]);
    assert!(
        !world
            .stored(a)
            .steps
            .values()
            .any(|step| step.name == "three")
    );
}

#[test]
fn flags_that_were_rendered_count() {
    let mut world = World::new(with_steps(vec![asked("one"), step("two")]));
    let a = world.force("a");
    let outcome = StepPrepared::Run {
        flags: StepFlags {
            halt_on_failure: true,
            flunk_on_failure: false,
            ..StepFlags::default()
        },
        locks: Vec::new(),
    };
    world.prepare_step(a, outcome).end_step(a, Failure);
    world.expect_finished(a, Success);
    assert_eq!(rows(&world, a).len(), 2);
}

#[test]
fn a_step_that_is_stopped_while_it_is_prepared_does_not_run() {
    let mut world = World::new(with_steps(vec![asked("one")]));
    let a = world.force("a");
    world.interrupt(a).prepare_step(a, run());
    world.expect_finished(a, Cancelled);
    assert!(matches!(
        world.not_run(),
        [NotRun::Stopped {
            waited_for_locks: false,
            ..
        }]
    ));
}

#[test]
fn a_step_that_is_lost_while_it_is_prepared_is_retried() {
    let mut world = World::new(with_steps(vec![asked("one")]));
    let a = world.force("a");
    let lost = world.build_of(a);
    world.detach("w").prepare_step(a, run());
    assert_eq!(world.not_run(), [NotRun::Lost]);
    assert_eq!(world.state_of(lost), "retry lost connection");
    world.attach("w").prepare_step(a, run()).expect_running(a);
}

#[test]
fn a_step_that_does_not_end_though_its_worker_is_lost_is_given_up() {
    let mut world = World::new(with_steps(vec![asked("one")]));
    let a = world.force("a");
    world.detach("w").advance(Duration::from_secs(59));
    assert_eq!(world.builds_of(a), [None]);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.builds_of(a), [Some(Retry)]);
}

#[test]
fn added_steps_run_after_the_current_one_or_last_and_names_are_unique() {
    let mut world = World::new(with_steps(vec![step("sh"), step("sh")]));
    let a = world.force("a");
    world.add_steps(a, StepPlace::Last, vec![step("worker_preparation")]);
    world.add_steps(a, StepPlace::AfterCurrent, vec![step("new"), step("sh")]);
    for _ in 0..5 {
        world.end_step(a, Success);
    }
    world.expect_finished(a, Success);
    let names: Vec<_> = rows(&world, a).into_iter().map(|row| row.0).collect();
    assert_eq!(
        names,
        [
            "worker_preparation",
            "sh",
            "new",
            "sh_1",
            "sh_2",
            "worker_preparation_1"
        ]
    );
}

#[test]
fn a_name_is_rendered_before_the_step_has_a_row() {
    let unnamed = Step {
        name: None,
        ..step("")
    };
    let mut world = World::new(with_steps(vec![unnamed.clone(), unnamed]));
    let a = world.force("a");
    assert_eq!(rows(&world, a).len(), 1);
    world.name_step(a, Some("made")).expect_running(a);
    assert_eq!(rows(&world, a)[1].0, "made");
    world.end_step(a, Success).name_step(a, None);
    world.expect_finished(a, Exception);
    assert_eq!(world.stored(a).state, "build exception");
    assert_eq!(rows(&world, a).len(), 2);
}

#[test]
fn a_build_that_do_build_if_skips_has_no_steps() {
    use buildbot_engine::event::Reply;
    let config = config().builder_with("a", |builder| {
        builder.do_build_if = Some(buildbot_sim::configuration::callable(3));
    });
    let mut world = World::new(config);
    let a = world.force("a");
    assert_eq!(world.stored(a).state, "created");
    world
        .answer("DoBuildIf", Reply::Flag(false))
        .expect_finished(a, Skipped);
    assert_eq!(rows(&world, a), []);
    assert_eq!(world.stored(a).state, "build successful");
    let b = world.force("a");
    world
        .answer("DoBuildIf", Reply::Flag(true))
        .expect_running(b);
    assert_eq!(rows(&world, b).len(), 2);
}

#[test]
fn a_running_build_keeps_its_configuration_and_a_removed_builder_builds_no_more() {
    let mut world = World::new(with_steps(vec![step("one"), step("two")]));
    let a = world.force("a");
    let b = world.force("a");
    world.reconfigure(config().no_builders());
    assert_eq!(world.released(), []);
    world.expect_waiting(b, |reason| {
        matches!(reason, buildbot_engine::Reason::NoBuilder)
    });
    world.end_step(a, Success).end_step(a, Success);
    world.expect_finished(a, Success);
    assert_eq!(world.released().len(), 1);
    world.reconfigure(with_steps(vec![step("three")]));
    world.expect_running(b);
    assert_eq!(rows(&world, b)[1].0, "three");
}

#[test]
fn a_buildset_for_nobody_is_complete_at_once() {
    let mut world = World::new(config().builder("a"));
    let mut wish = world.wish("a");
    wish.builders.clear();
    world.submit(wish);
    let is_end = |fact: &buildbot_engine::Fact| {
        matches!(
            fact,
            buildbot_engine::Fact::BuildsetCompleted {
                results: Success,
                ..
            }
        )
    };
    assert!(world.facts().iter().any(is_end));
}
