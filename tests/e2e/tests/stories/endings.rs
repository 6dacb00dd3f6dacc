//! A master that is asked to end.

use anyhow::Result;
use buildbot_e2e::results::{RETRY, SUCCESS};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;

fn wait_for_clean_shutdown(site: &Site) -> Result<()> {
    site.wait_for("the shutdown to begin", |site| {
        Ok(site.log()?.contains("shutting down when no build runs"))
    })
}

#[test]
fn after_sigusr1_builds_end_and_what_waits_is_built_after_the_next_start() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('b', until_go('long'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let running = site.force("b")?;
    site.wait_for_step(running, "long")?;
    let waiting = site.force("b")?;
    site.signal(Signal::USR1)?;
    wait_for_clean_shutdown(&site)?;
    // It still takes requests.
    let late = site.force("b")?;
    site.go("w1")?;
    assert!(site.wait_for_end()?);
    site.check_database()?;
    let ended = "SELECT count(*) FROM builds WHERE results = 0 AND complete_at IS NOT NULL";
    assert_eq!(site.count(ended)?, 1);
    site.start()?;
    for request in [waiting, late] {
        assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    }
    assert_eq!(site.wait_for_build(running)?["number"], 1);
    Ok(())
}

#[test]
fn code_of_users_has_the_master_ended_and_thinks_again() -> Result<()> {
    let mut site = Site::new(
        "class Ends(steps.BuildStep):\n    \
             async def run(self):\n        \
                 botmaster = self.master.botmaster\n        \
                 before = botmaster.shuttingDown\n        \
                 await botmaster.cleanShutdown()\n        \
                 print('SHUT', before, botmaster.shuttingDown)\n        \
                 if self.getProperty('again'):\n            \
                     botmaster.cancelCleanShutdown()\n            \
                     print('OPEN', botmaster.shuttingDown)\n        \
                 return util.SUCCESS\n\
         c['builders'] = [builder('again', Ends(), properties={'again': True}), builder('ends', Ends())]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    for _ in 0..2 {
        assert_eq!(site.build("again")?["results"], SUCCESS);
    }
    site.force("ends")?;
    assert!(site.wait_for_end()?);
    let log = site.log()?;
    for line in [
        "SHUT False True",
        "OPEN False",
        "Initiating clean shutdown",
        "Cancelling clean shutdown",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    site.check_database()?;
    let ended = "SELECT count(*) FROM builds WHERE results = 0 AND complete_at IS NOT NULL";
    assert_eq!(site.count(ended)?, 3);
    Ok(())
}

#[test]
fn what_a_running_build_waits_for_is_still_built_during_a_clean_shutdown() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('parent', until_go('long'), \
            steps.Trigger(schedulerNames=['t'], waitForFinish=True)), builder('child', shell('true'))]\n\
         c['schedulers'] = [schedulers.Triggerable(name='t', builderNames=['child'])]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    site.wait_for_step(site.force("parent")?, "long")?;
    site.signal(Signal::USR1)?;
    wait_for_clean_shutdown(&site)?;
    site.go("w1")?;
    assert!(site.wait_for_end()?);
    let ended = "SELECT count(*) FROM builds WHERE results = 0 AND complete_at IS NOT NULL";
    assert_eq!(site.count(ended)?, 2);
    Ok(())
}

#[test]
fn a_second_signal_does_not_wait_for_builds() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('b', shell('sleep', '600', name='long'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    site.wait_for_step(request, "long")?;
    site.signal(Signal::USR1)?;
    wait_for_clean_shutdown(&site)?;
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    assert_eq!(site.count("SELECT results FROM builds")?, RETRY);
    assert_eq!(site.count("SELECT complete FROM buildrequests")?, 0);
    Ok(())
}

#[test]
fn after_sigterm_builds_are_stopped_and_built_again_after_the_next_start() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b', shell('sh', '-c', 'test -e ../../again || { touch ../../again; sleep 600; }', \
            name='once'), shell('true', name='always', alwaysRun=True))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let request = site.force("b")?;
    site.wait_for_step(request, "once")?;
    let again = site.worker_directory("w1").join("again");
    site.wait_for("the program to run", |_| Ok(again.exists()))?;
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    for table in ["builds", "steps"] {
        let open =
            format!("SELECT count(*) FROM {table} WHERE complete_at IS NULL OR results IS NULL");
        assert_eq!(site.count(&open)?, 0, "{table}");
    }
    site.start()?;
    let build = site.wait_for_build(request)?;
    assert_eq!(
        (build["results"].as_i64(), build["number"].as_i64()),
        (Some(SUCCESS), Some(2))
    );
    Ok(())
}

#[test]
fn a_master_whose_configuration_hangs_can_be_stopped() -> Result<()> {
    let mut site = Site::new("import time; time.sleep(600)")?;
    site.start_without_waiting()?;
    site.wait_for("the start", |site| {
        Ok(site.log()?.contains("Starting BuildMaster"))
    })?;
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    Ok(())
}

#[test]
fn a_second_master_of_a_directory_is_refused_and_the_first_goes_on() -> Result<()> {
    let mut site = Site::new("c['builders'] = [builder('b', shell('true'))]")?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let pid = site.basedir().join("twistd.pid");
    let said = site.start_in_vain()?;
    assert!(said.contains("Another twistd server is running"), "{said}");
    // Also when they start at once, and none finds the file of the other.
    std::fs::remove_file(&pid)?;
    let said = site.start_in_vain()?;
    assert!(said.contains("another master runs in"), "{said}");
    assert!(!pid.exists());
    let request = site.force("b")?;
    assert_eq!(site.wait_for_build(request)?["results"], SUCCESS);
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    Ok(())
}
