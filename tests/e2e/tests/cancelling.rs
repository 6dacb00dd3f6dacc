//! Builds that nobody needs any more are cancelled.

use anyhow::{Context as _, Result};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::Value as Json;

const SUCCESS: i64 = 0;
const FAILURE: i64 = 2;
const CANCELLED: i64 = 6;

const OBSOLETE: &str = "Build request has been obsoleted by a newer commit";
const FAILED: &str = "Build has been cancelled because another build in the same buildset failed";

fn send_change(site: &Site, branch: &str, revision: &str) -> Result<()> {
    site.send_change(&[
        "-W",
        "ann",
        "--branch",
        branch,
        "--revision",
        revision,
        "file",
    ])
}

/// The newest request of a builder.
fn request(site: &Site, builder: &str) -> Result<Option<Json>> {
    let builders = site.get(&format!("builders?name={builder}"))?;
    let id = &builders["builders"][0]["builderid"];
    let newest = format!("builders/{id}/buildrequests?order=-buildrequestid&limit=1");
    let found = site.get(&newest)?;
    Ok(found["buildrequests"].get(0).cloned())
}

/// Waits for a request of a builder that is newer than the one given.
fn wait_for_request(site: &Site, builder: &str, after: i64) -> Result<i64> {
    let mut found = 0;
    site.wait_for("a request", |site| {
        let newest = request(site, builder)?.context("no request")?;
        found = newest["buildrequestid"].as_i64().context("no id")?;
        Ok(found > after)
    })?;
    Ok(found)
}

/// Waits until a request is complete, and returns its result.
fn wait_for_end(site: &Site, request: i64) -> Result<Json> {
    let mut results = Json::Null;
    site.wait_for("the end of a request", |site| {
        let found = site.get(&format!("buildrequests/{request}"))?;
        let found = &found["buildrequests"][0];
        results = found["results"].clone();
        Ok(found["complete"] == true)
    })?;
    Ok(results)
}

#[test]
fn a_newer_change_cancels_builds_and_requests_of_older_ones_on_its_branch() -> Result<()> {
    let builders = "c['change_source'] = [changes.PBChangeSource()]\n\
         c['workers'] = [worker.Worker('w1', 'pass'), worker.Worker('w2', 'pass')]\n\
         c['builders'] = [builder('b', shell('sleep', '600', name='long')), builder('other', shell('sleep', '600', \
         name='long')), util.BuilderConfig(name='waits', workernames=['w2'], factory=factory())]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler('s', builderNames=['b', 'other', 'waits'])]\n";
    let canceller = "c['services'] = [util.OldBuildCanceller('old', [(['b', 'waits'], \
         util.SourceStampFilter(branch_eq=['main']))])]\n";
    let mut site = Site::new(&format!("{builders}{canceller}"))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    send_change(&site, "main", "1")?;
    let first = wait_for_request(&site, "b", 0)?;
    let waiting = wait_for_request(&site, "waits", 0)?;
    let untouched = wait_for_request(&site, "other", 0)?;
    site.wait_for_step(first, "long")?;
    site.wait_for_step(untouched, "long")?;
    send_change(&site, "side", "2")?;
    let beside = wait_for_request(&site, "b", first)?;
    send_change(&site, "main", "3")?;
    let build = site.wait_for_build(first)?;
    assert_eq!(build["results"], CANCELLED);
    let state = build["state_string"].as_str().unwrap_or_default();
    assert!(
        state.contains(&format!("cancelled ({OBSOLETE})")),
        "{state}"
    );
    assert_eq!(wait_for_end(&site, waiting)?, CANCELLED);
    assert_eq!(site.build_of(waiting)?, None);
    for request in [beside, untouched] {
        let found = site.get(&format!("buildrequests/{request}"))?;
        assert_eq!(found["buildrequests"][0]["complete"], false);
    }

    // A new configuration takes over what waits, and what a restart finds is adopted.
    let third = wait_for_request(&site, "waits", waiting + 1)?;
    site.signal(Signal::TERM)?;
    site.wait_for_end()?;
    site.configure(builders)?;
    site.start()?;
    site.configure(&format!("{builders}{canceller}"))?;
    site.signal(Signal::HUP)?;
    site.wait_for("the new configuration", |site| {
        Ok(site.log()?.contains("configuration update complete"))
    })?;
    send_change(&site, "main", "4")?;
    assert_eq!(wait_for_end(&site, third)?, CANCELLED);
    Ok(())
}

#[test]
fn a_failed_build_cancels_others_of_its_buildset() -> Result<()> {
    let mut site = Site::new(
        "c['change_source'] = [changes.PBChangeSource()]\n\
         c['workers'] = [worker.Worker('w1', 'pass'), worker.Worker('w2', 'pass')]\n\
         c['builders'] = [builder('fails', shell('sh', '-c', 'while ! test -e ../../go; do sleep 0.1; done; exit 1')), \
         builder('runs', shell('sleep', '600', name='long')), builder('stays', shell('true')), \
         util.BuilderConfig(name='waits', workernames=['w2'], factory=factory())]\n\
         names = [b.name for b in c['builders']]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler('s', builderNames=names)]\n\
         c['services'] = [util.FailingBuildsetCanceller('failing', [('fails', ['runs', 'waits'], \
         util.SourceStampFilter(branch_eq=['main']))])]\n",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    send_change(&site, "main", "1")?;
    let fails = wait_for_request(&site, "fails", 0)?;
    let runs = wait_for_request(&site, "runs", 0)?;
    let stays = wait_for_request(&site, "stays", 0)?;
    let waits = wait_for_request(&site, "waits", 0)?;
    site.wait_for_step(runs, "long")?;
    std::fs::write(site.path().join("worker-w1/go"), "")?;
    assert_eq!(site.wait_for_build(fails)?["results"], FAILURE);
    let build = site.wait_for_build(runs)?;
    assert_eq!(build["results"], CANCELLED);
    let state = build["state_string"].as_str().unwrap_or_default();
    assert!(state.contains(&format!("cancelled ({FAILED})")), "{state}");
    assert_eq!(wait_for_end(&site, waits)?, CANCELLED);
    assert_eq!(wait_for_end(&site, stays)?, SUCCESS);
    Ok(())
}
