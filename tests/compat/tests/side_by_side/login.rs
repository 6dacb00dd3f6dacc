//! Logins that the master refuses.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, PATIENCE, Protocol, Relay, RelayKind, Stage, WorkerOptions,
    free_port, wait_until,
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
