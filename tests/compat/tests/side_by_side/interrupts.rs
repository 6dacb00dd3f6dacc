//! Builds that are stopped from outside.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Relay, RelayKind, Stage, Worker,
    WorkerKind, WorkerOptions, ours_alone, wait_until,
};
use rustix::process::Signal;
use serde_json::{Value, json};

over_both_protocols! {
    an_interrupted_build_ends_as_asked with interruptible;
    an_interrupted_upload_ends with transfers;
    a_cut_connection_means_retry with one_command_then_quick;
    a_master_that_is_killed_comes_back with one_command_then_quick;
    a_worker_that_is_killed_in_mid_build_means_retry with one_command_then_quick;
}

/// A build whose first step runs `command`, which makes the file `started` when it is ready to be disturbed.
fn long_running(name: &str, command: &str, arguments: Value) -> Builder {
    let mut step = json!({"class": "ShellCommand", "name": "long", "command": format!("echo before; {command}")});
    if let (Some(step), Value::Object(arguments)) = (step.as_object_mut(), arguments) {
        step.extend(arguments);
    }
    Builder::new(name).step(step).shell("never", "echo never")
}

fn interruptible() -> MasterConfig {
    MasterConfig::new()
        .builder(long_running(
            "plain",
            "touch started; sleep 1000",
            json!({}),
        ))
        .builder(long_running(
            "group",
            "sh -c 'sleep 1000' & touch started; sleep 1000 | cat",
            json!({}),
        ))
        .builder(long_running(
            "term",
            "trap 'echo got term; exit 7' TERM; touch started; sleep 1000 & wait",
            json!({"sigtermTime": 5}),
        ))
        .builder(long_running(
            "int",
            "trap 'echo got int; exit 8' INT; touch started; sleep 1000 & wait",
            json!({"interruptSignal": "INT"}),
        ))
        .builder(long_running(
            "term-then-kill",
            "trap '' TERM; touch started; while :; do sleep 0.1; done",
            json!({"sigtermTime": 1}),
        ))
        .builder(long_running(
            "pty",
            "touch started; sleep 1000",
            json!({"usePTY": true}),
        ))
        .builder(Builder::new("after").shell("say", "echo after"))
}

fn wait_started(worker: &Worker, builder: &str) -> Result<()> {
    let started = worker.basedir().join(builder).join("build/started");
    wait_until("the command runs", PATIENCE, || Ok(started.exists()))
}

fn an_interrupted_build_ends_as_asked(stage: &mut Stage) -> Result<Outcome> {
    let options = WorkerOptions::default();
    let mut worker = stage.attach_worker(&options)?;
    let rest = stage.rest();
    let mut outcome = Outcome::default();
    for builder in ["plain", "group", "term", "int", "term-then-kill", "pty"] {
        let request = rest.force(builder)?;
        let build = rest.started(request)?;
        wait_started(&worker, builder)?;
        rest.stop_build(build, "enough")?;
        outcome.builds.extend(rest.finish(request, PATIENCE)?);
    }
    outcome.builds.push(stage.build("after")?);
    // The Python worker loses what a program says after an interrupt without `sigtermTime`.
    let build = outcome
        .builds
        .iter_mut()
        .find(|build| build.builder == "int");
    for log in build
        .into_iter()
        .flat_map(|build| &mut build.steps)
        .flat_map(|step| &mut step.logs)
    {
        let said = log.out.iter().any(|line| line == "got int");
        if stage.kind == WorkerKind::Rust && log.name == "stdio" {
            ensure!(said, "the last words are lost: {:?}", log.out);
        }
        log.out.retain(|line| line != "got int");
    }
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn transfers() -> MasterConfig {
    let upload = |name: &str| {
        json!({"class": "FileUpload", "name": name, "workersrc": "/dev/zero",
        "masterdest": "uploads/zero", "blocksize": 16, "maxsize": 1_000_000_000})
    };
    MasterConfig::new()
        .builder(
            Builder::new("upload")
                .step(upload("endless"))
                .shell("never", "echo never"),
        )
        .builder(Builder::new("after").shell("say", "echo after"))
}

fn an_interrupted_upload_ends(stage: &mut Stage) -> Result<Outcome> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let _worker = stage.attach_worker(&WorkerOptions::default().port(relay.port()))?;
    let rest = stage.rest();
    let request = rest.force("upload")?;
    let build = rest.started(request)?;
    let before = relay.bytes_to_master();
    wait_until("the upload is under way", PATIENCE, || {
        Ok(relay.bytes_to_master() > before + 10_000)
    })?;
    rest.stop_build(build, "enough")?;
    let mut outcome = Outcome::of_builds(rest.finish(request, PATIENCE)?);
    outcome.builds.push(stage.build("after")?);
    Ok(outcome)
}

/// The command runs for ever in its first build and ends at once in the next.
fn one_command_then_quick() -> MasterConfig {
    let command = "if test -e seen; then echo second time; else touch seen; sleep 1000; fi";
    MasterConfig::new().builder(
        Builder::new("b")
            .shell("run", command)
            .shell("then", "echo then"),
    )
}

