//! Ways to the master, and whether anybody is at their end.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, PbEndpoint, Protocol, Relay, RelayKind, Stage,
    WorkerOptions, ours_alone, same_outcome, wait_until,
};
use serde_json::json;

over_both_protocols! {
    a_worker_starts_before_its_master_listens with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello"))
}

fn a_build_runs_over_ipv6(stage: &mut Stage) -> Result<Outcome> {
    let relay = Relay::start_on("::1", RelayKind::Plain, stage.master.port(stage.protocol))?;
    let options = WorkerOptions::default().address(&format!("[::1]:{}", relay.port()));
    let _worker = stage.attach_worker(&options)?;
    stage.builds(&["b"])
}

#[test]
fn a_build_runs_over_ipv6_over_pb() -> Result<()> {
    let config = one_builder();
    same_outcome("ipv6", Protocol::Pb, config, a_build_runs_over_ipv6)
}

/// The Python worker makes a URL of it that it does not understand itself.
#[test]
fn ours_reaches_a_master_by_ipv6_over_msgpack() -> Result<()> {
    ours_alone("ipv6", Protocol::Msgpack, one_builder(), |stage| {
        let outcome = a_build_runs_over_ipv6(stage)?;
        ensure!(
            outcome.builds.iter().all(|build| build.results == Some(0)),
            "the build fails:\n{outcome}"
        );
        Ok(())
    })
}

#[test]
fn a_build_runs_over_a_socket_in_the_file_system_over_pb() -> Result<()> {
    let config = one_builder().pb(PbEndpoint::Unix);
    same_outcome("unix", Protocol::Pb, config, |stage| {
        let socket = stage.master.socket();
        let option = format!("--connection-string=unix:{}:lockfile=1", socket.display());
        let _worker = stage.attach_worker(&WorkerOptions::default().create(option))?;
        stage.builds(&["b"])
    })
}

/// The master asks for a sign of life every second.
fn watched() -> MasterConfig {
    one_builder().worker("w", "pw", json!({"keepalive_interval": 1}))
}

/// Over msgpack the 4.3.0 worker sends none, and the master one in an hour.
#[test]
fn both_sides_send_keepalives_over_pb() -> Result<()> {
    same_outcome("keepalives", Protocol::Pb, watched(), keepalives)
}

fn keepalives(stage: &mut Stage) -> Result<Outcome> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let options = WorkerOptions::default()
        .create("--keepalive=1")
        .port(relay.port());
    let mut worker = stage.attach_worker(&options)?;
    worker.wait_log("message from master: attached", 2)?;
    for _ in 0..2 {
        let (to_master, to_worker) = (relay.bytes_to_master(), relay.bytes_to_worker());
        wait_until("bytes flow both ways without a build", PATIENCE, || {
            Ok(relay.bytes_to_master() > to_master && relay.bytes_to_worker() > to_worker)
        })?;
    }
    let outcome = stage
        .builds(&["b"])?
        .noting("connections", relay.connections());
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn a_worker_starts_before_its_master_listens(stage: &mut Stage) -> Result<Outcome> {
    stage.master.kill()?;
    let worker = stage.start_worker(&WorkerOptions::default())?;
    wait_until("the worker has logged something", PATIENCE, || {
        Ok(!worker.log()?.is_empty())
    })?;
    stage.master.start_again()?;
    stage.rest().wait_attached("w")?;
    stage.builds(&["b"])
}

/// A peer that is there and says nothing: the Python worker waits for ever.
fn silent_master(stage: &mut Stage) -> Result<()> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let options = WorkerOptions::default()
        .create("--keepalive=1")
        .argument("keepaliveTimeout=2")
        .port(relay.port());
    let worker = stage.attach_worker(&options)?;
    stage.rest().force("b")?;
    wait_until("the command runs", PATIENCE, || {
        Ok(stage.count_processes()? > 1)
    })?;
    relay.hold(true);
    wait_until("the worker connects again", PATIENCE, || {
        Ok(relay.connections() >= 2)
    })?;
    stage.wait_processes(1)?;
    relay.hold(false);
    worker.wait_log("message from master: attached", 3)
}

/// The same for a master that stands still for a while, as a suspended machine does.
fn frozen_master(stage: &mut Stage) -> Result<()> {
    let options = WorkerOptions::default()
        .create("--keepalive=1")
        .create("--maxdelay=0")
        .argument("keepaliveTimeout=2");
    let worker = stage.attach_worker(&options)?;
    let request = stage.rest().force("b")?;
    wait_until("the command runs", PATIENCE, || {
        Ok(worker.basedir().join("b/build/seen").exists())
    })?;
    stage.master.freeze(true)?;
    worker.wait_log("the master does not answer the keep-alive", 1)?;
    stage.wait_processes(1)?;
    stage.master.freeze(false)?;
    let builds = stage.rest().finish(request, PATIENCE)?;
    let results: Vec<_> = builds.iter().map(|build| build.results).collect();
    ensure!(
        results == [Some(5), Some(0)],
        "the build is not tried again: {results:?}"
    );
    Ok(())
}

#[test]
fn ours_connects_again_to_a_master_that_stood_still_over_pb() -> Result<()> {
    ours_alone("frozen", Protocol::Pb, sleeper(), frozen_master)
}

#[test]
fn ours_connects_again_to_a_master_that_stood_still_over_msgpack() -> Result<()> {
    ours_alone("frozen", Protocol::Msgpack, sleeper(), frozen_master)
}

fn sleeper() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell(
        "sleep",
        "if ! test -e seen; then touch seen; sleep 1000; fi",
    ))
}

#[test]
fn ours_gives_a_silent_connection_up_over_pb() -> Result<()> {
    ours_alone("silent", Protocol::Pb, sleeper(), silent_master)
}

#[test]
fn ours_gives_a_silent_connection_up_over_msgpack() -> Result<()> {
    ours_alone("silent", Protocol::Msgpack, sleeper(), silent_master)
}
