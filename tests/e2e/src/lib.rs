//! A running master as a user sees it: the program on a base directory, workers that connect, the REST API.
//!
//! Everything is awaited by a condition with a deadline. Processes are ended by their ids when a site is dropped.

pub mod browser;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// A base directory with a master and its workers.
#[derive(Debug)]
pub struct Site {
    directory: tempfile::TempDir,
    web_port: u16,
    pb_port: u16,
    /// The Python that executes the configuration, if it must be a certain one.
    python: Option<PathBuf>,
    master: Option<Child>,
    workers: Vec<(String, Child)>,
}

/// Which program a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The one of Buildbot itself.
    Python,
    /// Ours.
    Ours,
}

impl Site {
    /// A base directory whose configuration is a usual head and `rest`, in which `c`, `f` and the plugins are known.
    pub fn new(rest: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let site = Self {
            directory,
            web_port: free_port()?,
            pb_port: free_port()?,
            python: None,
            master: None,
            workers: Vec::new(),
        };
        let made = Command::new(venv("buildbot")?)
            .args(["create-master", "-q"])
            .arg(site.basedir())
            .output()
            .context("while making a base directory")?;
        ensure!(made.status.success(), "create-master: {made:?}");
        site.configure(rest)?;
        Ok(site)
    }

    /// Has the configuration executed by the Python in which the real Buildbot and its front end are installed.
    pub fn use_front_end(&mut self) -> Result<()> {
        self.python = Some(venv("python")?);
        Ok(())
    }

