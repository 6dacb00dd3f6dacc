//! Requests that wait: their order, their end without a build, those that replace others, and building again.

use anyhow::{Context as _, Result};
use buildbot_e2e::results::{CANCELLED, SKIPPED, SUCCESS};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

fn started(rest: &str) -> Result<Site> {
    let mut site = Site::new(rest)?;
    site.start()?;
    Ok(site)
}

fn request(site: &Site, id: i64) -> Result<Json> {
    let answer = site.get(&format!("buildrequests/{id}"))?;
    Ok(answer["buildrequests"][0].clone())
}

fn wait_until_complete(site: &Site, id: i64) -> Result<Json> {
    site.wait_for("the request to be complete", |site| {
        Ok(request(site, id)?["complete"] == true)
    })?;
    request(site, id)
}

/// The requests of builds in the order in which they began.
fn order(site: &Site) -> Result<Vec<i64>> {
    let builds = site.list("builds?order=buildid")?;
    let requests = builds.iter().map(|build| build["buildrequestid"].as_i64());
    requests
        .collect::<Option<_>>()
        .context("a build without a request")
}

#[test]
fn a_request_that_is_cancelled_is_never_built() -> Result<()> {
    let mut site = started("c['builders'] = [builder('b', shell('true'))]")?;
    let (first, second) = (site.force("b")?, site.force("b")?);
    site.control(
        &format!("buildrequests/{first}"),
        "cancel",
        json!({"reason": "no need"}),
    )?;
    let row = wait_until_complete(&site, first)?;
    assert_eq!(row["results"], CANCELLED);
    let buildset = site.get(&format!("buildsets/{}", row["buildsetid"]))?;
    assert_eq!(buildset["buildsets"][0]["results"], CANCELLED);
    site.start_worker("w1", Program::Ours)?;
    assert_eq!(site.wait_for_build(second)?["results"], SUCCESS);
    assert_eq!(order(&site)?, [second]);
    Ok(())
}

#[test]
fn cancelling_a_request_that_is_built_stops_the_build() -> Result<()> {
    let mut site = started("c['builders'] = [builder('b', shell('sleep', '600', name='long'))]")?;
    site.start_worker("w1", Program::Ours)?;
    let id = site.force("b")?;
    site.wait_for_step(id, "long")?;
    site.control(
        &format!("buildrequests/{id}"),
        "cancel",
        json!({"reason": "no need"}),
    )?;
    assert_eq!(site.wait_for_build(id)?["results"], CANCELLED);
    Ok(())
}

#[test]
fn a_rebuild_has_the_sources_and_properties_of_the_first_build() -> Result<()> {
    let mut site = started(
        "c['builders'] = [builder('b', shell('echo', util.Interpolate('%(prop:flavour)s of %(src::branch)s')))]\n\
         c['schedulers'] = [schedulers.ForceScheduler(name='own', builderNames=['b'], \
            properties=[util.StringParameter(name='flavour')])]",
    )?;
    site.start_worker("w1", Program::Ours)?;
    let params = json!({"builderid": site.builder_id("b")?, "flavour": "mint", "branch": "rel"});
    let forced = site.control("forceschedulers/own", "force", params)?;
    let id = forced[1]
        .as_object()
        .and_then(|map| map.values().next()?.as_i64());
    let first = site.wait_for_build(id.context("no request")?)?;
    let mut before = first.clone();
    for number in 2..=3 {
        let again = site.control(
            &format!("builds/{}", before["buildid"]),
            "rebuild",
            json!({}),
        )?;
        let id = again[1]
            .as_object()
            .and_then(|map| map.values().next()?.as_i64());
        let build = site.wait_for_build(id.context("no request")?)?;
        assert_eq!(
            (&build["number"], &build["results"]),
            (&json!(number), &json!(SUCCESS))
        );
        let log = site.log_of(&build, 1)?;
        assert!(log.contains("\nmint of rel\n"), "{log}");
        let row = request(&site, build["buildrequestid"].as_i64().context("no id")?)?;
        let buildset = site.get(&format!("buildsets/{}", row["buildsetid"]))?;
        let buildset = &buildset["buildsets"][0];
        assert_eq!(buildset["rebuilt_buildid"], first["buildid"]);
        assert_eq!(buildset["reason"], "rebuild");
        before = build;
    }
    Ok(())
}

#[test]
fn the_highest_priority_is_built_first_and_then_the_oldest() -> Result<()> {
    let mut site = started("c['builders'] = [builder('b', shell('true'))]")?;
    let low = site.force("b")?;
    let high = site.force_with("b", json!({"priority": 5}))?;
    let raised = site.force("b")?;
    let second = site.force("b")?;
    site.control(
        &format!("buildrequests/{raised}"),
        "set_priority",
        json!({"priority": 9}),
    )?;
    site.wait_for("the new priority", |site| {
        Ok(request(site, raised)?["priority"] == 9)
    })?;
    site.start_worker("w1", Program::Ours)?;
    for id in [low, high, raised, second] {
        site.wait_for_build(id)?;
    }
    assert_eq!(order(&site)?, [raised, high, low, second]);
    Ok(())
}

