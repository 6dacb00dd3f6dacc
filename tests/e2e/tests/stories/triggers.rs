//! Builds that start others.

use anyhow::{Context as _, Result};
use buildbot_e2e::Site;
use buildbot_e2e::results::{CANCELLED, EXCEPTION, FAILURE, SUCCESS, WARNINGS};
use serde_json::{Value as Json, json};

/// A parent and two children, each with a worker of its own.
fn site(rest: &str) -> Result<Site> {
    let mut site = Site::new(&format!(
        "c['workers'] = [worker.LocalWorker(n) for n in ('w1', 'w2', 'w3')]\n{rest}"
    ))?;
    site.start()?;
    for name in ["w1", "w2", "w3"] {
        site.wait_until_connected(name)?;
    }
    Ok(site)
}

/// The buildset of a build.
fn buildset(site: &Site, build: &Json) -> Result<Json> {
    let request = site.get(&format!("buildrequests/{}", build["buildrequestid"]))?;
    let id = &request["buildrequests"][0]["buildsetid"];
    let buildset = site.get(&format!("buildsets/{id}"))?;
    Ok(buildset["buildsets"][0].clone())
}

/// The last step of a build: its result, its text, and the names of its links.
fn last_step(site: &Site, build: &Json) -> Result<(i64, String, Vec<String>)> {
    let mut steps = site.list(&format!("builds/{}/steps", build["buildid"]))?;
    let step = steps.pop().context("no step")?;
    let urls = step["urls"].as_array().cloned().unwrap_or_default();
    let names = urls
        .iter()
        .map(|url| url["name"].as_str().unwrap_or_default().to_owned());
    Ok((
        step["results"].as_i64().context("no result")?,
        step["state_string"].as_str().unwrap_or_default().to_owned(),
        names.collect(),
    ))
}

#[test]
fn a_build_waits_for_those_that_it_triggers_and_takes_the_worst_result() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.SetProperty(property='kind', value='nightly'), \
            steps.Trigger(schedulerNames=['good', 'bad'], waitForFinish=True, \
                set_properties={'from': util.Interpolate('%(prop:buildername)s'), 'n': 3}, copy_properties=['kind'])), \
            builder('child', shell('echo', util.Interpolate('%(prop:from)s %(prop:n)s %(prop:kind)s')), workers=['w2']), \
            builder('broken', shell('false'), workers=['w3'])]\n\
         c['schedulers'] = [schedulers.Triggerable(name='good', builderNames=['child'], properties={'own': 'yes'}), \
            schedulers.Triggerable(name='bad', builderNames=['broken'])]",
    )?;
    let parent = site.build("parent")?;
    assert_eq!(parent["results"], FAILURE);
    let (results, text, mut urls) = last_step(&site, &parent)?;
    assert_eq!(results, FAILURE);
    assert_eq!(text, "triggered good, bad, 1 success, 1 failure");
    urls.sort();
    assert_eq!(
        urls,
        [
            "bad #3",
            "failure: broken #1",
            "good #2",
            "success: child #1"
        ]
    );
    let child = &site.wait_for_builds("child", 1)?[0];
    let log = site.log_of(child, 1)?;
    assert!(log.contains("\nparent 3 nightly\n"), "{log}");
    let properties = site.properties(child)?;
    assert_eq!(properties["n"], json!([3, "Trigger"]));
    assert_eq!(properties["kind"], json!(["nightly", "Trigger"]));
    assert_eq!(properties["own"], json!(["yes", "Scheduler"]));
    assert_eq!(properties["scheduler"], json!(["good", "Scheduler"]));
    let buildset = buildset(&site, child)?;
    assert_eq!(buildset["parent_buildid"], parent["buildid"]);
    assert_eq!(buildset["parent_relationship"], "Triggered from");
    let of_child = site.get(&format!("buildrequests/{}", child["buildrequestid"]))?;
    assert_eq!(of_child["buildrequests"][0]["waited_for"], true);
    let path = format!("builds/{}/triggered_builds", parent["buildid"]);
    assert_eq!(site.get(&path)?["meta"]["total"], 2);
    Ok(())
}

#[test]
fn a_build_that_does_not_wait_ends_before_those_that_it_triggers() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.Trigger(schedulerNames=['t'], waitForFinish=False)), \
            builder('child', shell('sleep', '600', name='long'), workers=['w2'])]\n\
         c['schedulers'] = [schedulers.Triggerable(name='t', builderNames=['child'], reason='because')]",
    )?;
    let parent = site.build("parent")?;
    assert_eq!(parent["results"], SUCCESS);
    let (_, text, urls) = last_step(&site, &parent)?;
    assert_eq!(text, "triggered t");
    assert_eq!(urls, ["t #2"]);
    let child = site.wait_for_step(2, "long")?;
    assert_eq!(child["complete"], false);
    assert_eq!(buildset(&site, &child)?["reason"], "because");
    Ok(())
}

#[test]
fn only_important_schedulers_count_for_the_result() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.Trigger(schedulerNames=['good', 'bad'], \
                unimportantSchedulerNames=['bad'], waitForFinish=True)), \
            builder('child', shell('sh', '-c', 'exit 1', flunkOnFailure=False, warnOnFailure=True), workers=['w2']), \
            builder('broken', shell('false'), workers=['w3'])]\n\
         c['schedulers'] = [schedulers.Triggerable(name='good', builderNames=['child']), \
            schedulers.Triggerable(name='bad', builderNames=['broken'])]",
    )?;
    let parent = site.build("parent")?;
    let (results, text, _) = last_step(&site, &parent)?;
    assert_eq!(
        (results, text.as_str()),
        (WARNINGS, "triggered good, bad, 1 warnings, 1 failure")
    );
    Ok(())
}

