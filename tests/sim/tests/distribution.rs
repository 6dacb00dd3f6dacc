//! Stories about which request is built where and when. Buildbot: manual, "Builder Configuration".

use std::time::Duration;

use buildbot_engine::config::{Collapse, StepFlags};
use buildbot_engine::event::{InstanceStart, Prepared, Reply, WorkerControl};
use buildbot_engine::{Event, Fact, Question, Reason, Shutdown, Unavailable};
use buildbot_model::Results::{Cancelled, Exception, Failure, Retry, Skipped, Success};
use buildbot_model::{BuildId, BuilderId, NewSourceStamp, Property, WantedSource};
use buildbot_sim::configuration::{Configuration, callable, config, step};
use buildbot_sim::story::World;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One worker that takes one build at a time.
fn one_at_a_time() -> Configuration {
    config().no_workers().worker_for("w", 1)
}

fn no_worker(is_expected: fn(&Unavailable) -> bool) -> impl FnOnce(&Reason) -> bool {
    move |reason| matches!(reason, Reason::NoWorker(workers) if workers.iter().all(|it| is_expected(&it.1)))
}

#[test]
fn the_highest_priority_is_built_first_then_the_oldest() {
    let mut world = World::new(one_at_a_time().builder("a"));
    let first = world.force("a");
    let low = world.force("a");
    let high = world.force_urgent("a", 5);
    world.expect_waiting(
        low,
        no_worker(|why| matches!(why, Unavailable::Building(_))),
    );
    world.end_step(first, Success).expect_running(high);
    world.end_step(high, Success).expect_running(low);
}

#[test]
fn builders_are_served_by_priority_then_by_age() {
    let mut world = World::new(one_at_a_time().builder("a").builder("b").builder("c"));
    let first = world.force("a");
    let b = world.force("b");
    world.advance(secs(1));
    let a = world.force("a");
    let c = world.force_urgent("c", 1);
    world.expect_waiting(a, |it| matches!(it, Reason::NoWorker(_)));
    world.end_step(first, Success).expect_running(c);
    world.end_step(c, Success).expect_running(b);
    world.end_step(b, Success).expect_running(a);
}

#[test]
fn a_builder_has_one_build_on_each_worker() {
    let mut world = World::new(config().worker("v").builder("a"));
    let requests = [(); 3].map(|()| world.force("a"));
    world
        .expect_running(requests[0])
        .expect_running(requests[1]);
    world.expect_waiting(
        requests[2],
        no_worker(|why| matches!(why, Unavailable::Building(_))),
    );
    assert_ne!(world.worker_of(requests[0]), world.worker_of(requests[1]));
}

#[test]
fn max_builds_counts_builds_of_all_builders() {
    let config = config().no_workers().worker_for("w", 2);
    let mut world = World::new(config.builder("a").builder("b").builder("c"));
    let [a, b, c] = ["a", "b", "c"].map(|name| world.force(name));
    world.expect_running(a).expect_running(b);
    world.expect_waiting(
        c,
        no_worker(|why| matches!(why, Unavailable::AtCapacity(it) if it.len() == 2)),
    );
    world.end_step(a, Success).expect_running(c);
}

#[test]
fn a_request_waits_until_a_worker_attaches() {
    let mut world = World::new(config().builder("a"));
    world.detach("w");
    let a = world.force("a");
    world.expect_waiting(a, no_worker(|why| *why == Unavailable::Detached));
    world.attach("w").expect_running(a);
}

#[test]
fn a_paused_worker_finishes_its_build_and_gets_no_other() {
    let mut world = World::new(config().builder("a"));
    let first = world.force("a");
    world
        .control("w", WorkerControl::Pause { reason: None })
        .expect_running(first);
    let second = world.force("a");
    world.end_step(first, Success);
    world.expect_waiting(
        second,
        no_worker(|why| matches!(why, Unavailable::Paused { .. })),
    );
    world
        .control("w", WorkerControl::Unpause)
        .expect_running(second);
}

