//! Workers that run beside the master: child processes of it, for `worker.LocalWorker`.
//!
//! Each gets a password of its own that nobody else ever sees, and connects through a socket in the base directory.
//! A child that ends is started again.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buildbot_config::{MasterConfig, WorkerKind};
use buildbot_daemon::log::{self, DateStyle, LogLayer, Rotation, Target};
use buildbot_model::Secret;
use buildbot_worker::agent::{self, Keepalive, Settings, SpokenProtocol};
use buildbot_worker::connect::Route;
use buildbot_worker::signals::Signals;
use rustix::process::{Signal, getpid, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::site::Site;

/// First argument of the process of a local worker. Not for users.
pub const COMMAND: &str = "__local-worker";

/// Where they connect to, below the base directory.
pub(crate) const SOCKET: &str = "workers/.master.sock";

/// Makes the directory of the socket, which a fresh base directory does not have.
pub(crate) fn prepare(basedir: &Path) -> std::io::Result<()> {
    let socket = basedir.join(SOCKET);
    socket.parent().map_or(Ok(()), std::fs::create_dir_all)
}

/// Least and greatest pause before a child that ended is started again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long a child that is to stop may take for its commands.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The log of a local worker is rotated like that of any other.
const ROTATION: Rotation = Rotation {
    size: Some(10_000_000),
    keep: Some(10),
};

/// The workers that run beside the master.
#[derive(Debug)]
pub(crate) struct LocalWorkers {
    basedir: PathBuf,
    /// One for each child, which ends with it.
    children: TaskTracker,
    running: Mutex<BTreeMap<String, Running>>,
}

#[derive(Debug)]
struct Running {
    password: Secret<String>,
    directory: PathBuf,
    /// Cancelled when it is to end.
    stop: CancellationToken,
}

/// Whether the configuration has some.
pub(crate) fn has_some(config: &MasterConfig) -> bool {
    let mut workers = config.workers.iter();
    workers.any(|worker| matches!(worker.kind, WorkerKind::Local(_)))
}

impl LocalWorkers {
    pub(crate) fn new(basedir: PathBuf) -> Self {
        Self {
            basedir,
            children: TaskTracker::new(),
            running: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The password of one of them.
    pub(crate) fn password(&self, name: &str) -> Option<Secret<String>> {
        self.lock()
            .get(name)
            .map(|running| running.password.clone())
    }

    /// Starts those of a configuration that do not run, and ends those that it has no more.
    pub(crate) fn apply(&self, site: &Site) {
        let wanted = site
            .config
            .workers
            .iter()
            .filter_map(|worker| match &worker.kind {
                WorkerKind::Local(arguments) => {
                    let name = worker.name();
                    let directory = arguments.workdir.as_deref().unwrap_or(name);
                    Some((
                        name.to_owned(),
                        self.basedir.join("workers").join(directory),
                    ))
                }
                _ => None,
            });
        let wanted: BTreeMap<String, PathBuf> = wanted.collect();
        let mut running = self.lock();
        running.retain(|name, child| {
            let stays = wanted.get(name) == Some(&child.directory);
            if !stays {
                child.stop.cancel();
            }
            stays
        });
        for (name, directory) in wanted {
            if running.contains_key(&name) {
                continue;
            }
            let password = Secret::new(random_password());
            let child = Child {
                name: name.clone(),
                password: password.clone(),
                directory: directory.clone(),
                socket: self.basedir.join(SOCKET),
            };
            let stop = CancellationToken::new();
            self.children.spawn(keep(child, stop.clone()));
            let child = Running {
                password,
                directory,
                stop,
            };
            running.insert(name, child);
        }
    }

    /// Ends all of them, and returns when they have ended: after [`STOP_PATIENCE`] they are killed.
    pub(crate) async fn stop(&self) {
        for (_, child) in std::mem::take(&mut *self.lock()) {
            child.stop.cancel();
        }
        self.children.close();
        self.children.wait().await;
    }
}

fn random_password() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let parts = (0..4_u8).map(|part| format!("{:016x}", RandomState::new().hash_one(part)));
    parts.collect()
}

struct Child {
    name: String,
    password: Secret<String>,
    directory: PathBuf,
    socket: PathBuf,
}

/// Has a child run until it is to stop. Then it ends by itself, and with it its commands, which are in groups of their
/// own; one that does not is killed.
async fn keep(child: Child, stop: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        let started = tokio::time::Instant::now();
        match run_once(&child, &stop).await {
            Ok(_) if stop.is_cancelled() => return,
            Ok(status) => tracing::warn!("the local worker {} ended: {status}", child.name),
            Err(error) => tracing::error!("the local worker {}: {error}", child.name),
        }
        if started.elapsed() > PAUSES.1 {
            pause = PAUSES.0;
        }
        let stopped = stop.cancelled();
        if tokio::time::timeout(pause, stopped).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn run_once(child: &Child, stop: &CancellationToken) -> io::Result<std::process::ExitStatus> {
    tokio::fs::create_dir_all(&child.directory).await?;
    let mut process = tokio::process::Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(&child.directory)
        .arg(&child.socket)
        .arg(&child.name)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    // It ends when this end is closed, also when the master is killed.
    let mut stdin = process.stdin.take();
    if let Some(stdin) = &mut stdin {
        let line = format!("{}\n", child.password.expose());
        stdin.write_all(line.as_bytes()).await?;
        stdin.flush().await?;
    }
    wait(process, stdin, stop, STOP_PATIENCE).await
}

/// Waits for the end of a child, whose standard input is closed when it is to stop.
async fn wait(
    mut process: tokio::process::Child,
    stdin: Option<tokio::process::ChildStdin>,
    stop: &CancellationToken,
    patience: Duration,
) -> io::Result<std::process::ExitStatus> {
    tokio::select! {
        status = process.wait() => return status,
        () = stop.cancelled() => {}
    }
    drop(stdin);
    if let Ok(status) = tokio::time::timeout(patience, process.wait()).await {
        return status;
    }
    process.start_kill()?;
    process.wait().await
}

/// What the process of a local worker does: its arguments are directory, socket and name; the password is the first
/// line of its standard input, whose end is the worker's end.
pub fn run_child(arguments: &[std::ffi::OsString]) -> ExitCode {
    let [directory, socket, name] = arguments else {
        return ExitCode::FAILURE;
    };
    match serve(
        Path::new(directory),
        Path::new(socket),
        &name.to_string_lossy(),
    ) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the worker cannot go on: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(directory: &Path, socket: &Path, name: &str) -> anyhow::Result<()> {
    let mut password = String::new();
    io::stdin().lock().read_line(&mut password)?;
    let signals = Arc::new(Signals::install(false)?);
    let target = Target::File {
        path: directory.join("twistd.log"),
        rotation: ROTATION,
    };
    log::install(LogLayer::open(&target, DateStyle::Space)?);
    std::thread::Builder::new()
        .name("master".to_owned())
        .spawn(|| {
            let mut rest = Vec::new();
            // Ends when the master closes it, or is gone.
            let _ = io::Read::read_to_end(&mut io::stdin().lock(), &mut rest);
            let _ = kill_process(getpid(), Signal::TERM);
        })?;
    let endpoint = format!("unix:{}", socket.display().to_string().replace(':', "\\:"));
    let settings = Settings {
        name: name.to_owned(),
        password: Secret::new(password.trim_end().to_owned()),
        basedir: directory.to_owned(),
        environ: Arc::new(std::env::vars_os().collect()),
        route: Route::Direct(endpoint_of(&endpoint)?),
        protocol: SpokenProtocol::Pb,
        keepalive: Some(Keepalive {
            interval: Duration::from_secs(600),
            timeout: Duration::from_secs(600),
        }),
        numcpus: None,
        encoding: buildbot_worker::output::Encoding::named(None)?,
        delete_leftover_dirs: false,
        allow_shutdown: None,
        maxdelay: Some(Duration::from_secs(10)),
        max_retries: None,
    };
    agent::run(settings, &signals)?;
    Ok(())
}

fn endpoint_of(text: &str) -> anyhow::Result<buildbot_endpoint::client::Endpoint> {
    Ok(buildbot_endpoint::client::Endpoint::parse(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    async fn check(script: &str) -> std::process::ExitStatus {
        let mut process = tokio::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let stdin = process.stdin.take();
        let stop = CancellationToken::new();
        stop.cancel();
        let waiting = wait(process, stdin, &stop, Duration::from_millis(500));
        waiting.await.expect("an end")
    }

    #[tokio::test]
    async fn a_child_that_is_to_stop_ends_itself_and_its_commands() {
        assert_eq!(check("read line; exit 7").await.code(), Some(7));
    }

    #[tokio::test]
    async fn the_end_of_the_master_waits_for_them() {
        let workers = LocalWorkers::new(PathBuf::new());
        let stop = CancellationToken::new();
        let child = Running {
            password: Secret::new(String::new()),
            directory: PathBuf::new(),
            stop: stop.clone(),
        };
        workers.lock().insert("l1".to_owned(), child);
        let (ended, mut has_ended) = tokio::sync::oneshot::channel();
        workers.children.spawn(async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            let _ = ended.send(());
        });
        workers.stop().await;
        assert_eq!(has_ended.try_recv(), Ok(()));
    }

    #[tokio::test]
    async fn a_child_that_does_not_end_is_killed() {
        assert_eq!(check("exec sleep 600").await.signal(), Some(9));
    }
}
