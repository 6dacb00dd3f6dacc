//! Functions of users read every member of what they are given: it is the same under the real master and under ours.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, ensure};
use buildbot_e2e::{Program, Site, copy};

/// The configuration that both execute.
const MEMBERS: &str = concat!(include_str!("shown.py"), include_str!("members.py"));

/// Every kind of function that the configuration has.
const FUNCTIONS: &[&str] = &[
    "prioritizeBuilders",
    "collapseRequests",
    "nextBuild",
    "nextWorker",
    "canStartBuild",
    "do_build_if",
    "renderer",
    "doStepIf",
    "hideStepIf",
    "step",
];

/// What each expression gave, by the function and the expression.
type Seen = BTreeMap<String, Vec<String>>;

fn seen(site: &mut Site) -> Result<Seen> {
    site.send_first_change()?;
    site.wait_for("a request for the change", |site| {
        let requests = site.get("buildrequests")?;
        Ok(requests["buildrequests"].get(0).is_some())
    })?;
    let forced = site.force("b")?;
    site.start_worker_without_waiting("w1", Program::Python, &[])?;
    site.wait_for_build(forced)?;
    site.stop()?;
    site.kill_worker("w1")?;
    let text = fs::read_to_string(site.basedir().join("seen"))?;
    let mut seen = Seen::new();
    for line in text.lines() {
        let (what, value) = line.split_once(" = ").unwrap_or((line, ""));
        let values = seen.entry(what.to_owned()).or_default();
        values.push(value.to_owned());
    }
    Ok(seen)
}

#[test]
fn functions_of_users_read_the_same_as_under_the_real_master() -> Result<()> {
    let mut site = Site::made_by_the_real_one(MEMBERS)?;
    // The ids of rows are those that the real one has given.
    site.start_the_real_one()?;
    site.stop()?;
    let (basedir, before) = (site.basedir(), site.path().join("before"));
    copy(&basedir, &before)?;

    site.start_the_real_one()?;
    let expected = seen(&mut site)?;
    fs::remove_dir_all(&basedir)?;
    copy(&before, &basedir)?;
    site.start()?;
    let found = seen(&mut site)?;

    for function in FUNCTIONS {
        let of_it = |what: &&String| {
            what.split_once(' ')
                .is_some_and(|(first, _)| first == *function)
        };
        let count = expected.keys().filter(of_it).count();
        ensure!(count > 50, "{function} has read {count} members only");
    }
    let commands = ["3 'zero\\n' 'one\\n'", "0 '' ''"];
    ensure!(expected["canStartBuild command"] == commands);
    let mut other = Vec::new();
    for (what, values) in &expected {
        let found = found.get(what);
        // Some members are not there yet when the real one calls.
        let is_as_good = values
            .iter()
            .any(|value| value.starts_with("raises Attribute"));
        if !is_as_good && found != Some(values) {
            other.push(format!(
                "{what}\n  expected {values:?}\n  found    {found:?}"
            ));
        }
    }
    ensure!(other.is_empty(), "{}\n{}", other.join("\n"), site.log()?);
    Ok(())
}
