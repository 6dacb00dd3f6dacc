//! A worker comes and goes.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Stage, WorkerOptions, ours_alone,
    wait_until,
};
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

/// The info that the master shows.
fn shown_info(stage: &Stage) -> Result<Value> {
    Ok(stage.rest().worker("w")?["workerinfo"].take())
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
    let info = shown_info(stage)?;
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

/// A build that says what the master knows of the worker; the interface shows only a part of it.
fn telling() -> MasterConfig {
    let command = ["numcpus", "implementation", "version"]
        .map(|key| json!({"$interpolate": format!("{key}: %(worker:{key})s\n")}));
    let step = json!({"class": "ShellCommand", "name": "say", "command": ["printf", "%s%s%s", command[0], command[1], command[2]]});
    MasterConfig::new().builder(Builder::new("b").step(step))
}

/// `numcpus` is an option that the reference does not use, `implementation` something that only ours tells;
/// `access_uri` is a symbolic link here.
fn what_is_reported(stage: &mut Stage) -> Result<()> {
    let mut worker = stage.create_worker(&WorkerOptions::default().create("--numcpus=7"))?;
    let link = worker.basedir().join("info/access_uri");
    let target = stage.directory().join("uri");
    std::fs::rename(&link, &target)?;
    std::os::unix::fs::symlink(&target, &link)?;
    worker.start()?;
    stage.rest().wait_attached("w")?;
    let info = shown_info(stage)?;
    ensure!(
        info["access_uri"] == json!("ssh://ci.example.invalid\n"),
        "the master shows {info}"
    );
    let said = stage.build("b")?.step("say")?.stdout();
    let lines: Vec<&str> = said.lines().collect();
    ensure!(
        matches!(lines[..], ["numcpus: 7", implementation, "version: 4.3.0"]
            if implementation.starts_with("implementation: buildbot-rs ")),
        "the master knows {lines:?}"
    );
    Ok(())
}

#[test]
fn ours_reports_what_it_is_told_and_what_it_is_over_pb() -> Result<()> {
    ours_alone("reported", Protocol::Pb, telling(), what_is_reported)
}

#[test]
fn ours_reports_what_it_is_told_and_what_it_is_over_msgpack() -> Result<()> {
    let config = telling();
    ours_alone("reported", Protocol::Msgpack, config, what_is_reported)
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

/// The entries of the worker's base directory that no builder owns. `names_it`: the log must say which.
fn leftover(stage: &Stage, options: &WorkerOptions, names_it: bool) -> Result<Outcome> {
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
    let mut outcome = stage.builds(&["one"])?;
    if names_it {
        outcome.note(
            "the log names the leftover",
            worker.log()?.contains("old-builder"),
        );
    }
    Ok(outcome
        .noting("the leftover directory is there", there("old-builder"))
        .noting("the file is there", there("old-file"))
        .noting("info is there", there("info/admin"))
        .noting(
            "what a link led to is there",
            outside.join("precious").exists(),
        ))
}

fn leftover_directories_are_removed_on_request(stage: &mut Stage) -> Result<Outcome> {
    leftover(
        stage,
        &WorkerOptions::default().create("--delete-leftover-dirs"),
        true,
    )
}

fn leftover_directories_stay_without_the_option(stage: &mut Stage) -> Result<Outcome> {
    // Over msgpack the master does not tell which directories are wanted, so ours cannot know what is left over.
    let names_it = stage.protocol == Protocol::Pb;
    leftover(stage, &WorkerOptions::default(), names_it)
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
