//! Steps of classes of users: the way to their code, which runs in the process of their configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buildbot_config::StepConfig;
use buildbot_confighost::{Ask, Host, Target};
use buildbot_model::StepId;
use buildbot_render::Kind;
use buildbot_steps::{Answer, Question, Session, StepError, Surroundings};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::build::Build;
use crate::rendering;
use crate::shell::Shell;

/// How often the process is asked whether it is blocked while code of a step runs: what it does between two
/// questions has no deadline of its own.
const LOOK_AT: Duration = Duration::from_secs(10);

/// Where questions of running steps go, by the number of the session.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<u64, Line>>);

/// One session.
#[derive(Debug)]
struct Line {
    pid: u32,
    /// As many as a process may have asked without an answer.
    questions: mpsc::UnboundedSender<Question>,
}

#[derive(Deserialize)]
struct Asked {
    session: u64,
    what: String,
    #[serde(default)]
    args: Json,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes questions from a process.
    pub(crate) fn open(&self, shell: &Arc<Shell>, pid: u32) -> OpenSession {
        let (sender, questions) = mpsc::unbounded_channel();
        let number = shell.next_number();
        let line = Line {
            pid,
            questions: sender,
        };
        self.lock().insert(number, line);
        OpenSession {
            number,
            shell: shell.clone(),
            questions,
        }
    }

    /// What runs asks.
    pub(crate) fn take(&self, ask: Ask) {
        let asked: Asked = match ask.parse() {
            Ok(asked) => asked,
            Err(error) => return ask.refuse(error.to_string()),
        };
        let lines = self.lock();
        let line = lines.get(&asked.session);
        let Some(line) = line.filter(|line| line.pid == ask.pid()) else {
            drop(lines);
            return ask.refuse("what asks has ended");
        };
        // Without a receiver the question is dropped, and refused by that.
        let _ = line.questions.send(Question {
            what: asked.what,
            arguments: asked.args,
            answer: Box::new(move |value| ask.answer(value)),
        });
    }
}

/// What one thing asks that runs in the process of a configuration, until this is dropped.
pub(crate) struct OpenSession {
    number: u64,
    shell: Arc<Shell>,
    questions: mpsc::UnboundedReceiver<Question>,
}

impl OpenSession {
    /// What it calls itself when it asks.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next question.
    pub(crate) async fn question(&mut self) -> Option<Question> {
        self.questions.recv().await
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.shell.sessions.lock().remove(&self.number);
    }
}

/// A running step, as the process of its configuration knows it.
pub(crate) struct HostSession {
    number: u64,
    host: Host,
    shell: Arc<Shell>,
    questions: tokio::sync::Mutex<OpenSession>,
    surroundings: Surroundings,
    is_looked_at: Arc<AtomicBool>,
}

impl fmt::Debug for HostSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSession")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Opens the way to the code of a step.
pub(crate) async fn open(
    shell: &Arc<Shell>,
    build: &Arc<Build>,
    step: StepId,
    number: i64,
    config: &StepConfig,
) -> Result<Arc<dyn Session>, StepError> {
    let host = build.site.host.host().await;
    let host = host.map_err(|error| rendering::lost(&error))?;
    if build.was_asked_of_another(&host)
        && config.id.0 as usize >= build.site.description.objects.len()
    {
        let text = "the process of the configuration that has made this step is gone";
        return Err(StepError::raise(Kind::Runtime, text));
    }
    let session = shell.sessions.open(shell, host.hello().pid);
    Ok(Arc::new(HostSession {
        number: session.number(),
        host,
        shell: shell.clone(),
        questions: tokio::sync::Mutex::new(session),
        surroundings: Surroundings {
            build: build.live(shell),
            step_id: Some(step.0),
            number,
            results: Some(build.results()),
            executed: build.executed(),
        },
        is_looked_at: Arc::default(),
    }))
}

/// A build has ended; its object in the process of its configuration is not needed any more.
pub(crate) async fn forget(build: &Build) {
    if let Some(host) = build.asked_host()
        && host.is_running()
    {
        let on = json!({"$": "running_build", "key": build.id.0});
        let told = host.method(
            Target::Value(on),
            "ended".to_owned(),
            Vec::new(),
            Map::new(),
        );
        if let Err(error) = told.await {
            tracing::debug!(build = %build.id, "the end of the build: {error}");
        }
    }
}

impl HostSession {
    fn target(&self) -> Target {
        Target::Value(json!({"$": "session", "key": self.number}))
    }

    /// Has blocked code broken off: the answer is awaited under the deadline of every question.
    fn look_at_it(&self) {
        if self.is_looked_at.swap(true, Ordering::SeqCst) {
            return;
        }
        let (host, is_looked_at) = (self.host.clone(), self.is_looked_at.clone());
        self.shell.tasks.spawn(async move {
            if let Err(error) = host.ping().await {
                tracing::warn!(
                    "the code of a step blocks the process of its configuration: {error}"
                );
            }
            is_looked_at.store(false, Ordering::SeqCst);
        });
    }
}

impl Session for HostSession {
    fn surroundings(&self) -> Surroundings {
        self.surroundings.clone()
    }

    fn call<'a>(&'a self, method: &'static str, arguments: Vec<Json>) -> Answer<'a, Json> {
        Box::pin(async move {
            let answer = self
                .host
                .method(self.target(), method.to_owned(), arguments, Map::new())
                .await;
            let answer = answer.map_err(|error| rendering::unanswered(&error))?;
            answer
                .value()
                .map_err(|error| StepError::raise(Kind::Runtime, error.to_string()))
        })
    }

    fn question(&self) -> Answer<'_, Question> {
        Box::pin(async move {
            let mut questions = self.questions.lock().await;
            loop {
                tokio::select! {
                    biased;
                    question = questions.question() => return question.ok_or_else(|| {
                        StepError::raise(Kind::Runtime, "the step has ended")
                    }),
                    ended = self.host.ended() => {
                        return Err(StepError::raise(Kind::Runtime, ended.to_string()));
                    }
                    () = tokio::time::sleep(LOOK_AT) => self.look_at_it(),
                }
            }
        })
    }
}

impl Drop for HostSession {
    fn drop(&mut self) {
        if Handle::try_current().is_err() || !self.host.is_running() {
            return;
        }
        let (host, target) = (self.host.clone(), self.target());
        self.shell.tasks.spawn(async move {
            let closed = host.method(target, "close".to_owned(), Vec::new(), Map::new());
            if let Err(error) = closed.await {
                tracing::debug!("the end of a step: {error}");
            }
        });
    }
}
