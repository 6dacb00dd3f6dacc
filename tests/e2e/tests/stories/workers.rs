//! Workers that come, go, rest, hang and are replaced.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::results::{EXCEPTION, RETRY, SUCCESS};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

fn started(rest: &str) -> Result<Site> {
    let mut site = Site::new(rest)?;
    site.start()?;
    Ok(site)
}

/// What a step prints that tells its worker and shows that the build directory is there.
const WHERE: &str = "shell('sh', '-c', 'pwd')";

fn builds_and_uploads(program: Program, options: &[&str]) -> Result<()> {
    let mut site = started(&format!(
        "c['protocols']['msgpack_experimental_v7'] = {{'port': 'tcp:%d:interface=127.0.0.1' % other_port}}\n\
         c['builders'] = [builder('b', {WHERE}, shell('sh', '-c', 'echo some > f'), \
            steps.FileUpload(workersrc='f', masterdest='f'))]"
    ))?;
    let over_msgpack = format!("--connection-string=tcp:127.0.0.1:{}", site.other_port());
    let mut options = options.to_vec();
    options.push(&over_msgpack);
    site.start_worker_with("w1", program, &options)?;
    let build = site.build("b")?;
    assert_eq!(build["results"], SUCCESS, "{:?}", site.steps(&build)?);
    assert_eq!(std::fs::read_to_string(site.basedir().join("f"))?, "some\n");
    Ok(())
}

#[test]
fn a_python_worker_builds_over_msgpack() -> Result<()> {
    builds_and_uploads(Program::Python, &["--protocol=msgpack_experimental_v7"])
}

#[test]
fn our_worker_builds_over_msgpack() -> Result<()> {
    builds_and_uploads(Program::Ours, &["--protocol=msgpack_experimental_v7"])
}

#[test]
fn a_local_worker_needs_no_other_program_and_comes_back_when_it_dies() -> Result<()> {
    let site = started(
        "c['workers'] = [worker.LocalWorker('l1', workdir='here')]\n\
         c['builders'] = [builder('b', shell('sh', '-c', 'pwd'), workers=['l1']), \
            builder('kills', shell('sh', '-c', 'test -e ../../once || { touch ../../once; sleep 600; }', \
                name='once'), workers=['l1'])]",
    )?;
    site.wait_until_connected("l1")?;
    let build = site.build("b")?;
    let log = site.log_of(&build, 1)?;
    let directory = site.basedir().join("workers/here/b/build");
    assert!(
        log.contains(&format!("\n{}\n", directory.display())),
        "{log}"
    );
    let request = site.force("kills")?;
    site.wait_for_step(request, "once")?;
    let once = site.basedir().join("workers/here/once");
    site.wait_for("the step to run", |_| Ok(once.exists()))?;
    kill_local_worker(&site, "l1")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    assert_eq!(site.list("builders/kills/builds")?[0]["results"], RETRY);
    Ok(())
}

/// Kills the child process of the master that is the worker.
fn kill_local_worker(site: &Site, name: &str) -> Result<()> {
    let master = site.master_id().context("no master")?;
    let mut all: Vec<i32> = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{master}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .filter_map(|id| id.parse::<i32>().ok()),
        );
    }
    for child in all {
        let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("__local-worker") && line.trim_end_matches('\0').ends_with(name) {
            let pid = rustix::process::Pid::from_raw(child).context("no id")?;
            rustix::process::kill_process(pid, Signal::KILL)?;
            return Ok(());
        }
    }
    anyhow::bail!("the worker has no process")
}

#[test]
fn a_paused_worker_gets_nothing_also_after_a_restart() -> Result<()> {
    let mut site = started("c['builders'] = [builder('b', shell('true'))]")?;
    site.start_worker("w1", Program::Ours)?;
    site.control_worker("w1", "pause", "dirty")?;
    let request = site.force("b")?;
    site.wait_for_why(request, "no_worker")?;
    let shown = site.get("workers/w1")?;
    let worker = &shown["workers"][0];
    assert_eq!(
        (&worker["paused"], &worker["pause_reason"]),
        (&json!(true), &json!("dirty"))
    );
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    site.start()?;
    site.wait_until_connected("w1")?;
    let why = site.wait_for_why(request, "no_worker")?;
    assert_eq!(why["details"]["workers"][0]["reason"], "paused");
    site.control_worker("w1", "unpause", "")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    assert_eq!(site.get("workers/w1")?["workers"][0]["paused"], false);
    Ok(())
}

fn shuts_down_when_its_build_has_ended(program: Program) -> Result<()> {
    let mut site = started(
        "c['builders'] = [builder('b', shell('sh', '-c', 'while test ! -e ../../go; do sleep 0.02; done', name='long'))]",
    )?;
    site.start_worker("w1", program)?;
    let request = site.force("b")?;
    site.wait_for_step(request, "long")?;
    site.control_worker("w1", "stop", "")?;
    site.wait_for("it to be asked", |site| {
        Ok(site.get("workers/w1")?["workers"][0]["graceful"] == true)
    })?;
    let waiting = site.force("b")?;
    std::fs::write(site.worker_directory("w1").join("go"), "")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    ensure!(site.wait_for_end_of_worker("w1")?, "it ended badly");
    site.wait_until_gone("w1")?;
    assert_eq!(site.build_of(waiting)?, None);
    // One that comes again builds.
    site.start_worker("w1", program)?;
    assert_eq!(site.wait_for_build(waiting)?["results"], SUCCESS);
    assert_eq!(site.get("workers/w1")?["workers"][0]["graceful"], false);
    Ok(())
}

