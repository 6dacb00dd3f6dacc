//! What a builder can be told: who builds, whether, where, and with which environment and properties.

use anyhow::{Context as _, Result};
use buildbot_e2e::results::{SKIPPED, SUCCESS, WARNINGS};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

fn with_workers(rest: &str, workers: &[&str]) -> Result<Site> {
    let mut site = Site::new(&format!(
        "c['workers'] = [worker.Worker(n, 'pass') for n in ('w1', 'w2', 'w3')]\n{rest}"
    ))?;
    site.start()?;
    for name in workers {
        site.start_worker(name, Program::Ours)?;
    }
    Ok(site)
}

fn worker_of(site: &Site, build: &Json) -> Result<String> {
    let properties = site.properties(build)?;
    let name = properties["workername"][0].as_str();
    Ok(name.context("no worker")?.to_owned())
}

#[test]
fn a_function_chooses_the_worker() -> Result<()> {
    let site = with_workers(
        "def last(builder, workers, request):\n    \
            return max(workers, key=lambda w: w.worker.workername)\n\
         c['builders'] = [builder('b', shell('true'), workers=['w1', 'w2', 'w3'], nextWorker=last)]",
        &["w1", "w2"],
    )?;
    for _ in 0..3 {
        assert_eq!(worker_of(&site, &site.build("b")?)?, "w2");
    }
    Ok(())
}

#[test]
fn a_function_refuses_workers_for_a_request_and_the_chosen_worker_is_enforced() -> Result<()> {
    let site = with_workers(
        "def only(builder, wfb, request):\n    \
            return wfb.worker.workername == request.properties.getProperty('on', 'w1')\n\
         three = ['w1', 'w2', 'w3']\n\
         c['builders'] = [builder('b', shell('true'), workers=three, canStartBuild=only), \
            builder('chosen', shell('true'), workers=three, canStartBuild=util.enforceChosenWorker)]\n\
         c['schedulers'] = [schedulers.ForceScheduler(name='on', builderNames=['b', 'chosen'], properties=[ \
            util.StringParameter(name='on', default='w1'), util.WorkerChoiceParameter()])]",
        &["w1", "w2", "w3"],
    )?;
    for (builder, field, wanted) in [
        ("b", "on", "w3"),
        ("b", "on", "w1"),
        ("chosen", "workername", "w2"),
        ("chosen", "workername", "w3"),
    ] {
        let params = json!({"builderid": site.builder_id(builder)?, field: wanted});
        let forced = site.control("forceschedulers/on", "force", params)?;
        let id = forced[1]
            .as_object()
            .and_then(|map| map.values().next()?.as_i64());
        let build = site.wait_for_build(id.context("no request")?)?;
        assert_eq!(worker_of(&site, &build)?, wanted);
    }
    Ok(())
}

#[test]
fn a_build_that_is_not_to_be_done_is_skipped() -> Result<()> {
    let site = with_workers(
        "c['builders'] = [builder('b', shell('true'), do_build_if=lambda build: build.getProperty('reason') == 'yes')]",
        &["w1"],
    )?;
    let skipped = site.build("b")?;
    assert_eq!(skipped["results"], SKIPPED);
    assert_eq!(
        site.list(&format!("builds/{}/steps", skipped["buildid"]))?
            .len(),
        0
    );
    let request = site.force_with("b", json!({"reason": "yes"}))?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    Ok(())
}

#[test]
fn the_environment_of_a_step_is_that_of_the_builder_and_its_own() -> Result<()> {
    let site = with_workers(
        "c['builders'] = [builder('b', shell('sh', '-c', 'echo $ONE-$TWO-$THREE-$PATH_OF', \
            env={'TWO': 'step', 'THREE': util.Property('buildername')}), \
            env={'ONE': 'builder', 'TWO': 'builder', 'PATH_OF': ['/a', '/b']})]",
        &["w1"],
    )?;
    let log = site.log_of(&site.build("b")?, 1)?;
    assert!(log.contains("\nbuilder-step-b-/a:/b\n"), "{log}");
    Ok(())
}

#[test]
fn properties_have_the_value_of_who_comes_last() -> Result<()> {
    let mut site = Site::new(
        "c['workers'] = [worker.Worker('w1', 'pass', properties={'f': 'worker'}, \
            defaultProperties={'g': 'worker default', 'a': 'worker default'})]\n\
         c['properties'] = {n: 'global' for n in 'abcdef'}\n\
         c['change_source'] = [changes.PBChangeSource()]\n\
         c['schedulers'] = [schedulers.AnyBranchScheduler(name='s', builderNames=['b'], \
            properties={n: 'scheduler' for n in 'cdef'})]\n\
         c['builders'] = [builder('b', steps.SetProperty(property='set', value=util.Interpolate( \
                '%(prop:a)s, %(prop:b)s, %(prop:c)s, %(prop:d)s, %(prop:e)s, %(prop:f)s, %(prop:g)s')), \
            properties={n: 'builder' for n in 'ef'}, defaultProperties={'a': 'default', 'h': 'default'})]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
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
        "--property",
        "b:change",
        "--property",
        "d:change",
        "file",
    ])?;
    let build = &site.wait_for_builds("b", 1)?[0];
    let properties = site.properties(build)?;
    let expected = "global, change, scheduler, change, builder, worker, worker default";
    assert_eq!(properties["set"], json!([expected, "SetProperty"]));
    assert_eq!(properties["h"], json!(["default", "Builder"]));
    assert_eq!(properties["f"], json!(["worker", "Worker"]));
    assert_eq!(properties["b"], json!(["change", "Change"]));
    let config = site.basedir().join("master.cfg");
    assert_eq!(properties["a"][1], config.to_str().context("a path")?);
    Ok(())
}

