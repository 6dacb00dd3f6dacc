//! A worker process of either kind.

use crate::Protocol;
use crate::processes::MARK;
use crate::programs::{WorkerKind, worker_program};
use crate::wait::{PATIENCE, wait_for, wait_until};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a worker is created and started.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    name: String,
    password: String,
    address: Option<String>,
    create: Vec<String>,
    tac_edits: Vec<(String, String)>,
    env: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

impl Default for WorkerOptions {
    /// The worker `w` with the password `pw`, connecting straight to the master, and what the tests look for in
    /// `info/`.
    fn default() -> Self {
        Self {
            name: "w".to_owned(),
            password: "pw".to_owned(),
            address: None,
            create: Vec::new(),
            tac_edits: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
        }
        .file("info/admin", "CI Admin <ci@example.invalid>\n")
        .file("info/host", "a test host, ünïcode\n")
        .file("info/access_uri", "ssh://ci.example.invalid\n")
    }
}

impl WorkerOptions {
    /// Logs in as `name`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Logs in with `password`.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Connects to `port` of 127.0.0.1 in place of the master's.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.address(&format!("127.0.0.1:{port}"))
    }

    /// Connects to `address` (`host:port`).
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        self.address = Some(address.to_owned());
        self
    }

    /// Adds an option for `create-worker`.
    #[must_use]
    pub fn create(mut self, option: impl Into<String>) -> Self {
        self.create.push(option.into());
        self
    }

    /// Replaces text in the `buildbot.tac` that `create-worker` made, as an administrator would.
    #[must_use]
    pub fn edit(mut self, old: &str, new: &str) -> Self {
        self.tac_edits.push((old.to_owned(), new.to_owned()));
        self
    }

    /// Adds an argument to the call of `Worker` in `buildbot.tac`.
    #[must_use]
    pub fn argument(self, argument: &str) -> Self {
        self.edit("umask=umask,", &format!("umask=umask, {argument},"))
    }

    /// Sets a variable of the environment of the worker process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file below the base directory before the start; missing directories are made.
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }
}

/// A worker, stopped when dropped.
pub struct Worker {
    kind: WorkerKind,
    name: String,
    basedir: PathBuf,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

impl Worker {
    /// Runs `create-worker` for a new worker in `directory`, part of the run in `stage`, and makes the edits of `options`; does not start it.
    pub fn create(
        kind: WorkerKind,
        stage: &Path,
        directory: &Path,
        protocol: Protocol,
        master_port: u16,
        options: &WorkerOptions,
    ) -> Result<Self> {
        let basedir = directory.join(format!("worker-{}", options.name));
        let home = directory.join("home");
        fs::create_dir_all(&home)?;
        let mut env: Vec<(String, String)> = vec![
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("HOME".to_owned(), home.to_string_lossy().into_owned()),
        ];
        env.push((MARK.to_owned(), stage.to_string_lossy().into_owned()));
        env.extend(options.env.iter().cloned());
        let worker = Self {
            kind,
            name: options.name.clone(),
            basedir,
            env,
            child: None,
        };

        let address = options
            .address
            .clone()
            .unwrap_or_else(|| format!("127.0.0.1:{master_port}"));
        let output = worker
            .command()?
            .args(["create-worker", "--protocol", protocol.name()])
            .args(&options.create)
            .arg(&worker.basedir)
            .args([&address, &options.name, &options.password])
            .output()
            .context("while running create-worker")?;
        if !output.status.success() {
            bail!(
                "create-worker failed ({}): {}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        worker.edit_tac(&options.tac_edits)?;
        for (path, content) in &options.files {
            let path = worker.basedir.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(path, content)?;
        }
        Ok(worker)
    }

    fn edit_tac(&self, edits: &[(String, String)]) -> Result<()> {
        let path = self.basedir.join("buildbot.tac");
        let mut tac = fs::read_to_string(&path).context("while reading the new buildbot.tac")?;
        for (old, new) in edits {
            if !tac.contains(old) {
                bail!("no {old:?} to edit in buildbot.tac:\n{tac}");
            }
            tac = tac.replace(old, new);
        }
        fs::write(path, tac)?;
        Ok(())
    }

    /// The worker program with the environment of this worker.
    pub fn command(&self) -> Result<Command> {
        Ok(self.command_of(&worker_program(self.kind)?))
    }

    /// Any program with the environment of this worker.
    #[must_use]
    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts the worker in the foreground.
    pub fn start(&mut self) -> Result<()> {
        let mut command = self.command()?;
        command.args(["start", "--nodaemon"]).arg(&self.basedir);
        self.start_by(command)
    }

    /// Starts the worker by another command, which must be [`Worker::command_of`] something.
    pub fn start_by(&mut self, mut command: Command) -> Result<()> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.basedir.with_extension("output"))?;
        let child = command
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("while starting the worker")?;
        self.child = Some(child);
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_child(
            self.child.as_ref().context("the worker was not started")?,
        ))
    }

    /// The process id as a number, as in `/proc`.
    pub fn process_id(&self) -> Result<i32> {
        Ok(self.pid()?.as_raw_nonzero().get())
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> Result<bool> {
        let child = self.child.as_mut().context("the worker was not started")?;
        Ok(child.try_wait()?.is_none())
    }

    /// Waits until the process has ended; its end as a shell would see it, for instance `exit 0` or `signal 15`.
    pub fn wait_end(&mut self) -> Result<String> {
        let child = self.child.as_mut().context("the worker was not started")?;
        let status = wait_for(
            "the worker process ends",
            PATIENCE,
            || Ok(child.try_wait()?),
        )?;
        self.child = None;
        Ok(describe(status))
    }

    /// Asks the process to stop (SIGTERM) and waits until it has ended.
    pub fn stop(&mut self) -> Result<String> {
        self.signal(Signal::TERM)?;
        self.wait_end()
    }

    /// Its base directory.
    #[must_use]
    pub fn basedir(&self) -> &Path {
        &self.basedir
    }

    /// The name it logs in with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of `twistd.log`, empty if there is none yet.
    pub fn log(&self) -> Result<String> {
        match fs::read(self.basedir.join("twistd.log")) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).context("while reading the worker's twistd.log"),
        }
    }

    /// Waits until `text` stands in `twistd.log` at least `times` times.
    pub fn wait_log(&self, text: &str, times: usize) -> Result<()> {
        wait_until(
            &format!("the worker has logged {text:?} {times} times"),
            PATIENCE,
            || Ok(self.log()?.matches(text).count() >= times),
        )
    }
}

/// Signals and codes, as a shell tells them apart.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Gently first: a worker that is killed leaves the programs of its commands behind. Errors mean that the
        // process has ended, which is what is wanted.
        let _ = self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else {
            return;
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