#[test]
fn a_graceful_worker_is_told_to_end_after_its_last_build() {
    let mut world = World::new(config().builder("a"));
    let first = world.force("a");
    let second = world.force("a");
    world.control("w", WorkerControl::ShutdownGracefully);
    assert!(!world.is_told_to_end("w"));
    world.end_step(first, Success);
    assert!(world.is_told_to_end("w"));
    world.expect_waiting(second, no_worker(|why| *why == Unavailable::ShuttingDown));
    world.detach("w").attach("w").expect_running(second);
}

#[test]
fn an_exception_puts_the_worker_into_quarantine() {
    let mut world = World::new(config().builder("a"));
    let first = world.force("a");
    world
        .end_step(first, Exception)
        .expect_finished(first, Exception);
    let second = world.force("a");
    world.expect_waiting(
        second,
        no_worker(|why| matches!(why, Unavailable::Quarantined { .. })),
    );
    world.advance(secs(9));
    world.expect_waiting(second, |it| matches!(it, Reason::NoWorker(_)));
    world.advance(secs(1)).expect_running(second);
    world.end_step(second, Exception);
    let third = world.force("a");
    world.advance(secs(19));
    world.expect_waiting(third, |it| matches!(it, Reason::NoWorker(_)));
    world
        .control("w", WorkerControl::Unpause)
        .expect_running(third);
}

#[test]
fn code_ends_a_quarantine_and_says_how_long_the_next_one_is() {
    let mut world = World::new(config().builder("a"));
    world.control("w", WorkerControl::Quarantine);
    let first = world.force("a");
    world.expect_waiting(first, |it| matches!(it, Reason::NoWorker(_)));
    world
        .control("w", WorkerControl::LeaveQuarantine)
        .expect_running(first);
    world.end_step(first, Success);
    world.control("w", WorkerControl::NextQuarantine(secs(3)));
    world.control("w", WorkerControl::Quarantine);
    let second = world.force("a");
    world.advance(secs(2));
    world.expect_waiting(second, |it| matches!(it, Reason::NoWorker(_)));
    world.advance(secs(1)).expect_running(second);
}

#[test]
fn a_worker_that_does_not_answer_the_ping_is_left_and_the_request_retried() {
    let mut world = World::new(config().builder("a"));
    world.hold_preparation();
    let a = world.force("a");
    world.release_preparation(Prepared::NotPinged);
    assert_eq!(world.builds_of(a), [Some(Retry)]);
    world.expect_waiting(a, no_worker(|why| *why == Unavailable::Detached));
    world.attach("w").advance(secs(10)).expect_running(a);
}

#[test]
fn a_lost_build_is_retried_and_its_request_completes_once() {
    let mut world = World::new(config().worker("v").builder("a"));
    let a = world.force("a");
    let is_on_w = world.worker_of(a) == world.worker("w");
    world.detach(if is_on_w { "w" } else { "v" });
    world.expect_running(a);
    world.end_step(a, Success).expect_finished(a, Success);
    assert_eq!(world.builds_of(a), [Some(Retry), Some(Success)]);
}

#[test]
fn a_request_that_another_master_has_is_not_built() {
    let mut world = World::new(config().builder("a"));
    world.detach("w");
    let a = world.force("a");
    let b = world.force("a");
    world.other_master_claims(a).attach("w").expect_running(b);
    assert_eq!(world.engine().why(a), None);
    world
        .end_step(b, Success)
        .other_master_gives_up(a)
        .expect_running(a);
}

#[test]
fn nothing_is_announced_or_started_before_the_database_has_it() {
    let mut world = World::new(config().builder("a"));
    world.hold_commits();
    let a = world.force("a");
    assert_eq!(
        (world.facts(), world.engine().why(a)),
        (&[] as &[Fact], None)
    );
    world.release_commits().hold_commits();
    world.expect_running(a);
    world.end_step(a, Success);
    let is_end = |fact: &Fact| matches!(fact, Fact::BuildFinished { .. });
    assert!(!world.facts().iter().any(is_end));
    world.release_commits().expect_finished(a, Success);
    assert!(world.facts().iter().any(is_end));
}

