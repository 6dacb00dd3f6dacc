//! Output: nothing is lost, reordered or changed.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Relay, RelayKind, Stage, WorkerOptions,
    ours_alone, wait_until,
};
use serde_json::json;
use std::fs;

over_both_protocols! {
    many_lines_at_once_then_slow_ones with much;
    several_logs_at_once with logs;
    output_is_decoded_from_latin_1 with latin_1;
    output_is_decoded_from_cp1252 with latin_1;
    output_is_decoded_from_euc_jp with euc_jp;
}

fn much() -> MasterConfig {
    MasterConfig::new()
        .builder(Builder::new("lines").shell("seq", "seq 1 6001; for i in 1 2 3; do echo slow $i; sleep 2; done"))
        .builder(Builder::new("both").shell("mixed",
            "for i in $(seq 1 300); do echo out $i; echo err $i >&2; done; printf 'the end'"))
        .builder(Builder::new("progress").shell("carriage returns",
            r"for i in $(seq 1 200); do printf '%d%%\r' $i; done; printf '\ndone\n'; printf 'a\r'; sleep 0.3; printf '\nb\n'"))
}

fn many_lines_at_once_then_slow_ones(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.builds(&["lines", "both", "progress"])
}

fn logs() -> MasterConfig {
    let command = "for i in $(seq 1 500); do echo $i >>a.log; echo b$i >>b.log; echo o$i; done; printf 'no newline' >>a.log";
    MasterConfig::new().builder(Builder::new("b").step(json!({"class": "ShellCommand", "name": "three logs",
        "command": command, "logfiles": {"a": "a.log", "b": {"filename": "b.log", "follow": false}}})))
}

fn several_logs_at_once(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.builds(&["b"])
}

fn in_encoding(stage: &mut Stage, encoding: &str) -> Result<Outcome> {
    let options = WorkerOptions::default().argument(&format!("unicode_encoding='{encoding}'"));
    let _worker = stage.attach_worker(&options)?;
    stage.builds(&["b"])
}

/// Valid and invalid bytes, and an argument that must be encoded.
fn latin_1() -> MasterConfig {
    MasterConfig::new().builder(
        Builder::new("b")
            .shell("bytes", r"printf 'h\344tte \200 \201 \223quoted\224 \377\n'")
            .step(json!({"class": "ShellCommand", "name": "argument", "command": ["printf", "%s\n", "hätte"]}))
            .step(json!({"class": "ShellCommand", "name": "argument in octal", "command": "printf 'hätte' | od -An -to1"})),
    )
}

fn output_is_decoded_from_latin_1(stage: &mut Stage) -> Result<Outcome> {
    in_encoding(stage, "latin-1")
}

fn output_is_decoded_from_cp1252(stage: &mut Stage) -> Result<Outcome> {
    in_encoding(stage, "cp1252")
}

fn euc_jp() -> MasterConfig {
    MasterConfig::new().builder(
        Builder::new("b")
            .shell("bytes", r"printf '\306\374\313\334\270\354 abc\n'; printf '\306'; sleep 0.3; printf '\374\n'")
            .step(json!({"class": "ShellCommand", "name": "argument", "command": "printf '日本' | od -An -to1"})),
    )
}

fn output_is_decoded_from_euc_jp(stage: &mut Stage) -> Result<Outcome> {
    in_encoding(stage, "euc-jp")
}

/// The Python worker loses characters of lines that need more than two pieces (`worker-commands.md` 1.3).
fn long_lines(stage: &mut Stage) -> Result<()> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    let build = stage.build("b")?;
    for (step, length) in [("5000", 5000), ("20000", 20_000), ("a million", 1_000_000)] {
        let step = build.step(step)?;
        let lines = &step
            .log("stdio")
            .map(|log| log.out.clone())
            .unwrap_or_default();
        let pieces: Vec<usize> = lines.iter().map(String::len).collect();
        let whole = lines.concat();
        ensure!(
            whole.len() == length + 3,
            "step {}: {} characters arrived, {} were sent",
            step.name,
            whole.len(),
            length + 3
        );
        ensure!(
            whole.starts_with("pre") && whole.bytes().skip(3).all(|byte| byte == b'7'),
            "the text is changed"
        );
        let (last, full) = pieces.split_last().unwrap_or((&0, &[]));
        // The first line, "pre", is a line of its own.
        ensure!(
            full.iter().skip(1).all(|piece| *piece == 4095) && *last <= 4095,
            "pieces of {pieces:?} characters"
        );
    }
    Ok(())
}

fn long_line_config() -> MasterConfig {
    let command = |n: u32| format!(r"printf 'pre\n'; head -c {n} /dev/zero | tr '\0' 7; echo");
    MasterConfig::new().builder(
        Builder::new("b")
            .shell("5000", &command(5000))
            .shell("20000", &command(20_000))
            .shell("a million", &command(1_000_000)),
    )
}

#[test]
fn ours_splits_long_lines_without_loss_over_pb() -> Result<()> {
    ours_alone("long-lines", Protocol::Pb, long_line_config(), long_lines)
}

#[test]
fn ours_splits_long_lines_without_loss_over_msgpack() -> Result<()> {
    ours_alone(
        "long-lines",
        Protocol::Msgpack,
        long_line_config(),
        long_lines,
    )
}

/// Resident memory of a process in kB.
fn resident_kb(process: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// A master that does not read: the program must wait, and the worker must not keep what it has printed.
fn slow_master(stage: &mut Stage) -> Result<()> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let worker = stage.attach_worker(&WorkerOptions::default().port(relay.port()))?;
    let before = resident_kb(worker.process_id()?)?;
    relay.hold(true);
    // The master's command reaches the worker, whatever the worker sends does not reach the master; the answer to
    // the ping before the build must.
    let rest = stage.rest();
    relay.hold(false);
    let request = rest.force("b")?;
    let progress = worker.basedir().join("b/build/progress");
    wait_until("the program prints", PATIENCE, || Ok(progress.exists()))?;
    relay.hold(true);
    let printed = || -> Result<u64> { Ok(fs::metadata(&progress)?.len()) };
    let mut last = (printed()?, std::time::Instant::now());
    wait_until("the program has not got on for 3 s", PATIENCE, || {
        let now = printed()?;
        if now != last.0 {
            last = (now, std::time::Instant::now());
        }
        Ok(last.1.elapsed().as_secs() >= 3)
    })?;
    let resident = resident_kb(worker.process_id()?)?;
    ensure!(printed()? < 400, "the program has not been held up");
    ensure!(
        resident < 32_000 && resident.saturating_sub(before) < 16_000,
        "the worker has {resident} kB, it had {before} kB"
    );
    relay.hold(false);
    let build = rest.started(request)?;
    rest.stop_build(build, "enough")?;
    rest.finish(request, PATIENCE)?;
    Ok(())
}

/// Prints up to 400 MB, one character into `progress` for each.
fn endless() -> MasterConfig {
    let command = r"for i in $(seq 1 400); do head -c 1000000 /dev/zero | tr '\0' x | fold -w 99; printf . >>progress; done";
    MasterConfig::new().builder(Builder::new("b").shell("endless", command))
}

#[test]
fn ours_holds_a_program_up_when_the_master_is_slow_over_pb() -> Result<()> {
    ours_alone("slow-master", Protocol::Pb, endless(), slow_master)
}

#[test]
fn ours_holds_a_program_up_when_the_master_is_slow_over_msgpack() -> Result<()> {
    ours_alone("slow-master", Protocol::Msgpack, endless(), slow_master)
}
