//! Every request that waits says what it waits for, over REST and on the command line.

use anyhow::{Context as _, Result};
use buildbot_e2e::results::SUCCESS;
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

/// A function that waits until the file `go` is there.
const HOLD: &str = "import os, time\n\
    def hold(*args):\n    \
        while not os.path.exists(os.path.join(basedir, 'go')): time.sleep(0.02)\n    \
        return True\n";

/// A builder whose builds run until they are stopped.
const LONG: &str =
    "def long(name, **kw): return builder(name, shell('sleep', '600', name='long'), **kw)\n";

fn started(rest: &str) -> Result<Site> {
    let mut site = Site::new(rest)?;
    site.start()?;
    Ok(site)
}

fn with_worker(rest: &str) -> Result<Site> {
    let mut site = started(rest)?;
    site.start_worker("w1", Program::Ours)?;
    Ok(site)
}

fn text(why: &Json) -> &str {
    why["text"].as_str().unwrap_or_default()
}

/// Lets what `hold` holds go on.
fn go(site: &Site) -> Result<()> {
    Ok(std::fs::write(site.basedir().join("go"), "")?)
}

/// What a request waits for that has no worker: one entry for each.
fn workers(site: &Site, request: i64, reasons: &[&str]) -> Result<Vec<Json>> {
    let mut found = Vec::new();
    site.wait_for("the workers' reasons", |site| {
        let why = site.why(request)?;
        let workers = why["details"]["workers"].as_array();
        found = workers.cloned().unwrap_or_default();
        let names = found.iter().map(|worker| worker["reason"].as_str());
        Ok(names.eq(reasons.iter().map(|reason| Some(*reason))))
    })
    .with_context(|| format!("but: {found:?}"))?;
    site.wait_for_why(request, "no_worker")?;
    Ok(found)
}

#[test]
fn no_worker_is_connected() -> Result<()> {
    let site = started(
        "c['workers'].append(worker.Worker('w2', 'pass'))\n\
         c['builders'] = [builder('b', shell('true'), workers=['w1', 'w2'])]",
    )?;
    let request = site.force("b")?;
    workers(&site, request, &["not_connected", "not_connected"])?;
    assert_eq!(
        text(&site.why(request)?),
        "no worker is free (w1: not connected; w2: not connected)"
    );
    Ok(())
}

#[test]
fn the_worker_builds_as_much_as_it_may() -> Result<()> {
    let site = with_worker(&format!(
        "{LONG}c['workers'] = [worker.Worker('w1', 'pass', max_builds=1)]\n\
         c['builders'] = [long('a'), long('b')]"
    ))?;
    let first = site.force("a")?;
    site.wait_for_step(first, "long")?;
    let waiting = site.force("b")?;
    let found = workers(&site, waiting, &["at_capacity"])?;
    let build = &found[0]["builds"][0];
    assert_eq!(
        (
            &build["builder"],
            &build["number"],
            &build["buildrequestid"]
        ),
        (&json!("a"), &json!(1), &json!(first))
    );
    assert_eq!(
        text(&site.why(waiting)?),
        "no worker is free (w1: has as many builds as it may have: build 1 of 'a')"
    );
    Ok(())
}

#[test]
fn the_worker_builds_the_builder_already() -> Result<()> {
    let site = with_worker(&format!("{LONG}c['builders'] = [long('a')]"))?;
    let first = site.force("a")?;
    site.wait_for_step(first, "long")?;
    let waiting = site.force("a")?;
    let found = workers(&site, waiting, &["building"])?;
    assert_eq!(found[0]["builds"][0]["buildrequestid"], first);
    assert_eq!(
        text(&site.why(waiting)?),
        "no worker is free (w1: builds build 1 of 'a' of this builder)"
    );
    let why = site.wait_for_why(first, "building")?;
    assert_eq!(text(&why), "it is being built: build 1 of 'a'");
    Ok(())
}

