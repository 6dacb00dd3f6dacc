//! Real worker programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use buildbot_gateway::Protocol;
use rustix::process::{Pid, Signal, kill_process};

/// Whose worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The reference.
    Python,
    /// Ours.
    Rust,
    /// An older one, which `BUILDBOT_OLD_WORKER` names.
    Old,
}

impl Kind {
    fn program(self) -> PathBuf {
        match self {
            Self::Python => {
                let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
                    panic!(
                        "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
                    );
                };
                Path::new(&venv).join("bin/buildbot-worker")
            }
            Self::Rust => {
                let own = std::env::current_exe().unwrap();
                let beside = own.parent().and_then(Path::parent).unwrap();
                let program = beside.join("buildbot-worker");
                assert!(
                    program.exists(),
                    "{} does not exist: run `cargo build -p buildbot-worker`",
                    program.display()
                );
                program
            }
            Self::Old => std::env::var_os("BUILDBOT_OLD_WORKER")
                .expect("BUILDBOT_OLD_WORKER names a worker program")
                .into(),
        }
    }
}

/// A worker process; it is killed when it is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) basedir: PathBuf,
}

impl Program {
    /// Creates and starts the worker `w`, which reaches its master by `connection` (a client endpoint string).
    pub(crate) fn start(
        kind: Kind,
        basedir: &Path,
        protocol: Protocol,
        connection: &str,
        password: &str,
    ) -> Self {
        let program = kind.program();
        let mut create = Command::new(&program);
        create.args(["create-worker", "--no-logrotate"]);
        if kind == Kind::Old {
            // Connection strings are younger than some; `tcp:host=H:port=P`.
            let parts: Vec<&str> = connection.split(['=', ':']).collect();
            let address = format!("{}:{}", parts[2], parts[4]);
            create.arg(basedir).args([&address, "w", password]);
        } else {
            create.args(["--protocol", protocol.name()]);
            create.args(["--connection-string", connection]);
            create.arg(basedir).args(["localhost", "w", password]);
        }
        let created = create.output().unwrap();
        assert!(
            created.status.success(),
            "{}{}",
            String::from_utf8_lossy(&created.stdout),
            String::from_utf8_lossy(&created.stderr)
        );
        Self::start_again(kind, basedir)
    }

    /// Starts a worker that was created before.
    pub(crate) fn start_again(kind: Kind, basedir: &Path) -> Self {
        let log = fs::File::create(basedir.join("console.log")).unwrap();
        let child = Command::new(kind.program())
            .args(["start", "--nodaemon"])
            .arg(basedir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            basedir: basedir.to_owned(),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Memory that the process holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        resident_kib(&self.child.id().to_string())
    }

    /// Waits for its end without blocking the tests.
    pub(crate) async fn ended(&mut self) {
        while self.child.try_wait().unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory that a process holds, in KiB.
pub(crate) fn resident_kib(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Makes a key and a certificate for `name`.
pub(crate) fn certificate(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (key, certificate) = (directory.join("key.pem"), directory.join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", &format!("/CN={name}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl, which tests/prepare installs");
    assert!(made.status.success());
    (key, certificate)
}
