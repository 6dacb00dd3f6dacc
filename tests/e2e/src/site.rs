//! The programs: a master on its base directory, and workers that connect to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use buildbot_ports::free_ports;
use rustix::process::{Pid, Signal, kill_process};

use crate::processes;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(40);

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// A base directory with a master and its workers.
#[derive(Debug)]
pub struct Site {
    directory: tempfile::TempDir,
    /// The name of the base directory in it.
    base: &'static str,
    web_port: u16,
    pb_port: u16,
    other_port: u16,
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
    /// That of Buildbot 3.11.
    Python3,
    /// That of Buildbot 2.10.
    Python2,
    /// Ours.
    Ours,
}

impl Program {
    fn command(self) -> Result<Command> {
        match self {
            Self::Python => Ok(Command::new(venv("buildbot-worker")?)),
            Self::Python3 => old_worker("3.11"),
            Self::Python2 => old_worker("2.10"),
            Self::Ours => Ok(Command::new(program("buildbot-worker")?)),
        }
    }
}

impl Site {
    /// A base directory whose configuration is a usual head and `rest`, in which `c`, `shell`, `until_go`, `factory`, `builder` and
    /// the plugins are known.
    pub fn new(rest: &str) -> Result<Self> {
        Self::made_by(&program("buildbot")?, rest)
    }

    /// The same, made by the real Buildbot.
    pub fn made_by_the_real_one(rest: &str) -> Result<Self> {
        Self::made_by(&venv("buildbot")?, rest)
    }

    /// What `buildbot quickstart` makes, and what it says about that. Its master runs in the background.
    pub fn by_quickstart() -> Result<(Self, String)> {
        let site = Self::empty("buildbot-quickstart")?;
        let port = format!("--port={}", site.web_port);
        let said = site.buildbot(&["quickstart", &port])?;
        Ok((site, said))
    }

    fn empty(base: &'static str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let [web_port, pb_port, other_port] = free_ports()?;
        Ok(Self {
            directory,
            base,
            web_port,
            pb_port,
            other_port,
            python: None,
            master: None,
            workers: Vec::new(),
        })
    }

    fn made_by(program: &Path, rest: &str) -> Result<Self> {
        let site = Self::empty("master")?;
        let made = Command::new(program)
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
        self.directory.path().join(self.base)
    }

    /// A directory for other things.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes another configuration.
    pub fn configure(&self, rest: &str) -> Result<()> {
        let (pb, web, other) = (self.pb_port, self.web_port, self.other_port);
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
             def until_go(name): return shell('sh', '-c', 'while test ! -e ../../go; do sleep 0.02; done', name=name)\n\
             def factory(*steps): return util.BuildFactory(list(steps))\n\
             def builder(name, *steps, workers=['w1'], **kw): return util.BuilderConfig(name=name, \
             workernames=workers, factory=factory(*steps), **kw)\n\
             other_port = {other}\n"
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
        self.start_without_waiting()?;
        self.wait_for("the master to answer", |site| {
            Ok(site.get("builders").is_ok())
        })
    }

    /// Starts the master of the real Buildbot, and waits until it answers.
    pub fn start_the_real_one(&mut self) -> Result<()> {
        self.start_program(Command::new(venv("buildbot")?))?;
        self.wait_for("the real master to answer", |site| {
            Ok(site.get("builders").is_ok())
        })
    }

    /// Starts the master of either program, and waits until it answers.
    pub fn start_as(&mut self, which: Program) -> Result<()> {
        match which {
            Program::Ours => self.start(),
            // Only workers are there in older versions.
            Program::Python | Program::Python3 | Program::Python2 => self.start_the_real_one(),
        }
    }

    /// Starts the master.
    pub fn start_without_waiting(&mut self) -> Result<()> {
        self.start_program(Command::new(program("buildbot")?))
    }