#[test]
fn a_cancelled_request_is_never_built() {
    let mut world = World::new(one_at_a_time().builder("a"));
    let first = world.force("a");
    let second = world.force("a");
    world.cancel(second).expect_finished(second, Cancelled);
    world.cancel(first).expect_finished(first, Cancelled);
    assert_eq!(world.builds_of(second), []);
}

#[test]
fn a_request_that_is_cancelled_while_it_is_claimed_is_stopped() {
    let mut world = World::new(config().builder("a"));
    world.detach("w");
    let a = world.force("a");
    world.hold_commits().attach("w").cancel(a);
    world.release_commits().expect_finished(a, Cancelled);
    assert_eq!(world.builds_of(a), [Some(Cancelled)]);
}

#[test]
fn after_a_crash_interrupted_builds_are_retried() {
    let config = one_at_a_time().builder("a");
    let mut world = World::new(config.clone());
    let first = world.force("a");
    let second = world.force("a");
    world.crash(config).expect_running(first);
    assert_eq!(world.builds_of(first), [Some(Retry), None]);
    world.end_step(first, Success).expect_running(second);
}

#[test]
fn a_hanging_function_holds_up_its_own_builder_only() {
    let slow = |builder: &mut buildbot_engine::config::Builder| {
        builder.can_start_build = Some(callable(7));
    };
    let mut world = World::new(config().builder_with("slow", slow).builder("quick"));
    let slow = world.force("slow");
    let quick = world.force("quick");
    world.expect_running(quick);
    world.expect_waiting(
        slow,
        |it| matches!(it, Reason::Asking { callable, .. } if callable.handle == 7),
    );
    world.advance(secs(30)).expect_no_question();
    world.expect_waiting(slow, |it| matches!(it, Reason::CallableFailed { .. }));
    world
        .advance(secs(10))
        .answer("CanStartBuild", Reply::Flag(true));
    world.expect_running(slow);
}

#[test]
fn a_veto_tries_the_other_workers_and_then_the_next_request() {
    let picky = |builder: &mut buildbot_engine::config::Builder| {
        builder.can_start_build = Some(callable(7));
    };
    let mut world = World::new(config().worker("v").builder_with("a", picky));
    let first = world.force("a");
    let second = world.force("a");
    world.answer("CanStartBuild", Reply::Flag(false));
    world.answer("CanStartBuild", Reply::Flag(false));
    world.expect_waiting(first, |it| {
        matches!(it, Reason::Asking { .. } | Reason::Vetoed { .. })
    });
    world.answer("CanStartBuild", Reply::Flag(true));
    world.expect_running(second);
    world.answer("CanStartBuild", Reply::Flag(false));
    world.expect_waiting(
        first,
        |it| matches!(it, Reason::Vetoed { callable, .. } if &*callable.place == "master.cfg:7"),
    );
}

#[test]
fn next_build_chooses_and_may_choose_nothing() {
    let chooses = |builder: &mut buildbot_engine::config::Builder| {
        builder.next_build = Some(callable(3));
    };
    let mut world = World::new(one_at_a_time().builder_with("a", chooses));
    let first = world.force("a");
    world.answer("NextBuild", Reply::Request(None));
    world.expect_waiting(first, |it| matches!(it, Reason::NothingChosen { .. }));
    let second = world.force("a");
    world.answer("NextBuild", Reply::Request(Some(second)));
    world.expect_running(second);
}

#[test]
fn next_worker_chooses_among_those_that_are_free() {
    let chooses = |builder: &mut buildbot_engine::config::Builder| {
        builder.next_worker = Some(callable(4));
    };
    let mut world = World::new(config().worker("v").worker("u").builder_with("a", chooses));
    world.control("u", WorkerControl::Pause { reason: None });
    let a = world.force("a");
    let (w, v) = (world.worker("w"), world.worker("v"));
    let Some(Question::NextWorker { workers, .. }) = world.question() else {
        panic!("nextWorker is not asked");
    };
    assert_eq!(*workers, [w, v]);
    world.answer("NextWorker", Reply::Worker(Some(v)));
    world.expect_running(a);
    assert_eq!(world.worker_of(a), v);
}

