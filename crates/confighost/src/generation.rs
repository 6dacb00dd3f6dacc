//! One loaded configuration, whose process is replaced when it is lost.
//!
//! Handles are numbered in the order of the description. So a new process that loads the same file has the same
//! handles, if it describes the same configuration; that is checked before it is used.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ended::Ended;
use crate::host::{AskError, Host, Options, StartError};
use crate::message::{Answer, ConfigFile, Question};
use crate::owner::Owner;
use crate::status::Status;

/// A process that lived at least so long is replaced at once.
const HEALTHY: Duration = Duration::from_secs(60);

/// Longest pause before a process is replaced that dies again and again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why a configuration was not loaded at all. That it is wrong is no such error, but part of its description.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no process.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It did not describe the configuration.
    #[error("the configuration was not loaded: {0}")]
    Ask(#[from] AskError),
    /// The description is not of the expected form.
    #[error("the description of the configuration is not of the expected form: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Why a generation has no process at the moment, or not any more.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LostError {
    /// There is nothing to be called, so the process was ended.
    #[error("the configuration has no Python code that can be called")]
    NoCode,
    /// It was stopped.
    #[error("this generation of the configuration is over")]
    Over,
    /// The file describes something else than when it was loaded.
    #[error("{} describes another configuration than before, so its lost process cannot be replaced; reconfigure the \
             master, and see that the file does not depend on time, chance or other files that change; {ended}",
        file.display())]
    Changed {
        /// How the process ended.
        ended: Arc<Ended>,
        /// The configuration.
        file: PathBuf,
    },
    /// A replacement failed, or ended soon; there will be another one.
    #[error("the next process is started in {} s; {}{ended}", pause.as_secs(),
        problem.as_ref().map_or(String::new(), |problem| format!("the last attempt failed: {problem}; ")))]
    Pause {
        /// How the last process ended that could be asked.
        ended: Arc<Ended>,
        /// What became of the last replacement, if it failed.
        problem: Option<Arc<LoadError>>,
        /// How long it was until the next one, when this began.
        pause: Duration,
    },
    /// The question was asked, and has no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// What a configuration file describes.
#[derive(Debug, Clone)]
pub struct Description {
    answer: Answer,
    handles: u64,
    fingerprint: u64,
}

/// The parts that do not depend on the process.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    files: &'a RawValue,
    #[serde(borrow)]
    config: &'a RawValue,
    #[serde(borrow)]
    objects: &'a RawValue,
    handles: u64,
}

impl Description {
    fn new(answer: Answer) -> serde_json::Result<Self> {
        let parts: Parts<'_> = serde_json::from_str(answer.text())?;
        let mut hasher = DefaultHasher::new();
        for part in [parts.files, parts.config, parts.objects] {
            hash_without_addresses(part.get(), &mut hasher);
        }
        let (handles, fingerprint) = (parts.handles, hasher.finish());
        Ok(Self {
            answer,
            handles,
            fingerprint,
        })
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        self.answer.text()
    }

    /// Decodes it.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        self.answer.parse()
    }

    /// How many things can be called.
    pub fn handles(&self) -> u64 {
        self.handles
    }
}

/// Hashes a description; addresses of memory, as in `<Thing object at 0x7f…>`, differ in each process.
fn hash_without_addresses(text: &str, hasher: &mut DefaultHasher) {
    const BEFORE: &str = " at 0x";
    for (index, piece) in text.split(BEFORE).enumerate() {
        let piece = match index {
            0 => piece,
            _ => piece.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
        };
        hasher.write(piece.as_bytes());
        hasher.write(BEFORE.as_bytes());
    }
}

/// A loaded configuration; cheap to clone. When the last clone is dropped, its process is killed.
#[derive(Debug, Clone)]
pub struct Generation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    description: Description,
    state: watch::Receiver<State>,
    stop: watch::Sender<bool>,
    /// Aborts the keeper when dropped, and with it the process.
    _keeper: JoinSet<()>,
}

/// Whether there is a process to ask.
#[derive(Debug, Clone)]
enum State {
    Ready(Host),
    /// Soon; both steps have deadlines.
    Replacing,
    Lost(LostError),
}

/// What is loaded.
#[derive(Debug, Clone)]
struct Source {
    options: Options,
    owner: Owner,
    file: ConfigFile,
}

impl Source {
    async fn load(&self) -> Result<(Host, Description), LoadError> {
        let host = Host::start(&self.options, &self.owner).await?;
        let answer = host.load(self.file.clone()).await?;
        Ok((host, Description::new(answer)?))
    }
}

impl Generation {
    /// Starts a process that executes a configuration file. Without anything to call, the process ends again.
    pub async fn load(options: Options, owner: Owner, file: ConfigFile) -> Result<Self, LoadError> {
        let source = Source {
            options,
            owner,
            file,
        };
        let (host, description) = source.load().await?;
        let (state_sender, state) = watch::channel(State::Ready(host.clone()));
        let (stop, stopped) = watch::channel(false);
        let keeper = Keeper {
            fingerprint: description.fingerprint,
            source,
            state: state_sender,
            stopped,
        };
        let mut tasks = JoinSet::new();
        if description.handles == 0 {
            keeper.state.send_replace(State::Lost(LostError::NoCode));
            tasks.spawn(async move {
                host.stop().await;
            });
        } else {
            tasks.spawn(keeper.keep(host));
        }
        Ok(Self(Arc::new(Inner {
            description,
            state,
            stop,
            _keeper: tasks,
        })))
    }

