//! How programs are killed: by interrupts and limits, with all their descendants.

use buildbot_wire::Value;
use buildbot_worker::command::InterruptReason;

use crate::stage::{Heard, Stage, arguments, by_master, is_alive, says, wait_until_gone};

/// Runs a command line until it says `ready`, interrupts it, and gives what it said.
fn interrupted<const N: usize>(
    stage: &Stage,
    command: &str,
    reason: &InterruptReason,
    others: [(&str, Value); N],
) -> Heard {
    let mut pairs = vec![
        ("command".into(), command.into()),
        ("workdir".into(), "".into()),
    ];
    pairs.extend(others.map(|(key, value)| (key.into(), value)));
    stage.run_with("shell", Value::Dict(pairs), |event, interrupter| {
        if says(event, "ready") {
            interrupter.interrupt(reason.clone());
        }
    })
}

#[test]
fn an_interrupt_kills_and_reports_the_end_without_elapsed() {
    let stage = Stage::new().eager();
    let heard = interrupted(
        &stage,
        "echo $$ >pid; echo ready; sleep 60",
        &by_master(),
        [],
    )
    .completed();
    assert_eq!(heard.rc(), Some(-1));
    assert_eq!(heard.failure_reason(), None);
    assert_eq!(heard.keys(), ["header", "stdout", "header", "rc", "header"]);
    assert!(
        heard
            .header()
            .contains("\ncommand interrupted, attempting to kill\nprocess killed by signal 9\n")
    );
    assert!(!is_alive(&stage.read("pid")));
}

#[test]
fn the_first_signal_is_term_if_there_is_time_for_it() {
    let stage = Stage::new().eager();
    let command = "trap 'echo got term; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let heard =
        interrupted(&stage, command, &by_master(), [("sigtermTime", 30.into())]).completed();
    assert_eq!(heard.rc(), Some(9));
    assert_eq!(heard.stdout(), "ready\ngot term\n");
    assert!(!heard.header().contains("killed by signal"));
}

#[test]
fn a_program_that_ends_well_after_all_is_no_success() {
    let stage = Stage::new().eager();
    let command = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let heard =
        interrupted(&stage, command, &by_master(), [("sigtermTime", 30.into())]).completed();
    assert_eq!(heard.rc(), Some(-1));
}

#[test]
fn who_ignores_term_gets_the_interrupt_signal() {
    let stage = Stage::new().eager();
    let command =
        "trap '' TERM; trap 'echo int; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    let others = [
        ("sigtermTime", 0.2.into()),
        ("interruptSignal", "INT".into()),
    ];
    let heard = interrupted(&stage, command, &by_master(), others).completed();
    assert_eq!(heard.rc(), Some(7));
    assert_eq!(heard.stdout(), "ready\nint\n");
}

#[test]
fn who_ignores_everything_but_kill_is_given_up_and_gone() {
    let stage = Stage::new().eager();
    let command = "trap '' TERM INT; echo $$ >pid; echo ready; while :; do sleep 0.05; done";
    let others = [
        ("sigtermTime", 0.1.into()),
        ("interruptSignal", "INT".into()),
    ];
    let heard = interrupted(&stage, command, &by_master(), others);
    assert_eq!(heard.rc(), Some(-1));
    assert!(
        heard
            .header()
            .contains("SIGKILL failed to kill process\nusing fake rc=-1\n")
    );
    assert_eq!(heard.failure().class(), "builtins.RuntimeError");
    assert!(!is_alive(&stage.read("pid")));
}

#[test]
fn the_signal_goes_to_the_whole_group() {
    let stage = Stage::new().eager();
    let command = "trap 'wait; exit 5' USR1; \
                   (trap 'echo child usr1; exit' USR1; echo ready; while :; do sleep 0.05; done) & wait";
    let heard = interrupted(
        &stage,
        command,
        &by_master(),
        [("interruptSignal", "USR1".into())],
    )
    .completed();
    assert_eq!(heard.rc(), Some(5));
    assert_eq!(heard.stdout(), "ready\nchild usr1\n");
}