    /// Where the web server answers, with a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.web_port)
    }

    /// The base directory of the master.
    pub fn basedir(&self) -> PathBuf {
        self.directory.path().join("master")
    }

    /// Where workers connect to.
    pub fn workers_connect_to(&self) -> String {
        format!("127.0.0.1:{}", self.pb_port)
    }

    /// A directory for other things.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes another configuration.
    pub fn configure(&self, rest: &str) -> Result<()> {
        let (pb, web) = (self.pb_port, self.web_port);
        let head = format!(
            "from buildbot.plugins import *\n\
             c = BuildmasterConfig = {{}}\n\
             c['workers'] = [worker.Worker('w1', 'pass')]\n\
             c['protocols'] = {{'pb': {{'port': 'tcp:{pb}:interface=127.0.0.1'}}}}\n\
             c['www'] = dict(port='tcp:{web}:interface=127.0.0.1', plugins={{}})\n\
             c['buildbotURL'] = 'http://127.0.0.1:{web}/'\n\
             c['buildbotNetUsageData'] = None\n\
             c['collapseRequests'] = False\n\
             def shell(*command, **kw): return steps.ShellCommand(command=list(command), **kw)\n\
             def factory(*steps): return util.BuildFactory(list(steps))\n\
             def builder(name, *steps, **kw): return util.BuilderConfig(name=name, workernames=['w1'], \
             factory=factory(*steps), **kw)\n"
        );
        let tail = "c['schedulers'] = c.get('schedulers', []) + [schedulers.ForceScheduler(name='force', \
                    builderNames=[b.name for b in c['builders']])]\n";
        fs::write(
            self.basedir().join("master.cfg"),
            format!("{head}{rest}\n{tail}"),
        )?;
        Ok(())
    }

    /// Starts the master, and waits until it answers.
    pub fn start(&mut self) -> Result<()> {
        let output = fs::File::create(self.path().join("master.out"))?;
        let mut command = Command::new(program("buildbot")?);
        if let Some(python) = &self.python {
            command.env("BUILDBOT_PYTHON", python);
        }
        let child = command
            .args(["start", "--nodaemon"])
            .arg(self.basedir())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("while starting the master")?;
        self.master = Some(child);
        self.wait_for("the master to answer", |site| {
            Ok(site.get("builders").is_ok())
        })
    }

    /// Starts the master, and returns what it says when it ends by itself.
    pub fn start_in_vain(&mut self) -> Result<String> {
        let ended = Command::new(program("buildbot")?)
            .args(["start", "--nodaemon"])
            .arg(self.basedir())
            .output()?;
        ensure!(!ended.status.success(), "it ended well");
        self.log()
    }

    /// What the master has logged.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.basedir().join("twistd.log")).unwrap_or_default())
    }

    /// Sends the master a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.master.as_ref().context("there is no master")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Waits for the end of the master, and says whether it was a good one.
    pub fn wait_for_end(&mut self) -> Result<bool> {
        let mut child = self.master.take().context("there is no master")?;
        Ok(child.wait()?.success())
    }

    /// Starts a worker, and waits until it is connected.
    pub fn start_worker(&mut self, name: &str, which: Program) -> Result<()> {
        let file = match which {
            Program::Python => venv("buildbot-worker")?,
            Program::Ours => program("buildbot-worker")?,
        };
        let directory = self.path().join(format!("worker-{name}"));
        if !directory.exists() {
            let master = self.workers_connect_to();
            let made = Command::new(&file)
                .args(["create-worker", "-q"])
                .arg(&directory)
                .args([&master, name, "pass"])
                .output()?;
            ensure!(made.status.success(), "create-worker: {made:?}");
        }
        let child = Command::new(&file)
            .args(["start", "--nodaemon"])
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.workers.push((name.to_owned(), child));
        self.wait_until_connected(name)
    }

    /// Waits until a worker is connected.
    pub fn wait_until_connected(&self, name: &str) -> Result<()> {
        let path = format!("workers/{name}");
        self.wait_for("the worker to connect", |site| {
            let worker = site.get(&path)?;
            let connected = &worker["workers"][0]["connected_to"];
            Ok(connected
                .as_array()
                .is_some_and(|masters| !masters.is_empty()))
        })
    }

    /// Kills a worker at once.
    pub fn kill_worker(&mut self, name: &str) -> Result<()> {
        let at = self.workers.iter().position(|(known, _)| known == name);
        let (_, mut child) = self.workers.remove(at.context("no such worker")?);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// An object of the REST API.
    pub fn get(&self, path: &str) -> Result<Json> {
        let url = format!("http://127.0.0.1:{}/api/v2/{path}", self.web_port);
        let mut response = ureq::get(&url).call()?;
        Ok(response.body_mut().read_json()?)
    }

    /// The text of a log.
    pub fn raw(&self, log: i64) -> Result<String> {
        let url = format!("http://127.0.0.1:{}/api/v2/logs/{log}/raw", self.web_port);
        Ok(ureq::get(&url).call()?.body_mut().read_to_string()?)
    }

    /// Calls a method of an object of the REST API.
    pub fn control(&self, path: &str, method: &str, params: Json) -> Result<Json> {
        let url = format!("http://127.0.0.1:{}/api/v2/{path}", self.web_port);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer: Json = ureq::post(&url).send_json(body)?.body_mut().read_json()?;
        ensure!(
            answer.get("error").is_none(),
            "{method} of {path}: {answer}"
        );
        Ok(answer["result"].take())
    }

    /// Forces a build, and returns its request.
    pub fn force(&self, builder: &str) -> Result<i64> {
        let builders = self.get("builders")?;
        let builders = builders["builders"].as_array().context("no builders")?;
        let known = builders.iter().find(|known| known["name"] == builder);
        let id = known.context("no such builder")?["builderid"]
            .as_i64()
            .context("no id")?;
        let params = json!({"builderid": id, "reason": "test", "owner": "tester"});
        let result = self.control("forceschedulers/force", "force", params)?;
        let request = result[1][id.to_string()].as_i64();
        request.with_context(|| format!("no request: {result}"))
    }

    /// Tells the master of a change, as a client would that knows its default password.
    pub fn send_change(&self, branch: &str, revision: &str) -> Result<()> {
        let master = self.workers_connect_to();
        let sent = Command::new(program("buildbot")?)
            .args(["sendchange", "--master", &master, "--who", "ann"])
            .args(["--branch", branch, "--revision", revision, "file"])
            .output()?;
        ensure!(sent.status.success(), "sendchange: {sent:?}");
        Ok(())
    }

    /// The newest build of a request, if it has one.
    pub fn build_of(&self, request: i64) -> Result<Option<Json>> {
        let builds = self.get(&format!("builds?buildrequestid={request}&order=-buildid"))?;
        Ok(builds["builds"].get(0).cloned())
    }

    /// Waits until a request is complete, and returns its newest build.
    pub fn wait_for_build(&self, request: i64) -> Result<Json> {
        self.wait_for("a request to be complete", |site| {
            let request = site.get(&format!("buildrequests/{request}"))?;
            Ok(request["buildrequests"][0]["complete"] == true)
        })?;
        self.build_of(request)?.context("a request without a build")
    }

    /// Waits until a step of this name runs in the build of a request, and returns the build.
    pub fn wait_for_step(&self, request: i64, name: &str) -> Result<Json> {
        self.wait_for("a step to run", |site| {
            let Some(build) = site.build_of(request)? else {
                return Ok(false);
            };
            let steps = site.get(&format!("builds/{}/steps", build["buildid"]))?;
            let steps = steps["steps"].as_array().cloned().unwrap_or_default();
            Ok(steps
                .iter()
                .any(|step| step["name"] == name && step["complete"] == false))
        })?;
        self.build_of(request)?.context("no build")
    }

    /// The steps of a build: name, result, text.
    pub fn steps(&self, build: &Json) -> Result<Vec<(String, i64, String)>> {
        let steps = self.get(&format!("builds/{}/steps", build["buildid"]))?;
        let steps = steps["steps"].as_array().context("no steps")?;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let shown = steps.iter().map(|step| {
            let results = step["results"].as_i64().unwrap_or(-1);
            (text(&step["name"]), results, text(&step["state_string"]))
        });
        Ok(shown.collect())
    }

    /// The text of the first log of a step.
    pub fn log_of(&self, build: &Json, step: usize) -> Result<String> {
        let logs = self.get(&format!("builds/{}/steps/{step}/logs", build["buildid"]))?;
        self.raw(logs["logs"][0]["logid"].as_i64().context("no log")?)
    }

    /// Waits for a condition; what fails on the way counts as not yet.
    pub fn wait_for(
        &self,
        what: &str,
        mut is_true: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        let mut last = None;
        while Instant::now() < end {
            match is_true(self) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => last = Some(error),
            }
            std::thread::sleep(PAUSE);
        }
        let log = self.log()?;
        bail!("waited for {what} in vain; {last:?}\n{log}")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let workers = self.workers.drain(..).map(|(_, child)| child);
        for mut child in workers.chain(self.master.take()) {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program of the real Buildbot.
fn venv(name: &str) -> Result<PathBuf> {
    let root = std::env::var_os("BUILDBOT_VENV").map(PathBuf::from);
    let root = root.unwrap_or_else(|| workspace().join(".venv"));
    let file = root.join("bin").join(name);
    ensure!(
        file.exists(),
        "{} is missing: install buildbot[bundle] there",
        file.display()
    );
    Ok(file)
}

/// A program of ours, built before.
pub fn program(name: &str) -> Result<PathBuf> {
    let tests = std::env::current_exe()?;
    let directory = tests
        .parent()
        .and_then(Path::parent)
        .context("no target directory")?;
    let file = directory.join(name);
    ensure!(
        file.exists(),
        "{} is missing: run cargo build -p buildbot-cli -p buildbot-worker",
        file.display()
    );
    Ok(file)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
