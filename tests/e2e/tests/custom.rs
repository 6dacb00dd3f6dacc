//! Steps of classes of users beside built-in ones, in one build with a real worker.

use anyhow::{Context as _, Result};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

const SUCCESS: i64 = 0;
const EXCEPTION: i64 = 4;
const CANCELLED: i64 = 6;

/// The classes that the configurations use.
const CLASSES: &str = include_str!("custom_steps.py");

fn site(rest: &str) -> Result<Site> {
    let mut site = Site::new(&format!("{CLASSES}\n{rest}"))?;
    site.start()?;
    site.start_worker("w1", Program::Python)?;
    Ok(site)
}

/// Names, results and texts of the steps of a build, without those that the master makes.
fn outline(site: &Site, build: &Json) -> Result<Vec<(String, i64, String)>> {
    let path = format!("builds/{}/steps", build["buildid"]);
    let steps = site.get(&path)?;
    let steps = steps["steps"].as_array().context("no steps")?;
    Ok(steps
        .iter()
        .skip(1)
        .map(|step| {
            let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
            let results = step["results"].as_i64().unwrap_or(-1);
            (text("name"), results, text("state_string"))
        })
        .collect())
}

fn property(site: &Site, build: &Json, name: &str) -> Result<Json> {
    let properties = site.get(&format!("builds/{}/properties", build["buildid"]))?;
    Ok(properties["properties"][0][name].clone())
}

#[test]
fn custom_steps_and_built_in_ones_make_one_build() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', \
            Discover(command=['printf', 'one\\\\ntwo\\\\n']), \
            shell('echo', util.Interpolate('%(prop:found)s'), name='shows'), \
            Measure(), Version(), Report(), Counted(command=['sh', '-c', 'echo x warning: y']), \
            Later(), Linked(), Skips(doStepIf=lambda s: s.getProperty('found') == []), \
            Uploaded(workersrc='version.txt', masterdest='version.txt'), \
            steps.SetProperty(property='last', value=util.Property('version')), Checks(), \
            env={'FROM_BUILDER': 'yes'})]",
    )?;
    let build = site.wait_for_build(site.force("b")?)?;
    let steps = outline(&site, &build)?;
    let found: Vec<(&str, i64, &str)> = steps
        .iter()
        .map(|(name, results, text)| (name.as_str(), *results, text.as_str()))
        .collect();
    let log = site.log()?;
    assert_eq!(
        found,
        [
            ("discover", 0, "'printf one\\ntwo\\n'"),
            ("make one", 0, "'echo one'"),
            ("make two", 0, "'echo two'"),
            ("shows", 0, "'echo ['one', 'two']'"),
            ("measure", 0, "measured 2 commands"),
            ("version", 0, "version 1.2"),
            ("report", 1, "reported (warnings)"),
            ("counted", 1, "'sh -c ...' (warnings)"),
            ("later", 0, "finished"),
            ("linked", 0, "1 link"),
            ("skips", 3, "finished (skipped)"),
            ("upload", 0, "uploaded version.txt"),
            ("SetProperty", 0, "Set"),
            ("checks", 0, "all is well"),
        ],
        "{log}"
    );
    assert_eq!(build["results"], SUCCESS);
    assert_eq!(property(&site, &build, "found")?[0], json!(["one", "two"]));
    assert_eq!(property(&site, &build, "version")?[0], "1.2");
    assert_eq!(property(&site, &build, "last")?[0], "1.2");
    let stored = std::fs::read_to_string(site.basedir().join("version.txt"))?;
    assert_eq!(stored, "1.2\n");
    Ok(())
}

#[test]
fn builds_of_a_class_of_the_users_are_what_their_steps_see() -> Result<()> {
    let site = site(
        "from buildbot.process.build import Build\n\
         class Ours(Build):\n    \
             def release(self): return 'release of ' + self.getProperty('scheduler')\n    \
             def getUrl(self): return defer.succeed('page %d' % self.number)\n\
         class Looks(steps.BuildStep):\n    \
             name = 'looks'\n    \
             @defer.inlineCallbacks\n    \
             def run(self):\n        \
                 url = yield self.build.getUrl()\n        \
                 self.descriptionDone = self.build.release() + ' at ' + url\n        \
                 return SUCCESS\n\
         c['builders'] = [builder('b', Looks())]\n\
         c['builders'][0].factory.buildClass = Ours",
    )?;
    let build = site.wait_for_build(site.force("b")?)?;
    let steps = outline(&site, &build)?;
    let (_, results, text) = steps.first().context("no step")?;
    assert_eq!(
        (*results, text.as_str()),
        (SUCCESS, "release of force at page 1"),
        "{}",
        site.log()?
    );
    Ok(())
}

#[test]
fn a_class_of_builds_that_would_do_the_masters_work_is_refused_by_name() -> Result<()> {
    let mut site = Site::new(
        "from buildbot.process.build import Build\n\
         class Ours(Build):\n    \
             def setupBuild(self): pass\n\
         c['builders'] = [builder('b', shell('true'))]\n\
         c['builders'][0].factory.buildClass = Ours",
    )?;
    let log = site.start_in_vain()?;
    assert!(log.contains("overrides setupBuild"), "{log}");
    Ok(())
}

