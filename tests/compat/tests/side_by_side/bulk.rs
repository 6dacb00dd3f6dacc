//! Much output of every kind, compared with what the rules make of it (`worker-commands.md` 1.3): the Python worker
//! does not follow them for long lines.
//!
//! The sizes are chosen for the 4.3.0 master, which stores about 2 MB in a second. A million lines and ten million
//! bytes without a newline are in the worker's own tests.

use anyhow::{Context, Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, PATIENCE, Protocol, Stage, WorkerOptions, ensure_lines, lines_of,
    ours_alone,
};
use serde_json::json;
use std::process::{Command, Stdio};

/// Programs by name. The test runs them as well.
const PROGRAMS: &[(&str, &str)] = &[
    ("short lines", "seq 1 100000"),
    ("no newline", "seq 1 60000 | tr '\\n' ' '"),
    (
        "long lines",
        "for n in 4094 4095 4096 4097 8189 8190 8191 30000; do seq 1 9999 | tr -d '\\n' | head -c $n; echo; done",
    ),
    (
        "progress",
        r"for i in $(seq 1 3000); do printf '%d of 3000\r' $i; done; printf '\r\nall\r'",
    ),
    (
        "bytes that are sometimes UTF-8",
        r"seq 1 10000 | LC_ALL=C tr '01234' '\303\251\342\202\254'",
    ),
    (
        "killed in mid-line",
        "seq 1 1000; printf 'half a li'; kill -9 $$",
    ),
    (
        "a child killed in mid-line",
        "sh -c 'seq 1 1000; printf half; kill -9 $$' 2>/dev/null; echo ' a line'",
    ),
];

/// Writes to both streams and two log files by turns.
const SEVERAL: &str = "for i in $(seq 1 1000); do echo out $i; echo err $i >&2; echo a $i >>a.log; \
    echo b $i >>b.log; done; printf 'the end' | tee -a a.log b.log";

fn config() -> MasterConfig {
    let builder = PROGRAMS.iter().fold(Builder::new("b"), |builder, (name, program)| {
        builder.step(json!({"class": "ShellCommand", "name": name, "command": program, "haltOnFailure": false,
            "flunkOnFailure": false}))
    });
    MasterConfig::new().builder(builder.step(
        json!({"class": "ShellCommand", "name": "several", "command": SEVERAL,
        "logfiles": {"a": "a.log", "b": {"filename": "b.log", "follow": true}}}),
    ))
}

fn output_of(program: &str) -> Result<Vec<u8>> {
    let output = Command::new("/bin/sh")
        .args(["-c", program])
        .stdin(Stdio::null())
        .output()
        .context("while running /bin/sh")?;
    ensure!(!output.stdout.is_empty(), "`{program}` prints nothing");
    Ok(output.stdout)
}

fn everything_arrives(stage: &mut Stage) -> Result<()> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    let rest = stage.rest();
    let builds = rest.finish(rest.force("b")?, 3 * PATIENCE)?;
    let build = builds.first().context("there is no build")?;
    let log = |step: &str, name: &str| {
        let log = build.step(step)?.log(name).cloned();
        log.with_context(|| format!("step {step} has no log {name}"))
    };
    for (name, program) in PROGRAMS {
        ensure_lines(
            name,
            &log(name, "stdio")?.out,
            &lines_of(&output_of(program)?),
        )?;
    }
    let lines = |word: &str, end: &[&str]| -> Vec<String> {
        let numbered = (1..=1000).map(|number| format!("{word} {number}"));
        numbered
            .chain(end.iter().map(|&end| end.to_owned()))
            .collect()
    };
    let both = log("several", "stdio")?;
    ensure_lines("stdout", &both.out, &lines("out", &["the end"]))?;
    ensure_lines("stderr", &both.err, &lines("err", &[]))?;
    for name in ["a", "b"] {
        ensure_lines(name, &log("several", name)?.out, &lines(name, &["the end"]))?;
    }
    Ok(())
}

#[test]
fn ours_passes_everything_on_over_pb() -> Result<()> {
    ours_alone("bulk", Protocol::Pb, config(), everything_arrives)
}

#[test]
fn ours_passes_everything_on_over_msgpack() -> Result<()> {
    ours_alone("bulk", Protocol::Msgpack, config(), everything_arrives)
}
