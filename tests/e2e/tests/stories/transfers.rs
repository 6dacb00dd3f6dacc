//! Files that go from the worker to the master and back, with every worker.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use buildbot_e2e::results::{EXCEPTION, FAILURE, SUCCESS};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

/// Files are made, sent in both directions, and shown.
const CONFIG: &str = r#"
make = 'mkdir -p tree/sub; printf one > tree/a; printf two > tree/sub/b; printf three > c.txt; ' \
       'chmod 640 c.txt; touch -d @1000000000 c.txt; seq 1 100000 > big'
maybe = dict(haltOnFailure=False, flunkOnFailure=False)
c['protocols']['msgpack_experimental_v7'] = {'port': 'tcp:%d:interface=127.0.0.1' % other_port}
c['builders'] = [builder('b',
    shell('sh', '-c', make),
    steps.FileUpload(workersrc='c.txt', masterdest='up/c.txt', mode=0o604, keepstamp=True, name='one',
        url='http://localhost/c', urlText='the file'),
    steps.FileUpload(workersrc='big', masterdest=util.Interpolate('up/big-%(prop:buildnumber)s')),
    steps.DirectoryUpload(workersrc='tree', masterdest='up/plain'),
    steps.DirectoryUpload(workersrc='tree', masterdest='up/gz', compress='gz'),
    steps.DirectoryUpload(workersrc='tree', masterdest='up/bz2', compress='bz2'),
    steps.MultipleFileUpload(workersrcs=['c.txt', 'tree'], masterdest='up/many'),
    steps.MultipleFileUpload(workersrcs=['tree/*'], masterdest='up/globbed', glob=True),
    steps.FileUpload(workersrc='missing', masterdest='up/missing', name='missing', **maybe),
    steps.FileUpload(workersrc='big', masterdest='up/too-big', maxsize=1000, name='too big', **maybe),
    steps.DirectoryUpload(workersrc='tree', masterdest='up/big-tree', maxsize=1000, name='big tree', **maybe),
    steps.FileDownload(mastersrc='given', workerdest='got/given', mode=0o755),
    steps.FileDownload(mastersrc='nowhere', workerdest='got/nowhere', name='nowhere', **maybe),
    steps.StringDownload(util.Interpolate('caf\u00e9 %(prop:buildername)s\n'), workerdest='got/string'),
    steps.JSONStringDownload({'a': [1, None, 'x']}, workerdest='got/json'),
    steps.JSONPropertiesDownload(workerdest='got/properties'),
    steps.MasterShellCommand(command='cat up/c.txt; echo; echo $GREETING; pwd', env={'GREETING': 'hello'}),
    shell('sh', '-c', 'cat got/given got/string got/json; echo; stat -c %a got/given', name='show'),
    shell('sh', '-c', 'cat got/properties; echo', name='properties'))]
"#;

fn named(site: &Site, build: &Json, name: &str) -> Result<Json> {
    let steps = site.list(&format!("builds/{}/steps", build["buildid"]))?;
    let step = steps.into_iter().find(|step| step["name"] == name);
    step.with_context(|| format!("no step {name}"))
}

fn log_of(site: &Site, build: &Json, name: &str) -> Result<String> {
    let step = named(site, build, name)?;
    let logs = site.list(&format!("steps/{}/logs", step["stepid"]))?;
    let id = logs.last().context("no log")?["logid"].as_i64();
    site.raw(id.context("no id")?)
}

/// A log without what surrounds the output.
fn output(log: &str) -> &str {
    let from = log
        .find(" using PTY: False\n")
        .or_else(|| log.find("\n env:"));
    let log = from.map_or(log, |from| &log[from..]);
    let log = log.split_once('\n').map_or(log, |(_, rest)| rest);
    log.split("program finished").next().unwrap_or_default()
}