#[test]
fn who_survives_the_leader_is_killed() {
    let stage = Stage::new().eager();
    for streams in ["", ">/dev/null 2>&1"] {
        let command = format!(
            "(trap '' TERM INT; echo $$; sleep 61 {streams}) >/dev/null & echo $! >pid; exec sleep 60 & echo ready; wait"
        );
        let heard = interrupted(
            &stage,
            &command,
            &by_master(),
            [("interruptSignal", "TERM".into())],
        )
        .completed();
        assert_eq!(heard.rc(), Some(-1));
        wait_until_gone(&stage.read("pid"));
    }
}

#[test]
fn a_descendant_that_holds_the_pipes_does_not_delay_the_end() {
    let stage = Stage::new().eager();
    // In a group of its own, where no signal reaches it.
    let command = "setsid sleep 20 & echo $! >pid; echo ready; sleep 60";
    let started = std::time::Instant::now();
    let heard = interrupted(&stage, command, &by_master(), []).completed();
    assert_eq!(heard.rc(), Some(-1));
    assert!(started.elapsed().as_secs() < 5);
    let _ = std::process::Command::new("kill")
        .arg(stage.read("pid").trim())
        .status();
}

#[test]
fn a_leader_that_has_ended_is_still_interrupted_through_its_group() {
    let stage = Stage::new().eager();
    let command = "sleep 60 & echo $! >pid; echo ready";
    let heard = interrupted(&stage, command, &by_master(), []).completed();
    assert_eq!(heard.rc(), Some(-1));
    wait_until_gone(&stage.read("pid"));
}

#[test]
fn with_a_terminal_the_session_is_killed() {
    let stage = Stage::new().eager();
    let command = "sleep 60 & echo $! >pid; echo $$ >leader; echo ready; wait";
    let heard = interrupted(&stage, command, &by_master(), [("usePTY", true.into())]).completed();
    assert_eq!(heard.rc(), Some(-1));
    wait_until_gone(&stage.read("pid"));
    assert!(!is_alive(&stage.read("leader")));
}

#[test]
fn output_written_before_the_kill_is_not_lost() {
    let stage = Stage::new().eager();
    let heard = interrupted(
        &stage,
        "echo ready; seq 1 5000; echo unfinished | tr -d '\\n'; exec sleep 60",
        &by_master(),
        [],
    );
    let stdout = heard.completed().stdout();
    // How far it gets is a race; that nothing is missing in between is not.
    let lines: Vec<&str> = stdout.lines().skip(1).collect();
    for (index, line) in lines.iter().enumerate().take(5000) {
        assert_eq!(*line, (index + 1).to_string());
    }
}

#[test]
fn a_lost_connection_and_a_shutdown_kill_in_silence() {
    for reason in [InterruptReason::ConnectionLost, InterruptReason::Shutdown] {
        let stage = Stage::new().eager();
        let command = "trap 'echo got term >term; exit 9' TERM; echo $$ >pid; echo ready; while :; do sleep 0.05; done";
        let heard = interrupted(&stage, command, &reason, [("sigtermTime", 30.into())]);
        assert_eq!(heard.outcome, None);
        assert_eq!(heard.rc(), None);
        assert_eq!(stage.read("term"), "got term\n");
        assert!(!is_alive(&stage.read("pid")));
    }
}

#[test]
fn dropping_the_run_kills_the_program() {
    use buildbot_worker::command::{Interrupts, Outbox, prepare};
    let stage = Stage::new().eager();
    let args = arguments([
        (
            "command",
            "sleep 60 & echo $! >child; echo $$ >pid; echo ready; wait".into(),
        ),
        ("workdir", "".into()),
    ]);
    let command =
        prepare("shell", &args, stage.context.clone()).unwrap_or_else(|error| panic!("{error}"));
    let (outbox, mut events) = Outbox::channel();
    let (_interrupter, interrupts) = Interrupts::channel();
    crate::stage::on_runtime(async {
        let ready = async {
            while let Some(event) = events.recv().await {
                if says(&event, "ready") {
                    return;
                }
            }
        };
        tokio::select! {
            () = command.run(outbox, interrupts) => panic!("it ended by itself"),
            () = ready => {}
        }
    });
    let pid = stage.read("pid");
    let child = stage.read("child");
    wait_until_gone(&child);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while is_alive(&pid) && std::time::Instant::now() < deadline {
        buildbot_worker::process::reap_left_behind();
        std::thread::yield_now();
    }
    assert!(!is_alive(&pid));
}
