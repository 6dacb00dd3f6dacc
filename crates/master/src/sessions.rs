//! What runs in the process of a configuration and asks back: running steps of classes of users, machines that start or
//! stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buildbot_confighost::{Ask, Host};
use buildbot_render::{Exception, Kind};
use buildbot_steps::Question;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::shell::Shell;

/// How often the process is asked whether it is blocked while code runs: what that does between two questions has no
/// deadline of its own.
const LOOK_AT: Duration = Duration::from_secs(10);

/// Where questions of what runs go, by the number of the session.
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

    /// Takes questions from a process, where `code` runs.
    pub(crate) fn open(&self, shell: &Arc<Shell>, host: &Host, code: &'static str) -> OpenSession {
        let (sender, questions) = mpsc::unbounded_channel();
        let number = shell.next_number();
        let line = Line {
            pid: host.hello().pid,
            questions: sender,
        };
        self.lock().insert(number, line);
        OpenSession {
            number,
            code,
            host: host.clone(),
            shell: shell.clone(),
            questions,
            is_looked_at: Arc::default(),
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
    code: &'static str,
    host: Host,
    shell: Arc<Shell>,
    questions: mpsc::UnboundedReceiver<Question>,
    is_looked_at: Arc<AtomicBool>,
}

impl OpenSession {
    /// What it calls itself when it asks.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next question. An error is the end of the process.
    pub(crate) async fn question(&mut self) -> Result<Question, Exception> {
        loop {
            tokio::select! {
                biased;
                question = self.questions.recv() => {
                    return question.ok_or_else(|| Exception::new(Kind::Runtime, "what asks has ended"));
                }
                ended = self.host.ended() => {
                    return Err(Exception::new(Kind::Runtime, ended.to_string()));
                }
                () = tokio::time::sleep(LOOK_AT) => self.look_at_it(),
            }
        }
    }

    /// Has blocked code broken off: the answer is awaited under the deadline of every question.
    fn look_at_it(&self) {
        if self.is_looked_at.swap(true, Ordering::SeqCst) {
            return;
        }
        let (host, is_looked_at) = (self.host.clone(), self.is_looked_at.clone());
        let code = self.code;
        self.shell.tasks.spawn(async move {
            if let Err(error) = host.ping().await {
                tracing::warn!("{code} blocks the process of its configuration: {error}");
            }
            is_looked_at.store(false, Ordering::SeqCst);
        });
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.shell.sessions.lock().remove(&self.number);
    }
}
