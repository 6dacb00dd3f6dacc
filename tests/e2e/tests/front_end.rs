//! The unmodified front end of the reference in a browser, served by our master.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::browser::Browser;
use buildbot_e2e::{Program, Site};
use serde_json::json;

const CONFIGURATION: &str = r#"
c['title'] = 'The front end'
c['www']['plugins'] = {'console_view': {}, 'grid_view': {}, 'waterfall_view': {}}
c['www']['avatar_methods'] = []
c['projects'] = [util.Project(name='proj', description='A project')]
lines = "for i in range(20000): print('\\033[3%dmline %d\\033[0m' % (i % 7 + 1, i))"
# The waterfall divides by the time that builds take.
c['builders'] = [
    builder('quick', shell('echo', util.Interpolate('the word is %(prop:word)s')), shell('sleep', '1.2'), project='proj', tags=['fast']),
    builder('lines', shell('python3', '-c', lines, logEnviron=False)),
    builder('slow', shell('sleep', '600')),
]
c['schedulers'] = [schedulers.ForceScheduler(
    name='formed', builderNames=['quick'], buttonName='Force with a word',
    properties=[
        util.StringParameter(name='word', label='A word', default='nothing', regex='^[a-z]*$'),
        util.IntParameter(name='count', default=3),
        util.BooleanParameter(name='flag', default=True),
        util.ChoiceStringParameter(name='choice', choices=['a', 'b'], default='a'),
    ])]
"#;

/// Pictures for people who want to see: in the directory that `FRONT_END_PICTURES` names.
fn picture(browser: &mut Browser, name: &str) -> Result<()> {
    match std::env::var_os("FRONT_END_PICTURES") {
        Some(directory) => {
            browser.screenshot(&PathBuf::from(directory).join(format!("{name}.png")))
        }
        None => Ok(()),
    }
}

/// What the page complains about. The front end asks for styles of each plug-in, and the grid has none.
fn errors_of(browser: &mut Browser) -> Result<Vec<String>> {
    let mut errors = browser.errors()?;
    errors.retain(|error| !error.contains("/plugins/grid_view/styles.css"));
    Ok(errors)
}

/// Pages that have to be without complaints, and what each shows.
const PAGES: &[(&str, &str)] = &[
    ("home", ""),
    ("builders", "builders"),
    ("builder", "builders/1"),
    ("build", "builders/1/builds/1"),
    ("log", "builders/1/builds/1/steps/1/logs/stdio"),
    ("buildrequest", "buildrequests/1"),
    ("workers", "workers"),
    ("worker", "workers/1"),
    ("changes", "changes"),
    ("pending", "pendingbuildrequests"),
    ("masters", "masters"),
    ("schedulers", "schedulers"),
    ("projects", "projects"),
    ("project", "projects/1"),
    ("about", "about"),
    ("settings", "settings"),
    ("console", "console"),
    ("grid", "grid"),
    ("waterfall", "waterfall"),
];

#[test]
fn the_front_end_shows_every_page_and_controls_builds() -> Result<()> {
    let mut site = Site::new(CONFIGURATION)?;
    site.use_front_end()?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let mut browser = Browser::start()?;
    let root = site.url();

    // Forcing with a form; the page of the build comes up, and shows each step as it goes.
    browser.open(&format!("{root}#/builders/1"))?;
    browser.click("button", "Force with a word")?;
    browser.wait_for_text("A word")?;
    picture(&mut browser, "form")?;
    browser.enter(
        "[...document.querySelectorAll('.modal input')].find(e => e.value == 'nothing')",
        "hello",
    )?;
    browser.click(".modal button", "Start build")?;
    let wait = site.wait_for("a build", |site| {
        Ok(site.get("builds?complete=true")?["builds"][0]["results"] == 0)
    });
    picture(&mut browser, "forced")?;
    wait?;
    let build = site.get("builds/1?property=word")?;
    let build = build["builds"][0].clone();
    assert_eq!(build["properties"]["word"][0], "hello");
    ensure!(site.log_of(&build, 1)?.contains("the word is hello"));

    // Every page without a complaint.
    let mut complaints = Vec::new();
    for (name, route) in PAGES {
        browser.open("about:blank")?;
        browser.open(&format!("{root}#/{route}"))?;
        browser.wait_for("document.querySelector('#root').innerText.length > 50")?;
        browser.wait_for("!document.querySelector('.loading-span, .spinner-border')")?;
        std::thread::sleep(std::time::Duration::from_millis(300));
        picture(&mut browser, name)?;
        let errors = errors_of(&mut browser)?;
        complaints.extend(errors.into_iter().map(|error| format!("{name}: {error}")));
    }
    ensure!(complaints.is_empty(), "{complaints:#?}");

    // What others do appears by itself.
    browser.open(&format!("{root}#/builders/3"))?;
    browser.wait_for_text("slow")?;
    let request = site.force("slow")?;
    let slow = site.wait_for_step(request, "shell")?;
    browser.wait_for("[...document.querySelectorAll('tr')].some(e => e.innerText.includes('running') || e.innerText.includes('building'))")?;
    picture(&mut browser, "running")?;

    // Stopping, and building again.
    browser.open(&format!("{root}#/builders/3/builds/{}", slow["number"]))?;
    browser.click("button", "Stop")?;
    browser.wait_for_text("CANCELLED")?;
    picture(&mut browser, "stopped")?;
    browser.click("button", "Rebuild")?;
    site.wait_for("another build", |site| {
        Ok(site.get("builds?builderid=3&complete=false")?["builds"]
            .as_array()
            .is_some_and(|builds| builds.len() == 1))
    })?;
    browser.wait_for("location.hash.includes('/builds/2')")?;
    site.wait_for("its step to run", |site| {
        let steps = site.get("builders/3/builds/2/steps?name=shell")?;
        Ok(!steps["steps"][0]["started_at"].is_null())
    })?;
    browser.wait_for("!document.body.innerText.includes('CANCELLED')")?;
    picture(&mut browser, "rebuilt")?;
    browser.click("button", "Stop")?;
    browser.wait_for_text("CANCELLED")?;

    // A log of many lines with colours, read as somebody scrolls.
    let build = site.wait_for_build(site.force("lines")?)?;
    assert_eq!(build["results"], json!(0));
    browser.open(&format!("{root}#/builders/2/builds/1/steps/1/logs/stdio"))?;
    browser.wait_for_text("line 17")?;
    picture(&mut browser, "lines")?;
    let colored = browser.eval("document.querySelectorAll('[class*=ansi3]').length")?;
    ensure!(
        colored.as_i64().context("a number")? > 10,
        "no colours: {colored}"
    );
    browser.eval(
        "(() => { const e = [...document.querySelectorAll('*')].find(e => e.scrollHeight > 100000); \
         e.scrollTop = e.scrollHeight; })()",
    )?;
    browser.wait_for_text("line 19999")?;
    let errors = errors_of(&mut browser)?;
    ensure!(errors.is_empty(), "{errors:#?}");
    Ok(())
}
