//! Where the programs under test are.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Which worker a scenario uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerKind {
    /// The reference.
    Python,
    /// Ours.
    Rust,
}

impl WorkerKind {
    /// Short name for directories and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}

/// A program of the virtual environment that `BUILDBOT_VENV` names.
pub fn python_program(name: &str) -> Result<PathBuf> {
    let venv = std::env::var_os("BUILDBOT_VENV").context(
        "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository, \
         or run all tests with `tests/run`",
    )?;
    let program = Path::new(&venv).join("bin").join(name);
    if !program.exists() {
        bail!("{} does not exist: run `tests/prepare`", program.display());
    }
    Ok(program)
}

/// The worker program of `kind`.
pub fn worker_program(kind: WorkerKind) -> Result<PathBuf> {
    if kind == WorkerKind::Python {
        return python_program("buildbot-worker");
    }
    let program = match std::env::var_os("BUILDBOT_WORKER") {
        Some(path) => PathBuf::from(path),
        None => beside_this_test("buildbot-worker")?,
    };
    if !program.exists() {
        bail!(
            "{} does not exist: run `cargo build -p buildbot-worker`, or set BUILDBOT_WORKER to the worker to test",
            program.display()
        );
    }
    Ok(program)
}

/// `target/debug/NAME` for the test program `target/debug/deps/TEST`.
fn beside_this_test(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("while looking for the test program")?;
    let deps = test
        .parent()
        .and_then(Path::parent)
        .context("the test program has no grandparent directory")?;
    Ok(deps.join(name))
}
