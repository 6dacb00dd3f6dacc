//! Large output, and masters that are slower than the program.

use std::time::Duration;

use buildbot_wire::Value;
use buildbot_worker::command::{CommandEvent, InterruptReason, Interrupts, Outbox, prepare};

use crate::stage::{Stage, arguments, by_master, is_alive, on_runtime, text_of};

#[test]
fn ten_megabytes_without_a_newline_arrive() {
    let command = "head -c 10000000 /dev/zero | tr '\\0' x";
    let heard = Stage::new()
        .run(
            "shell",
            arguments([("command", command.into()), ("workdir", "".into())]),
        )
        .completed();
    let stdout = heard.stdout();
    assert_eq!(
        stdout.bytes().filter(|byte| *byte == b'x').count(),
        10_000_000
    );
    assert!(stdout.lines().all(|line| line.len() <= 4096));
}

#[test]
fn a_million_lines_arrive_in_order() {
    let heard = Stage::new()
        .run(
            "shell",
            arguments([("command", "seq 1 1000000".into()), ("workdir", "".into())]),
        )
        .completed();
    let stdout = heard.stdout();
    assert_eq!(stdout.lines().count(), 1_000_000);
    assert!(
        stdout
            .lines()
            .zip(1..)
            .all(|(line, number)| line.parse() == Ok(number))
    );
}

/// A program that notes how much it has written, so that a test sees it block.
const COUNTING: &str = "i=0; while :; do head -c 65536 /dev/zero | tr '\\0' 'a\\n'; i=$((i+65536)); echo $i >written; done";

/// Most bytes that may be under way: pipe, one read, the batch that waits, the outbox.
const UNDER_WAY_MAX: u64 = 1_500_000;

fn written(stage: &Stage) -> u64 {
    std::fs::read_to_string(stage.path("written"))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Lets the program write to a master that takes nothing until it stops writing.
async fn blocked(stage: &Stage) {
    let mut before = None;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = written(stage);
        if now > 0 && before == Some(now) {
            return;
        }
        before = Some(now);
        assert!(now < 10 * UNDER_WAY_MAX, "the program writes on and on");
    }
}

/// Starts the counting program with a master that takes nothing.
fn start_blocked(
    stage: &Stage,
    others: Vec<(Value, Value)>,
) -> (
    buildbot_worker::command::Command,
    Outbox,
    tokio::sync::mpsc::Receiver<CommandEvent>,
) {
    let mut pairs = vec![
        ("command".into(), COUNTING.into()),
        ("workdir".into(), "".into()),
    ];
    pairs.extend(others);
    let command = prepare("shell", &Value::Dict(pairs), stage.context.clone())
        .unwrap_or_else(|error| panic!("{error}"));
    let (outbox, events) = Outbox::channel();
    (command, outbox, events)
}

#[test]
fn a_slow_master_makes_the_program_wait_and_its_silence_does_not_count() {
    let stage = Stage::new();
    let (command, outbox, mut events) = start_blocked(&stage, vec![("timeout".into(), 1.0.into())]);
    let (interrupter, interrupts) = Interrupts::channel();
    let master = async {
        blocked(&stage).await;
        let stopped_at = written(&stage);
        assert!(
            stopped_at < UNDER_WAY_MAX,
            "{stopped_at} bytes are under way"
        );
        // Longer than the timeout.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(written(&stage), stopped_at);
        let mut received = 0;
        let mut outcome = None;
        while let Some(event) = events.recv().await {
            match event {
                CommandEvent::Updates(updates) => {
                    for update in &updates {
                        assert!(
                            !matches!(update, buildbot_wire::Update::FailureReason(_)),
                            "{update:?}"
                        );
                        received += text_of(update, &buildbot_wire::Stream::Stdout).len() as u64;
                    }
                    if received > 4 * UNDER_WAY_MAX {
                        interrupter.interrupt(by_master());
                    }
                }
                CommandEvent::Complete(result) => outcome = Some(result),
                CommandEvent::Transfer(_) => panic!("a transfer"),
            }
        }
        outcome
    };
    let ((), outcome) = on_runtime(async { tokio::join!(command.run(outbox, interrupts), master) });
    assert_eq!(outcome, Some(Ok(())));
}

#[test]
fn while_a_batch_waits_the_program_can_be_interrupted() {
    for reason in [
        by_master(),
        InterruptReason::ConnectionLost,
        InterruptReason::Shutdown,
    ] {
        let stage = Stage::new();
        let command = format!("echo $$ >pid; {COUNTING}");
        let args = arguments([("command", command.into()), ("workdir", "".into())]);
        let command = prepare("shell", &args, stage.context.clone())
            .unwrap_or_else(|error| panic!("{error}"));
        let (outbox, mut events) = Outbox::channel();
        let (interrupter, interrupts) = Interrupts::channel();
        let master = async {
            blocked(&stage).await;
            interrupter.interrupt(reason.clone());
            // The program dies although nothing is taken.
            while is_alive(&stage.read("pid")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let mut completed = false;
            while let Some(event) = events.recv().await {
                completed |= matches!(event, CommandEvent::Complete(Ok(())));
            }
            completed
        };
        let ((), completed) =
            on_runtime(async { tokio::join!(command.run(outbox, interrupts), master) });
        assert_eq!(completed, reason == by_master());
    }
}

#[test]
fn while_a_batch_waits_the_time_limit_counts() {
    let stage = Stage::new();
    let (command, outbox, mut events) = start_blocked(&stage, vec![("maxTime".into(), 2.0.into())]);
    let (_interrupter, interrupts) = Interrupts::channel();
    let master = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let stopped_at = written(&stage);
        let mut reasons = Vec::new();
        while let Some(event) = events.recv().await {
            if let CommandEvent::Updates(updates) = event {
                reasons.extend(updates.into_iter().filter_map(|update| match update {
                    buildbot_wire::Update::FailureReason(reason) => Some(reason),
                    _ => None,
                }));
            }
        }
        assert_eq!(written(&stage), stopped_at);
        reasons
    };
    let ((), reasons) = on_runtime(async { tokio::join!(command.run(outbox, interrupts), master) });
    assert_eq!(reasons, ["timeout"]);
}

#[test]
fn without_anybody_who_listens_the_program_runs_to_its_end() {
    let stage = Stage::new();
    let args = arguments([
        ("command", "seq 1 100000; echo done >done".into()),
        ("workdir", "".into()),
    ]);
    let command =
        prepare("shell", &args, stage.context.clone()).unwrap_or_else(|error| panic!("{error}"));
    let (outbox, events) = Outbox::channel();
    drop(events);
    let (_interrupter, interrupts) = Interrupts::channel();
    on_runtime(command.run(outbox, interrupts));
    assert_eq!(stage.read("done"), "done\n");
}

#[test]
fn the_buffer_is_sent_after_its_time_while_the_program_runs() {
    let mut stage = Stage::new();
    stage.context.settings = std::sync::Arc::new(buildbot_worker::output::Settings {
        buffer_timeout: Duration::from_millis(200),
        ..Default::default()
    });
    let mut early = false;
    let heard = stage.run_with(
        "shell",
        arguments([
            (
                "command",
                "echo first; while test ! -e go; do sleep 0.05; done".into(),
            ),
            ("workdir", "".into()),
        ]),
        |event, _| {
            if crate::stage::says(event, "first") {
                early = true;
                stage.write("go", "");
            }
        },
    );
    assert!(early);
    assert_eq!(heard.rc(), Some(0));
}
