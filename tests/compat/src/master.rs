//! A real Buildbot master.

use crate::Protocol;
use crate::programs::python_program;
use crate::rest::Rest;
use crate::wait::{PATIENCE, wait_until};
use anyhow::{Context, Result, bail};
use buildbot_ports::free_ports;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A builder and the steps of its factory.
///
/// A step is an object: `class` names a step class of Buildbot, `Remote` (a worker command with exact arguments) or
/// `RemoteShell`; the other keys are the arguments of its constructor. `{"$tuple": […]}` is a Python tuple,
/// `{"$interpolate": text}` an `Interpolate`.
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    steps: Vec<Value>,
}

impl Builder {
    /// A builder without steps.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            steps: Vec::new(),
        }
    }

    /// Adds a step.
    #[must_use]
    pub fn step(mut self, step: Value) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds a `ShellCommand` called `name` that runs `command` with `/bin/sh`.
    #[must_use]
    pub fn shell(self, name: &str, command: &str) -> Self {
        self.step(json!({"class": "ShellCommand", "name": name, "command": command}))
    }
}

/// What the master listens to for Perspective Broker.
#[derive(Clone, Debug, Default)]
pub enum PbEndpoint {
    /// TCP.
    #[default]
    Plain,
    /// The socket [`Master::socket`] in the file system.
    Unix,
    /// TLS with this key and certificate (PEM files).
    Tls {
        /// The private key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
}

/// What a test's master is configured with.
#[derive(Clone, Debug, Default)]
pub struct MasterConfig {
    workers: Vec<Value>,
    builders: Vec<Builder>,
    pb: PbEndpoint,
}

impl MasterConfig {
    /// Knows the worker `w` with the password `pw`.
    #[must_use]
    pub fn new() -> Self {
        Self::default().worker("w", "pw", json!({}))
    }

    /// Adds a worker; `arguments` are keyword arguments of Buildbot's `Worker`.
    #[must_use]
    pub fn worker(mut self, name: &str, password: &str, arguments: Value) -> Self {
        self.workers.retain(|worker| worker["name"] != name);
        self.workers
            .push(json!({"name": name, "password": password, "arguments": arguments}));
        self
    }

    /// Adds a builder that may use every worker.
    #[must_use]
    pub fn builder(mut self, builder: Builder) -> Self {
        self.builders.push(builder);
        self
    }

    /// Sets what the master listens to for Perspective Broker.
    #[must_use]
    pub fn pb(mut self, pb: PbEndpoint) -> Self {
        self.pb = pb;
        self
    }
}

/// A running Buildbot master, killed when dropped.
pub struct Master {
    basedir: PathBuf,
    pb_port: u16,
    msgpack_port: u16,
    rest_port: u16,
    child: Option<Child>,
}

impl Master {
    /// Makes a master in the new directory `basedir`, starts it, and waits until it serves.
    pub fn start(basedir: &Path, config: &MasterConfig) -> Result<Self> {
        let created = Command::new(python_program("buildbot")?)
            .args(["create-master", "-q"])
            .arg(basedir)
            .stdin(Stdio::null())
            .output()
            .context("while running `buildbot create-master`")?;
        if !created.status.success() {
            bail!(
                "`buildbot create-master` failed: {}",
                String::from_utf8_lossy(&created.stderr)
            );
        }
        fs::write(
            basedir.join("master.cfg"),
            include_str!("../master/master.cfg"),
        )?;
        fs::write(
            basedir.join("recording.py"),
            include_str!("../master/recording.py"),
        )?;
        let [pb_port, msgpack_port, rest_port] = free_ports()?;
        let mut master = Self {
            basedir: basedir.to_owned(),
            pb_port,
            msgpack_port,
            rest_port,
            child: None,
        };
        master.write_settings(config)?;
        master.start_again()?;
        Ok(master)
    }

    fn write_settings(&self, config: &MasterConfig) -> Result<()> {
        let pb = match &config.pb {
            PbEndpoint::Plain => format!("tcp:{}:interface=127.0.0.1", self.pb_port),
            PbEndpoint::Unix => format!("unix:{}", self.socket().display()),
            PbEndpoint::Tls { key, certificate } => format!(
                "ssl:{}:interface=127.0.0.1:privateKey={}:certKey={}",
                self.pb_port,
                key.display(),
                certificate.display()
            ),
        };
        let builders: Vec<Value> = config
            .builders
            .iter()
            .map(|b| json!({"name": b.name, "steps": b.steps}))
            .collect();
        let settings = json!({
            "rest_port": self.rest_port,
            "protocols": {"pb": {"port": pb}, "msgpack_experimental_v7": {"port": self.msgpack_port}},
            "workers": config.workers,
            "builders": builders,
        });
        fs::write(self.basedir.join("settings.json"), settings.to_string())?;
        Ok(())
    }

    /// Starts the stopped master with its old directory and ports, and waits until it serves.
    pub fn start_again(&mut self) -> Result<()> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.basedir.join("output.log"))?;
        let child = Command::new(python_program("buildbot")?)
            .args(["start", "--nodaemon"])
            .arg(&self.basedir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("while starting `buildbot start --nodaemon`")?;
        let child = self.child.insert(child);
        let rest = Rest::new(self.rest_port);
        wait_until("the master serves", PATIENCE, || {
            if let Some(status) = child.try_wait()? {
                bail!("the master ended: {status}");
            }
            Ok(rest
                .get("masters")
                .is_ok_and(|answer| answer["masters"][0]["active"] == json!(true)))
        })
    }

    /// Kills the master at once; [`Master::start_again`] brings it back.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills the master and starts it with another configuration.
    pub fn restart(&mut self, config: &MasterConfig) -> Result<()> {
        self.kill()?;
        self.write_settings(config)?;
        self.start_again()
    }

    /// Changes the configuration of the running master and waits until it has taken effect.
    pub fn reconfigure(&self, config: &MasterConfig) -> Result<()> {
        const DONE: &str = "configuration update complete";
        let child = self.child.as_ref().context("the master does not run")?;
        let before = self.log()?.matches(DONE).count();
        self.write_settings(config)?;
        kill_process(Pid::from_child(child), Signal::HUP)?;
        wait_until("the reconfiguration is complete", PATIENCE, || {
            Ok(self.log()?.matches(DONE).count() > before)
        })
    }

    /// Its REST interface.
    #[must_use]
    pub fn rest(&self) -> Rest {
        Rest::new(self.rest_port)
    }

    /// The port for workers that speak `protocol`.
    #[must_use]
    pub fn port(&self, protocol: Protocol) -> u16 {
        match protocol {
            Protocol::Pb => self.pb_port,
            Protocol::Msgpack => self.msgpack_port,
        }
    }

    /// The socket for workers with [`PbEndpoint::Unix`].
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.basedir.join("pb.sock")
    }

    /// Stops the process in its tracks (true), or lets it go on (false).
    pub fn freeze(&self, freeze: bool) -> Result<()> {
        let child = self.child.as_ref().context("the master does not run")?;
        let signal = if freeze { Signal::STOP } else { Signal::CONT };
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Its directory.
    #[must_use]
    pub fn basedir(&self) -> &Path {
        &self.basedir
    }

    /// The text of `twistd.log`.
    pub fn log(&self) -> Result<String> {
        let path = self.basedir.join("twistd.log");
        let bytes = fs::read(&path).with_context(|| format!("while reading {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // Nothing of it is needed any more, and a master that cannot be killed is not ours to mend.
        let _ = self.kill();
    }
}
