//! Logins that the master refuses.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Relay, RelayKind, Stage, WorkerOptions,
    free_port, ours_alone, wait_until,
};
use serde_json::json;

over_both_protocols! {
    a_wrong_password_is_tried_again with one_builder;
    an_unknown_name_is_tried_again_until_it_is_known with one_builder;
    a_second_worker_of_the_same_name_is_refused with one_builder;
    maxretries_ends_the_worker_with_exit_code_0 with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello"))
}

fn a_wrong_password_is_tried_again(stage: &mut Stage) -> Result<Outcome> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let options = WorkerOptions::default()
        .password("wrong:pässword")
        .port(relay.port());
    let mut worker = stage.start_worker(&options)?;
    wait_until("the worker connects a second time", PATIENCE, || {
        Ok(relay.connections() >= 2)
    })?;
    ensure!(worker.is_running()?, "the worker has ended");
    ensure!(
        !worker.log()?.contains("message from master: attached"),
        "the worker is attached"
    );
    let outcome = Outcome::default().noting("attached", stage.rest().is_attached("w")?);
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn an_unknown_name_is_tried_again_until_it_is_known(stage: &mut Stage) -> Result<Outcome> {
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    let options = WorkerOptions::default().name("stranger").port(relay.port());
    let mut worker = stage.start_worker(&options)?;
    wait_until("the worker connects a second time", PATIENCE, || {
        Ok(relay.connections() >= 2)
    })?;
    ensure!(worker.is_running()?, "the worker has ended");
    ensure!(
        !worker.log()?.contains("message from master: attached"),
        "the worker is attached"
    );
    stage.reconfigure(|config| config.worker("stranger", "pw", json!({})))?;
    stage.rest().wait_attached("stranger")?;
    let outcome = stage.builds(&["b"])?;
    Ok(outcome.noting("end of the worker", worker.stop()?))
}

fn a_second_worker_of_the_same_name_is_refused(stage: &mut Stage) -> Result<Outcome> {
    let first = stage.attach_worker(&WorkerOptions::default())?;
    let mut second = stage.create_worker_in("other", &WorkerOptions::default())?;
    second.start()?;
    first.wait_log("message from master: master got a duplicate connection", 1)?;
    let end = match stage.protocol {
        Protocol::Pb => second.wait_end()?,
        Protocol::Msgpack => {
            first.wait_log("message from master: master got a duplicate connection", 2)?;
            ensure!(
                second.is_running()?,
                "over msgpack the second worker goes on trying"
            );
            second.stop()?
        }
    };
    ensure!(
        !second.log()?.contains("message from master: attached"),
        "the second worker is attached"
    );
    Ok(stage
        .builds(&["b"])?
        .noting("end of the second worker", end))
}

fn maxretries_ends_the_worker_with_exit_code_0(stage: &mut Stage) -> Result<Outcome> {
    let nobody = free_port()?;
    let mut worker = stage.start_worker(
        &WorkerOptions::default()
            .create("--maxretries=2")
            .port(nobody),
    )?;
    let end = worker.wait_end()?;
    Ok(Outcome::default().noting("end of the worker", end))
}

/// What ours logs before each pause.
const PAUSE: &str = "connecting again in ";

/// Ours counts all attempts without a login, and `maxdelay` limits the pauses between them; the Python worker counts
/// refused passwords only over PB, and ignores `maxdelay` (`worker-cli.md` 4).
fn attempts_are_counted(stage: &mut Stage) -> Result<()> {
    let options = WorkerOptions::default()
        .create("--maxretries=6")
        .create("--maxdelay=0");
    let relay = Relay::start(RelayKind::Plain, stage.master.port(stage.protocol))?;
    for (directory, options) in [
        (
            "password",
            options.clone().password("wrong").port(relay.port()),
        ),
        ("nobody", options.port(free_port()?)),
    ] {
        let mut worker = stage.create_worker_in(directory, &options)?;
        worker.start()?;
        let end = worker.wait_end()?;
        ensure!(
            end == "exit 0",
            "the worker ended with {end}, expected exit 0"
        );
        let log = worker.log()?;
        let attempts = log.matches("connecting to 127.0.0.1:").count();
        ensure!(attempts == 6, "{attempts} attempts, expected 6:\n{log}");
        let pauses: Vec<f64> = log
            .split(PAUSE)
            .skip(1)
            .filter_map(|rest| rest.split(' ').next()?.parse().ok())
            .collect();
        ensure!(
            pauses.len() == 5 && pauses.iter().all(|pause| *pause <= 1.0),
            "pauses of {pauses:?} seconds"
        );
        ensure!(
            log.contains("no login in 6 attempts (maxretries); the worker stops"),
            "the log does not say why it ended:\n{log}"
        );
    }
    ensure!(
        relay.connections() == 6,
        "{} connections, expected 6",
        relay.connections()
    );
    Ok(())
}

#[test]
fn ours_counts_attempts_until_a_login_over_pb() -> Result<()> {
    ours_alone(
        "attempts",
        Protocol::Pb,
        one_builder(),
        attempts_are_counted,
    )
}

#[test]
fn ours_counts_attempts_until_a_login_over_msgpack() -> Result<()> {
    ours_alone(
        "attempts",
        Protocol::Msgpack,
        one_builder(),
        attempts_are_counted,
    )
}
