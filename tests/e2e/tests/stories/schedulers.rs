//! What makes builds without anybody asking for one.

use anyhow::{Context as _, Result};
use buildbot_e2e::results::{FAILURE, SUCCESS};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

fn site(rest: &str) -> Result<Site> {
    let mut site = Site::new(&format!(
        "c['change_source'] = [changes.PBChangeSource()]\n{rest}"
    ))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    Ok(site)
}

/// Tells a master about a change.
fn change(site: &Site, branch: &str, file: &str) -> Result<()> {
    let master = format!("127.0.0.1:{}", site.pb_port());
    let arguments = [
        "sendchange",
        "--master",
        &master,
        "--auth",
        "change:changepw",
        "--who",
        "ann",
        "--branch",
        branch,
        "--revision",
        file,
        "--comments",
        file,
        file,
    ];
    site.buildbot(&arguments).map(drop)
}

/// The revisions of the changes of a build.
fn changes(site: &Site, build: &Json) -> Result<Vec<String>> {
    let changes = site.list(&format!("builds/{}/changes", build["buildid"]))?;
    let revisions = changes
        .iter()
        .map(|change| change["revision"].as_str().unwrap_or_default().to_owned());
    let mut revisions: Vec<String> = revisions.collect();
    revisions.sort();
    Ok(revisions)
}

#[test]
fn changes_that_come_together_make_one_build_when_the_tree_is_stable() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.SingleBranchScheduler(name='s', treeStableTimer=4, builderNames=['b'], \
            change_filter=util.ChangeFilter(branch='main'), \
            fileIsImportant=lambda change: change.files != ['README'])]",
    )?;
    change(&site, "main", "README")?;
    change(&site, "main", "one")?;
    change(&site, "other", "elsewhere")?;
    change(&site, "main", "two")?;
    change(&site, "main", "README")?;
    let builds = site.wait_for_builds("b", 1)?;
    // The change that is not important came before the important ones, and is built with them.
    assert_eq!(
        changes(&site, &builds[0])?,
        ["README", "README", "one", "two"]
    );
    let properties = site.properties(&builds[0])?;
    assert_eq!(properties["branch"], json!(["main", "Build"]));
    assert_eq!(properties["owners"], json!([["ann"], "Build"]));
    Ok(())
}

#[test]
fn changes_that_are_not_important_make_no_build() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.SingleBranchScheduler(name='s', builderNames=['b'], onlyImportant=True, \
            change_filter=util.ChangeFilter(branch='main'), \
            fileIsImportant=lambda change: change.files != ['README'])]",
    )?;
    change(&site, "main", "README")?;
    change(&site, "main", "one")?;
    let builds = site.wait_for_builds("b", 1)?;
    let properties = site.properties(&builds[0])?;
    assert_eq!(properties["revision"], json!(["one", "Build"]));
    Ok(())
}

#[test]
fn each_branch_has_a_timer_of_its_own() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler(name='s', treeStableTimer=4, builderNames=['b'])]",
    )?;
    for (branch, file) in [("x", "one"), ("y", "two"), ("x", "three")] {
        change(&site, branch, file)?;
    }
    let builds = site.wait_for_builds("b", 2)?;
    let mut found: Vec<Vec<String>> = Vec::new();
    for build in &builds {
        found.push(changes(&site, build)?);
    }
    found.sort();
    assert_eq!(found, [vec!["one", "three"], vec!["two"]]);
    Ok(())
}

#[test]
fn a_timer_survives_a_killed_master() -> Result<()> {
    let mut site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler(name='s', treeStableTimer=8, builderNames=['b'])]",
    )?;
    change(&site, "x", "one")?;
    change(&site, "x", "two")?;
    site.wait_for("the changes to be kept", |site| {
        Ok(site.count("SELECT count(*) FROM scheduler_changes")? == 2)
    })?;
    site.signal(rustix::process::Signal::KILL)?;
    site.wait_for_end()?;
    assert_eq!(site.count("SELECT count(*) FROM buildsets")?, 0);
    site.start()?;
    let builds = site.wait_for_builds("b", 1)?;
    assert_eq!(changes(&site, &builds[0])?, ["one", "two"]);
    Ok(())
}

