//! The way of a new user, as the manual describes it.

use std::fs;

use anyhow::{Context as _, Result};
use buildbot_e2e::Site;
use buildbot_e2e::results::SUCCESS;
use rustix::process::Signal;

fn change_config(site: &Site, from: &str, to: &str) -> Result<()> {
    let file = site.basedir().join("master.cfg");
    let text = fs::read_to_string(&file)?;
    assert_eq!(text.matches(from).count(), 1, "{text}");
    Ok(fs::write(file, text.replace(from, to))?)
}

#[test]
fn a_new_user_sees_a_build_changes_the_file_and_goes_on_after_a_stop() -> Result<()> {
    let (site, said) = Site::by_quickstart()?;
    let basedir = site.basedir();
    let base = basedir.to_str().context("a path that is no text")?;
    for words in [
        "build 1 of 'hello': success",
        &format!("See it:           {}", site.url()),
        &format!("buildbot stop {base}"),
        &format!("buildbot start {base}"),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    let page = site.page("")?;
    assert!(page.contains("<html"), "{page}");
    assert_eq!(site.get("builds/1")?["builds"][0]["results"], SUCCESS);
    assert!(site.is_connected("local")?);
    let tested = site.log_of(&site.get("builds/1")?["builds"][0], 3)?;
    assert!(tested.contains("ok 2 - greets by name"), "{tested}");

    // What is wrong is said, and the master goes on with what it has.
    change_config(
        &site,
        "c['title'] = \"Quickstart\"",
        "c['titel'] = 'Changed'",
    )?;
    assert!(site.buildbot(&["checkconfig", base]).is_err());
    assert!(site.buildbot(&["reconfig", base]).is_err());
    change_config(&site, "c['titel']", "c['title']")?;
    site.buildbot(&["checkconfig", base])?;
    site.buildbot(&["reconfig", base])?;
    assert!(site.page("")?.contains("Changed"));
    assert_eq!(site.build("hello")?["number"], 2);

    site.end_daemon(Signal::TERM)?;
    site.check_database()?;
    let complete = "SELECT count(*) FROM builds WHERE results = 0 AND complete_at IS NOT NULL";
    assert_eq!(site.count(complete)?, 2);

    site.buildbot(&["start", base])?;
    let third = site.build("hello")?;
    assert_eq!(
        (&third["number"], &third["results"]),
        (&3.into(), &SUCCESS.into())
    );
    assert_eq!(site.get("builds/1")?["builds"][0]["results"], SUCCESS);
    assert!(site.page("")?.contains("Changed"));
    site.end_daemon(Signal::INT)?;
    assert_eq!(site.count(complete)?, 3);
    let log = site.log()?;
    for wrong in ["[error]", "Traceback", "panicked"] {
        assert!(!log.contains(wrong), "{log}");
    }
    Ok(())
}
