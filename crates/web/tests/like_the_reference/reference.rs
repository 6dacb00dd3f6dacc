//! A real master.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// A running master, which has done something of everything. It ends with this value.
pub(crate) struct Reference {
    directory: TempDir,
    port: u16,
    child: Child,
}

impl Reference {
    /// Starts it, and waits until everything is there.
    pub(crate) fn start() -> Result<Self> {
        let venv = std::env::var_os("BUILDBOT_VENV").context(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository, \
             or run all tests with `tests/run`",
        )?;
        let python = Path::new(&venv).join("bin/python");
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/like_the_reference/reference/fixture.py");
        let directory = tempfile::tempdir()?;
        let port = buildbot_ports::free_port()?;
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(directory.path().join("master"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("while starting the master")?;
        let output = child.stdout.take().context("its output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let reference = Self {
            directory,
            port,
            child,
        };
        ensure!(line.trim() == "ready", "the master is not ready: {line:?}");
        Ok(reference)
    }

    /// Its base directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.path().join("master")
    }

    /// Its URL, with a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // The script ends the master when its input ends.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the master is not waited for: {error}");
        }
    }
}