#[test]
fn a_dependent_scheduler_builds_the_same_sources_after_a_success_only() -> Result<()> {
    let site = site(
        "up = schedulers.AnyBranchScheduler(name='up', builderNames=['first'])\n\
         c['builders'] = [builder('first', shell('test', util.Interpolate('%(src::branch)s'), '=', 'good')), \
            builder('second', shell('true'))]\n\
         c['schedulers'] = [up, schedulers.Dependent(name='down', upstream=up, builderNames=['second'])]",
    )?;
    change(&site, "bad", "one")?;
    let first = site.wait_for_builds("first", 1)?;
    assert_eq!(first[0]["results"], FAILURE);
    change(&site, "good", "two")?;
    let first = site.wait_for_builds("first", 2)?;
    assert_eq!(first[1]["results"], SUCCESS);
    let second = site.wait_for_builds("second", 1)?;
    assert_eq!(changes(&site, &second[0])?, ["two"]);
    let stamps = |build: &Json| -> Result<Json> {
        let request = site.get(&format!("buildrequests/{}", build["buildrequestid"]))?;
        let id = &request["buildrequests"][0]["buildsetid"];
        let buildset = site.get(&format!("buildsets/{id}"))?;
        let buildset = &buildset["buildsets"][0];
        Ok(json!([
            buildset["sourcestamps"][0]["ssid"],
            buildset["reason"]
        ]))
    };
    let (up, down) = (stamps(&first[1])?, stamps(&second[0])?);
    assert_eq!(up[0], down[0]);
    assert_eq!(down[1], "downstream");
    Ok(())
}

#[test]
fn a_periodic_scheduler_builds_at_once_and_then_again_and_again() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.Periodic(name='p', builderNames=['b'], periodicBuildTimer=1)]",
    )?;
    let mut builds = Vec::new();
    site.wait_for("three builds", |site| {
        builds = site.list("builders/b/builds?complete=true&order=number")?;
        Ok(builds.len() >= 3)
    })?;
    let begun = |build: &Json| build["started_at"].as_i64().context("not begun");
    let between = begun(&builds[2])? - begun(&builds[0])?;
    assert!((1..=20).contains(&between), "{between}");
    Ok(())
}

#[test]
fn a_nightly_build_that_was_missed_while_the_master_was_down_is_made_up_for_once() -> Result<()> {
    let mut site = site(
        "import time\n\
         c['builders'] = [builder('b', shell('true'))]\n\
         hour = (time.localtime().tm_hour + 12) % 24\n\
         c['schedulers'] = [schedulers.Nightly(name='n', builderNames=['b'], hour=hour, minute=0)]",
    )?;
    // A new one waits for its time.
    site.signal(rustix::process::Signal::TERM)?;
    assert!(site.wait_for_end()?);
    assert_eq!(site.count("SELECT count(*) FROM buildsets")?, 0);
    site.execute(
        "INSERT INTO objects (name, class_name) VALUES ('n', 'Nightly') ON CONFLICT DO NOTHING; \
         DELETE FROM object_state WHERE name = 'last_build'; \
         INSERT INTO object_state (objectid, name, value_json) SELECT id, 'last_build', \
            CAST(strftime('%s', 'now') - 200000 AS TEXT) FROM objects WHERE name = 'n' AND class_name = 'Nightly'",
    )?;
    site.start()?;
    let builds = site.wait_for_builds("b", 1)?;
    assert_eq!(builds[0]["results"], SUCCESS);
    Ok(())
}

#[test]
fn a_scheduler_that_is_switched_off_builds_nothing_and_goes_on_when_it_is_switched_on() -> Result<()>
{
    let mut site = site(
        "c['builders'] = [builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler(name='s', builderNames=['b'])]",
    )?;
    let schedulers = site.list("schedulers")?;
    let known = schedulers.iter().find(|known| known["name"] == "s");
    let path = format!(
        "schedulers/{}",
        known.context("no scheduler")?["schedulerid"]
    );
    site.control(&path, "enable", json!({"enabled": false}))?;
    site.wait_for("it to be off", |site| {
        Ok(site.get(&path)?["schedulers"][0]["enabled"] == false)
    })?;
    change(&site, "x", "one")?;
    // It stays off.
    site.signal(rustix::process::Signal::TERM)?;
    assert!(site.wait_for_end()?);
    site.start()?;
    change(&site, "x", "two")?;
    site.control(&path, "enable", json!({"enabled": true}))?;
    site.wait_for("it to be on", |site| {
        Ok(site.get(&path)?["schedulers"][0]["enabled"] == true)
    })?;
    change(&site, "x", "three")?;
    // Changes that came meanwhile are those of the next build, but start none.
    let builds = site.wait_for_builds("b", 1)?;
    assert_eq!(changes(&site, &builds[0])?, ["one", "three", "two"]);
    let properties = site.properties(&builds[0])?;
    assert_eq!(properties["revision"], json!(["three", "Build"]));
    Ok(())
}