#[test]
fn a_build_of_a_virtual_builder_is_named_as_it_is_recorded() -> Result<()> {
    let site = with_worker(&format!(
        "{LONG}c['builders'] = [long('a', properties={{'virtual_builder_name': 'named'}})]"
    ))?;
    let request = site.force("a")?;
    site.wait_for_step(request, "long")?;
    let why = site.wait_for_why(request, "building")?;
    assert_eq!(text(&why), "it is being built: build 1 of 'named'");
    let named = site.builder_id("named")?;
    assert_eq!(why["details"]["builderid"], named);
    Ok(())
}

#[test]
fn a_master_lock_is_taken_by_a_build() -> Result<()> {
    let site = with_worker(&format!(
        "{LONG}lock = util.MasterLock('disk')\n\
         c['builders'] = [long(n, locks=[lock.access('exclusive')]) for n in 'ab']"
    ))?;
    let first = site.force("a")?;
    let build = site.wait_for_step(first, "long")?;
    let waiting = site.force("b")?;
    let why = site.wait_for_why(waiting, "lock")?;
    assert_eq!(text(&why), "the lock 'disk' is taken by build 1 of 'a'");
    let details = &why["details"];
    assert_eq!(details["lock"], "disk");
    assert_eq!(details["worker"], Json::Null);
    assert_eq!(details["owners"][0]["buildid"], build["buildid"]);
    Ok(())
}

#[test]
fn a_master_lock_is_taken_by_a_step() -> Result<()> {
    let site = with_worker(
        "lock = util.MasterLock('disk')\n\
         use = [lock.access('counting')]\n\
         c['builders'] = [builder('a', shell('sleep', '600', name='long', locks=use)), \
         builder('b', shell('true'), locks=use)]",
    )?;
    site.wait_for_step(site.force("a")?, "long")?;
    let waiting = site.force("b")?;
    let why = site.wait_for_why(waiting, "lock")?;
    assert_eq!(
        text(&why),
        "the lock 'disk' is taken by step 1 of build 1 of 'a'"
    );
    assert_eq!(why["details"]["owners"][0]["step"], 1);
    Ok(())
}

#[test]
fn a_lock_of_the_worker_is_taken_that_the_builder_wants() -> Result<()> {
    let site = with_worker(&format!(
        "{LONG}lock = util.WorkerLock('cpu')\n\
         c['builders'] = [long(n, locks=[lock.access('exclusive')]) for n in 'ab']"
    ))?;
    site.wait_for_step(site.force("a")?, "long")?;
    let waiting = site.force("b")?;
    let why = site.wait_for_why(waiting, "lock")?;
    assert_eq!(
        text(&why),
        "the lock 'cpu' of w1 is taken by build 1 of 'a'"
    );
    assert_eq!(why["details"]["worker"], "w1");
    Ok(())
}

#[test]
fn a_lock_is_taken_that_the_worker_wants() -> Result<()> {
    let mut site = started(&format!(
        "{LONG}lock = util.MasterLock('licence')\n\
         use = [lock.access('exclusive')]\n\
         c['workers'] = [worker.Worker(n, 'pass', locks=use) for n in ('w1', 'w2')]\n\
         c['builders'] = [long('a'), long('b', workers=['w2'])]"
    ))?;
    site.start_worker("w1", Program::Ours)?;
    site.start_worker("w2", Program::Ours)?;
    site.wait_for_step(site.force("a")?, "long")?;
    let waiting = site.force("b")?;
    let found = workers(&site, waiting, &["lock"])?;
    assert_eq!(
        found[0]["text"],
        "the lock 'licence' is taken by a build on w1"
    );
    Ok(())
}

#[test]
fn locks_that_are_rendered_are_taken() -> Result<()> {
    let site = with_worker(&format!(
        "{LONG}lock = util.MasterLock('disk')\n\
         @util.renderer\n\
         def use(props): return [lock.access('exclusive')]\n\
         c['builders'] = [long(n, locks=use) for n in 'ab']"
    ))?;
    site.wait_for_step(site.force("a")?, "long")?;
    let waiting = site.force("b")?;
    let why = site.wait_for_why(waiting, "lock")?;
    assert_eq!(text(&why), "the lock 'disk' is taken by build 1 of 'a'");
    Ok(())
}

