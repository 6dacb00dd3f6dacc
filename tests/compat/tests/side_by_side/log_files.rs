//! Files that a step watches while its program runs.

use anyhow::{Context, Result};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, Protocol, Stage, WorkerOptions, ensure_lines, ours_alone,
};
use serde_json::{Value, json};

over_both_protocols! {
    log_files_are_read_as_they_grow with growing;
}

fn watching(name: &str, command: &str, logfiles: Value, timeout: u32) -> Value {
    json!({"class": "ShellCommand", "name": name, "command": command, "logfiles": logfiles, "timeout": timeout})
}

/// The worker looks every 2 s.
fn growing() -> MasterConfig {
    let command = "echo new >>old.log; sleep 2.5; printf 'late 1\\nlate' >late.log; rm gone.log; \
        echo another >gone.log; sleep 2.5; printf ' 2\\nno newline' >>late.log; echo newer >>old.log; \
        printf 'h\\303\\251\\r\\n\\377' >deep/bytes.log; : >empty.log";
    let logs = json!({
        "old": "old.log",
        "untouched": {"filename": "same.log"},
        "late": {"filename": "late.log", "follow": false},
        "bytes": "deep/bytes.log",
        "gone": "gone.log",
        "empty": "empty.log",
        "never": "never.log",
        "untouched and followed": {"filename": "same.log", "follow": true},
    });
    MasterConfig::new().builder(
        Builder::new("b")
            .shell(
                "prepare",
                "mkdir deep; printf 'old 1\\nold 2\\n' >old.log; echo same >same.log; echo first >gone.log",
            )
            // What the files get counts as output: there is none else for longer than the timeout.
            .step(watching("watch", &format!("echo third >>gone.log; {command}"), logs, 4)),
    )
}

fn log_files_are_read_as_they_grow(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.builds(&["b"])
}

/// With `follow` the Python worker loses what is written before it looks for the first time
/// (`worker-commands.md` 2.6).
fn followed() -> MasterConfig {
    let command = "echo new 1 >>old.log; seq 1 20000 >>much.log; rm again.log; sleep 2.5; printf 'new 2\\nend' >>old.log; \
        echo first >late.log; seq 20001 40000 >>much.log; echo new file >again.log";
    let follow = |file: &str| json!({"filename": file, "follow": true});
    let logs = json!({"old": follow("old.log"), "late": follow("late.log"), "much": follow("much.log"),
        "again": follow("again.log")});
    MasterConfig::new().builder(
        Builder::new("b")
            .shell(
                "prepare",
                "printf 'old 1\\nold 2\\n' | tee old.log >again.log; echo before >much.log",
            )
            .step(watching("watch", command, logs, 1200)),
    )
}

fn only_what_is_new(stage: &mut Stage) -> Result<()> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    let build = stage.build("b")?;
    let much: Vec<String> = (1..=40_000).map(|number| number.to_string()).collect();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (name, expected) in [
        ("old", lines("new 1\nnew 2\nend")),
        ("late", lines("first")),
        ("much", much),
        ("again", lines("new file")),
    ] {
        let log = build.step("watch")?.log(name);
        let log = log.with_context(|| format!("there is no log {name:?}"))?;
        ensure_lines(name, &log.out, &expected)?;
    }
    Ok(())
}

#[test]
fn ours_follows_a_log_file_from_its_size_at_the_start_over_pb() -> Result<()> {
    ours_alone("follow", Protocol::Pb, followed(), only_what_is_new)
}

#[test]
fn ours_follows_a_log_file_from_its_size_at_the_start_over_msgpack() -> Result<()> {
    ours_alone("follow", Protocol::Msgpack, followed(), only_what_is_new)
}
