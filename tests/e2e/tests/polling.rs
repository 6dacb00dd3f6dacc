//! A repository is pushed to, and the master builds it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::{Program, Site};
use serde_json::Value as Json;

fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    let done = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .output()?;
    ensure!(done.status.success(), "git {arguments:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// A bare repository, and a clone of it that pushes.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Result<Self> {
        let made = Self(tempfile::tempdir()?);
        git(
            made.0.path(),
            &["init", "-q", "--bare", "-b", "main", "bare"],
        )?;
        git(made.0.path(), &["clone", "-q", "bare", "clone"])?;
        made.push("first")?;
        Ok(made)
    }

    fn url(&self) -> String {
        self.0.path().join("bare").to_string_lossy().into_owned()
    }

    /// Pushes a commit to `main`, and returns it.
    fn push(&self, comments: &str) -> Result<String> {
        let clone = self.0.path().join("clone");
        std::fs::write(clone.join("file"), comments)?;
        git(&clone, &["add", "."])?;
        git(&clone, &["commit", "-q", "-m", comments])?;
        git(&clone, &["push", "-q", "origin", "HEAD:main"])?;
        git(&clone, &["rev-parse", "HEAD"])
    }
}

fn config(url: &str, poller: &str) -> String {
    format!(
        "c['change_source'] = [changes.GitPoller('{url}', branches=['main'], pollInterval=1, pollAtLaunch=True{poller})]\n\
         c['builders'] = [builder('b', steps.Git(repourl='{url}'), shell('cat', 'file'))]\n\
         c['schedulers'] = [schedulers.SingleBranchScheduler('s', \
         change_filter=util.ChangeFilter(branch='main'), treeStableTimer=None, builderNames=['b'])]\n"
    )
}

fn wait_for_builds(site: &Site, count: usize) -> Result<Vec<Json>> {
    let mut builds = Vec::new();
    site.wait_for("builds to be complete", |site| {
        let found = site.get("builds?complete=true&order=buildid")?;
        builds = found["builds"].as_array().cloned().unwrap_or_default();
        Ok(builds.len() >= count)
    })?;
    ensure!(builds.len() == count, "{builds:?}");
    Ok(builds)
}

/// Waits until the poller has seen what is there: nothing of it is new.
fn wait_for_first_poll(site: &Site) -> Result<()> {
    let work = site.basedir().join("gitpoller-work");
    site.wait_for("the first poll", |_| {
        Ok(!git(&work, &["for-each-ref", "refs/buildbot"])?.is_empty())
    })?;
    // The state is written after the fetch; the second poll begins after that.
    let fetched = std::fs::metadata(work.join("FETCH_HEAD"))?.modified()?;
    site.wait_for("the second poll", |_| {
        Ok(std::fs::metadata(work.join("FETCH_HEAD"))?.modified()? > fetched)
    })
}

#[test]
fn a_push_is_found_and_built_and_nothing_is_forgotten_over_a_restart() -> Result<()> {
    let repository = Repository::new()?;
    let mut site = Site::new(&config(&repository.url(), ""))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    wait_for_first_poll(&site)?;
    let revision = repository.push("second")?;
    let builds = wait_for_builds(&site, 1)?;
    assert_eq!(builds[0]["results"], 0);
    let log = site.log_of(&builds[0], 2)?;
    assert!(log.contains("\nsecond"), "{log}");
    let changes = site.get("changes")?;
    let change = &changes["changes"][0];
    assert_eq!(change["revision"], revision.as_str());
    assert_eq!(change["author"], "Ann <ann@example.org>");
    assert_eq!(change["branch"], "main");
    assert_eq!(change["comments"], "second");
    assert_eq!(change["files"], serde_json::json!(["file"]));
    assert_eq!(change["repository"], repository.url().as_str());
    let sources = site.get("changesources")?;
    let source = &sources["changesources"][0];
    assert_eq!(source["name"], repository.url().as_str());
    assert!(source["master"]["active"] == true, "{source}");

    site.signal(rustix::process::Signal::TERM)?;
    ensure!(site.wait_for_end()?, "it ended badly");
    repository.push("third")?;
    site.start()?;
    site.wait_until_connected("w1")?;
    let builds = wait_for_builds(&site, 2)?;
    let log = site.log_of(builds.last().context("no build")?, 2)?;
    assert!(log.contains("\nthird"), "{log}");
    Ok(())
}

#[test]
fn a_git_that_hangs_is_killed_at_the_end() -> Result<()> {
    let repository = Repository::new()?;
    let hanging = repository.0.path().join("hanging-git");
    std::fs::write(
        &hanging,
        "#!/bin/sh\ncase $1 in --version|init) exec git \"$@\";; esac\nsleep 600 & echo $! >\"$0.pid\"; wait\n",
    )?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hanging, mode)?;
    let poller = format!(", gitbin='{}'", hanging.display());
    let mut site = Site::new(&config(&repository.url(), &poller))?;
    site.start()?;
    let pid_file = repository.0.path().join("hanging-git.pid");
    site.wait_for("git to hang", |_| {
        Ok(std::fs::read_to_string(&pid_file)?.ends_with('\n'))
    })?;
    let pid: i32 = std::fs::read_to_string(&pid_file)?.trim().parse()?;
    site.signal(rustix::process::Signal::TERM)?;
    ensure!(site.wait_for_end()?, "it ended badly");
    site.wait_for("the program to be gone", |_| {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        // Whoever inherits it may not have looked yet.
        Ok(state.map_or(true, |state| state.contains(") Z ")))
    })
}

#[test]
fn a_source_that_cannot_be_run_is_refused_by_its_name() -> Result<()> {
    let mut site = Site::new(
        "c['builders'] = [builder('b')]\n\
         c['change_source'] = changes.P4Source(p4port='p:1', p4user='u')\n",
    )?;
    let log = site.start_in_vain()?;
    assert!(
        log.contains("the change source buildbot.changes.p4poller.P4Source is not supported yet"),
        "{log}"
    );
    Ok(())
}
