//! `buildbot quickstart`: a master that has built something, in one command.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use buildbot_confighost::Python;
use buildbot_daemon::launch;
use buildbot_model::Results;
use buildbot_options::{OptionSpec, Parsed};
use serde_json::{Value, json};

use crate::api::{Api, texts};
use crate::command_line::{Request, UsageError};
use crate::create_master::{self, CreateMaster, write_private};
use crate::directory;
use crate::follow::{End, Follower};
use crate::output::{error_line, line};

pub(crate) const USAGE: &str = "\
Usage:    buildbot quickstart [<directory>]
    Makes a master with a worker of its own, and a small Git repository; starts the
    master, builds the repository once and shows what happened. By default in the
    new directory buildbot-quickstart.
Options:
      --port=    Port of the web pages. [default: 8010, or the next free one]
      --help     Show this text.
      --version  Show the version of this program.
";

const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::value("port", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const DIRECTORY: &str = "buildbot-quickstart";

/// The configuration, with the repository and the port to be filled in.
const CONFIG: &str = include_str!("quickstart.cfg");

/// Where a free port is looked for.
const PORTS: std::ops::Range<u16> = 8010..8110;

/// How long the master, and then the build, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The repository: name and content of each file.
const FILES: [(&str, &str); 3] = [
    (
        "hello.sh",
        "#!/bin/sh\n# Greets whoever is named.\necho \"Hello, ${1:-world}!\"\n",
    ),
    (
        "build.sh",
        "#!/bin/sh\nset -e\nmkdir -p out\ncp hello.sh out/hello\nchmod +x out/hello\necho \"built out/hello\"\n",
    ),
    (
        "test.sh",
        "#!/bin/sh\nset -e\ntest \"$(out/hello)\" = \"Hello, world!\"\necho \"ok 1 - greets the world\"\n\
         test \"$(out/hello Ada)\" = \"Hello, Ada!\"\necho \"ok 2 - greets by name\"\n",
    ),
];

/// Where, and on which port.
pub(crate) struct Quickstart {
    directory: PathBuf,
    port: Option<u16>,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Quickstart>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut port = None;
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => {
                let text = value.to_string_lossy();
                port = Some(text.parse().map_err(|_| {
                    UsageError::Other(format!("port must be a number up to 65535, not '{text}'"))
                })?);
            }
        }
    }
    let directory = match arguments.as_slice() {
        [] => directory::from_arguments(&[DIRECTORY.into()])?,
        given => directory::from_arguments(given)?,
    };
    Ok(Request::Run(Quickstart { directory, port }))
}

