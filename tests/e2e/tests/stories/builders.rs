//! What builders are called and say, what is kept of what they print, and who may force them.

use anyhow::Result;
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::json;

const SUCCESS: i64 = 0;
const EXCEPTION: i64 = 4;

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
fn code_is_told_the_virtual_builder_that_its_build_is_recorded_under() -> Result<()> {
    let mut site = Site::new(
        "from buildbot.process import buildstep\n\
         from buildbot.process.results import SUCCESS\n\
         class Asks(buildstep.BuildStep):\n    \
             async def run(self):\n        \
                 self.setProperty('asked', await self.build.getBuilderId(), 'Asks')\n        \
                 return SUCCESS\n\
         @util.renderer\n\
         def known(props): return props.getBuild().getBuilderId()\n\
         c['builders'] = [builder('real', Asks(), steps.SetProperty(property='rendered', value=known), \
             properties={'virtual_builder_name': 'named'})]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.build("real")?;
    let named = site.builder_id("named")?;
    assert_eq!(build["builderid"], named);
    let properties = site.properties(&build)?;
    assert_eq!(properties["asked"][0], named, "{properties}");
    assert_eq!(properties["rendered"][0], named, "{properties}");
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
        let builds = site.get("builds")?;
        Ok(builds["builds"].as_array().map(Vec::len) == Some(2))
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