    fn start_program(&mut self, mut command: Command) -> Result<()> {
        let output = fs::File::create(self.path().join("master.out"))?;
        if let Some(python) = &self.python {
            command.env("BUILDBOT_PYTHON", python);
        }
        let child = command
            .env(processes::MARK, self.path())
            .args(["start", "--nodaemon"])
            .arg(self.basedir())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("while starting the master")?;
        self.master = Some(child);
        Ok(())
    }

    /// Takes a new configuration, and waits until it is in use.
    pub fn reconfigure(&self, rest: &str) -> Result<()> {
        self.configure(rest)?;
        self.hang_up("configuration update complete")
    }

    /// Has a wrong configuration read, and waits until it is refused.
    pub fn reconfigure_in_vain(&self, rest: &str) -> Result<()> {
        self.configure(rest)?;
        self.hang_up("configuration update aborted")
    }

    fn hang_up(&self, end: &str) -> Result<()> {
        let before = self.log()?.matches(end).count();
        self.signal(Signal::HUP)?;
        self.wait_for(end, |site| Ok(site.log()?.matches(end).count() > before))
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

    /// Sends a signal to the master that runs in the background, and waits until nothing of the site runs any more.
    pub fn end_daemon(&self, signal: Signal) -> Result<()> {
        let file = self.basedir().join("twistd.pid");
        let pid = fs::read_to_string(&file)?.trim().parse()?;
        kill_process(Pid::from_raw(pid).context("no process")?, signal)?;
        self.wait_for("all processes to end", |site| {
            Ok(processes::of_site(site.path())?.is_empty())
        })?;
        ensure!(!file.exists(), "{} is left", file.display());
        Ok(())
    }

    /// The id of the master's process.
    pub fn master_id(&self) -> Option<u32> {
        self.master.as_ref().map(Child::id)
    }

    /// Waits for the end of the master, and says whether it was a good one.
    pub fn wait_for_end(&mut self) -> Result<bool> {
        let mut child = self.master.take().context("there is no master")?;
        self.wait_for_exit("the master to end", &mut child)
    }

    /// Stops the master as `buildbot stop` does, and waits for its end.
    pub fn stop(&mut self) -> Result<bool> {
        self.signal(Signal::TERM)?;
        self.wait_for_end()
    }

    /// Sends a first change as the real client does.
    pub fn send_first_change(&self) -> Result<()> {
        self.send_change(&[
            "--auth=change:changepw",
            "--who=Ann",
            "--branch=main",
            "--revision=r1",
            "--repository=repo",
            "--project=p",
            "--comments=first",
            "file",
        ])
    }

    /// Whether a process ends well.
    fn wait_for_exit(&self, what: &str, child: &mut Child) -> Result<bool> {
        let mut status = None;
        let ended = self.wait_for(what, |_| {
            status = child.try_wait()?;
            Ok(status.is_some())
        });
        if ended.is_err() {
            // What matters is that it did not end by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        ended.map(|()| status.is_some_and(|status| status.success()))
    }

    /// Starts a worker, and waits until it is connected.
    pub fn start_worker(&mut self, name: &str, which: Program) -> Result<()> {
        self.start_worker_with(name, which, &[])
    }

    /// Starts a worker whose directory is made with these options if it does not exist, and waits until it is connected.
    pub fn start_worker_with(
        &mut self,
        name: &str,
        which: Program,
        options: &[&str],
    ) -> Result<()> {
        self.start_worker_without_waiting(name, which, options)?;
        self.wait_until_connected(name)
    }

    /// The same without waiting.
    pub fn start_worker_without_waiting(
        &mut self,
        name: &str,
        which: Program,
        options: &[&str],
    ) -> Result<()> {
        let directory = self.worker_directory(name);
        if !directory.exists() {
            let master = format!("127.0.0.1:{}", self.pb_port);
            let made = which
                .command()?
                .args(["create-worker", "-q"])
                .args(options)
                .arg(&directory)
                .args([&master, name, "pass"])
                .output()?;
            ensure!(made.status.success(), "create-worker: {made:?}");
        }
        let child = which
            .command()?
            .env(processes::MARK, self.path())
            .args(["start", "--nodaemon"])
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.workers.push((name.to_owned(), child));
        Ok(())
    }

    /// The base directory of a worker.
    pub fn worker_directory(&self, name: &str) -> PathBuf {
        self.path().join(format!("worker-{name}"))
    }

    /// Has steps that are `until_go` end on a worker.
    pub fn go(&self, worker: &str) -> Result<()> {
        Ok(fs::write(self.worker_directory(worker).join("go"), "")?)
    }

    /// Waits until a worker is connected.
    pub fn wait_until_connected(&self, name: &str) -> Result<()> {
        self.wait_for("the worker to connect", |site| site.is_connected(name))
    }

    /// Waits until a worker is not connected.
    pub fn wait_until_gone(&self, name: &str) -> Result<()> {
        self.wait_for(
            "the worker to be gone",
            |site| Ok(!site.is_connected(name)?),
        )
    }

    /// Sends a worker a signal.
    pub fn signal_worker(&self, name: &str, signal: Signal) -> Result<()> {
        let mut workers = self.workers.iter();
        let known = workers.find(|(known, _)| known == name);
        let (_, child) = known.context("no such worker")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Waits for the end of a worker's process, and says whether it was a good one.
    pub fn wait_for_end_of_worker(&mut self, name: &str) -> Result<bool> {
        let at = self.workers.iter().position(|(known, _)| known == name);
        let (_, mut child) = self.workers.remove(at.context("no such worker")?);
        self.wait_for_exit("the worker to end", &mut child)
    }

    /// Runs a command of `buildbot`, and returns what it prints on standard output.
    pub fn buildbot(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new(program("buildbot")?)
            .current_dir(self.path())
            .env("BUILDBOT_URL", self.url())
            .env(processes::MARK, self.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        ensure!(done.status.success(), "buildbot {arguments:?}: {done:?}");
        Ok(String::from_utf8(done.stdout)?)
    }

    /// Sends a change with the client of the real Buildbot.
    pub fn send_change(&self, arguments: &[&str]) -> Result<()> {
        let sent = Command::new(venv("buildbot")?)
            .args(["sendchange", "-m", &format!("127.0.0.1:{}", self.pb_port)])
            .args(arguments)
            .output()?;
        ensure!(sent.status.success(), "sendchange: {sent:?}");
        Ok(())
    }

    /// The port of the workers.
    pub fn pb_port(&self) -> u16 {
        self.pb_port
    }

    /// A port that the configuration knows as `other_port`.
    pub fn other_port(&self) -> u16 {
        self.other_port
    }

    /// Kills a worker at once.
    pub fn kill_worker(&mut self, name: &str) -> Result<()> {
        let at = self.workers.iter().position(|(known, _)| known == name);
        let (_, mut child) = self.workers.remove(at.context("no such worker")?);
        child.kill()?;
        child.wait()?;
        Ok(())
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
        for left in processes::of_site(self.path()).unwrap_or_default() {
            let _ = kill_process(left, Signal::KILL);
        }
    }
}

/// Copies a directory to another place.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Runs git, and returns what it says.
pub fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    let done = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .output()?;
    ensure!(done.status.success(), "git {arguments:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// A program of the real Buildbot.
pub fn venv(name: &str) -> Result<PathBuf> {
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

/// A worker of another version, with the Twisted of the real Buildbot.
fn old_worker(version: &str) -> Result<Command> {
    let python = venv("python")?;
    let root = python.ancestors().nth(2).context("no root")?;
    let packages = root.join("old-workers").join(version);
    ensure!(
        packages.exists(),
        "{} is missing: run tests/prepare",
        packages.display()
    );
    let mut command = Command::new(&python);
    command.env("PYTHONPATH", packages).args([
        "-c",
        "from buildbot_worker.scripts.runner import run; run()",
    ]);
    Ok(command)
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