#[test]
fn our_worker_shuts_down_when_its_build_has_ended() -> Result<()> {
    shuts_down_when_its_build_has_ended(Program::Ours)
}

#[test]
fn a_python_worker_shuts_down_when_its_build_has_ended() -> Result<()> {
    shuts_down_when_its_build_has_ended(Program::Python)
}

#[test]
fn a_worker_that_is_killed_from_the_master_ends_at_once_and_its_build_is_built_again() -> Result<()>
{
    let mut site = started(
        "c['builders'] = [builder('b', shell('sh', '-c', 'test -e ../../once || { touch ../../once; sleep 600; }', \
            name='once'))]",
    )?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    site.wait_for_step(request, "once")?;
    let once = site.worker_directory("w1").join("once");
    site.wait_for("the step to run", |_| Ok(once.exists()))?;
    site.control_worker("w1", "kill", "")?;
    site.wait_for_end_of_worker("w1")?;
    site.start_worker("w1", Program::Ours)?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn exceptions_quarantine_a_worker_longer_each_time_and_a_success_forgives() -> Result<()> {
    let mut site = started(
        "@util.renderer\n\
         def breaks(props): raise ValueError('it is broken')\n\
         c['builders'] = [builder('a', shell('echo', breaks)), builder('b', shell('true'))]",
    )?;
    site.start_worker("w1", Program::Ours)?;
    let quarantine = |site: &Site| -> Result<i64> {
        let broken = site.build("a")?;
        assert_eq!(broken["results"], EXCEPTION);
        let waiting = site.force("b")?;
        let why = site.wait_for_why(waiting, "no_worker")?;
        let until = why["details"]["workers"][0]["until"].as_i64();
        let ended = broken["complete_at"].as_i64();
        site.control(
            &format!("buildrequests/{waiting}"),
            "cancel",
            json!({"reason": "enough"}),
        )?;
        site.control_worker("w1", "unpause", "")?;
        Ok(until.context("no quarantine")? - ended.context("no end")?)
    };
    let near = |seconds: i64, expected: i64| (seconds - expected).abs() <= 1;
    let found = [quarantine(&site)?, quarantine(&site)?, quarantine(&site)?];
    assert!(
        near(found[0], 10) && near(found[1], 20) && near(found[2], 40),
        "{found:?}"
    );
    assert_eq!(site.build("b")?["results"], SUCCESS);
    let again = quarantine(&site)?;
    assert!(near(again, 10), "{again}");
    Ok(())
}

/// The data of events of a kind, as they come.
fn events(site: &Site, topic: &str) -> Result<Receiver<String>> {
    let url = format!("{}sse/listen/{topic}", site.url());
    let (sender, events) = channel();
    let response = ureq::get(&url).call()?;
    std::thread::spawn(move || {
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some(data) = line.strip_prefix("data: ")
                && sender.send(data.to_owned()).is_err()
            {
                return;
            }
        }
    });
    Ok(events)
}