#[test]
fn steps_that_were_added_are_let_go_with_their_build() -> Result<()> {
    let site = site(
        "import gc, weakref\n\
         class Adds(steps.BuildStep):\n    \
             name = 'adds'\n    \
             made = []\n    \
             def run(self):\n        \
                 if self.getProperty('last', False):\n            \
                     gc.collect()\n            \
                     self.descriptionDone = '%d are left' % sum(ref() is not None for ref in Adds.made)\n            \
                     return SUCCESS\n        \
                 added = Adds.Added(self.build.number)\n        \
                 Adds.made.append(weakref.ref(added.what))\n        \
                 self.build.addStepsAfterCurrentStep([added])\n        \
                 return SUCCESS\n    \
             class What: pass\n    \
             class Added(steps.BuildStep):\n        \
                 name = 'added'\n        \
                 def __init__(self, number, **kwargs):\n            \
                     super().__init__(**kwargs)\n            \
                     self.what = Adds.What()\n        \
                 def run(self): return SUCCESS\n\
         c['builders'] = [builder('b', Adds()), builder('last', Adds(), properties={'last': True})]",
    )?;
    for _ in 0..3 {
        let build = site.wait_for_build(site.force("b")?)?;
        assert_eq!(build["results"], SUCCESS, "{}", site.log()?);
    }
    let build = site.wait_for_build(site.force("last")?)?;
    let steps = outline(&site, &build)?;
    let (.., text) = steps.first().context("no step")?;
    assert_eq!(text, "0 are left");
    Ok(())
}

#[test]
fn what_callables_set_has_reached_the_build_when_the_step_runs() -> Result<()> {
    let site = site(
        "@util.renderer\n\
         def named(props):\n    \
             props.setProperty('by renderer', 'r', 'me')\n    \
             return 'x'\n\
         def wanted(step):\n    \
             step.setProperty('by predicate', 'p', 'me')\n    \
             return True\n\
         c['builders'] = [builder('b', shell('echo', named, doStepIf=wanted), \
             shell('echo', util.Property('by renderer'), util.Property('by predicate')))]",
    )?;
    let build = site.wait_for_build(site.force("b")?)?;
    let log = site.log_of(&build, 2)?;
    assert!(log.contains("\nr p\n"), "{log}");
    Ok(())
}

#[test]
fn builders_are_ordered_by_what_they_say_of_their_requests() -> Result<()> {
    let mut site = Site::new(
        "from twisted.internet import defer\n\
         @defer.inlineCallbacks\n\
         def ordered(master, builders):\n    \
             ages = []\n    \
             for one in builders:\n        \
                 oldest = yield one.getOldestRequestTime()\n        \
                 newest = yield one.getNewestCompleteTime()\n        \
                 priority = yield one.get_highest_priority()\n        \
                 ages.append((oldest is None, one.name != 'second', priority or 0, newest is None, one))\n    \
             ages.sort(key=lambda age: age[:4])\n    \
             return [age[-1] for age in ages]\n\
         c['prioritizeBuilders'] = ordered\n\
         c['workers'] = [worker.Worker('w1', 'pass', max_builds=1)]\n\
         c['builders'] = [builder('first', shell('true')), builder('second', shell('true'))]",
    )?;
    site.start()?;
    let first = site.force("first")?;
    let second = site.force("second")?;
    site.start_worker("w1", Program::Python)?;
    let (first, second) = (site.wait_for_build(first)?, site.wait_for_build(second)?);
    let log = site.log()?;
    assert!(!log.contains("prioritizing builders"), "{log}");
    assert!(
        second["buildid"].as_i64() < first["buildid"].as_i64(),
        "{log}"
    );
    Ok(())
}

#[test]
fn an_exception_of_a_custom_step_is_shown_with_its_lines() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', Breaks(), shell('true', name='never'), shell('true', name='always', alwaysRun=True))]",
    )?;
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(build["results"], EXCEPTION);
    let steps = outline(&site, &build)?;
    let names: Vec<&str> = steps.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["breaks", "always"]);
    let log = site.log_of(&build, 1)?;
    assert!(log.contains("ValueError: it is broken"), "{log}");
    assert!(log.contains("master.cfg"), "{log}");
    Ok(())
}

#[test]
fn a_custom_step_that_is_stopped_hears_of_it() -> Result<()> {
    let site = site("c['builders'] = [builder('b', Sleeps())]")?;
    let request = site.force("b")?;
    let build = site.wait_for_step(request, "sleeps")?;
    site.wait_for("the command to run", |site| {
        Ok(site
            .log_of(&build, 1)
            .is_ok_and(|log| log.contains("awake")))
    })?;
    let path = format!("builds/{}", build["buildid"]);
    site.control(&path, "stop", json!({"reason": "no need"}))?;
    let build = site.wait_for_build(request)?;
    assert_eq!(build["results"], CANCELLED);
    assert_eq!(property(&site, &build, "heard")?[0], "no need");
    Ok(())
}

#[test]
fn a_step_whose_process_dies_ends_with_exception_and_steps_that_always_run_follow() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', Dies(), Version(name='never'), Version(alwaysRun=True))]",
    )?;
    let build = site.wait_for_build(site.force("b")?)?;
    assert_eq!(build["results"], EXCEPTION);
    let steps = outline(&site, &build)?;
    let found: Vec<(&str, i64)> = steps
        .iter()
        .map(|(name, results, _)| (name.as_str(), *results))
        .collect();
    assert_eq!(found, [("dies", EXCEPTION), ("version", SUCCESS)]);
    Ok(())
}

#[test]
fn a_step_that_blocks_its_process_does_not_stop_other_builds() -> Result<()> {
    let site = site(
        "c['builders'] = [builder('b', Blocks()), builder('other', shell('true'), shell('true'))]",
    )?;
    let blocked = site.force("b")?;
    site.wait_for_step(blocked, "blocks")?;
    let other = site.wait_for_build(site.force("other")?)?;
    assert_eq!(other["results"], SUCCESS);
    assert!(site.build_of(blocked)?.context("a build")?["complete"] == false);
    Ok(())
}