#[test]
fn the_worker_is_paused() -> Result<()> {
    let site = with_worker("c['builders'] = [builder('b', shell('true'))]")?;
    site.control_worker("w1", "pause", "its disk is full")?;
    let request = site.force("b")?;
    let found = workers(&site, request, &["paused"])?;
    assert_eq!(found[0]["pause_reason"], "its disk is full");
    assert_eq!(
        text(&site.why(request)?),
        "no worker is free (w1: paused (its disk is full))"
    );
    site.control_worker("w1", "unpause", "")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn the_worker_shuts_down() -> Result<()> {
    let site = with_worker(&format!("{LONG}c['builders'] = [long('a'), long('b')]"))?;
    site.wait_for_step(site.force("a")?, "long")?;
    site.control_worker("w1", "stop", "")?;
    let waiting = site.force("b")?;
    workers(&site, waiting, &["shutting_down"])?;
    Ok(())
}

#[test]
fn the_worker_is_in_quarantine_after_an_exception_and_unpausing_ends_that() -> Result<()> {
    let site = with_worker(
        "@util.renderer\n\
         def breaks(props): raise ValueError('it is broken')\n\
         c['builders'] = [builder('a', shell('echo', breaks)), builder('b', shell('true'))]",
    )?;
    let broken = site.build("a")?;
    assert_eq!(broken["results"], buildbot_e2e::results::EXCEPTION);
    let ended = broken["complete_at"].as_i64().context("no end")?;
    let request = site.force("b")?;
    let found = workers(&site, request, &["quarantined"])?;
    let until = found[0]["until"].as_i64().context("no end")?;
    assert!((9..=11).contains(&(until - ended)), "{until} {ended}");
    site.control_worker("w1", "unpause", "")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn can_start_build_does_not_want_it() -> Result<()> {
    let site = with_worker(
        "def veto(builder, wfb, request): return False\n\
         c['builders'] = [builder('b', shell('true'), canStartBuild=veto)]",
    )?;
    let request = site.force("b")?;
    let why = site.wait_for_why(request, "vetoed")?;
    let place = why["details"]["place"].as_str().unwrap_or_default();
    let (function, place) = place.split_once(" at ").context("no place")?;
    let config = site.basedir().join("master.cfg");
    let config = config.to_str().context("a path")?;
    let line = place.strip_prefix(config).context("another file")?;
    let line: usize = line.trim_start_matches(':').parse()?;
    let text_of_config = std::fs::read_to_string(config)?;
    assert_eq!(function, "veto");
    assert_eq!(
        text_of_config.lines().nth(line - 1),
        Some("def veto(builder, wfb, request): return False")
    );
    assert!(
        text(&why).starts_with("user code does not want it on w1: veto at "),
        "{why}"
    );
    assert_eq!(why["details"]["name"], "w1");
    Ok(())
}

#[test]
fn a_function_of_the_builder_is_asked() -> Result<()> {
    for argument in ["nextBuild", "nextWorker", "canStartBuild"] {
        let site = with_worker(&format!(
            "{HOLD}def asked(builder, *args):\n    \
                hold()\n    \
                return args[0][0] if '{argument}' != 'canStartBuild' else True\n\
             c['builders'] = [builder('b', shell('true'), {argument}=asked)]"
        ))?;
        let request = site.force("b")?;
        let why = site.wait_for_why(request, "asking")?;
        assert!(
            text(&why).starts_with("user code is asked: asked at "),
            "{why}"
        );
        go(&site)?;
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    Ok(())
}

#[test]
fn the_function_that_orders_builders_is_asked() -> Result<()> {
    let site = with_worker(&format!(
        "{HOLD}def order(master, builders):\n    \
            hold()\n    \
            return builders\n\
         c['prioritizeBuilders'] = order\n\
         c['builders'] = [builder('b', shell('true'))]"
    ))?;
    let request = site.force("b")?;
    let why = site.wait_for_why(request, "asking")?;
    assert!(
        text(&why).starts_with("user code is asked: order at "),
        "{why}"
    );
    go(&site)?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn the_function_that_collapses_requests_is_asked() -> Result<()> {
    let mut site = started(&format!(
        "{HOLD}def same(master, builder, new, old):\n    \
            hold()\n    \
            return False\n\
         c['collapseRequests'] = same\n\
         c['builders'] = [builder('b', shell('true'))]"
    ))?;
    let first = site.force("b")?;
    let second = std::thread::scope(|scope| -> Result<i64> {
        let forced = scope.spawn(|| site.force("b"));
        let asked = site.wait_for_why(first + 1, "asking");
        go(&site)?;
        let why = asked?;
        assert!(
            text(&why).starts_with("user code is asked: same at "),
            "{why}"
        );
        forced.join().ok().context("it broke")?
    })?;
    assert_eq!(second, first + 1);
    site.start_worker("w1", Program::Ours)?;
    for request in [first, second] {
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    Ok(())
}

#[test]
fn a_function_chooses_nothing() -> Result<()> {
    let site = with_worker(
        "def none(*args): return None\n\
         c['builders'] = [builder('a', shell('true'), nextBuild=none), builder('b', shell('true'), nextWorker=none)]",
    )?;
    for builder in ["a", "b"] {
        let request = site.force(builder)?;
        let why = site.wait_for_why(request, "nothing_chosen")?;
        assert!(
            text(&why).starts_with("user code chose nothing: none at "),
            "{why}"
        );
        // One that comes later waits for the one before.
        if builder == "b" {
            let behind = site.wait_for_why(site.force(builder)?, "behind")?;
            assert_eq!(behind["details"]["buildrequestid"], request);
        }
    }
    Ok(())
}

#[test]
fn a_builder_is_left_out_by_the_function_that_orders_them() -> Result<()> {
    let site = with_worker(
        "def order(master, builders): return [b for b in builders if b.name != 'held']\n\
         c['prioritizeBuilders'] = order\n\
         c['builders'] = [builder('held', shell('true')), builder('b', shell('true'))]",
    )?;
    let held = site.force("held")?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    let why = site.wait_for_why(held, "nothing_chosen")?;
    assert!(
        text(&why).starts_with("user code chose nothing: order at "),
        "{why}"
    );
    Ok(())
}

#[test]
fn a_function_fails() -> Result<()> {
    let site = with_worker(
        "def fails(*args): raise ValueError('no')\n\
         c['builders'] = [builder('b', shell('true'), nextBuild=fails)]",
    )?;
    let why = site.wait_for_why(site.force("b")?, "callable_failed")?;
    assert!(
        text(&why).starts_with("user code failed: fails at "),
        "{why}"
    );
    assert!(why["details"]["until"].is_i64());
    assert!(site.log()?.contains("ValueError: no"));
    Ok(())
}

#[test]
fn the_builder_is_configured_no_more() -> Result<()> {
    let site =
        started("c['builders'] = [builder('a', shell('true')), builder('b', shell('true'))]")?;
    let request = site.force("b")?;
    site.reconfigure("c['builders'] = [builder('a', shell('true'))]")?;
    let why = site.wait_for_why(request, "no_builder")?;
    assert_eq!(text(&why), "its builder is not in the configuration");
    Ok(())
}

#[test]
fn the_master_ends_when_its_builds_have() -> Result<()> {
    let site = with_worker(&format!("{LONG}c['builders'] = [long('a'), long('b')]"))?;
    site.wait_for_step(site.force("a")?, "long")?;
    site.signal(Signal::USR1)?;
    site.wait_for("the shutdown", |site| {
        Ok(site.log()?.contains("shutting down when no build runs"))
    })?;
    let why = site.wait_for_why(site.force("b")?, "shutting_down")?;
    assert_eq!(text(&why), "the master is about to end");
    Ok(())
}

#[test]
fn nothing_is_said_about_a_request_that_is_complete_or_unknown() -> Result<()> {
    let site = with_worker("c['builders'] = [builder('b', shell('true'))]")?;
    let request = site.force("b")?;
    site.wait_for_build(request)?;
    for request in [request, 1_000] {
        assert!(site.why(request).is_err());
        let said = site.buildbot(&["why", &request.to_string()]);
        let error = said.err().context("it said something")?.to_string();
        assert!(error.contains("no such build request waits"), "{error}");
    }
    Ok(())
}
