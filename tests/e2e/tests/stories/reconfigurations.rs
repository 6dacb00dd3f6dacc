//! Configurations that change while builds run.

use anyhow::{Context as _, Result};
use buildbot_e2e::results::{RETRY, SUCCESS};
use buildbot_e2e::{Program, Site};
use serde_json::json;

/// A step that ends when the file `go` is there, and says what it was given.
const UNTIL_GO: &str = "def until_go(text, **kw): return shell('sh', '-c', \
    'while test ! -e ../../../go; do sleep 0.02; done; echo $0', text, name='long', **kw)\n";

fn go(site: &Site) -> Result<()> {
    Ok(std::fs::write(site.path().join("go"), "")?)
}

fn names(site: &Site, path: &str) -> Result<Vec<String>> {
    let rows = site.list(path)?;
    let mut names: Vec<String> = rows
        .iter()
        .map(|row| row["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    Ok(names)
}

#[test]
fn running_builds_go_on_as_they_began_and_later_ones_are_as_configured() -> Result<()> {
    let mut site = Site::new(&format!(
        "{UNTIL_GO}c['builders'] = [builder('altered', until_go('before'), shell('echo', 'second before')), \
            builder('removed', until_go('of the removed'))]"
    ))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let altered = site.force("altered")?;
    let removed = site.force("removed")?;
    for request in [altered, removed] {
        site.wait_for_step(request, "long")?;
    }
    let (waits, lost) = (site.force("altered")?, site.force("removed")?);
    site.reconfigure(&format!(
        "{UNTIL_GO}c['builders'] = [builder('altered', shell('echo', 'after')), builder('added', shell('echo', 'added'))]"
    ))?;
    let added = site.force("added")?;
    assert_eq!(site.wait_for_build(added)?["results"], SUCCESS);
    go(&site)?;
    let build = site.wait_for_build(altered)?;
    assert_eq!(
        build["results"],
        SUCCESS,
        "{:?} {}",
        site.steps(&build)?,
        site.log_of(&build, 1)?
    );
    assert!(site.log_of(&build, 1)?.contains("\nbefore\n"));
    assert!(site.log_of(&build, 2)?.contains("\nsecond before\n"));
    let build = site.wait_for_build(removed)?;
    assert_eq!(build["results"], SUCCESS);
    let build = site.wait_for_build(waits)?;
    assert_eq!(
        (&build["results"], &build["number"]),
        (&json!(SUCCESS), &json!(2))
    );
    assert!(site.log_of(&build, 1)?.contains("\nafter\n"));
    // What waits for a builder that is gone is kept, and built when it is back.
    site.wait_for_why(lost, "no_builder")?;
    site.reconfigure("c['builders'] = [builder('removed', shell('echo', 'back'))]")?;
    let build = site.wait_for_build(lost)?;
    assert!(site.log_of(&build, 1)?.contains("\nback\n"));
    assert_eq!(build["number"], 2);
    Ok(())
}

#[test]
fn workers_come_and_go_and_what_runs_on_one_that_goes_is_built_again() -> Result<()> {
    let all = |workers: &str| {
        format!(
            "{UNTIL_GO}c['workers'] = [worker.Worker(n, 'pass') for n in ({workers})]\n\
             c['builders'] = [builder('b', until_go('x'), workers=[{workers}])]"
        )
    };
    let mut site = Site::new(&all("'w1', 'w2',"))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    let first = site.wait_for_step(request, "long")?;
    site.start_worker("w2", Program::Ours)?;
    site.reconfigure(&all("'w2', 'w3',"))?;
    site.wait_until_gone("w1")?;
    site.wait_for("the second build", |site| {
        let build = site.build_of(request)?;
        Ok(build.is_some_and(|build| build["buildid"] != first["buildid"]))
    })?;
    site.wait_for_step(request, "long")?;
    go(&site)?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], SUCCESS);
    assert_eq!(build["workerid"], site.worker_id("w2")?);
    let first = site.get(&format!("builds/{}", first["buildid"]))?;
    assert_eq!(first["builds"][0]["results"], RETRY);
    site.start_worker("w3", Program::Ours)?;
    Ok(())
}

#[test]
fn a_worker_gets_another_number_of_builds_without_connecting_again() -> Result<()> {
    let all = |max_builds: u32| {
        format!(
            "{UNTIL_GO}c['workers'] = [worker.Worker('w1', 'pass', max_builds={max_builds}, properties={{'n': {max_builds}}})]\n\
             c['builders'] = [builder(n, until_go(util.Interpolate('%(prop:n)s'))) for n in 'ab']"
        )
    };
    let mut site = Site::new(&all(1))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let first = site.force("a")?;
    site.wait_for_step(first, "long")?;
    let second = site.force("b")?;
    let why = site.wait_for_why(second, "no_worker")?;
    assert_eq!(why["details"]["workers"][0]["reason"], "at_capacity");
    site.reconfigure(&all(2))?;
    site.wait_for_step(second, "long")?;
    go(&site)?;
    for (request, said) in [(first, "\n1\n"), (second, "\n2\n")] {
        let build = site.wait_for_build(request)?;
        assert_eq!(build["results"], SUCCESS);
        assert!(site.log_of(&build, 1)?.contains(said));
    }
    assert!(!site.log()?.contains("detached"));
    Ok(())
}

