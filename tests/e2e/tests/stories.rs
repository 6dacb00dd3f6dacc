//! What a user sees of a master from a forced build to its end, and of what goes wrong.

use std::process::Command;

use anyhow::{Result, ensure};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::json;

const SUCCESS: i64 = 0;
const FAILURE: i64 = 2;
const EXCEPTION: i64 = 4;
const RETRY: i64 = 5;
const CANCELLED: i64 = 6;

fn git(directory: &std::path::Path, arguments: &[&str]) -> Result<()> {
    let done = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(arguments)
        .output()?;
    ensure!(done.status.success(), "git {arguments:?}: {done:?}");
    Ok(())
}

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
    site.configure("c['builders'] = [builder('a', shell('true')), builder('b', shell('true'))]")?;
    site.signal(Signal::HUP)?;
    site.wait_for("the new configuration", |site| {
        Ok(site.log()?.contains("configuration update complete"))
    })?;
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
         take = 'mkdir ../../held && sleep 0.3 && rmdir ../../held'\n\
         c['builders'] = [builder(n, shell('sh', '-c', take), locks=[lock.access('exclusive')]) for n in 'ab']",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let requests = [site.force("a")?, site.force("b")?];
    for request in requests {
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

#[test]
fn a_build_is_recorded_under_the_virtual_builder_of_its_request() -> Result<()> {
    let mut site = Site::new(
        "c['projects'] = [util.Project(name='p')]\n\
         c['builders'] = [builder('real', shell('true'), tags=['fast'], description='of the real one')]\n\
         c['schedulers'] = [schedulers.ForceScheduler(name='virtual', builderNames=['real'], \
         properties=[util.StringParameter(name=n) for n in ['virtual_builder_name', 'virtual_builder_description', \
         'virtual_builder_project']])]\n",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    assert_eq!(site.wait_for_build(site.force("real")?)?["number"], 1);
    let real = site.get("builders?name=real")?["builders"][0]["builderid"].clone();
    let params = json!({
        "builderid": real, "virtual_builder_name": "named", "virtual_builder_description": "of a request",
        "virtual_builder_project": "p",
    });
    let forced = site.control("forceschedulers/virtual", "force", params)?;
    let request = forced[1][real.to_string()].as_i64().unwrap_or_default();
    let build = site.wait_for_build(request)?;
    assert_eq!(
        (&build["results"], &build["number"]),
        (&json!(SUCCESS), &json!(1))
    );
    let named = site.get("builders?name=named")?["builders"][0].clone();
    assert_eq!(build["builderid"], named["builderid"]);
    assert_eq!(named["description"], "of a request");
    assert_eq!(named["tags"], json!(["fast", "_virtual_"]));
    assert_eq!(named["masterids"], json!([]));
    let projects = site.get("projects")?;
    assert_eq!(named["projectid"], projects["projects"][0]["projectid"]);
    // The request and the properties stay the builder's.
    let request = site.get(&format!("buildrequests/{request}"))?;
    assert_eq!(request["buildrequests"][0]["builderid"], real);
    let properties = site.get(&format!("builds/{}/properties", build["buildid"]))?;
    assert_eq!(properties["properties"][0]["buildername"][0], "real");
    let real = site.get("builders?name=real")?["builders"][0].clone();
    assert_eq!(real["tags"], json!(["fast"]));
    let builds = site.get(&format!("builders/{}/builds", named["builderid"]))?;
    assert_eq!(builds["builds"][0]["buildid"], build["buildid"]);
    Ok(())
}

#[test]
fn a_log_that_is_being_written_says_how_many_lines_it_has() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b', shell('sh', '-c', 'echo one; echo two; sleep 600', name='long', logEnviron=False))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.wait_for_step(site.force("b")?, "long")?;
    let path = format!("builds/{}/steps/long/logs/stdio", build["buildid"]);
    site.wait_for("the lines of a log", |site| {
        let log = site.get(&path)?["logs"][0].clone();
        let text = site.raw(log["logid"].as_i64().unwrap_or_default())?;
        // The head of the raw text is no part of the log.
        let lines = text.lines().count().saturating_sub(3);
        Ok(text.contains("\ntwo\n") && log["complete"] == false && log["num_lines"] == lines)
    })
}

#[test]
fn markdown_of_descriptions_is_rendered_by_the_library_of_the_configuration() -> Result<()> {
    let mut site = Site::new(
        "c['projects'] = [util.Project(name='p', description='*a*', description_format='markdown')]\n\
         c['builders'] = [builder('b', description='*b*', description_format='markdown'), builder('plain', \
         description='*c*')]\n",
    )?;
    // What is installed there has no such library.
    std::fs::write(
        site.basedir().join("markdown.py"),
        "def markdown(text): return f'<p>{text.upper()}</p>'\n",
    )?;
    site.start()?;
    let described = |path: &str, plural: &str| -> Result<_> {
        let found = site.get(path)?[plural][0].clone();
        Ok((
            found["description_format"].clone(),
            found["description_html"].clone(),
        ))
    };
    assert_eq!(
        described("projects", "projects")?,
        (json!("markdown"), json!("<p>*A*</p>"))
    );
    assert_eq!(
        described("builders/b", "builders")?,
        (json!("markdown"), json!("<p>*B*</p>"))
    );
    assert_eq!(
        described("builders/plain", "builders")?,
        (json!(null), json!(null))
    );
    Ok(())
}

#[test]
fn a_force_scheduler_builds_only_its_own_builders() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('a', shell('true')), builder('b', shell('true'))]\n\
         c['schedulers'] = [schedulers.ForceScheduler(name='only', builderNames=['a'])]\n",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let of = |name: &str| site.get(&format!("builders?name={name}"));
    let (a, b) = (
        of("a")?["builders"][0].clone(),
        of("b")?["builders"][0].clone(),
    );
    for params in [
        json!({"builderid": b["builderid"]}),
        json!({"builderid": "77"}),
        json!({"builderNames": ["b"]}),
    ] {
        let refused = site.control("forceschedulers/only", "force", params.clone());
        assert!(refused.is_err(), "{params}");
    }
    let params = json!({"builderid": a["builderid"]});
    let forced = site.control("forceschedulers/only", "force", params)?;
    let request = forced[1][a["builderid"].to_string()].as_i64();
    assert_eq!(
        site.wait_for_build(request.unwrap_or_default())?["results"],
        SUCCESS
    );
    let requests = site.get("buildrequests")?;
    assert_eq!(requests["buildrequests"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn a_program_on_the_master_gets_a_terminal_if_it_is_wanted() -> Result<()> {
    let mut site = Site::new(
        "def on_master(**kw): return steps.MasterShellCommand('test -t 1 && test -t 0 && stty size; echo done', **kw)\n\
         c['builders'] = [builder('b', on_master(usePTY=True), on_master())]\n",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(build["results"], SUCCESS);
    assert!(
        site.log_of(&build, 1)?.contains("24 80\ndone\n"),
        "{}",
        site.log_of(&build, 1)?
    );
    assert!(!site.log_of(&build, 2)?.contains("24 80"));
    Ok(())
}

#[test]
fn a_build_that_waits_for_a_scheduler_which_is_taken_away_ends_with_an_exception() -> Result<()> {
    let builders = "c['builders'] = [builder('a', steps.Trigger(schedulerNames=['t'], waitForFinish=True)), builder('b', \
         shell('sleep', '600', name='long'))]\n";
    let triggerable = "c['schedulers'] = [schedulers.Triggerable(name='t', builderNames=['b'])]\n";
    let mut site = Site::new(&format!("{builders}{triggerable}"))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("a")?;
    site.wait_for("the triggered build", |site| {
        let steps = site.get("steps")?;
        let mut steps = steps["steps"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter();
        Ok(steps.any(|step| step["name"] == "long"))
    })?;
    let other = "c['schedulers'] = [schedulers.Triggerable(name='u', builderNames=['b'])]\n";
    site.configure(&format!(
        "{}{other}",
        builders.replace("schedulerNames=['t']", "schedulerNames=['u']")
    ))?;
    site.signal(Signal::HUP)?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], EXCEPTION);
    Ok(())
}
