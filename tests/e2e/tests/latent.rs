//! Workers whose instances code of the user's starts when there is something to build.

use anyhow::{Context as _, Result};
use buildbot_e2e::{Site, program};
use rustix::process::Signal;
use serde_json::Value as Json;

const SUCCESS: i64 = 0;
const EXCEPTION: i64 = 4;
const RETRY: i64 = 5;

/// A site with a latent worker `l1` and two builders.
fn site(arguments: &str) -> Result<Site> {
    let site = Site::new("")?;
    std::fs::write(
        site.basedir().join("latent_workers.py"),
        include_str!("latent_workers.py"),
    )?;
    configure(&site, arguments, &["a", "b"])?;
    Ok(site)
}

fn configure(site: &Site, arguments: &str, builders: &[&str]) -> Result<()> {
    let (class, arguments) = match arguments.split_once(':') {
        Some((class, arguments)) => (class, arguments),
        None => ("Instance", arguments),
    };
    let program = program("buildbot-worker")?;
    site.configure(&format!(
        "import latent_workers\n\
         c['workers'] = [latent_workers.{class}('l1', directory='{}', program='{}', master='127.0.0.1:{}', {arguments})]\n\
         c['builders'] = [util.BuilderConfig(name=n, workernames=['l1'], factory=factory(shell('true')), nextWorker=latent_workers.next_worker) for n in \
         {builders:?}]\n",
        site.path().display(),
        program.display(),
        site.pb_port(),
    ))
}

fn set_mode(site: &Site, mode: &str) -> Result<()> {
    Ok(std::fs::write(site.path().join("mode"), mode)?)
}

fn events(site: &Site) -> String {
    std::fs::read_to_string(site.path().join("events")).unwrap_or_default()
}

fn wait_for_events(site: &Site, expected: &[&str]) -> Result<()> {
    let expected = expected.iter().map(|event| format!("{event}\n"));
    let expected: String = expected.collect();
    site.wait_for("what is done with instances", |site| {
        Ok(events(site) == expected)
    })
    .with_context(|| events(site))
}

/// Waits for the first build of a request, and its end.
fn wait_for_first_build(site: &Site, request: i64) -> Result<Json> {
    let mut first = Json::Null;
    site.wait_for("the end of a build", |site| {
        let builds = site.get(&format!(
            "builds?buildrequestid={request}&order=buildid&limit=1"
        ))?;
        first = builds["builds"][0].clone();
        Ok(first["complete"] == true)
    })?;
    Ok(first)
}

#[test]
fn an_instance_is_started_for_a_build_kept_for_the_next_and_stopped_when_nobody_needs_it()
-> Result<()> {
    let mut site = site("build_wait_timeout=6")?;
    site.start()?;
    for builder in ["a", "b"] {
        let build = site.wait_for_build(site.force(builder)?)?;
        assert_eq!(build["results"], SUCCESS);
    }
    wait_for_events(&site, &["start a", "stop", "stopped"])?;
    // Workers that are not there yet can be chosen like others.
    let worker = "<LatentWorkerForBuilder builder='a' worker='l1' state=AVAILABLE>";
    let chosen = format!("CHOOSES {worker} {worker} False True None");
    assert!(site.log()?.contains(&chosen), "{}", site.log()?);
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(build["results"], SUCCESS);
    wait_for_events(
        &site,
        &["start a", "stop", "stopped", "start b", "stop", "stopped"],
    )
}