#[test]
fn a_lock_that_is_held_gets_another_count() -> Result<()> {
    let all = |count: u32| {
        format!(
            "{UNTIL_GO}lock = util.MasterLock('l', maxCount={count})\n\
             c['builders'] = [builder(n, until_go(n), locks=[lock.access('counting')]) for n in 'abc']"
        )
    };
    let mut site = Site::new(&all(1))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let mut requests = vec![site.force("a")?];
    site.wait_for_step(requests[0], "long")?;
    requests.push(site.force("b")?);
    requests.push(site.force("c")?);
    for request in &requests[1..] {
        site.wait_for_why(*request, "lock")?;
    }
    site.reconfigure(&all(2))?;
    // One of the two goes on, whichever came first to the lock; the other waits, as a request or as a build.
    let run = |request: i64| -> Result<bool> {
        let Some(build) = site.build_of(request)? else {
            return Ok(false);
        };
        Ok(site.steps(&build)?.iter().any(|step| step.0 == "long"))
    };
    site.wait_for("a step to run", |_| {
        Ok(run(requests[1])? || run(requests[2])?)
    })?;
    assert!(run(requests[1])? != run(requests[2])?);
    // The lock goes from the builders and comes back; nothing is released twice.
    site.reconfigure(&format!(
        "{UNTIL_GO}c['builders'] = [builder(n, until_go(n)) for n in 'abc']"
    ))?;
    go(&site)?;
    for request in &requests {
        assert_eq!(site.wait_for_build(*request)?["results"], SUCCESS);
    }
    site.reconfigure(&all(1))?;
    for name in ["a", "b", "c"] {
        requests.push(site.force(name)?);
    }
    for request in &requests {
        assert_eq!(site.wait_for_build(*request)?["results"], SUCCESS);
    }
    Ok(())
}

#[test]
fn schedulers_come_and_go_and_a_running_timer_is_kept() -> Result<()> {
    let all = |schedulers: &str| {
        format!(
            "c['change_source'] = [changes.PBChangeSource()]\n\
             c['builders'] = [builder('b', shell('true')), builder('d', shell('true'))]\n\
             c['schedulers'] = [{schedulers}]"
        )
    };
    let any = |name: &str, builder: &str, rest: &str| {
        format!("schedulers.AnyBranchScheduler(name='{name}', builderNames=['{builder}'], {rest}),")
    };
    let slow = any("slow", "b", "treeStableTimer=8");
    let mut site = Site::new(&all(&slow))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let change = |file: &str| {
        let master = format!("127.0.0.1:{}", site.pb_port());
        site.buildbot(&[
            "sendchange",
            "--master",
            &master,
            "--auth",
            "change:changepw",
            "--who",
            "ann",
            "--branch",
            "x",
            "--revision",
            file,
            file,
        ])
    };
    change("one")?;
    site.wait_for("the change to be kept", |site| {
        Ok(site.count("SELECT count(*) FROM scheduler_changes")? == 1)
    })?;
    site.reconfigure(&all(&format!("{slow}{}", any("fast", "d", ""))))?;
    change("two")?;
    site.wait_for_builds("d", 1)?;
    let build = site.wait_for_builds("b", 1)?;
    let changes = site.list(&format!("builds/{}/changes", build[0]["buildid"]))?;
    assert_eq!(changes.len(), 2);
    let active: Vec<String> = site
        .list("schedulers")?
        .iter()
        .filter(|scheduler| !scheduler["master"].is_null())
        .map(|scheduler| scheduler["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(active.contains(&"fast".to_owned()), "{active:?}");
    site.reconfigure(&all(&any("fast", "d", "")))?;
    site.wait_for("the scheduler to be given up", |site| {
        let all = site.list("schedulers")?;
        let slow = all.iter().find(|one| one["name"] == "slow");
        Ok(slow.context("no row")?["master"].is_null())
    })?;
    change("three")?;
    site.wait_for_builds("d", 2)?;
    assert_eq!(site.list("builders/b/builds")?.len(), 1);
    Ok(())
}

#[test]
fn an_error_in_the_configuration_leaves_everything_as_it_was() -> Result<()> {
    let good = format!("{UNTIL_GO}c['builders'] = [builder('b', until_go('as before'))]");
    let mut site = Site::new(&good)?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let running = site.force("b")?;
    site.wait_for_step(running, "long")?;
    let waiting = site.force("b")?;
    let before = (
        names(&site, "builders")?,
        names(&site, "workers")?,
        names(&site, "schedulers")?,
    );
    for wrong in [
        // Python does not even read it.
        "c['builders'] = [",
        // It fails.
        "raise ValueError('no')",
        // It is read, and wrong.
        "c['workers'] = [worker.Worker('new', 'pass')]\nc['builders'] = [builder('x', shell('true'))]",
        // Another port that cannot be had.
        "c['protocols'] = {'pb': {'port': 'tcp:1:interface=192.0.2.1'}}\n\
         c['builders'] = [builder('new', shell('true'))]",
        "c['www']['port'] = 'tcp:1:interface=192.0.2.1'\nc['builders'] = [builder('new', shell('true'))]",
        // Nothing that can change.
        "c['db'] = {'db_url': 'sqlite:///other.sqlite'}\nc['builders'] = [builder('new', shell('true'))]",
    ] {
        site.reconfigure_in_vain(wrong)?;
        let now = (
            names(&site, "builders")?,
            names(&site, "workers")?,
            names(&site, "schedulers")?,
        );
        assert_eq!(now, before, "{wrong}");
        assert!(site.is_connected("w1")?, "{wrong}");
    }
    go(&site)?;
    for request in [running, waiting] {
        let build = site.wait_for_build(request)?;
        assert_eq!(build["results"], SUCCESS);
        assert!(site.log_of(&build, 1)?.contains("\nas before\n"));
    }
    // Another worker can still connect.
    site.kill_worker("w1")?;
    site.start_worker("w1", Program::Ours)?;
    site.reconfigure(&good)?;
    Ok(())
}