#[test]
fn prioritize_builders_orders_and_may_leave_out() {
    let mut world = World::new(one_at_a_time().prioritized().builder("a").builder("b"));
    world.detach("w");
    let a = world.force("a");
    world.answer("PrioritizeBuilders", Reply::Builders(vec![]));
    let b = world.force("b");
    world.answer("PrioritizeBuilders", Reply::Builders(vec![]));
    world
        .attach("w")
        .expect_waiting(a, |it| matches!(it, Reason::Asking { .. }));
    world.answer("PrioritizeBuilders", Reply::Builders(vec![BuilderId(2)]));
    world.expect_running(b);
    world.expect_waiting(a, |it| matches!(it, Reason::NoWorker(_)));
}

#[test]
fn a_reconfiguration_forgets_what_was_asked_and_asks_the_new_functions() {
    let picky = |builder: &mut buildbot_engine::config::Builder| {
        builder.can_start_build = Some(callable(7));
    };
    let mut world = World::new(config().builder_with("a", picky));
    let a = world.force("a");
    world.expect_waiting(a, |it| matches!(it, Reason::Asking { .. }));
    world.reconfigure(config().builder("a"));
    world.expect_no_question().expect_running(a);
    assert_eq!(world.released().len(), 1);
}

#[test]
fn a_running_build_keeps_its_configuration_until_it_ends() {
    let mut world = World::new(config().builder("a"));
    let a = world.force("a");
    let stepless = |builder: &mut buildbot_engine::config::Builder| builder.steps.clear();
    world.reconfigure(config().builder_with("a", stepless));
    assert_eq!(world.released(), []);
    world.expect_running(a).end_step(a, Success);
    world.expect_finished(a, Success);
    assert_eq!(world.released().len(), 1);
}

#[test]
fn a_new_request_replaces_older_ones_that_want_the_same() {
    let collapsing = |builder: &mut buildbot_engine::config::Builder| {
        builder.collapse = Collapse::Default;
    };
    let mut world = World::new(one_at_a_time().builder_with("a", collapsing));
    let running = world.force("a");
    let old = world.force("a");
    let mut other = world.wish("a");
    other.source_stamps = vec![WantedSource::New(NewSourceStamp {
        branch: Some("other".to_owned()),
        ..NewSourceStamp::default()
    })];
    let other = world.submit(other);
    let mut special = world.wish("a");
    let property = Property {
        value: "1".to_owned(),
        source: "Scheduler".to_owned(),
    };
    special.properties.insert("p".to_owned(), property);
    let special = world.submit(special);
    let new = world.force("a");
    world.expect_finished(old, Skipped).expect_running(running);
    for waiting in [other, special, new] {
        world.expect_waiting(waiting, |it| matches!(it, Reason::NoWorker(_)));
    }
}

#[test]
fn a_function_may_decide_what_is_replaced() {
    let asking = |builder: &mut buildbot_engine::config::Builder| {
        builder.collapse = Collapse::Ask(callable(9));
    };
    let mut world = World::new(one_at_a_time().builder_with("a", asking));
    let running = world.force("a");
    let kept = world.force("a");
    let gone = world.force("a");
    world.answer("CollapseRequests", Reply::Flag(false));
    let new = world.force("a");
    world.expect_waiting(new, |it| matches!(it, Reason::Asking { .. }));
    world.answer("CollapseRequests", Reply::Flag(false));
    world.answer("CollapseRequests", Reply::Flag(true));
    world.expect_finished(gone, Skipped).expect_running(running);
    world.expect_waiting(kept, |it| matches!(it, Reason::NoWorker(_)));
    world.expect_waiting(new, |it| matches!(it, Reason::NoWorker(_)));
}

#[test]
fn a_build_may_be_skipped_altogether() {
    let skipping = |builder: &mut buildbot_engine::config::Builder| {
        builder.do_build_if = Some(callable(2));
    };
    let mut world = World::new(config().builder_with("a", skipping));
    let a = world.force("a");
    world.answer("DoBuildIf", Reply::Flag(false));
    world.expect_finished(a, Skipped);
}