#[test]
fn an_instance_without_a_time_to_wait_runs_one_build_and_never_two_of_different_kinds() -> Result<()>
{
    let mut site = site("Choosy:build_wait_timeout=0")?;
    set_mode(&site, "waits")?;
    site.start()?;
    let requests = [site.force("a")?, site.force("b")?];
    wait_for_events(&site, &["start a"])?;
    let why = site.wait_for_why(requests[1], "no_worker")?;
    assert_eq!(why["details"]["workers"][0]["reason"], "starting");
    set_mode(&site, "good")?;
    for request in requests {
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    let ends = ["stop", "stopped"];
    wait_for_events(
        &site,
        &["start a", ends[0], ends[1], "start b", ends[0], ends[1]],
    )
}

#[test]
fn an_instance_survives_a_reconfiguration_and_is_stopped_by_what_started_it() -> Result<()> {
    let mut site = site("build_wait_timeout=600")?;
    site.start()?;
    assert_eq!(site.wait_for_build(site.force("a")?)?["results"], SUCCESS);
    configure(&site, "build_wait_timeout=600", &["a", "b", "d"])?;
    site.signal(Signal::HUP)?;
    site.wait_for("the new configuration", |site| {
        Ok(site.log()?.contains("configuration update complete"))
    })?;
    assert_eq!(site.wait_for_build(site.force("d")?)?["results"], SUCCESS);
    wait_for_events(&site, &["start a"])?;
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    wait_for_events(&site, &["start a", "stop", "stopped"])
}

#[test]
fn a_build_that_the_instance_cannot_run_ends_with_an_exception() -> Result<()> {
    let mut site = site("build_wait_timeout=0")?;
    set_mode(&site, "cannot")?;
    site.start()?;
    let build = site.wait_for_build(site.force("a")?)?;
    assert_eq!(build["results"], EXCEPTION);
    assert_eq!(build["state_string"], "worker cannot substantiate");
    let log = site.log()?;
    assert!(log.contains("there is no such image"), "{log}");
    wait_for_events(&site, &["start a", "stop"])
}

/// A build is tried again after a start that goes wrong, and succeeds with the next one.
fn is_built_again(mode: &str, arguments: &str, said: &str) -> Result<()> {
    let mut site = site(arguments)?;
    set_mode(&site, mode)?;
    site.start()?;
    let request = site.force("a")?;
    let first = wait_for_first_build(&site, request)?;
    assert_eq!(first["results"], RETRY, "{mode}");
    assert_eq!(first["state_string"], "worker not available", "{mode}");
    wait_for_events(&site, &["start a", "stop"])?;
    let log = site.log()?;
    assert!(log.contains(said), "{mode}: {log}");
    // The worker is in quarantine for ten seconds.
    set_mode(&site, "good")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS, "{mode}");
    Ok(())
}

#[test]
fn a_start_that_fails_is_tried_again() -> Result<()> {
    is_built_again("fails", "build_wait_timeout=600", "there is no more room")
}

#[test]
fn a_worker_that_refuses_is_asked_again() -> Result<()> {
    let said = "Worker does not want to substantiate at this time";
    is_built_again("refuses", "build_wait_timeout=600", said)
}

#[test]
fn an_instance_that_does_not_connect_is_stopped() -> Result<()> {
    is_built_again("silent", "build_wait_timeout=600, missing_timeout=2", "")
}

#[test]
fn an_instance_that_is_gone_before_it_connects_is_noticed() -> Result<()> {
    let said = "latent worker crashed before connecting: it is gone";
    is_built_again(
        "crashes",
        "build_wait_timeout=600, check_instance_interval=0.2",
        said,
    )
}

#[test]
fn a_start_that_hangs_gives_its_build_back_and_holds_nobody_else_up() -> Result<()> {
    let mut site = site("build_wait_timeout=600, missing_timeout=2")?;
    set_mode(&site, "hangs")?;
    site.start()?;
    let first = wait_for_first_build(&site, site.force("a")?)?;
    assert_eq!(first["results"], RETRY);
    // The code that hangs awaits something, and its process goes on.
    site.configure(
        "c['workers'] = [worker.LocalWorker('w1')]\nc['builders'] = [builder('c', shell('true'))]",
    )?;
    site.signal(Signal::HUP)?;
    site.wait_for("the new configuration", |site| {
        Ok(site.log()?.contains("configuration update complete"))
    })?;
    assert_eq!(site.wait_for_build(site.force("c")?)?["results"], SUCCESS);
    Ok(())
}
