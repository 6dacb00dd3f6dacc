//! Through HTTP proxies.

use anyhow::{Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, Protocol, ProxyAnswer, Relay, RelayKind, Stage, WorkerKind,
    WorkerOptions, ours_alone,
};

over_both_protocols! {
    a_build_runs_through_a_proxy with one_builder;
}

fn one_builder() -> MasterConfig {
    MasterConfig::new().builder(Builder::new("b").shell("say", "echo hello"))
}

fn through(proxy: &Relay) -> WorkerOptions {
    WorkerOptions::default().create(format!(
        "--proxy-connection-string=tcp:127.0.0.1:{}",
        proxy.port()
    ))
}

fn a_build_runs_through_a_proxy(stage: &mut Stage) -> Result<Outcome> {
    let port = stage.master.port(stage.protocol);
    let proxy = Relay::start(RelayKind::HttpConnect, port)?;
    if stage.kind == WorkerKind::Rust {
        // The Python worker expects the whole answer at once.
        proxy.answer(ProxyAnswer::SlowlyYes);
    }
    let _worker = stage.attach_worker(&through(&proxy))?;
    let requests = proxy.requests();
    let wanted = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n");
    ensure!(
        requests.len() == 1 && requests.iter().all(|head| head.starts_with(&wanted)),
        "the proxy got {requests:?}"
    );
    stage.builds(&["b"])
}

/// The Python worker sits there for ever after such an answer.
fn a_proxy_opens_no_tunnel(stage: &mut Stage) -> Result<()> {
    let target = stage.master.port(stage.protocol);
    let proxy = Relay::start(RelayKind::HttpConnect, target)?;
    proxy.answer(ProxyAnswer::Forbidden);
    let worker = stage.start_worker(&through(&proxy).create("--maxdelay=0"))?;
    let port = proxy.port();
    let refusal = format!("the proxy 127.0.0.1:{port} opens no tunnel to 127.0.0.1:{target}: ");
    let says = |reason: &str, times| worker.wait_log(&format!("{refusal}{reason}"), times);
    says("it answers with 403 Forbidden", 2)?;
    proxy.answer(ProxyAnswer::Garbage);
    says("its answer is not HTTP: ", 2)?;
    proxy.answer(ProxyAnswer::Yes);
    stage.rest().wait_attached("w")?;
    let build = stage.build("b")?;
    ensure!(build.results == Some(0), "the build fails:\n{build}");
    Ok(())
}

#[test]
fn ours_tries_again_after_a_proxy_has_refused_over_pb() -> Result<()> {
    let config = one_builder();
    ours_alone("refused", Protocol::Pb, config, a_proxy_opens_no_tunnel)
}

#[test]
fn ours_tries_again_after_a_proxy_has_refused_over_msgpack() -> Result<()> {
    let config = one_builder();
    ours_alone(
        "refused",
        Protocol::Msgpack,
        config,
        a_proxy_opens_no_tunnel,
    )
}