#[test]
fn builds_happen_in_the_directory_of_the_builder() -> Result<()> {
    let site = with_workers(
        "c['builders'] = [builder('with spaces/and more', shell('pwd')), \
            builder('b', shell('pwd'), builddir='there'), \
            builder('c', shell('pwd'), builddir='c', workerbuilddir='elsewhere'), \
            builder('d', shell('pwd', workdir='sub'))]",
        &["w1"],
    )?;
    let root = site.worker_directory("w1");
    for (builder, directory) in [
        ("with spaces/and more", "with_spaces_and_more/build"),
        ("b", "there/build"),
        ("c", "elsewhere/build"),
        ("d", "d/sub"),
    ] {
        let build = site.build(builder)?;
        let log = site.log_of(&build, 1)?;
        let expected = format!("\n{}\n", root.join(directory).display());
        assert!(log.contains(&expected), "{log}");
    }
    Ok(())
}

#[test]
fn a_counting_lock_lets_as_many_run_as_it_counts() -> Result<()> {
    let site = with_workers(
        "lock = util.MasterLock('two', maxCount=2)\n\
         hold = 'touch ../../../held/$0; while test ! -e ../../../go; do sleep 0.02; done; \
            echo held $(ls ../../../held | wc -l); rm ../../../held/$0'\n\
         c['builders'] = [builder(n, shell('sh', '-c', hold, n, locks=[lock.access('counting')]), \
            workers=['w1', 'w2', 'w3']) for n in 'abcd']",
        &["w1", "w2", "w3"],
    )?;
    std::fs::create_dir(site.path().join("held"))?;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(site.force(name)?);
    }
    let held = site.path().join("held");
    site.wait_for("two to have it", |_| {
        Ok(std::fs::read_dir(&held)?.count() == 2)
    })?;
    for id in &ids {
        site.wait_for_step(*id, "shell")?;
    }
    std::fs::write(site.path().join("go"), "")?;
    let mut held = Vec::new();
    for id in ids {
        let build = site.wait_for_build(id)?;
        assert_eq!(build["results"], SUCCESS);
        let log = site.log_of(&build, 1)?;
        let found = log.lines().find_map(|line| line.strip_prefix("held "));
        held.push(found.context("nothing said")?.trim().to_owned());
    }
    // Whoever has it sees at most one other.
    assert!(
        held.iter().all(|count| count == "1" || count == "2"),
        "{held:?}"
    );
    assert!(held.contains(&"2".to_owned()), "{held:?}");
    Ok(())
}

#[test]
fn warnings_are_counted_and_a_file_of_the_worker_suppresses_some() -> Result<()> {
    let site = with_workers(
        "text = 'a.c:3: warning: bad\\nb.c:5: warning: worse\\nc.c:7: warning: known\\n'\n\
         c['builders'] = [builder('b', \
            shell('sh', '-c', \"printf '# what we know\\\\nc.c : .*known\\\\na.c : bad : 1-2\\\\n' > known.txt\"), \
            steps.StringDownload(text, workerdest='said.txt'), \
            steps.Compile(command=['cat', 'said.txt'], suppressionFile='known.txt', \
                warningExtractor=steps.WarningCountingShellCommand.warnExtractFromRegexpGroups, \
                warningPattern='^(.*?):([0-9]+): warning: (.*)$'))]",
        &["w1"],
    )?;
    let build = site.build("b")?;
    let steps = site.list(&format!("builds/{}/steps", build["buildid"]))?;
    let compile = steps.last().context("no step")?;
    assert_eq!(compile["results"], WARNINGS);
    let properties = site.properties(&build)?;
    assert_eq!(
        properties["warnings-count"],
        json!([2, "WarningCountingShellCommand"])
    );
    let logs = site.list(&format!("steps/{}/logs", compile["stepid"]))?;
    let warnings = logs.iter().find(|log| {
        log["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("warnings"))
    });
    let warnings = warnings.context("no log of warnings")?;
    assert_eq!(warnings["name"], "warnings (2)");
    let text = site.raw(warnings["logid"].as_i64().context("no id")?)?;
    assert!(
        text.contains("a.c:3: warning: bad\nb.c:5: warning: worse\n"),
        "{text}"
    );
    assert!(!text.contains("known"), "{text}");
    Ok(())
}

#[test]
fn a_database_that_is_not_served_is_named_at_start_without_its_password() -> Result<()> {
    for scheme in ["postgresql", "postgresql+psycopg2", "mysql+mysqldb"] {
        let mut site = Site::new(&format!(
            "c['db'] = {{'db_url': '{scheme}://u:Pa55phrase@h/buildbot'}}\n\
             c['builders'] = [builder('b', shell('true'))]"
        ))?;
        let said = site.start_in_vain()?;
        assert!(said.contains(scheme), "{said}");
        assert!(said.contains("sqlite"), "{said}");
        assert!(!said.contains("Pa55phrase"), "{said}");
        assert!(!said.contains("BuildMaster is running"), "{said}");
    }
    Ok(())
}