#[test]
fn steps_that_always_run_do_so_after_a_halt() {
    let steps = |builder: &mut buildbot_engine::config::Builder| {
        let halting = StepFlags {
            halt_on_failure: true,
            ..StepFlags::default()
        };
        let always = StepFlags {
            always_run: true,
            ..StepFlags::default()
        };
        builder.steps = vec![step("first"), step("second"), step("last")];
        builder.steps[0].flags = halting;
        builder.steps[2].flags = always;
    };
    let mut world = World::new(config().builder_with("a", steps));
    let a = world.force("a");
    world.end_step(a, Failure).expect_running(a);
    world.end_step(a, Success).expect_finished(a, Failure);
}

#[test]
fn a_latent_worker_is_started_for_a_build_and_stopped_when_idle() {
    let mut world = World::new(config().no_workers().latent_worker("cloud").builder("a"));
    world.expect_instance_asked_for("cloud", false);
    let a = world.force("a");
    world.expect_instance_asked_for("cloud", true);
    world
        .instance("cloud", InstanceStart::Started)
        .attach("cloud")
        .expect_running(a);
    world.end_step(a, Success).expect_finished(a, Success);
    world.advance(secs(61));
    let b = world.force("a");
    world.expect_instance_asked_for("cloud", true);
    world
        .instance("cloud", InstanceStart::CannotRunBuild)
        .expect_finished(b, Exception);
}

#[test]
fn a_machine_that_does_not_start_is_tried_again_after_the_quarantine() {
    let mut world = World::new(config().no_workers().latent_worker("cloud").builder("a"));
    let a = world.force("a");
    world.instance("cloud", InstanceStart::Failed);
    assert_eq!(world.builds_of(a), [Some(Retry)]);
    world
        .expect_instance_asked_for("cloud", false)
        .advance(secs(10));
    world.expect_instance_asked_for("cloud", true);
}

#[test]
fn a_clean_shutdown_starts_only_what_running_builds_wait_for() {
    let mut world = World::new(one_at_a_time().builder("a").builder("b"));
    let running = world.force("a");
    let waiting = world.force("a");
    world.shut_down(Shutdown::Clean).expect_running(running);
    let mut child = world.wish("b");
    child.waited_for = true;
    child.parent_build = Some(buildbot_model::BuildId(1));
    let child = world.submit(child);
    world.end_step(running, Success).expect_running(child);
    world.expect_waiting(waiting, |it| *it == Reason::ShuttingDown);
    world.end_step(child, Success);
    assert!(world.engine().is_idle());
}

#[test]
fn a_clean_shutdown_that_is_cancelled_lets_builds_start_again() {
    let mut world = World::new(one_at_a_time().builder("a"));
    let running = world.force("a");
    let waiting = world.force("a");
    world.shut_down(Shutdown::Clean).end_step(running, Success);
    world.expect_waiting(waiting, |it| *it == Reason::ShuttingDown);
    world.stay().expect_running(waiting);
}

#[test]
fn a_quick_shutdown_stops_builds_and_leaves_their_requests_for_the_next_start() {
    let mut world = World::new(config().builder("a"));
    let a = world.force("a");
    world.shut_down(Shutdown::Quick);
    assert_eq!(world.builds_of(a), [Some(Retry)]);
    assert!(world.engine().is_idle());
    world.crash(config().builder("a")).expect_running(a);
}

#[test]
fn a_request_says_which_one_is_served_before_it() {
    let choosing = |builder: &mut buildbot_engine::config::Builder| {
        builder.next_worker = Some(callable(4));
    };
    let mut world = World::new(config().builder_with("a", choosing));
    let first = world.force("a");
    world.answer("NextWorker", Reply::Worker(None));
    let second = world.force("a");
    world.answer("NextWorker", Reply::Worker(None));
    world.expect_waiting(first, |it| matches!(it, Reason::NothingChosen { .. }));
    world.expect_waiting(second, |it| *it == Reason::Behind(first));
    world.reconfigure(config().no_builders());
    world.expect_waiting(first, |it| *it == Reason::NoBuilder);
}

