//! Code of users that asks the master: the same questions under the real master and under ours.

use std::fs;

use anyhow::{Context as _, Result};
use buildbot_e2e::{Program, Site, copy};

/// The configuration that both execute.
const QUESTIONS: &str = concat!(include_str!("shown.py"), include_str!("asking.py"));

fn stop(site: &mut Site) -> Result<()> {
    site.stop()?;
    site.kill_worker("w1")
}

/// The answers, a line each.
fn answers(site: &mut Site) -> Result<Vec<String>> {
    site.start_worker("w1", Program::Python)?;
    let build = site.wait_for_build(site.force("b")?)?;
    let log = site.log_of(&build, 1)?;
    stop(site)?;
    let (_, answers) = log.split_once("Worker name: w1\n").context("no head")?;
    Ok(answers.lines().map(str::to_owned).collect())
}

#[test]
fn code_of_users_gets_the_same_answers_as_from_the_real_master() -> Result<()> {
    let mut site = Site::made_by_the_real_one(QUESTIONS)?;
    // Both begin with a build that the real one has made.
    site.start_the_real_one()?;
    site.start_worker("w1", Program::Python)?;
    site.send_first_change()?;
    site.wait_for("a build of the change", |site| {
        let builds = site.get("builds?complete=true")?;
        Ok(builds["builds"].get(0).is_some())
    })?;
    stop(&mut site)?;
    let (basedir, before) = (site.basedir(), site.path().join("before"));
    copy(&basedir, &before)?;

    site.start_the_real_one()?;
    let expected = answers(&mut site)?;
    fs::remove_dir_all(&basedir)?;
    copy(&before, &basedir)?;
    site.start()?;
    let found = answers(&mut site)?;

    assert!(found.len() > 100, "{found:#?}\n{}", site.log()?);
    assert_eq!(expected.len(), found.len());
    let other: Vec<_> = expected
        .iter()
        .zip(&found)
        .filter(|(expected, found)| expected != found)
        .collect();
    assert!(other.is_empty(), "{other:#?}");
    Ok(())
}

#[test]
fn passwords_are_checked_by_code_of_the_configuration() -> Result<()> {
    let mut site = Site::new(
        "class Ours(util.CustomAuth):\n    \
             def check_credentials(self, name, password):\n        \
                 if name == b'broken': raise ValueError('it is broken')\n        \
                 return (name, password) == (b'ann', b'Pa55phrase')\n\
         c['www']['auth'] = Ours()\n\
         c['builders'] = [builder('b', shell('true'))]",
    )?;
    site.start()?;
    assert_eq!(site.log_in("ann", "Pa55phrase")?, 302);
    assert_eq!(site.log_in("ann", "wrong")?, 401);
    assert_eq!(site.log_in("broken", "Pa55phrase")?, 500);
    let log = site.log()?;
    assert!(log.contains("it is broken"), "{log}");
    assert!(!log.contains("Pa55phrase"), "{log}");
    Ok(())
}

#[test]
fn functions_of_the_configuration_read_data_before_they_decide() -> Result<()> {
    let mut site = Site::new(
        "from twisted.internet import defer\n\
         @util.renderer\n\
         @defer.inlineCallbacks\n\
         def newest(props):\n    \
             path = ('builders', props.getProperty('buildername'), 'builds')\n    \
             found = yield props.master.data.get(path, order=['-number'], limit=1)\n    \
             return 'number %d' % found[0]['number']\n\
         @defer.inlineCallbacks\n\
         def next_build(builder, requests):\n    \
             found = yield builder.master.data.get(('buildsets', requests[-1].bsid))\n    \
             print('NEXT of %d, the last is wanted as %r' % (len(requests), found['reason']))\n    \
             return requests[-1]\n\
         async def can_start(builder, wfb, request):\n    \
             worker = await request.master.data.get(('workers', wfb.worker.workername))\n    \
             print('STARTS on', worker['name'])\n    \
             return True\n\
         @defer.inlineCallbacks\n\
         def collapse(master, builder, new, old):\n    \
             found = yield master.data.get(('buildsets', new['buildsetid'], 'properties'))\n    \
             print('COLLAPSE', new['submitted_at'].year > 2000, found['scheduler'][0])\n    \
             return False\n\
         c['builders'] = [builder('b', shell('echo', newest), nextBuild=next_build, \
             canStartBuild=can_start, collapseRequests=collapse)]",
    )?;
    site.start()?;
    let first = site.force("b")?;
    let second = site.force("b")?;
    site.start_worker("w1", Program::Python)?;
    let (first, second) = (site.wait_for_build(first)?, site.wait_for_build(second)?);
    let log = site.log()?;
    assert!(
        second["number"].as_i64() < first["number"].as_i64(),
        "{log}"
    );
    let written = site.log_of(&second, 1)?;
    assert!(written.contains("number 1"), "{written}");
    for line in [
        "NEXT of 2, the last is wanted as \"A build was forced by '': test\"",
        "STARTS on w1",
        "COLLAPSE True force",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    Ok(())
}
