//! Workers that are asked to stop.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Stage, WorkerOptions, ours_alone,
    same_outcome, wait_until,
};
use rustix::process::Signal;
use std::fs;

over_both_protocols! {
    the_master_shuts_an_idle_worker_down with waiting;
    the_master_lets_a_build_end_before_the_shutdown with waiting;
    sighup_without_the_option_ends_the_worker with waiting;
}

/// A build that goes on until the file `go` appears.
fn waiting() -> MasterConfig {
    let command = "touch started; while ! test -e go; do sleep 0.1; done; echo went on";
    MasterConfig::new().builder(
        Builder::new("b")
            .shell("wait", command)
            .shell("then", "echo then"),
    )
}

fn the_master_shuts_an_idle_worker_down(stage: &mut Stage) -> Result<Outcome> {
    let mut worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.rest().control_worker("w", "stop")?;
    let end = worker.wait_end()?;
    let last_line = worker.log()?.contains("Server Shut Down.");
    Ok(Outcome::default()
        .noting("end of the worker", end)
        .noting("the log has its last line", last_line))
}

/// Starts the build, asks with `ask`, lets the build end, and waits for the end of the worker.
fn shutdown_in_mid_build(
    stage: &mut Stage,
    options: &WorkerOptions,
    ask: impl FnOnce(&Stage, &buildbot_compat::Worker) -> Result<()>,
) -> Result<Outcome> {
    let mut worker = stage.attach_worker(options)?;
    let directory = worker.basedir().join("b/build");
    let request = stage.rest().force("b")?;
    wait_until("the command runs", PATIENCE, || {
        Ok(directory.join("started").exists())
    })?;
    ask(stage, &worker)?;
    ensure!(
        worker.is_running()?,
        "the worker has not waited for the build"
    );
    fs::write(directory.join("go"), "")?;
    let builds = stage.rest().finish(request, PATIENCE)?;
    Ok(Outcome::of_builds(builds).noting("end of the worker", worker.wait_end()?))
}

/// Waits until the master says that the worker is to stop when it is idle.
fn wait_graceful(stage: &Stage) -> Result<()> {
    wait_until("the master knows of the shutdown", PATIENCE, || {
        Ok(stage.rest().worker("w")?["graceful"] == true)
    })
}

fn the_master_lets_a_build_end_before_the_shutdown(stage: &mut Stage) -> Result<Outcome> {
    shutdown_in_mid_build(stage, &WorkerOptions::default(), |stage, _| {
        stage.rest().control_worker("w", "stop")?;
        wait_graceful(stage)
    })
}

fn sighup_without_the_option_ends_the_worker(stage: &mut Stage) -> Result<Outcome> {
    let mut worker = stage.attach_worker(&WorkerOptions::default())?;
    worker.signal(Signal::HUP)?;
    Ok(Outcome::default().noting("end of the worker", worker.wait_end()?))
}

#[test]
fn sighup_stops_an_idle_worker_over_pb() -> Result<()> {
    same_outcome("sighup-idle", Protocol::Pb, waiting(), |stage| {
        let mut worker =
            stage.attach_worker(&WorkerOptions::default().create("--allow-shutdown=signal"))?;
        worker.wait_log("Connected to buildmaster; worker is ready", 1)?;
        worker.signal(Signal::HUP)?;
        Ok(Outcome::default().noting("end of the worker", worker.wait_end()?))
    })
}

#[test]
fn sighup_lets_a_build_end_over_pb() -> Result<()> {
    same_outcome("sighup-build", Protocol::Pb, waiting(), |stage| {
        let options = WorkerOptions::default().create("--allow-shutdown=signal");
        shutdown_in_mid_build(stage, &options, |stage, worker| {
            worker.signal(Signal::HUP)?;
            wait_graceful(stage)
        })
    })
}

#[test]
fn shutdown_stamp_lets_a_build_end_over_pb() -> Result<()> {
    same_outcome("stamp", Protocol::Pb, waiting(), |stage| {
        let options = WorkerOptions::default().create("--allow-shutdown=file");
        shutdown_in_mid_build(stage, &options, |stage, worker| {
            fs::write(worker.basedir().join("shutdown.stamp"), "")?;
            wait_graceful(stage)
        })
    })
}

/// Over msgpack there is no request for it; the Python worker fails (`worker-cli.md` 7).
#[test]
fn ours_lets_the_running_command_end_on_sighup_over_msgpack() -> Result<()> {
    ours_alone("sighup-msgpack", Protocol::Msgpack, waiting(), |stage| {
        let options = WorkerOptions::default().create("--allow-shutdown=signal");
        let mut worker = stage.attach_worker(&options)?;
        let directory = worker.basedir().join("b/build");
        let request = stage.rest().force("b")?;
        wait_until("the command runs", PATIENCE, || {
            Ok(directory.join("started").exists())
        })?;
        let before = worker.log()?.len();
        worker.signal(Signal::HUP)?;
        wait_until("the worker logs the request", PATIENCE, || {
            Ok(worker.log()?.len() > before)
        })?;
        ensure!(
            worker.is_running()?,
            "the worker has not waited for the command"
        );
        fs::write(directory.join("go"), "")?;
        let end = worker.wait_end()?;
        ensure!(
            end == "exit 0",
            "the worker ended with {end}, expected exit 0"
        );
        let build = stage.rest().started(request)?;
        wait_until("the first step is over", PATIENCE, || {
            Ok(stage.rest().build(build)?.step("wait")?.results.is_some())
        })?;
        let first = stage.rest().build(build)?;
        ensure!(
            first.step("wait")?.results == Some(0),
            "the command did not run to its end:\n{first}"
        );
        Ok(())
    })
}
