//! The commands that an administrator types: `start`, `restart`, `stop`.

use anyhow::{Context, Result, ensure};
use buildbot_compat::{Builder, MasterConfig, Outcome, Stage, Worker, WorkerOptions};
use std::fs;

over_both_protocols! {
    a_daemon_is_started_restarted_and_stopped with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello; umask; pwd"))
}

/// Runs a command of the worker program; its exit code and the line that says how it went.
fn run(worker: &Worker, command: &str, expected: &str) -> Result<String> {
    let output = worker
        .command()?
        .arg(command)
        .arg(worker.basedir())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        text.contains(expected),
        "`{command}` printed no {expected:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.status.to_string())
}

/// The process id in `twistd.pid`, which has no newline.
fn pid(worker: &Worker) -> Result<i32> {
    let text = fs::read_to_string(worker.basedir().join("twistd.pid"))?;
    text.parse()
        .with_context(|| format!("twistd.pid holds {text:?}"))
}

fn a_daemon_is_started_restarted_and_stopped(stage: &mut Stage) -> Result<Outcome> {
    const STARTED: &str = "The buildbot-worker appears to have (re)started correctly.";
    let worker = stage.create_worker(&WorkerOptions::default())?;
    let idle_stop = run(&worker, "stop", "worker not running")?;
    let start = run(&worker, "start", STARTED)?;
    stage.rest().wait_attached("w")?;
    let first = pid(&worker)?;
    let mut outcome = stage.builds(&["b"])?;
    let restart = run(&worker, "restart", STARTED)?;
    ensure!(pid(&worker)? != first, "the process is still {first}");
    stage.rest().wait_attached("w")?;
    outcome.builds.push(stage.build("b")?);
    let stop = run(&worker, "stop", "is dead")?;
    stage.wait_processes(0)?;
    ensure!(
        !worker.basedir().join("twistd.pid").exists(),
        "twistd.pid is still there"
    );
    Ok(outcome
        .noting("stop of what does not run", idle_stop)
        .noting("start", start)
        .noting("restart", restart)
        .noting("stop", stop))
}
