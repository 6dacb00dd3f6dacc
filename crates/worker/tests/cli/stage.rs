//! A directory for one test, and what is done in it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; nothing waits that long when it works.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_buildbot-worker");

/// A directory that is removed with everything in it, once the workers in it are stopped.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// As a shell shows it: 128 and the number of the signal that ended the process.
    pub(crate) code: i32,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A stage with a worker in the directory `w`, made with these options.
    pub(crate) fn with_worker(options: &[&str]) -> Self {
        let stage = Self::new();
        let mut arguments = vec!["create-worker", "-q"];
        arguments.extend(options);
        arguments.extend(["w", "127.0.0.1:1", "bot", "pass"]);
        assert_eq!(stage.run(&arguments), Outcome::quiet(0));
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A command that runs `program` in this directory.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .env("TZ", "UTC");
        command
    }

    /// Runs our program and waits for it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(PROGRAM).args(arguments).output().unwrap())
    }

    /// Starts our program in the foreground and waits until the worker runs.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.wait_for("the worker", || self.path("w/twistd.hostname").exists());
        child
    }

    /// The process id in the worker's pid file.
    pub(crate) fn pid(&self) -> i32 {
        self.read("w/twistd.pid").parse().unwrap()
    }

    pub(crate) fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(
                Instant::now() < deadline,
                "waited for {what}; log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The worker's log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("w/twistd.log")).unwrap_or_default()
    }

    /// The messages of the log, without time and system.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.log()
            .lines()
            .map(|line| line.split_once("] ").expect(line).1.to_owned())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.path("w/twistd.pid").exists() {
            drop(self.command(PROGRAM).args(["stop", "w"]).output());
        }
    }
}

impl Outcome {
    pub(crate) fn quiet(code: i32) -> Self {
        Self {
            stdout: String::new(),
            stderr: String::new(),
            code,
        }
    }

    pub(crate) fn of(output: Output) -> Self {
        let code = output
            .status
            .code()
            .or_else(|| output.status.signal().map(|signal| 128 + signal));
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: code.unwrap(),
        }
    }
}

pub(crate) fn send(pid: i32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

pub(crate) fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}