#[test]
fn all_codebases_go_on_to_the_triggered_build_with_the_revisions_that_were_got() -> Result<()> {
    let site = site(
        "both = {'lib': {'repository': 'r-lib', 'branch': 'main'}, 'app': {'repository': 'r-app', 'branch': 'dev'}}\n\
         got = steps.SetProperty(property='got_revision', value={'lib': 'aaa', 'app': 'bbb'})\n\
         show = shell('echo', util.Interpolate('%(src:lib:revision)s %(src:app:revision)s %(src:app:branch)s'))\n\
         c['builders'] = [builder('parent', got, steps.Trigger(schedulerNames=['same'], waitForFinish=True), \
                steps.Trigger(schedulerNames=['other'], waitForFinish=True, sourceStamps=[ \
                    {'codebase': 'app', 'branch': util.Property('branch_of_app', default='rel'), 'revision': 'ccc'}]), \
                steps.Trigger(schedulerNames=['latest'], waitForFinish=True, alwaysUseLatest=True)), \
            builder('child', show, workers=['w2'])]\n\
         c['codebaseGenerator'] = lambda change: 'lib'\n\
         c['schedulers'] = [schedulers.ForceScheduler(name='both', builderNames=['parent'], codebases=[ \
                util.CodebaseParameter(n, branch=util.FixedParameter('branch', default=both[n]['branch']), \
                    repository=util.FixedParameter('repository', default=both[n]['repository'])) for n in both])] + [ \
            schedulers.Triggerable(name=n, builderNames=['child'], codebases=both) for n in ('same', 'other', 'latest')]",
    )?;
    let params = json!({"builderid": site.builder_id("parent")?});
    let forced = site.control("forceschedulers/both", "force", params)?;
    let request = forced[1].as_object().context("no request")?.values().next();
    let parent = site.wait_for_build(request.and_then(Json::as_i64).context("no request")?)?;
    assert_eq!(parent["results"], SUCCESS);
    let shown = site.wait_for_builds("child", 3)?.into_iter().map(|child| {
        let log = site.log_of(&child, 1)?;
        let lines = log.lines().rev().nth(2);
        Ok(lines.context("no output")?.to_owned())
    });
    let shown: Vec<String> = shown.collect::<Result<_>>()?;
    assert_eq!(shown, ["aaa bbb dev", " ccc rel", "  dev"]);
    Ok(())
}

#[test]
fn a_scheduler_that_is_not_there_is_named() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.Trigger(schedulerNames=[util.Property('to', default='nobody')]))]",
    )?;
    let parent = site.build("parent")?;
    assert_eq!(parent["results"], EXCEPTION);
    let log = site.log_of(&parent, 1)?;
    assert!(
        log.contains("unknown triggered scheduler: 'nobody'"),
        "{log}"
    );
    Ok(())
}

#[test]
fn what_a_stopped_build_waits_for_is_stopped_and_cancelled() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.Trigger(schedulerNames=['t'], waitForFinish=True)), \
            builder('runs', shell('sleep', '600', name='long'), workers=['w2']), \
            builder('waits', shell('true'), workers=['w3'])]\n\
         c['schedulers'] = [schedulers.Triggerable(name='t', builderNames=['runs', 'waits'])]",
    )?;
    site.control_worker("w3", "pause", "")?;
    let request = site.force("parent")?;
    let parent = site.wait_for_step(request, "trigger")?;
    site.wait_for_step(2, "long")?;
    let path = format!("builds/{}", parent["buildid"]);
    site.control(&path, "stop", json!({"reason": "no need"}))?;
    let parent = site.wait_for_build(request)?;
    assert_eq!(parent["results"], CANCELLED);
    let child = site.wait_for_build(2)?;
    assert_eq!(child["results"], CANCELLED);
    let text = child["state_string"].as_str().unwrap_or_default();
    assert!(text.contains("parent build was interrupted"), "{text}");
    site.wait_for("the request to be cancelled", |site| {
        let row = site.get("buildrequests/3")?;
        Ok(row["buildrequests"][0]["results"] == CANCELLED)
    })?;
    Ok(())
}

#[test]
fn triggered_requests_have_the_priority_of_their_scheduler() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('parent', steps.Trigger(schedulerNames=['t'])), builder('child', shell('true'))]\n\
         c['schedulers'] = [schedulers.Triggerable(name='t', builderNames=['child'], priority=3)]",
    )?;
    let request = site.force_with("parent", json!({"priority": 7}))?;
    site.wait_for_build(request)?;
    site.wait_for_builds("child", 1)?;
    let row = site.get("buildrequests/2")?;
    assert_eq!(row["buildrequests"][0]["priority"], 3);
    Ok(())
}

#[test]
fn a_nightly_triggerable_takes_the_trigger_and_waits_for_its_time() -> Result<()> {
    let site = site(
        "import time\n\
         c['builders'] = [builder('parent', steps.Trigger(schedulerNames=['t'], waitForFinish=True)), \
            builder('child', shell('true'))]\n\
         hour = (time.localtime().tm_hour + 12) % 24\n\
         c['schedulers'] = [schedulers.NightlyTriggerable(name='t', builderNames=['child'], hour=hour, minute=0)]",
    )?;
    let parent = site.build("parent")?;
    assert_eq!(parent["results"], SUCCESS);
    assert_eq!(site.list("builders/child/builds")?.len(), 0);
    site.wait_for("the trigger to be kept", |site| {
        let kept =
            "SELECT count(*) FROM object_state WHERE name = 'lastTrigger' AND value_json != '[]'";
        Ok(site.count(kept)? == 1)
    })
}