/// Forces a build, waits until its command runs, lets `disturb` do its worst, and waits for the end of it all.
fn disturbed(
    stage: &mut Stage,
    worker: &mut Worker,
    disturb: impl FnOnce(&mut Stage, &mut Worker) -> Result<()>,
) -> Result<Outcome> {
    let rest = stage.rest();
    let request = rest.force("b")?;
    let seen = worker.basedir().join("b/build/seen");
    wait_until("the command runs", PATIENCE, || Ok(seen.exists()))?;
    disturb(stage, worker)?;
    let mut builds = rest.finish(request, PATIENCE)?;
    // Which it calls the lost step depends on what the 4.3.0 master notices first; the build is a retry either way.
    for build in &mut builds {
        build.state = build.state.replace("(exception)", "(retry)");
        for step in build
            .steps
            .iter_mut()
            .filter(|step| step.results == Some(4))
        {
            step.results = Some(5);
            step.state = step.state.replace("(exception)", "(retry)");
            step.logs.retain(|log| !log.name.starts_with("err."));
        }
    }
    Ok(Outcome::of_builds(builds))
}

fn a_cut_connection_means_retry(stage: &mut Stage) -> Result<Outcome> {
    let options = WorkerOptions::default();
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let mut worker = stage.attach_worker(&options.port(relay.port()))?;
    let outcome = disturbed(stage, &mut worker, |_, _| {
        relay.cut();
        Ok(())
    })?;
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn a_master_that_is_killed_comes_back(stage: &mut Stage) -> Result<Outcome> {
    let options = WorkerOptions::default();
    let mut worker = stage.attach_worker(&options)?;
    let outcome = disturbed(stage, &mut worker, |stage, _| {
        stage.master.kill()?;
        stage.master.start_again()
    })?;
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn a_worker_that_is_killed_in_mid_build_means_retry(stage: &mut Stage) -> Result<Outcome> {
    let options = WorkerOptions::default();
    let mut worker = stage.attach_worker(&options)?;
    let outcome = disturbed(stage, &mut worker, |stage, worker| {
        worker.signal(Signal::KILL)?;
        worker.wait_end()?;
        stage.rest().wait_detached("w")?;
        worker.start()
    })?;
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

/// Over msgpack the Python worker lets the command run on (`protocol-msgpack.md` 6.5).
#[test]
fn ours_kills_the_command_when_the_connection_is_cut_over_msgpack() -> Result<()> {
    ours_alone(
        "killed-on-cut",
        Protocol::Msgpack,
        one_command_then_quick(),
        |stage| {
            let options = WorkerOptions::default();
            let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
            let mut worker = stage.attach_worker(&options.port(relay.port()))?;
            disturbed(stage, &mut worker, |_, _| {
                relay.cut();
                Ok(())
            })?;
            stage.wait_processes(1)
        },
    )
}

/// A child and a grandchild that do not want to end, one with the pipes and one without.
fn stubborn() -> MasterConfig {
    let command = "(trap '' TERM INT; (sleep 1000; :) & touch started; sleep 1000) & \
        (trap '' TERM INT HUP; sleep 1000) >/dev/null 2>&1 </dev/null & sleep 1000";
    MasterConfig::new()
        .builder(long_running("b", command, json!({})))
        .builder(long_running("pty", command, json!({"usePTY": true})))
}

fn stopped_in_mid_build(stage: &mut Stage) -> Result<()> {
    let mut worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.rest().force("b")?;
    stage.rest().force("pty")?;
    wait_started(&worker, "b")?;
    wait_started(&worker, "pty")?;
    let end = worker.stop()?;
    ensure!(
        end == "signal 15",
        "the worker ended with {end}, expected signal 15"
    );
    stage.wait_processes(0)
}

#[test]
fn ours_leaves_no_orphan_when_it_is_stopped_over_pb() -> Result<()> {
    ours_alone("no-orphan", Protocol::Pb, stubborn(), stopped_in_mid_build)
}

#[test]
fn ours_leaves_no_orphan_when_it_is_stopped_over_msgpack() -> Result<()> {
    ours_alone(
        "no-orphan",
        Protocol::Msgpack,
        stubborn(),
        stopped_in_mid_build,
    )
}

/// The Python worker leaves behind what has ignored the signal.
#[test]
fn ours_leaves_nothing_of_an_interrupted_group() -> Result<()> {
    let deaf = "(trap '' INT TERM; touch started; sleep 1000) & sleep 1000";
    let config =
        MasterConfig::new().builder(long_running("b", deaf, json!({"interruptSignal": "INT"})));
    ours_alone("interrupted-group", Protocol::Pb, config, |stage| {
        let worker = stage.attach_worker(&WorkerOptions::default())?;
        let rest = stage.rest();
        let request = rest.force("b")?;
        let build = rest.started(request)?;
        wait_started(&worker, "b")?;
        rest.stop_build(build, "enough")?;
        rest.finish(request, PATIENCE)?;
        stage.wait_processes(1)
    })
}
