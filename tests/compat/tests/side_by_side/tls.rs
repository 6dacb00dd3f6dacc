//! TLS: who is trusted, who is not, and what the log says of it.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, Certificates, MasterConfig, Outcome, PATIENCE, PbEndpoint, Protocol, Relay, RelayKind,
    Stage, WorkerKind, WorkerOptions, same_outcome, wait_until,
};

over_both_protocols! {
    a_build_runs_through_tls with one_builder;
    a_build_runs_through_tls_inside_a_proxy with one_builder;
    ssl_checks_the_certificate_as_far_as_it_is_told_to with one_builder;
    a_client_certificate_opens_the_door with one_builder;
    a_certificate_that_does_not_verify_is_refused with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello"))
}

/// TLS in front of the master, and its certificates. A relay, because the master knows only plain ports for msgpack,
/// and takes other ports for Perspective Broker only when it starts.
fn tls(stage: &Stage) -> Result<(Relay, Certificates)> {
    let files = Certificates::make(&stage.directory().join("certificates"))?;
    let port = stage.master.port(stage.protocol);
    Ok((Relay::start(RelayKind::Tls(files.clone()), port)?, files))
}

/// Options for a worker that connects by the endpoint string `text`.
fn by(text: String) -> WorkerOptions {
    WorkerOptions::default().create(format!("--connection-string={text}"))
}

fn trusting(host: &str, port: u16, files: &Certificates) -> WorkerOptions {
    let roots = files.trust_roots().display();
    by(format!("tls:host={host}:port={port}:trustRoots={roots}"))
}

fn a_build_runs_through_tls(stage: &mut Stage) -> Result<Outcome> {
    let (relay, files) = tls(stage)?;
    let _worker = stage.attach_worker(&trusting("localhost", relay.port(), &files))?;
    stage.builds(&["b"])
}

#[test]
fn a_build_runs_on_a_master_with_tls_over_pb() -> Result<()> {
    same_outcome("tls-master", Protocol::Pb, one_builder(), |stage| {
        let files = Certificates::make(&stage.directory().join("certificates"))?;
        let endpoint = PbEndpoint::Tls {
            key: files.key.clone(),
            certificate: files.certificate.clone(),
        };
        stage.restart_master(|config| config.pb(endpoint))?;
        let port = stage.master.port(stage.protocol);
        let _worker = stage.attach_worker(&trusting("localhost", port, &files))?;
        stage.builds(&["b"])
    })
}