fn all_transfers(program: Program, options: &[&str]) -> Result<()> {
    let mut site = Site::new(CONFIG)?;
    fs::write(site.basedir().join("given"), "given by the master\n")?;
    site.start()?;
    let over_msgpack = format!("--connection-string=tcp:127.0.0.1:{}", site.other_port());
    let mut options = options.to_vec();
    if !options.is_empty() {
        options.push(&over_msgpack);
    }
    site.start_worker_with("w1", program, &options)?;
    let build = site.build("b")?;
    let steps = site.steps(&build)?;
    let expected = [
        ("worker_preparation", SUCCESS, "worker local ready"),
        ("shell", SUCCESS, "'sh -c ...'"),
        ("one", SUCCESS, "uploading c.txt"),
        ("upload", SUCCESS, "uploading big"),
        ("upload_1", SUCCESS, "uploading tree"),
        ("upload_2", SUCCESS, "uploading tree"),
        ("upload_3", SUCCESS, "uploading tree"),
        ("upload_4", SUCCESS, "uploading 2 files"),
        ("upload_5", SUCCESS, "uploading 2 files"),
        ("missing", FAILURE, "uploading missing (failure)"),
        ("too big", FAILURE, "uploading big (failure)"),
        ("big tree", FAILURE, "uploading tree (failure)"),
        ("download", SUCCESS, "downloading to given"),
        ("nowhere", FAILURE, "downloading to nowhere (failure)"),
        ("string_download", SUCCESS, "downloading to string"),
        ("json_download", SUCCESS, "downloading to json"),
        (
            "json_properties_download",
            SUCCESS,
            "downloading to properties",
        ),
        ("MasterShellCommand", SUCCESS, "Ran"),
        ("show", SUCCESS, "'sh -c ...'"),
        ("properties", SUCCESS, "'sh -c ...'"),
    ];
    let found: Vec<(&str, i64, &str)> = steps
        .iter()
        .map(|(name, results, text)| (name.as_str(), *results, text.as_str()))
        .collect();
    assert_eq!(found[1..], expected[1..]);
    assert_eq!(build["results"], SUCCESS);
    uploaded(&site, &build)?;
    downloaded(&site, &build)
}

fn uploaded(site: &Site, build: &Json) -> Result<()> {
    let up = site.basedir().join("up");
    let read = |name: &str| fs::read_to_string(up.join(name)).with_context(|| name.to_owned());
    assert_eq!(read("c.txt")?, "three");
    let metadata = fs::metadata(up.join("c.txt"))?;
    assert_eq!(metadata.permissions().mode() & 0o777, 0o604);
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?;
    assert_eq!(modified.as_secs(), 1_000_000_000);
    let big: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(read("big-1")? == big);
    for directory in ["plain", "gz", "bz2", "many/tree"] {
        assert_eq!(read(&format!("{directory}/a"))?, "one");
        assert_eq!(read(&format!("{directory}/sub/b"))?, "two");
    }
    assert_eq!(read("many/c.txt")?, "three");
    assert_eq!(read("globbed/a")?, "one");
    assert_eq!(read("globbed/sub/b")?, "two");
    for missing in ["missing", "too-big", "big-tree"] {
        assert!(!up.join(missing).exists(), "{missing}");
    }
    let urls = named(site, build, "one")?["urls"].clone();
    assert_eq!(
        urls,
        json!([{"name": "the file", "url": "http://localhost/c"}])
    );
    let ran = log_of(site, build, "MasterShellCommand")?;
    let basedir = site.basedir();
    let expected = format!("three\nhello\n{}\n", basedir.display());
    assert!(ran.contains(&expected), "{ran}");
    Ok(())
}

fn downloaded(site: &Site, build: &Json) -> Result<()> {
    let shown = log_of(site, build, "show")?;
    assert_eq!(
        output(&shown),
        "given by the master\ncafé b\n{\"a\": [1, null, \"x\"]}\n755\n"
    );
    let properties = log_of(site, build, "properties")?;
    let properties: Json = serde_json::from_str(output(&properties).trim())
        .with_context(|| format!("in {properties:?}"))?;
    assert_eq!(properties["properties"]["buildername"], "b");
    assert_eq!(properties["sourcestamps"][0]["codebase"], "");
    let nowhere = log_of(site, build, "nowhere")?;
    assert!(nowhere.contains("nowhere"), "{nowhere}");
    Ok(())
}

const MSGPACK: &str = "--protocol=msgpack_experimental_v7";

#[test]
fn a_python_worker_over_pb() -> Result<()> {
    all_transfers(Program::Python, &[])
}

#[test]
fn our_worker_over_pb() -> Result<()> {
    all_transfers(Program::Ours, &[])
}

#[test]
fn our_worker_over_msgpack() -> Result<()> {
    all_transfers(Program::Ours, &[MSGPACK])
}

#[test]
fn a_python_worker_of_3_11_over_pb() -> Result<()> {
    all_transfers(Program::Python3, &[])
}

#[test]
fn a_python_worker_of_2_10_over_pb() -> Result<()> {
    all_transfers(Program::Python2, &[])
}

#[test]
fn a_command_that_has_the_master_collect_too_much_is_stopped() -> Result<()> {
    // It never ends by itself, and its log is short.
    let mut site = Site::new(
        "c['logMaxSize'] = 1000000\n\
         line = 'x' * 4000\n\
         c['builders'] = [builder('b', steps.SetPropertyFromCommand(command=['yes', line], property='p'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.build("b")?;
    assert_eq!(build["results"], EXCEPTION);
    let log = log_of(&site, &build, "setproperty")?;
    assert!(
        log.contains("the command has sent more than the master keeps in memory"),
        "{log}"
    );
    // The worker is of use again.
    site.reconfigure("c['builders'] = [builder('b', shell('true'))]")?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    Ok(())
}