    /// What the file describes.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// What is known about its process; none while there is none.
    pub fn status(&self) -> Option<Status> {
        match &*self.0.state.borrow() {
            State::Ready(host) => Some(host.status().borrow().clone()),
            State::Replacing | State::Lost(_) => None,
        }
    }

    /// The process, as soon as there is one; to be asked several things. It may be lost at any moment.
    pub async fn host(&self) -> Result<Host, LostError> {
        let mut state = self.0.state.clone();
        let settled = state.wait_for(|state| match state {
            // The keeper has not heard yet.
            State::Ready(host) => host.is_running(),
            State::Replacing => false,
            State::Lost(_) => true,
        });
        match settled.await.as_deref() {
            Ok(State::Ready(host)) => Ok(host.clone()),
            Ok(State::Lost(error)) => Err(error.clone()),
            Ok(State::Replacing) | Err(_) => Err(LostError::Over),
        }
    }

    /// Asks, with the deadline that such questions have. A question whose process dies is not asked again: it may
    /// be the cause.
    pub async fn ask(&self, question: Question) -> Result<Answer, LostError> {
        Ok(self.host().await?.ask(question).await?)
    }

    /// Ends the process, and waits for that.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let mut state = self.0.state.clone();
        // An error: the keeper has ended.
        let _ = state
            .wait_for(|state| matches!(state, State::Lost(LostError::Over | LostError::NoCode)))
            .await;
    }
}

/// Replaces lost processes.
struct Keeper {
    fingerprint: u64,
    source: Source,
    state: watch::Sender<State>,
    stopped: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self, first: Host) {
        let mut stopped = self.stopped.clone();
        let mut current = Some(first);
        tokio::select! {
            () = self.replace_forever(&mut current) => return,
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        if let Some(host) = current {
            host.stop().await;
        }
        self.state.send_replace(State::Lost(LostError::Over));
    }

    /// Returns when a replacement makes no sense.
    async fn replace_forever(&mut self, current: &mut Option<Host>) {
        let mut early_ends = 0;
        while let Some(host) = current {
            let since = Instant::now();
            let ended = host.ended().await;
            *current = None;
            early_ends = if since.elapsed() >= HEALTHY {
                0
            } else {
                early_ends + 1
            };
            let mut problem = None;
            while current.is_none() {
                self.pause(early_ends, &ended, problem.take()).await;
                self.state.send_replace(State::Replacing);
                match self.source.load().await {
                    Ok((host, description)) if description.fingerprint == self.fingerprint => {
                        tracing::info!("the configuration's process is replaced");
                        self.state.send_replace(State::Ready(host.clone()));
                        *current = Some(host);
                    }
                    Ok(_) => {
                        let file = self.source.file.basedir.join(&self.source.file.file);
                        let error = LostError::Changed { ended, file };
                        tracing::error!(%error, "the configuration's process is lost");
                        self.state.send_replace(State::Lost(error));
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the configuration's process is not replaced");
                        problem = Some(Arc::new(error));
                        early_ends += 1;
                    }
                }
            }
        }
    }

    /// Waits before a replacement, the longer the more often it was in vain.
    async fn pause(&self, early_ends: u32, ended: &Arc<Ended>, problem: Option<Arc<LoadError>>) {
        let pause = pause_after(early_ends);
        if pause.is_zero() {
            self.state.send_replace(State::Replacing);
            return;
        }
        let ended = ended.clone();
        self.state.send_replace(State::Lost(LostError::Pause {
            ended,
            problem,
            pause,
        }));
        tokio::time::sleep(pause).await;
    }
}

/// The first replacements come at once, then the pauses double.
fn pause_after(early_ends: u32) -> Duration {
    match early_ends {
        0..=3 => Duration::ZERO,
        more => Duration::from_secs(1 << (more - 4).min(6)).min(PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_without_addresses(text, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn addresses_of_memory_make_no_difference() {
        let first = fingerprint(r#"{"repr":"<a.B object at 0x7f01>","x":1}"#);
        assert_eq!(
            first,
            fingerprint(r#"{"repr":"<a.B object at 0x55e0aa>","x":1}"#)
        );
        assert_ne!(
            first,
            fingerprint(r#"{"repr":"<a.B object at 0x7f01>","x":2}"#)
        );
        assert_ne!(
            first,
            fingerprint(r#"{"repr":"<a.C object at 0x7f01>","x":1}"#)
        );
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let seconds: Vec<u64> = [0, 3, 4, 5, 9, 10, 11, 1000]
            .map(|ends| pause_after(ends).as_secs())
            .into();
        assert_eq!(seconds, [0, 0, 1, 2, 32, 60, 60, 60]);
    }
}
