//! How a worker is started: by what an administrator types, and as a container does it.

use anyhow::{Context, Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, Stage, Worker, WorkerKind, WorkerOptions, python_program,
    worker_program,
};
use std::fs;

over_both_protocols! {
    a_daemon_is_started_restarted_and_stopped with one_builder;
    the_start_line_of_the_container_image_runs_a_worker with no_password_in_sight;
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

/// A file like the one of the official container image, which takes its values from the environment.
const CONTAINER_TAC: &str =
    include_str!("../../../../crates/tac/tests/files/container-defaults.tac");

fn no_password_in_sight() -> MasterConfig {
    let command = "echo hello; pwd; env | grep WORKERPASS || echo no password";
    MasterConfig::new().builder(Builder::new("b").shell("say", command))
}

fn the_start_line_of_the_container_image_runs_a_worker(stage: &mut Stage) -> Result<Outcome> {
    let port = stage.master.port(stage.protocol).to_string();
    let options = WorkerOptions::default()
        .env("BUILDMASTER", "127.0.0.1")
        .env("BUILDMASTER_PORT", &port)
        .env("BUILDMASTER_PROTOCOL", stage.protocol.name())
        .env("WORKERNAME", "w")
        .env("WORKERPASS", "pw");
    let mut worker = stage.create_worker(&options)?;
    fs::write(worker.basedir().join("buildbot.tac"), CONTAINER_TAC)?;
    let program = match stage.kind {
        WorkerKind::Python => python_program("twistd")?,
        WorkerKind::Rust => {
            let link = stage.directory().join("twistd");
            std::os::unix::fs::symlink(worker_program(stage.kind)?, &link)?;
            link
        }
    };
    let mut command = worker.command_of(&program);
    command
        .args(["--pidfile=", "-ny", "buildbot.tac"])
        .current_dir(worker.basedir());
    worker.start_by(command)?;
    stage.rest().wait_attached("w")?;
    let outcome = stage.builds(&["b"])?;
    let end = worker.stop()?;
    let output = fs::read_to_string(worker.basedir().with_extension("output"))?;
    ensure!(
        output.contains("message from master: attached") && output.contains("Server Shut Down."),
        "the log on standard output is {output:?}"
    );
    let exists = |name: &str| worker.basedir().join(name).exists();
    Ok(outcome
        .noting("end of the worker", end)
        .noting("there is a twistd.pid", exists("twistd.pid"))
        .noting("there is a twistd.log", exists("twistd.log")))
}