fn a_build_runs_through_tls_inside_a_proxy(stage: &mut Stage) -> Result<Outcome> {
    let (relay, files) = tls(stage)?;
    let proxy = Relay::start(RelayKind::HttpConnect, relay.port())?;
    // `--use-tls` trusts the system's roots, which the variable replaces for both workers.
    let options = WorkerOptions::default()
        .address(&format!("localhost:{}", relay.port()))
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

/// Attaches a worker, builds, and stops it.
fn build_by(stage: &Stage, directory: &str, options: &WorkerOptions) -> Result<Outcome> {
    let mut worker = stage.create_worker_in(directory, options)?;
    worker.start()?;
    stage.rest().wait_attached("w")?;
    let outcome = stage.builds(&["b"])?;
    worker.stop()?;
    stage.rest().wait_detached("w")?;
    Ok(outcome)
}

fn ssl_checks_the_certificate_as_far_as_it_is_told_to(stage: &mut Stage) -> Result<Outcome> {
    let (relay, files) = tls(stage)?;
    let (port, roots) = (relay.port(), files.trust_roots().display());
    // Without `hostname` nothing is checked, with it everything, for that name.
    let mut outcome = build_by(
        stage,
        "unchecked",
        &by(format!("ssl:host=127.0.0.1:port={port}")),
    )?;
    let checked = format!("ssl:host=127.0.0.1:port={port}:caCertsDir={roots}:hostname=localhost");
    let more = build_by(stage, "checked", &by(checked))?;
    outcome.builds.extend(more.builds);
    Ok(outcome)
}

fn a_client_certificate_opens_the_door(stage: &mut Stage) -> Result<Outcome> {
    let files = Certificates::make(&stage.directory().join("certificates"))?;
    let (certificate, key) = files.issue_for_client()?;
    let port = stage.master.port(stage.protocol);
    let relay = Relay::start(RelayKind::TlsForClients(files.clone()), port)?;
    let port = relay.port();
    let refused = refused(
        stage,
        "without",
        &trusting("localhost", port, &files),
        &relay,
        "received fatal alert: CertificateRequired",
    );
    let mut outcome = refused?;
    let (certificate, key) = (certificate.display(), key.display());
    let roots = files.trust_roots().display();
    for (directory, endpoint) in [
        (
            "tls",
            format!(
                "tls:host=localhost:port={port}:trustRoots={roots}:certificate={certificate}:privateKey={key}"
            ),
        ),
        (
            "ssl",
            format!("ssl:host=localhost:port={port}:certKey={certificate}:privateKey={key}"),
        ),
    ] {
        let more = build_by(stage, directory, &by(endpoint))?;
        outcome.builds.extend(more.builds);
    }
    Ok(outcome)
}

/// Runs a worker whose connection must fail in the handshake, and fail again; ours must log `reason`.
fn refused(
    stage: &Stage,
    directory: &str,
    options: &WorkerOptions,
    relay: &Relay,
    reason: &str,
) -> Result<Outcome> {
    let before = relay.connections();
    let mut worker = stage.create_worker_in(directory, options)?;
    worker.start()?;
    wait_until("the worker tries a second time", PATIENCE, || {
        Ok(relay.connections() >= before + 2)
    })?;
    if stage.kind == WorkerKind::Rust {
        worker.wait_log(reason, 2)?;
    }
    ensure!(worker.is_running()?, "the worker has ended");
    let attached = stage.rest().is_attached("w")?;
    let end = worker.stop()?;
    Ok(Outcome::default()
        .noting(&format!("attached {directory}"), attached)
        .noting(&format!("end of the worker {directory}"), end))
}

fn a_certificate_that_does_not_verify_is_refused(stage: &mut Stage) -> Result<Outcome> {
    let (relay, files) = tls(stage)?;
    let other = Certificates::make_by("another authority", &stage.directory().join("other"))?;
    let renewed = Certificates::make(&stage.directory().join("renewed"))?;
    let port = stage.master.port(stage.protocol);
    // Another address of the loopback network that the certificate does not name.
    let elsewhere = Relay::start_on("127.0.0.2", RelayKind::Tls(files.clone()), port)?;
    let expired = Relay::start(RelayKind::Tls(files.expired()?), port)?;
    let ssl = |roots: &Certificates, name: &str| {
        let roots = roots.trust_roots().display();
        by(format!(
            "ssl:host=127.0.0.1:port={}:caCertsDir={roots}:hostname={name}",
            relay.port()
        ))
    };
    let mut outcome = Outcome::default();
    for (directory, options, relay, reason) in [
        (
            "of another authority",
            trusting("localhost", relay.port(), &other),
            &relay,
            "the certificate of \"localhost\" is refused: it is not signed by a trusted root",
        ),
        (
            "of the authority before it was renewed",
            trusting("localhost", relay.port(), &renewed),
            &relay,
            "the certificate of \"localhost\" is refused: it is not signed with the key of the trusted root",
        ),
        (
            "for another name",
            trusting("127.0.0.2", elsewhere.port(), &files),
            &elsewhere,
            "the certificate of \"127.0.0.2\" is refused: certificate not valid for name \"127.0.0.2\"",
        ),
        (
            "that has expired",
            trusting("localhost", expired.port(), &files),
            &expired,
            "the certificate of \"localhost\" is refused: certificate expired",
        ),
        (
            "of another authority by ssl",
            ssl(&other, "localhost"),
            &relay,
            "the certificate of \"localhost\" is refused: it is not signed by a trusted root",
        ),
        (
            "for another name by ssl",
            ssl(&files, "other.invalid"),
            &relay,
            "the certificate of \"other.invalid\" is refused: certificate not valid for name \"other.invalid\"",
        ),
    ] {
        let seen = refused(stage, directory, &options, relay, reason)?;
        outcome.notes.extend(seen.notes);
    }
    Ok(outcome)
}