#[test]
fn a_worker_that_stays_away_is_missed_once() -> Result<()> {
    let mut site = Site::new(
        "c['workers'] = [worker.Worker('w1', 'pass', missing_timeout=1, notify_on_missing=['ops@example.org'])]\n\
         c['builders'] = [builder('b', shell('true'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let missing = events(&site, "workers/*/missing")?;
    site.kill_worker("w1")?;
    let mut told = None;
    site.wait_for("the event", |_| {
        let event = missing
            .try_recv()
            .ok()
            .filter(|event| event.contains("notify"));
        told = event.or(told.take());
        Ok(told.is_some())
    })?;
    let told: Json = serde_json::from_str(&told.context("no event")?)?;
    let message = match &told["message"] {
        Json::String(text) => serde_json::from_str(text)?,
        other => other.clone(),
    };
    assert_eq!(message["name"], "w1");
    assert_eq!(message["notify"], json!(["ops@example.org"]));
    Ok(())
}

#[test]
fn a_worker_with_a_name_that_is_taken_is_refused() -> Result<()> {
    let mut site = started(
        "c['workers'].append(worker.Worker('w2', 'pass'))\n\
         c['builders'] = [builder('b', shell('sh', '-c', 'pwd'))]",
    )?;
    site.start_worker("w1", Program::Ours)?;
    // A second worker that says that it is the first.
    site.start_worker("w2", Program::Ours)?;
    site.kill_worker("w2")?;
    let tac = site.worker_directory("w2").join("buildbot.tac");
    let text = std::fs::read_to_string(&tac)?;
    ensure!(text.contains("'w2'"), "{text}");
    std::fs::write(&tac, text.replace("'w2'", "'w1'"))?;
    site.start_worker_without_waiting("w2", Program::Ours, &[])?;
    site.wait_for("the refusal", |site| {
        Ok(site.log()?.contains("rejecting duplicate worker"))
    })?;
    let build = site.build("b")?;
    assert_eq!(build["results"], SUCCESS);
    let log = site.log_of(&build, 1)?;
    assert!(log.contains("/worker-w1/b/build\n"), "{log}");
    Ok(())
}

#[test]
fn a_worker_that_hangs_is_noticed_within_two_intervals_and_its_build_goes_elsewhere() -> Result<()>
{
    let mut site = started(
        "c['workers'] = [worker.Worker(n, 'pass', keepalive_interval=1) for n in ('w1', 'w2')]\n\
         c['builders'] = [builder('b', shell('sh', '-c', \
            'test -e ../../../once || { touch ../../../once; sleep 600; }', name='once'), workers=['w1', 'w2'])]",
    )?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    site.wait_for_step(request, "once")?;
    let once = site.path().join("once");
    site.wait_for("the step to run", |_| Ok(once.exists()))?;
    site.start_worker("w2", Program::Ours)?;
    site.signal_worker("w1", Signal::STOP)?;
    let stopped = Instant::now();
    site.wait_until_gone("w1")?;
    let noticed = stopped.elapsed();
    // Two intervals, and what a busy machine adds; the system itself would notice after many minutes.
    assert!(noticed < Duration::from_secs(12), "{noticed:?}");
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], SUCCESS);
    assert_eq!(build["workerid"], site.worker_id("w2")?);
    site.signal_worker("w1", Signal::CONT)?;
    site.wait_until_connected("w1")?;
    Ok(())
}

/// A key and a certificate for this machine, which is its own authority.
fn certificate(directory: &Path, key: &Path, certificate: &Path) -> Result<()> {
    let made = Command::new("openssl")
        .current_dir(directory)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "30", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()?;
    ensure!(made.status.success(), "{made:?}");
    Ok(())
}

/// Gives the master another key and its certificate.
fn install(site: &Site, name: &str) -> Result<()> {
    let (from, to) = (site.path().join(name), site.basedir());
    for (from_name, to_name) in [("key.secret", "key.pem"), ("cert.pem", "cert.pem")] {
        let fresh = to.join("fresh.pem");
        std::fs::copy(from.join(from_name), &fresh)?;
        std::fs::rename(fresh, to.join(to_name))?;
    }
    Ok(())
}

fn over_tls(program: Program) -> Result<()> {
    let mut site = Site::new(
        "import os\n\
         c['workers'] = [worker.Worker(n, 'pass') for n in ('w1', 'w2')]\n\
         c['protocols'] = {'pb': {'port': 'ssl:%d:privateKey=%s/key.pem:certKey=%s/cert.pem:interface=127.0.0.1' \
            % (other_port, basedir, basedir)}}\n\
         c['builders'] = [builder('b', shell('true')), builder('b2', shell('true'), workers=['w2'])]",
    )?;
    let mut trusts = Vec::new();
    for name in ["first", "second"] {
        let trusted = site.path().join(name);
        std::fs::create_dir(&trusted)?;
        certificate(
            &trusted,
            &trusted.join("key.secret"),
            &trusted.join("cert.pem"),
        )?;
        let port = site.other_port();
        trusts.push(format!(
            "--connection-string=tls:localhost:{port}:trustRoots={}",
            trusted.display()
        ));
    }
    install(&site, "first")?;
    site.start()?;
    site.start_worker_with("w1", program, &[&trusts[0]])?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    // The certificate is renewed beneath the running master; a reconfiguration is not needed.
    install(&site, "second")?;
    // One that trusts the new one only connects; the first one stays.
    site.start_worker_with("w2", program, &[&trusts[1]])?;
    assert_eq!(site.build("b2")?["results"], SUCCESS);
    assert!(site.is_connected("w1")?);
    assert_eq!(site.build("b")?["results"], SUCCESS);
    Ok(())
}

#[test]
fn our_worker_connects_over_tls_and_a_renewed_certificate_is_used() -> Result<()> {
    over_tls(Program::Ours)
}

#[test]
fn a_python_worker_connects_over_tls_and_a_renewed_certificate_is_used() -> Result<()> {
    over_tls(Program::Python)
}

#[test]
fn code_is_told_that_a_worker_without_a_limit_is_available_while_it_builds() -> Result<()> {
    let mut site = Site::new(
        "def free(builder, wfb, request): return all(one.isAvailable() for one in builder.workers)\n\
         c['workers'] = [worker.Worker('w1', 'pass', max_builds=0)]\n\
         c['builders'] = [builder('long', shell('sleep', '600', name='long')), \
             builder('b', shell('true'), canStartBuild=free)]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let long = site.force("long")?;
    site.wait_for_step(long, "long")?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    Ok(())
}