pub(crate) fn run(options: &Quickstart) -> ExitCode {
    match quickstart(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn quickstart(options: &Quickstart) -> anyhow::Result<bool> {
    let directory = &options.directory;
    let is_empty = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !directory.exists(),
    };
    ensure!(
        is_empty,
        "{} is there already: name another directory, or start its master with\n  buildbot start {}",
        directory.display(),
        directory.display()
    );
    need_git()?;
    need_python()?;
    let port = match options.port {
        Some(port) => port,
        None => free_port()?,
    };
    create_master::create(&CreateMaster::in_directory(directory.clone()).quietly())?;
    let repository = directory.join("hello");
    make_repository(&repository)?;
    let config = CONFIG
        .replace("@REPOSITORY@", &python_text(&repository)?)
        .replace("@PORT@", &port.to_string());
    let config_file = directory.join(directory::DEFAULT_CONFIG);
    write_private(&config_file, &config)
        .with_context(|| format!("cannot write {}", config_file.display()))?;
    line(format!("made a master in {}", directory.display()));

    let log = directory.join("twistd.log");
    let follower = Follower::new(log.clone(), "Log opened.", PATIENCE).silently();
    let pid = launch::launch("buildbot", &[directory.clone().into_os_string()])?;
    let end = follower.wait(Some(pid));
    ensure!(
        end == End::Good,
        "the master did not start; the end of {} says why:\n{}",
        log.display(),
        last_lines(&log)
    );
    let url = format!("http://127.0.0.1:{port}");
    line(format!("started it, as process {}", pid.as_raw_nonzero()));
    let is_good = build(&Api::new(&url))?;
    line(format!(
        "\n\
         See it:           {url}/\n\
         Configuration:    {}\n\
         Log:              {}\n\
         After a change:   buildbot reconfig {directory}\n\
         Stop, and start:  buildbot stop {directory}\n\
         \u{20}                 buildbot start {directory}",
        config_file.display(),
        log.display(),
        directory = directory.display(),
    ));
    Ok(is_good)
}

/// Forces a build and shows it when it is complete. Whether it was successful.
fn build(api: &Api) -> anyhow::Result<bool> {
    let builders = api.get("builders?name=hello")?;
    let Some(builder) = builders["builders"][0]["builderid"].as_i64() else {
        bail!("the master does not know its builder 'hello'");
    };
    let params = json!({"builderid": builder, "reason": "quickstart", "owner": "quickstart"});
    let forced = api.call("forceschedulers/force", "force", &params)?;
    let buildset = &forced[0];
    line("forced a build of 'hello':\n");
    let request = api.wait(PATIENCE, "the build to end", |api| {
        let requests = api.get(&format!("buildrequests?buildsetid={buildset}"))?;
        let request = requests["buildrequests"][0].clone();
        Ok((request["complete"] == Value::Bool(true)).then_some(request))
    })?;
    let builds = api.get(&format!(
        "buildrequests/{}/builds?order=-number&limit=1",
        request["buildrequestid"]
    ))?;
    let build = &builds["builds"][0];
    let steps = api.get(&format!("builds/{}/steps", build["buildid"]))?;
    for step in steps["steps"].as_array().into_iter().flatten() {
        let took = match (step["started_at"].as_f64(), step["complete_at"].as_f64()) {
            // The API tells whole seconds.
            (Some(start), Some(end)) if start == end => "< 1 s".to_owned(),
            (Some(start), Some(end)) => format!("{:.0} s", end - start),
            _ => String::new(),
        };
        line(format!(
            "  {:<20} {:<9} {:>8}  {}",
            texts(&step["name"]),
            result_name(&step["results"]),
            took,
            texts(&step["state_string"])
        ));
    }
    let results = result_name(&build["results"]);
    line(format!("\nbuild {} of 'hello': {results}", build["number"]));
    Ok(results == "success")
}

fn result_name(results: &Value) -> &'static str {
    let results = results.as_i64().and_then(Results::from_code);
    results.map_or("unknown", Results::name)
}

fn free_port() -> anyhow::Result<u16> {
    PORTS
        .into_iter()
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .with_context(|| {
            format!(
                "no port from {} to {} is free: choose one with --port",
                PORTS.start,
                PORTS.end - 1
            )
        })
}

/// Says that Git is missing before anything is made, so that the same command works once it is there.
fn need_git() -> anyhow::Result<()> {
    let found = Command::new("git").arg("--version").output();
    found.context("git is needed, and cannot be run").map(drop)
}

/// The same of Python, which executes the configuration.
fn need_python() -> anyhow::Result<()> {
    let python = Python::choose(None, |name| std::env::var_os(name))?;
    let (major, minor) = buildbot_confighost::OLDEST_PYTHON;
    let program = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let found = Command::new(python.path()).args(["-c", &program]).output();
    ensure!(
        found.is_ok_and(|found| found.status.success()),
        "{python} is no Python {major}.{minor} or newer, which is needed; name one in the environment variable \
         BUILDBOT_PYTHON"
    );
    Ok(())
}

fn make_repository(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    for (name, content) in FILES {
        let file = path.join(name);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=Quickstart",
                "-c",
                "user.email=quickstart@localhost",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(path)
            .output()
            .context("git is needed, and cannot be run")?;
        ensure!(
            output.status.success(),
            "git {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    };
    git(&["init", "--quiet"])?;
    // Older versions of git cannot name the branch when they make the repository.
    git(&["symbolic-ref", "HEAD", "refs/heads/main"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message", "A greeting"])
}

/// A path as a literal of Python.
fn python_text(path: &Path) -> anyhow::Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("{} is no UTF-8: choose another directory", path.display()))?;
    // JSON's texts are literals of Python as well, without its escapes of other characters.
    Ok(Value::from(text).to_string())
}

fn last_lines(log: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