#[test]
fn a_request_says_that_its_claim_or_its_end_is_on_the_way() {
    let mut world = World::new(config().builder("a"));
    world.detach("w");
    let a = world.force("a");
    let b = world.force("a");
    let w = world.worker("w");
    world.hold_commits().attach("w").cancel(b);
    world.expect_waiting(a, |it| *it == Reason::BeingClaimed(w));
    world.expect_waiting(b, |it| *it == Reason::Ending);
    world.release_commits().expect_finished(b, Cancelled);
}

#[test]
fn a_worker_that_is_not_configured_any_more_is_sent_away() {
    let mut world = World::new(config().builder("a"));
    let orphaned = |builder: &mut buildbot_engine::config::Builder| {
        builder.workers = vec![buildbot_model::WorkerId(9)];
    };
    let first = world.force("a");
    world.reconfigure(config().no_workers().builder_with("a", orphaned));
    assert_eq!(world.builds_of(first), [Some(Retry)]);
    world.expect_waiting(first, no_worker(|why| *why == Unavailable::Unknown));
}

#[test]
fn a_lost_machine_is_replaced_for_the_retry() {
    let config = config().no_workers().latent_worker("cloud");
    let mut world = World::new(config.builder("a"));
    let first = world.force("a");
    let second = world.force("a");
    world
        .instance("cloud", InstanceStart::Started)
        .attach("cloud");
    world.expect_running(first);
    world
        .hold_commits()
        .control("cloud", WorkerControl::Unpause);
    world.detach("cloud");
    world.expect_waiting(
        second,
        no_worker(|why| matches!(why, Unavailable::Building(_))),
    );
    world.release_commits();
    world.expect_instance_asked_for("cloud", true);
}

#[test]
fn a_latent_worker_that_was_told_to_end_starts_again_when_it_is_gone() {
    let mut world = World::new(config().no_workers().latent_worker("cloud").builder("a"));
    let first = world.force("a");
    world
        .instance("cloud", InstanceStart::Started)
        .attach("cloud");
    world.control("cloud", WorkerControl::ShutdownGracefully);
    let second = world.force("a");
    world
        .end_step(first, Success)
        .expect_finished(first, Success);
    world.expect_waiting(second, no_worker(|why| *why == Unavailable::ShuttingDown));
    world.detach("cloud").advance(secs(60));
    world.expect_instance_asked_for("cloud", true);
}

#[test]
fn two_equal_requests_that_are_stored_at_the_same_time_are_built_once() {
    let collapsing = |builder: &mut buildbot_engine::config::Builder| {
        builder.collapse = Collapse::Default;
    };
    let mut world = World::new(one_at_a_time().builder_with("a", collapsing));
    let running = world.force("a");
    let oldest = world.force("a");
    world.hold_commits();
    let old = world.force("a");
    let new = world.force("a");
    assert_eq!(old, new, "ids are given by the database");
    world.release_commits();
    let (old, new) = (old, buildbot_model::BuildRequestId(new.0 + 1));
    world
        .expect_finished(oldest, Skipped)
        .expect_finished(old, Skipped);
    world.end_step(running, Success).expect_running(new);
}

#[test]
fn a_build_that_is_stopped_as_soon_as_it_has_a_row_ends_cancelled() {
    let mut world = World::new(config().builder("a"));
    world.detach("w");
    let a = world.force("a");
    // The claim and its build are in the database before the engine hears that they are.
    world.hold_commits().attach("w");
    let reason = "enough".into();
    let build = BuildId(1);
    world.tell(Event::BuildStopRequested { build, reason });
    world.release_commits().expect_finished(a, Cancelled);
    assert_eq!(world.builds_of(a), [Some(Cancelled)]);
    // What is known to have ended is not stopped later.
    let reason = "late".into();
    world.tell(Event::BuildStopRequested { build, reason });
    let b = world.force("a");
    world.expect_running(b);
}
