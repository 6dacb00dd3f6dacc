//! Ways to the master: TLS, proxies, keep-alives.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, Certificates, MasterConfig, Outcome, PATIENCE, PbEndpoint, Protocol, Relay, RelayKind,
    Stage, WorkerOptions, ours_alone, same_outcome, wait_until,
};
use serde_json::json;

over_both_protocols! {
    a_build_runs_through_a_proxy with one_builder;
    a_build_runs_through_tls with one_builder;
    a_certificate_of_another_authority_is_refused with one_builder;
    a_certificate_for_another_name_is_refused with one_builder;
    a_build_runs_through_tls_inside_a_proxy with one_builder;
    a_worker_starts_before_its_master_listens with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello"))
}

fn a_build_runs_through_a_proxy(stage: &mut Stage) -> Result<Outcome> {
    let port = stage.master.port(stage.protocol);
    let proxy = Relay::start(RelayKind::HttpConnect, port)?;
    let option = format!("--proxy-connection-string=tcp:127.0.0.1:{}", proxy.port());
    let _worker = stage.attach_worker(&WorkerOptions::default().create(option))?;
    let requests = proxy.requests();
    let wanted = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n");
    ensure!(
        requests.len() == 1 && requests.iter().all(|head| head.starts_with(&wanted)),
        "the proxy got {requests:?}"
    );
    stage.builds(&["b"])
}

/// Something with TLS in front of the master, and its certificates.
fn tls(stage: &mut Stage) -> Result<(Option<Relay>, u16, Certificates)> {
    let files = Certificates::make(&stage.directory().join("certificates"))?;
    let port = stage.master.port(stage.protocol);
    if stage.protocol == Protocol::Pb {
        let endpoint = PbEndpoint::Tls {
            key: files.key.clone(),
            certificate: files.certificate.clone(),
        };
        stage.restart_master(|config| config.pb(endpoint))?;
        return Ok((None, port, files));
    }
    // The master knows only plain ports for this protocol.
    let relay = Relay::start(RelayKind::Tls(files.clone()), port)?;
    let port = relay.port();
    Ok((Some(relay), port, files))
}

fn connection_string(host: &str, port: u16, files: &Certificates) -> String {
    format!(
        "--connection-string=tls:host={host}:port={port}:trustRoots={}",
        files.trust_roots().display()
    )
}

fn a_build_runs_through_tls(stage: &mut Stage) -> Result<Outcome> {
    let (_relay, port, files) = tls(stage)?;
    let option = connection_string("localhost", port, &files);
    let _worker = stage.attach_worker(&WorkerOptions::default().create(option))?;
    stage.builds(&["b"])
}

/// Runs a worker whose connection must fail in the handshake, and looks for the reason in its log.
fn refused(stage: &mut Stage, host: &str, port: u16, roots: &Certificates) -> Result<Outcome> {
    let option = connection_string(host, port, roots);
    let mut worker = stage.start_worker(&WorkerOptions::default().create(option))?;
    let reasons = [
        "certificate",
        "CERTIFICATE",
        "hostname",
        "VerificationError",
    ];
    wait_until("the worker logs why", PATIENCE, || {
        let log = worker.log()?;
        Ok(reasons.iter().any(|reason| log.contains(reason)))
    })?;
    ensure!(worker.is_running()?, "the worker has ended");
    let attached = stage.rest().is_attached("w")?;
    Ok(Outcome::default()
        .noting("attached", attached)
        .noting("end of the worker", worker.stop()?))
}

fn a_certificate_of_another_authority_is_refused(stage: &mut Stage) -> Result<Outcome> {
    let (_relay, port, _) = tls(stage)?;
    let other = Certificates::make(&stage.directory().join("other"))?;
    refused(stage, "localhost", port, &other)
}

fn a_certificate_for_another_name_is_refused(stage: &mut Stage) -> Result<Outcome> {
    let (_relay, port, files) = tls(stage)?;
    // Another address of the loopback network that the certificate does not name.
    let relay = Relay::start_on("127.0.0.2", RelayKind::Plain, port)?;
    refused(stage, "127.0.0.2", relay.port(), &files)
}

fn a_build_runs_through_tls_inside_a_proxy(stage: &mut Stage) -> Result<Outcome> {
    let (_relay, port, files) = tls(stage)?;
    let proxy = Relay::start(RelayKind::HttpConnect, port)?;
    // `--use-tls` trusts the system's roots, which the variable replaces for both workers.
    let options = WorkerOptions::default()
        .address(&format!("localhost:{port}"))
        .create(format!(
            "--proxy-connection-string=tcp:127.0.0.1:{}",
            proxy.port()
        ))
        .create("--use-tls")
        .env("SSL_CERT_FILE", &files.authority.to_string_lossy());
    let _worker = stage.attach_worker(&options)?;
    ensure!(!proxy.requests().is_empty(), "the proxy was not used");
    stage.builds(&["b"])
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
