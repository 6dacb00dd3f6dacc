//! Steps of classes of users: the way to their code, which runs in the process of their configuration.

use std::fmt;
use std::sync::Arc;

use buildbot_config::StepConfig;
use buildbot_confighost::{Host, Target};
use buildbot_model::StepId;
use buildbot_render::Kind;
use buildbot_steps::{Answer, Question, Session, StepError, Surroundings};
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Handle;

use crate::build::Build;
use crate::rendering;
use crate::sessions::OpenSession;
use crate::shell::Shell;

/// A running step, as the process of its configuration knows it.
pub(crate) struct HostSession {
    number: u64,
    host: Host,
    shell: Arc<Shell>,
    questions: tokio::sync::Mutex<OpenSession>,
    surroundings: Surroundings,
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
    let session = shell.sessions.open(shell, &host, "the code of a step");
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
            let question = self.questions.lock().await.question().await;
            Ok(question?)
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
