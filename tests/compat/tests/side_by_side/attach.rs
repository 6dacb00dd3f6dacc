//! A worker comes and goes.

use anyhow::{Result, ensure};
use buildbot_compat::{Builder, MasterConfig, Outcome, PATIENCE, Stage, WorkerOptions, wait_until};
use serde_json::{Value, json};

over_both_protocols! {
    a_worker_attaches_and_is_stopped with two_builders;
    a_worker_that_is_killed_comes_back with two_builders;
    leftover_directories_are_removed_on_request with two_builders;
    leftover_directories_stay_without_the_option with two_builders;
    a_builder_is_added_used_and_removed with two_builders;
}

fn two_builders() -> MasterConfig {
    let builder = |name| Builder::new(name).shell("say", "echo hello");
    MasterConfig::new()
        .builder(builder("one"))
        .builder(builder("two"))
}

/// The info that the master stores; ours tells more.
fn reference_info(stage: &Stage) -> Result<Value> {
    let worker = stage.rest().worker("w")?;
    let info = &worker["workerinfo"];
    Ok(["admin", "host", "access_uri", "version"]
        .iter()
        .map(|key| ((*key).to_owned(), info[key].clone()))
        .collect())
}

fn a_worker_attaches_and_is_stopped(stage: &mut Stage) -> Result<Outcome> {
    let mut worker = stage.attach_worker(&WorkerOptions::default())?;
    worker.wait_log("message from master: attached", 3)?;
    let log = worker.log()?;
    for line in [
        "Starting Worker -- version: 4.3.0",
        "message from master: attached",
    ] {
        ensure!(log.contains(line), "the worker's log lacks {line:?}");
    }
    let info = reference_info(stage)?;
    let outcome = stage.builds(&["one", "two"])?;
    let end = worker.stop()?;
    stage.rest().wait_detached("w")?;
    ensure!(
        worker.log()?.contains("Server Shut Down."),
        "the worker's log lacks its last line"
    );
    Ok(outcome
        .noting("worker info", info)
        .noting("end of the worker after SIGTERM", end)
        .noting("one is there", worker.basedir().join("one").is_dir())
        .noting("two is there", worker.basedir().join("two").is_dir())
        .noting(
            "there is a twistd.pid",
            worker.basedir().join("twistd.pid").exists(),
        ))
}

fn a_worker_that_is_killed_comes_back(stage: &mut Stage) -> Result<Outcome> {
    let mut worker = stage.attach_worker(&WorkerOptions::default())?;
    worker.signal(rustix::process::Signal::KILL)?;
    let end = worker.wait_end()?;
    stage.rest().wait_detached("w")?;
    let request = stage.rest().force("one")?;
    worker.start()?;
    let builds = stage.rest().finish(request, PATIENCE)?;
    Ok(Outcome::of_builds(builds).noting("end of the killed worker", end))
}

/// The entries of the worker's base directory that no builder owns.
fn leftover(stage: &Stage, options: &WorkerOptions) -> Result<Outcome> {
    let worker = stage.create_worker(
        &options
            .clone()
            .file("old-builder/build/file", "old")
            .file("old-file", "a file stays"),
    )?;
    let outside = stage.directory().join("outside");
    std::fs::create_dir(&outside)?;
    std::fs::write(outside.join("precious"), "not the worker's")?;
    std::os::unix::fs::symlink(&outside, worker.basedir().join("old-builder/link"))?;
    let mut worker = worker;
    worker.start()?;
    stage.rest().wait_attached("w")?;
    worker.wait_log("message from master: attached", 3)?;
    let there = |path: &str| worker.basedir().join(path).exists();
    Ok(stage
        .builds(&["one"])?
        .noting("the leftover directory is there", there("old-builder"))
        .noting("the file is there", there("old-file"))
        .noting("info is there", there("info/admin"))
        .noting(
            "what a link led to is there",
            outside.join("precious").exists(),
        )
        .noting(
            "the log names the leftover",
            worker.log()?.contains("old-builder"),
        ))
}

fn leftover_directories_are_removed_on_request(stage: &mut Stage) -> Result<Outcome> {
    leftover(
        stage,
        &WorkerOptions::default().create("--delete-leftover-dirs"),
    )
}

fn leftover_directories_stay_without_the_option(stage: &mut Stage) -> Result<Outcome> {
    leftover(stage, &WorkerOptions::default())
}

fn a_builder_is_added_used_and_removed(stage: &mut Stage) -> Result<Outcome> {
    let worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.reconfigure(|config| {
        config.builder(Builder::new("extra").shell("say", "echo extra; pwd"))
    })?;
    let mut outcome = stage.builds(&["extra", "one"])?;
    stage.reconfigure(|config| config)?;
    let directory = worker.basedir().join("extra");
    outcome.builds.push(stage.build("two")?);
    outcome.note(
        "the directory of the removed builder is there",
        directory.is_dir(),
    );
    stage.reconfigure(|config| config.builder(Builder::new("extra").shell("say", "echo again")))?;
    outcome.builds.push(stage.build("extra")?);
    wait_until("the worker is idle and attached", PATIENCE, || {
        stage.rest().is_attached("w")
    })?;
    outcome.note("builders", json!(["one", "two", "extra"]));
    Ok(outcome)
}