/// Three requests of which the first two want the same, and what becomes of them.
fn collapsed(rule: &str) -> Result<Vec<Json>> {
    let mut site = started(&format!(
        "async def another_branch(master, builder, new, old):\n    \
             branches = []\n    \
             for request in (new, old):\n        \
                 buildset = await master.data.get(('buildsets', request['buildsetid']))\n        \
                 branches.append(buildset['sourcestamps'][0]['branch'])\n    \
             is_later = new['buildrequestid'] > old['buildrequestid']\n    \
             return builder.name == 'b' and is_later and branches[0] != branches[1]\n\
         def of_another_branch(*args): return defer.ensureDeferred(another_branch(*args))\n\
         from twisted.internet import defer\n\
         c['collapseRequests'] = {rule}\n\
         c['builders'] = [builder('b', shell('true'))]"
    ))?;
    let first = site.force_with("b", json!({"branch": "x"}))?;
    let second = site.force_with("b", json!({"branch": "x"}))?;
    let other = site.force_with("b", json!({"branch": "y"}))?;
    site.start_worker("w1", Program::Ours)?;
    let mut results = Vec::new();
    for id in [first, second, other] {
        results.push(wait_until_complete(&site, id)?["results"].clone());
    }
    assert_eq!(
        order(&site)?.len(),
        results.iter().filter(|result| **result == SUCCESS).count()
    );
    Ok(results)
}

#[test]
fn requests_that_want_the_same_are_collapsed() -> Result<()> {
    assert_eq!(collapsed("True")?, [SKIPPED, SUCCESS, SUCCESS]);
    Ok(())
}

#[test]
fn requests_are_not_collapsed_when_that_is_switched_off() -> Result<()> {
    assert_eq!(collapsed("False")?, [SUCCESS, SUCCESS, SUCCESS]);
    Ok(())
}

#[test]
fn a_function_decides_which_requests_are_collapsed() -> Result<()> {
    assert_eq!(collapsed("of_another_branch")?, [SKIPPED, SKIPPED, SUCCESS]);
    Ok(())
}

#[test]
fn the_rule_of_a_builder_is_stronger_than_that_of_all() -> Result<()> {
    let mut site = started(
        "c['collapseRequests'] = True\n\
         c['builders'] = [builder('b', shell('true'), collapseRequests=False), builder('d', shell('true'))]",
    )?;
    let mut ids = Vec::new();
    for name in ["b", "b", "d", "d"] {
        ids.push(site.force(name)?);
    }
    site.start_worker("w1", Program::Ours)?;
    let mut results = Vec::new();
    for id in ids {
        results.push(wait_until_complete(&site, id)?["results"].clone());
    }
    assert_eq!(results, [SUCCESS, SUCCESS, SKIPPED, SUCCESS]);
    Ok(())
}

#[test]
fn builders_are_served_in_the_order_that_a_function_gives() -> Result<()> {
    let mut site = started(
        "c['workers'] = [worker.Worker('w1', 'pass', max_builds=1)]\n\
         def by_name(master, builders):\n    \
            from twisted.internet import defer\n    \
            return defer.succeed(sorted(builders, key=lambda b: b.name, reverse=True))\n\
         c['prioritizeBuilders'] = by_name\n\
         c['builders'] = [builder(name, shell('true')) for name in 'abc']",
    )?;
    let ids = [site.force("a")?, site.force("b")?, site.force("c")?];
    // Nothing is being asked when the worker comes.
    for id in ids {
        site.wait_for_why(id, "no_worker")?;
    }
    site.start_worker("w1", Program::Ours)?;
    for id in ids {
        site.wait_for_build(id)?;
    }
    assert_eq!(order(&site)?, [ids[2], ids[1], ids[0]]);
    Ok(())
}

#[test]
fn a_function_of_the_builder_chooses_the_request() -> Result<()> {
    let mut site = started(
        "def newest(builder, requests): return max(requests, key=lambda r: r.id)\n\
         c['builders'] = [builder('b', shell('true'), nextBuild=newest)]",
    )?;
    let ids = [site.force("b")?, site.force("b")?, site.force("b")?];
    site.start_worker("w1", Program::Ours)?;
    for id in ids {
        site.wait_for_build(id)?;
    }
    assert_eq!(order(&site)?, [ids[2], ids[1], ids[0]]);
    Ok(())
}
