//! The process of a master: log, pid file, signals.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use buildbot_daemon::Launcher;
use buildbot_daemon::directory_lock::{self, DirectoryLock};
use buildbot_daemon::log::{self, LogLayer, Rotation, Target};
use buildbot_daemon::open_files;
use buildbot_daemon::pid_file::{self, Found, PidFile};
use buildbot_daemon::service_manager;
use buildbot_tac::{LogTarget, Surroundings, read_master};
use buildbot_worker::signals;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::master::{Master, Options};

/// The version of Buildbot that this is like.
const BUILDBOT_VERSION: &str = "4.3.0";

/// The file that a `buildbot.tac` names if it names none.
const DEFAULT_CONFIG: &str = "master.cfg";

/// The umask of a daemon until `buildbot.tac` says another: its files are nobody else's business.
const DAEMON_UMASK: u32 = 0o077;

/// Runs the master of a base directory in this process until it ends.
pub fn run(basedir: &Path, launcher: Launcher) -> ExitCode {
    match prepare(basedir, launcher.is_daemon()) {
        Ok(prepared) => {
            launcher.ready();
            prepared.run()
        }
        Err(error) => {
            tracing::error!("{error:#}");
            launcher.refuse(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

struct Prepared {
    options: Options,
    pid_file: PidFile,
    lock: DirectoryLock,
}

fn prepare(basedir: &Path, is_daemon: bool) -> anyhow::Result<Prepared> {
    let basedir = std::path::absolute(basedir)?;
    let path = basedir.join("buildbot.tac");
    let text =
        std::fs::read(&path).with_context(|| format!("error reading '{}'", path.display()))?;
    let tac = {
        let surroundings = Surroundings::of_this_process(path)?;
        read_master(&String::from_utf8_lossy(&text), &surroundings)?
    };
    std::env::set_current_dir(&basedir)
        .with_context(|| format!("while changing to the directory {}", basedir.display()))?;
    open_log(&tac.log, is_daemon).context("cannot open the log")?;
    tracing::info!("Log opened.");
    if is_daemon {
        set_umask(DAEMON_UMASK);
    }
    let pid_path = basedir.join(pid_file::NAME);
    if let Found::Alive(pid) = pid_file::check(&pid_path)? {
        anyhow::bail!("Another twistd server is running, PID {pid}");
    }
    let lock_path = basedir.join(directory_lock::OF_MASTER);
    let lock = DirectoryLock::take(&lock_path)
        .with_context(|| format!("while locking {}", lock_path.display()))?;
    let Some(lock) = lock else {
        anyhow::bail!(
            "another master runs in {}, or a command works on its files: the lock of {} is held",
            basedir.display(),
            directory_lock::OF_MASTER
        );
    };
    let pid_file = PidFile::write(&pid_path)?;
    if let Some(umask) = tac.umask {
        set_umask(umask);
    }
    Ok(Prepared {
        options: Options {
            basedir,
            config_file: tac
                .config_file
                .unwrap_or_else(|| DEFAULT_CONFIG.to_owned())
                .into(),
        },
        pid_file,
        lock,
    })
}

/// A daemon has no standard output.
fn open_log(of_tac: &LogTarget, is_daemon: bool) -> std::io::Result<()> {
    let is_standard = matches!(of_tac, LogTarget::StandardOutput | LogTarget::StandardError);
    let named = match is_daemon && is_standard {
        true => &LogTarget::TwistdDefault,
        false => of_tac,
    };
    let twistd = Target::File {
        path: "twistd.log".into(),
        rotation: Rotation::TWISTD,
    };
    let (target, date_style) = log::target_of(named, twistd);
    log::install(LogLayer::open(&target, date_style)?);
    Ok(())
}

fn set_umask(umask: u32) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
}

impl Prepared {
    fn run(self) -> ExitCode {
        open_files::raise();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "cannot start");
                return ExitCode::FAILURE;
            }
        };
        let ended = runtime.block_on(serve(self.options));
        // What is left waits for nothing that matters.
        runtime.shutdown_background();
        tracing::info!("Main loop terminated.");
        drop(self.pid_file);
        drop(self.lock);
        tracing::info!("Server Shut Down.");
        match ended {
            Ended::Clean => ExitCode::SUCCESS,
            Ended::Failed => ExitCode::FAILURE,
            Ended::Interrupted => {
                ExitCode::from(signals::end_by(SignalKind::interrupt().as_raw_value()))
            }
        }
    }
}

enum Ended {
    Clean,
    Failed,
    Interrupted,
}

/// The signals that a master reacts to.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user1: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }

    async fn stop(&mut self) -> Ended {
        stopping(&mut self.terminate, &mut self.interrupt).await
    }
}

/// What a signal, or a fault, asks for.
enum Wanted {
    Reconfigure,
    Stop(Ended),
    Drain,
}

async fn serve(options: Options) -> Ended {
    let mut signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "while installing the handlers of signals");
            return Ended::Failed;
        }
    };
    tracing::info!("Starting BuildMaster -- buildbot.version: {BUILDBOT_VERSION}");
    let started = tokio::select! {
        started = Master::start(options) => started,
        // Code of the user's may take its time, or for ever.
        ended = signals.stop() => {
            tracing::info!("stopped while it started");
            return ended;
        }
    };
    let mut master = match started {
        Ok(master) => master,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                tracing::error!("{line}");
            }
            tracing::error!("Halting master.");
            tracing::error!("BuildMaster startup failed");
            return Ended::Failed;
        }
    };
    tell(service_manager::ready).await;
    let ended = loop {
        let wanted = tokio::select! {
            _ = signals.hangup.recv() => Wanted::Reconfigure,
            _ = signals.user1.recv() => Wanted::Drain,
            ended = stopping(&mut signals.terminate, &mut signals.interrupt) => Wanted::Stop(ended),
            () = master.broken() => Wanted::Stop(Ended::Failed),
            () = master.drained() => Wanted::Stop(Ended::Clean),
        };
        match wanted {
            Wanted::Reconfigure => {
                tell(service_manager::reloading).await;
                tokio::select! {
                    // It has said what is wrong.
                    _ = master.reconfigure() => {}
                    ended = signals.stop() => break ended,
                }
                tell(service_manager::ready).await;
            }
            Wanted::Drain => {
                master.drain().await;
                tracing::info!("Received SIGUSR1, shutting down when no build runs.");
            }
            Wanted::Stop(how) => break how,
        }
    };
    tell(service_manager::stopping).await;
    tracing::info!("shutting down");
    tokio::select! {
        () = master.stop() => {}
        _ = signals.stop() => tracing::warn!("stopped once more, ends at once"),
    }
    ended
}

/// A service manager that does not listen holds up only what waits for this.
async fn tell(what: fn()) {
    if let Err(error) = tokio::task::spawn_blocking(what).await {
        tracing::error!(%error, "telling the service manager broke");
    }
}

/// Waits for a signal that ends the master.
async fn stopping(terminate: &mut Signal, interrupt: &mut Signal) -> Ended {
    tokio::select! {
        _ = terminate.recv() => Ended::Clean,
        _ = interrupt.recv() => Ended::Interrupted,
    }
}
