//! What a user sees of a master from a forced build to its end, and of what goes wrong.

use anyhow::Result;
use buildbot_e2e::results::{CANCELLED, FAILURE, RETRY, SUCCESS};
use buildbot_e2e::{Program, Site, git};
use rustix::process::Signal;
use serde_json::json;

fn a_repository_is_built(program: Program) -> Result<()> {
    let sources = tempfile::tempdir()?;
    git(sources.path(), &["init", "-q", "-b", "main"])?;
    std::fs::write(
        sources.path().join("hello.sh"),
        "echo hello from the repository\n",
    )?;
    git(sources.path(), &["add", "."])?;
    git(sources.path(), &["commit", "-q", "-m", "one"])?;
    let url = sources.path().display();
    let mut site = Site::new(&format!(
        "c['builders'] = [builder('b', steps.Git(repourl='{url}', branch='main'), shell('sh', 'hello.sh'))]"
    ))?;
    site.start()?;
    site.start_worker("w1", program)?;
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(
        (&build["results"], &build["number"]),
        (&json!(SUCCESS), &json!(1))
    );
    assert_eq!(build["state_string"], "build successful");
    let names: Vec<(String, i64)> = site
        .steps(&build)?
        .into_iter()
        .map(|it| (it.0, it.1))
        .collect();
    let expected = [("worker_preparation", 0), ("git", 0), ("shell", 0)];
    assert_eq!(
        names,
        expected.map(|(name, results)| (name.to_owned(), results))
    );
    let log = site.log_of(&build, 2)?;
    assert!(
        log.contains("\nhello from the repository\nprogram finished with exit code 0\n"),
        "{log}"
    );
    Ok(())
}

#[test]
fn a_python_worker_builds_a_repository() -> Result<()> {
    a_repository_is_built(Program::Python)
}

#[test]
fn our_worker_builds_a_repository() -> Result<()> {
    a_repository_is_built(Program::Ours)
}

#[test]
fn a_failing_step_halts_the_build_and_steps_that_always_run_follow() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b', shell('false', name='breaks', haltOnFailure=True), shell('true', name='never'), \
         shell('true', name='cleans', alwaysRun=True))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(build["results"], FAILURE);
    let steps: Vec<(String, i64)> = site
        .steps(&build)?
        .into_iter()
        .map(|it| (it.0, it.1))
        .collect();
    let expected = [("worker_preparation", 0), ("breaks", 2), ("cleans", 0)];
    assert_eq!(
        steps,
        expected.map(|(name, results)| (name.to_owned(), results))
    );
    Ok(())
}

#[test]
fn a_build_that_is_stopped_ends_cancelled() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('b', shell('sleep', '600', name='long'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    let build = site.wait_for_step(request, "long")?;
    site.control(
        &format!("builds/{}", build["buildid"]),
        "stop",
        json!({"reason": "no need"}),
    )?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], CANCELLED);
    let text = build["state_string"].as_str().unwrap_or_default();
    assert!(text.starts_with("cancelled (no need)"), "{text}");
    Ok(())
}

#[test]
fn a_build_whose_worker_is_lost_is_built_again() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b', shell('sh', '-c', 'test -e ../../again || { touch ../../again; sleep 600; }', \
         name='once'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    let first = site.wait_for_step(request, "once")?;
    site.wait_for("the program to run", |site| {
        Ok(site.path().join("worker-w1/again").exists())
    })?;
    site.kill_worker("w1")?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], SUCCESS);
    let first = site.get(&format!("builds/{}", first["buildid"]))?;
    assert_eq!(first["builds"][0]["results"], RETRY);
    Ok(())
}

#[test]
fn the_queue_survives_a_restart() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('b', shell('true'))]")?;
    site.start()?;
    let requests = [site.force("b")?, site.force("b")?];
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    for request in requests {
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    Ok(())
}

#[test]
fn a_build_of_a_master_that_is_killed_is_built_again_after_the_next_start() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b', shell('sh', '-c', 'test -e again || { touch again; echo begun; sleep 600; }', \
         name='once'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    let first = site.wait_for_step(request, "once")?;
    site.wait_for("the program to run", |site| {
        Ok(site.path().join("worker-w1/b/build/again").exists())
    })?;
    site.signal(Signal::KILL)?;
    site.wait_for_end()?;
    site.start()?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], SUCCESS);
    let first = site.get(&format!("builds/{}", first["buildid"]))?;
    assert_eq!(first["builds"][0]["results"], RETRY);
    Ok(())
}

#[test]
fn a_reconfiguration_adds_a_builder() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('a', shell('true'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    site.reconfigure("c['builders'] = [builder('a', shell('true')), builder('b', shell('true'))]")?;
    assert_eq!(site.wait_for_build(site.force("b")?)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn a_wrong_configuration_changes_nothing() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('a', shell('true'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    site.configure(
        "c['builders'] = [builder('b', shell('true')), util.BuilderConfig(name='x', workernames=['w9'], \
         factory=factory())]",
    )?;
    site.signal(Signal::HUP)?;
    site.wait_for("the refusal", |site| {
        Ok(site.log()?.contains("configuration update aborted"))
    })?;
    let log = site.log()?;
    assert!(
        log.contains("builder 'x' uses unknown workers 'w9'"),
        "{log}"
    );
    let builders = site.get("builders")?;
    assert_eq!(builders["builders"].as_array().map(Vec::len), Some(1));
    assert_eq!(site.wait_for_build(site.force("a")?)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn a_lock_lets_one_build_run_at_a_time() -> Result<()> {
    let mut site = Site::new(
        "lock = util.MasterLock('one')\n\
         take = 'mkdir ../../held && while test ! -e ../../go; do sleep 0.02; done && rmdir ../../held'\n\
         c['builders'] = [builder(n, shell('sh', '-c', take), locks=[lock.access('exclusive')]) for n in 'ab']",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let first = site.force("a")?;
    site.wait_for_step(first, "shell")?;
    let second = site.force("b")?;
    site.wait_for_why(second, "lock")?;
    site.go("w1")?;
    for request in [first, second] {
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    Ok(())
}

#[test]
fn a_hanging_next_build_holds_no_other_builder_up() -> Result<()> {
    let mut site = Site::new(
        "import time\n\
         def hang(builder, requests):\n    time.sleep(600)\n\
         c['builders'] = [builder('hangs', shell('true'), nextBuild=hang), builder('goes', shell('true'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let hanging = site.force("hangs")?;
    assert_eq!(
        site.wait_for_build(site.force("goes")?)?["results"],
        SUCCESS
    );
    assert_eq!(site.build_of(hanging)?, None);
    Ok(())
}

#[test]
fn what_is_not_there_yet_is_refused_at_once_and_by_name() -> Result<()> {
    let mut site = Site::new(
        "c['services'] = [reporters.HttpStatusPush('http://localhost/')]\n\
         c['change_source'] = [changes.P4Source(p4port='localhost:1666')]\n\
         c['builders'] = [builder('a', shell('true'))]",
    )?;
    let log = site.start_in_vain()?;
    for expected in [
        "reporters.http.HttpStatusPush",
        "P4Source",
        "BuildMaster startup failed",
    ] {
        assert!(log.contains(expected), "{log}");
    }
    Ok(())
}
