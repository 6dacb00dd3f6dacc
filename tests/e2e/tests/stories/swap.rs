//! A base directory of the real Buildbot is taken over, and given back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::results::{CANCELLED, FAILURE, SUCCESS};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

/// Builds with all that can be read later: many lines, several logs, HTML, links, properties, changes.
const CONFIG: &str = r#"
from buildbot.process import buildstep
from buildbot.process.results import SUCCESS
class Report(buildstep.BuildStep):
    name = 'report'
    async def run(self):
        await self.addCompleteLog('notes', 'one\ntwo \u00e9\nthree')
        await self.addHTMLLog('page', '<b>fine</b>')
        await self.addURL('home', 'http://localhost/home')
        self.setProperty('made', ['a', 1], 'Report')
        return SUCCESS
c['workers'].append(worker.Worker('w2', 'pass'))
c['change_source'] = [changes.PBChangeSource()]
c['builders'] = [
    builder('b', shell('seq', '1', '3000', name='many', env={'COLUMNS': '80'}), Report(),
        shell('sh', '-c', 'echo out; echo err >&2; printf "no end"', name='streams'), tags=['t1', 't2'],
        description='the first'),
    builder('fails', shell('sh', '-c', 'echo broken; exit 3')),
    builder('long', shell('sh', '-c', 'echo begun; sleep 600', name='long')),
    builder('waits', shell('true'), workers=['w2'])]
c['schedulers'] = [schedulers.AnyBranchScheduler(name='any', builderNames=['b'], properties={'from': 'change'})]
"#;

/// Everything that is said about the builds until `last`.
fn answers(site: &Site, last: i64) -> Result<BTreeMap<String, Json>> {
    let mut paths: Vec<String> = [
        "builders?order=builderid",
        "changes?order=changeid",
        "sourcestamps?order=ssid",
        "builders/b/builds?order=-number&limit=2",
        "workers?field=name&field=workerid&field=paused&field=pause_reason&order=name",
        "schedulers?field=name&field=schedulerid&field=enabled&order=name",
        "buildrequests?buildrequestid__lt=100&complete=true&order=buildrequestid",
        "buildsets?complete=true&order=bsid",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("builds?buildid__le={last}&order=buildid"));
    let mut found = BTreeMap::new();
    for build in 1..=last {
        paths.push(format!("builds/{build}?property=*"));
        paths.push(format!("builds/{build}/properties"));
        paths.push(format!("builds/{build}/changes"));
        paths.push(format!("builds/{build}/steps"));
        for step in site.list(&format!("builds/{build}/steps"))? {
            let path = format!("steps/{}/logs", step["stepid"]);
            for log in site.list(&path)? {
                let id = log["logid"].as_i64().context("no id")?;
                paths.push(format!("logs/{id}/contents"));
                paths.push(format!("logs/{id}/contents?offset=2900&limit=50"));
                found.insert(format!("logs/{id}/raw"), site.raw(id)?.into());
            }
            paths.push(path);
        }
    }
    for path in paths {
        let answer = site.get(&path).with_context(|| path.clone())?;
        found.insert(path, answer);
    }
    Ok(found)
}

fn compare(ours: &BTreeMap<String, Json>, theirs: &BTreeMap<String, Json>) -> Result<()> {
    ensure!(ours.keys().eq(theirs.keys()), "other paths");
    for (path, their) in theirs {
        let our = &ours[path];
        ensure!(our == their, "{path}\n  here: {our}\n  there: {their}");
    }
    Ok(())
}

fn stop(site: &mut Site) -> Result<()> {
    site.signal(Signal::TERM)?;
    site.wait_for_end()?;
    site.check_database()
}

fn change(site: &Site, revision: &str) -> Result<()> {
    let master = format!("127.0.0.1:{}", site.pb_port());
    let arguments = [
        "sendchange",
        "--master",
        &master,
        "--auth",
        "change:changepw",
        "--who",
        "ann <ann@example.org>",
        "--branch",
        "x",
        "--revision",
        revision,
        "--comments",
        "some\nlines",
        "a",
        "dir/b",
    ];
    site.buildbot(&arguments).map(drop)
}

#[test]
fn a_used_base_directory_is_taken_over_and_given_back() -> Result<()> {
    let mut site = Site::made_by_the_real_one(CONFIG)?;
    site.start_the_real_one()?;
    site.start_worker("w1", Program::Ours)?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    assert_eq!(site.build("fails")?["results"], FAILURE);
    change(&site, "r1")?;
    site.wait_for_builds("b", 2)?;
    let request = site.force("long")?;
    let build = site.wait_for_step(request, "long")?;
    site.wait_for("its output", |site| {
        Ok(site.log_of(&build, 1)?.contains("begun"))
    })?;
    site.control(
        &format!("builds/{}", build["buildid"]),
        "stop",
        json!({"reason": "no need"}),
    )?;
    assert_eq!(site.wait_for_build(request)?["results"], CANCELLED);
    let waiting = site.force("waits")?;
    let theirs = answers(&site, 4)?;
    stop(&mut site)?;

    site.start()?;
    compare(&answers(&site, 4)?, &theirs)?;
    site.wait_until_connected("w1")?;
    site.start_worker("w2", Program::Ours)?;
    assert_eq!(site.wait_for_build(waiting)?["results"], SUCCESS);
    let ours = site.build("b")?;
    assert_eq!(
        (&ours["number"], &ours["results"]),
        (&json!(3), &json!(SUCCESS))
    );
    change(&site, "r2")?;
    let builds = site.wait_for_builds("b", 4)?;
    let changes = site.list(&format!("builds/{}/changes", builds[3]["buildid"]))?;
    assert_eq!(changes.len(), 1);
    let said = site.log_of(&builds[3], 1)?;
    ensure!(said.contains("\n2999\n3000\n"), "{said}");
    let ours = answers(&site, 7)?;
    stop(&mut site)?;

    site.start_the_real_one()?;
    // Texts of logs that this master wrote are in its own files.
    let is_kept = |path: &&String| !path.starts_with("logs/") || theirs.contains_key(*path);
    let kept = |all: &BTreeMap<String, Json>| -> BTreeMap<String, Json> {
        let kept = all.iter().filter(|(path, _)| is_kept(path));
        kept.map(|(path, answer)| (path.clone(), answer.clone()))
            .collect()
    };
    compare(&kept(&answers(&site, 7)?), &kept(&ours))?;
    site.wait_until_connected("w1")?;
    let build = site.build("b")?;
    assert_eq!(
        (&build["number"], &build["results"]),
        (&json!(5), &json!(SUCCESS))
    );
    let theirs = answers(&site, 8)?;
    stop(&mut site)?;

    site.start()?;
    let again = answers(&site, 8)?;
    compare(&kept(&again), &kept(&theirs))?;
    for (path, answer) in &ours {
        // What was said about single builds is said again.
        if path.starts_with("logs/") || path.starts_with("builds/") || path.starts_with("steps/") {
            ensure!(again[path] == *answer, "{path}");
        }
    }
    Ok(())
}
