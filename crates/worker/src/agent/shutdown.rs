//! How the worker is asked to stop from outside: signals and the stamp file.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use buildbot_tac::AllowShutdown;
use tokio::net::UnixStream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::settings::Settings;
use crate::signals::Signals;

/// How often the stamp file is looked at.
const STAMP_INTERVAL: Duration = Duration::from_secs(10);

/// The file whose change asks for a graceful shutdown.
const STAMP_FILE: &str = "shutdown.stamp";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// Stop at once.
    Stop,
    /// Stop when the work is done.
    Graceful,
}

/// Waits for somebody to ask.
pub(super) struct ShutdownRequests {
    stop: UnixStream,
    graceful: Option<UnixStream>,
    stamp: Option<Stamp>,
}

struct Stamp {
    path: PathBuf,
    known: SystemTime,
    looks: Interval,
}

impl ShutdownRequests {
    /// The stamp file counts only if it changes from now on.
    pub(super) fn new(settings: &Settings, signals: &Signals) -> io::Result<Self> {
        let stamp = (settings.allow_shutdown == Some(AllowShutdown::File)).then(|| {
            let path = settings.basedir.join(STAMP_FILE);
            let mut looks = interval(STAMP_INTERVAL);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Stamp {
                known: modified(&path),
                path,
                looks,
            }
        });
        let graceful = signals
            .graceful()
            .map(std::os::unix::net::UnixStream::try_clone);
        Ok(Self {
            stop: UnixStream::from_std(signals.stop().try_clone()?)?,
            graceful: graceful
                .transpose()?
                .map(UnixStream::from_std)
                .transpose()?,
            stamp,
        })
    }

    /// Waits for the next request. One to stop is repeated for ever.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            () = asked_to_stop(&self.stop) => Request::Stop,
            () = signalled(self.graceful.as_ref()) => Request::Graceful,
            () = stamped(self.stamp.as_mut()) => Request::Graceful,
        }
    }
}

async fn asked_to_stop(stream: &UnixStream) {
    // The byte is left where it is.
    if stream.readable().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn signalled(stream: Option<&UnixStream>) {
    let Some(stream) = stream else {
        return std::future::pending().await;
    };
    loop {
        if stream.readable().await.is_err() {
            return std::future::pending().await;
        }
        // Several signals that have not been seen yet are one request.
        match stream.try_read(&mut [0; 64]) {
            Ok(1..) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return std::future::pending().await,
        }
    }
}

async fn stamped(stamp: Option<&mut Stamp>) {
    let Some(stamp) = stamp else {
        return std::future::pending().await;
    };
    loop {
        stamp.looks.tick().await;
        let found = modified(&stamp.path);
        if found > stamp.known {
            stamp.known = found;
            return;
        }
    }
}

/// The beginning of time if there is no file.
fn modified(path: &std::path::Path) -> SystemTime {
    let found = fs::metadata(path).and_then(|metadata| metadata.modified());
    found.unwrap_or(SystemTime::UNIX_EPOCH)
}
