//! `timeout`, `maxTime` and `max_lines`.

use buildbot_wire::Value;

use crate::stage::{Heard, Stage, arguments, is_alive};

fn run<const N: usize>(stage: &Stage, command: &str, others: [(&str, Value); N]) -> Heard {
    let mut pairs = vec![
        ("command".into(), command.into()),
        ("workdir".into(), "".into()),
    ];
    pairs.extend(others.map(|(key, value)| (key.into(), value)));
    stage.run("shell", Value::Dict(pairs)).completed()
}

#[test]
fn silence_ends_with_a_kill() {
    let stage = Stage::new();
    let heard = run(
        &stage,
        "echo $$ >pid; echo first; sleep 60",
        [("timeout", 0.3.into())],
    );
    assert_eq!(heard.rc(), Some(-1));
    assert_eq!(heard.failure_reason(), Some("timeout_without_output"));
    assert_eq!(
        heard.keys(),
        [
            "header",
            "stdout",
            "failure_reason",
            "header",
            "rc",
            "header",
            "elapsed"
        ]
    );
    let expected = "\ncommand timed out: 0.3 seconds without output running b'echo $$ >pid; echo first; sleep 60', \
                    attempting to kill\nprocess killed by signal 9\n";
    assert!(heard.header().contains(expected), "{}", heard.header());
    assert!(!is_alive(&stage.read("pid")));
}

#[test]
fn any_output_counts_even_if_nobody_wants_it() {
    let noisy = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; echo $i >&2; done";
    let heard = run(
        &Stage::new(),
        noisy,
        [("timeout", 0.8.into()), ("want_stderr", false.into())],
    );
    assert_eq!((heard.rc(), heard.failure_reason()), (Some(0), None));
    let log = "for i in 1 2 3 4 5; do sleep 1; echo $i >>l; done";
    let logs = arguments([("l", "l".into())]);
    let heard = run(
        &Stage::new(),
        log,
        [("timeout", 3.5.into()), ("logfiles", logs)],
    );
    assert_eq!((heard.rc(), heard.failure_reason()), (Some(0), None));
}

#[test]
fn a_time_limit_counts_whatever_the_program_says() {
    let noisy = "while :; do echo x; sleep 0.02; done";
    let heard = run(
        &Stage::new(),
        noisy,
        [("maxTime", 0.4.into()), ("timeout", 20.into())],
    );
    assert_eq!(heard.failure_reason(), Some("timeout"));
    assert!(
        heard
            .header()
            .contains("\ncommand timed out: 0.4 seconds elapsed running b'while")
    );
}

#[test]
fn no_limit_is_no_limit() {
    let heard = run(
        &Stage::new(),
        "sleep 0.2",
        [
            ("timeout", 0.into()),
            ("maxTime", 0.into()),
            ("max_lines", Value::None),
        ],
    );
    assert_eq!((heard.rc(), heard.failure_reason()), (Some(0), None));
}

#[test]
fn too_many_lines_end_with_a_kill_and_are_sent() {
    let heard = run(
        &Stage::new(),
        "seq 1 50; sleep 60",
        [("max_lines", 10.into())],
    );
    assert_eq!(heard.rc(), Some(-1));
    assert_eq!(heard.failure_reason(), Some("max_lines_failure"));
    assert!(heard.stdout().starts_with("1\n2\n"));
    assert!(
        heard.header().contains("/10 written/allowed"),
        "{}",
        heard.header()
    );
}

#[test]
fn as_many_lines_as_allowed_are_fine_and_unwanted_ones_do_not_count() {
    let heard = run(
        &Stage::new(),
        "seq 1 10; seq 1 50 >&2",
        [("max_lines", 10.into()), ("want_stderr", 0.into())],
    );
    assert_eq!((heard.rc(), heard.failure_reason()), (Some(0), None));
    let heard = run(
        &Stage::new(),
        "seq 1 10; seq 1 50 >&2",
        [("max_lines", 10.into())],
    );
    assert_eq!(heard.failure_reason(), Some("max_lines_failure"));
}

#[test]
fn a_background_process_that_holds_the_output_is_subject_to_the_limits() {
    let stage = Stage::new();
    let heard = run(&stage, "sleep 60 & echo $! >pid", [("timeout", 0.3.into())]);
    assert_eq!(heard.failure_reason(), Some("timeout_without_output"));
    assert_eq!(heard.rc(), Some(-1));
    crate::stage::wait_until_gone(&stage.read("pid"));
}
