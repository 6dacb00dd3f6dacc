//! A master for tests: who may come is set, what happens is awaited.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildbot_gateway::{
    Admission, Admitted, Attached, Budget, Command, DetachReason, Gateway, GatewayEvent, Later,
    Protocol, Refused, Session, SessionId, Settings, Stream, Update, Value, WorkerBuilder,
    WorkerInfo,
};
use buildbot_model::Secret;
use tokio::sync::mpsc;

/// How long anything may take that takes a second on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Who is configured, and what he builds.
#[derive(Default)]
pub(crate) struct Configured {
    pub(crate) workers: Mutex<BTreeMap<String, Admitted>>,
    pub(crate) builders: Mutex<Vec<WorkerBuilder>>,
    pub(crate) refused: Mutex<Option<Refused>>,
}

impl Admission for Configured {
    fn worker<'a>(&'a self, name: &'a str, _: Protocol) -> Later<'a, Option<Admitted>> {
        let found = self.workers.lock().unwrap().get(name).cloned();
        Box::pin(async move { found })
    }

    fn attach<'a>(
        &'a self,
        _: SessionId,
        _: &'a str,
        _: &'a WorkerInfo,
    ) -> Later<'a, Result<Vec<WorkerBuilder>, Refused>> {
        let answer = match self.refused.lock().unwrap().clone() {
            Some(refused) => Err(refused),
            None => Ok(self.builders.lock().unwrap().clone()),
        };
        Box::pin(async move { answer })
    }
}

/// A gateway with the worker `w` (password `pw`) and the builder `b`.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) events: mpsc::Receiver<GatewayEvent>,
    pub(crate) configured: Arc<Configured>,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn builder(name: &str) -> WorkerBuilder {
    WorkerBuilder {
        name: name.to_owned(),
        directory: format!("{name}-dir"),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let configured = Arc::new(Configured::default());
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            basedir: directory.path().to_owned(),
            ..Settings::default()
        };
        change(&mut settings);
        let (gateway, events) = Gateway::new(settings, configured.clone());
        let world = Self {
            gateway,
            events,
            configured,
            directory,
        };
        world.configure("w", None);
        *world.configured.builders.lock().unwrap() = vec![builder("b")];
        world
    }

    pub(crate) fn configure(&self, name: &str, keepalive: Option<Duration>) {
        let admitted = Admitted {
            password: Secret::new("pw".to_owned()),
            keepalive,
        };
        let mut workers = self.configured.workers.lock().unwrap();
        workers.insert(name.to_owned(), admitted);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn event(&mut self) -> GatewayEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("an event")
    }

    pub(crate) async fn attached(&mut self) -> Session {
        match self.event().await {
            GatewayEvent::Attached(Attached { session, .. }) => session,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn detached(&mut self) -> (SessionId, DetachReason) {
        match self.event().await {
            GatewayEvent::Detached {
                session, reason, ..
            } => (session, reason),
            other => panic!("{other:?}"),
        }
    }

    /// That nothing has happened so far.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.events.try_recv().is_err()
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A command for the builder `b`.
pub(crate) fn command(name: &str, args: &[(&str, Value)]) -> Command {
    let args = args.iter();
    Command {
        builder: "b".to_owned(),
        name: name.to_owned(),
        args: args
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
        transfer: None,
        budget: Budget::default(),
    }
}

/// Runs `script` with a shell.
pub(crate) fn shell(script: &str) -> Command {
    command(
        "shell",
        &[
            ("command", text(script)),
            ("workdir", text("build")),
            ("logEnviron", Value::Bool(false)),
        ],
    )
}

/// The text of one stream.
pub(crate) fn stdout(updates: &[Update]) -> String {
    let mut all = String::new();
    for update in updates {
        if let Update::Text {
            stream: Stream::Stdout,
            text,
            ..
        } = update
        {
            assert!(text.ends_with('\n'), "{text:?}");
            all.push_str(text);
        }
    }
    all
}

/// Everything that was sent so far or will be, until nobody sends any more.
pub(crate) async fn all(mut updates: mpsc::Receiver<Update>) -> Vec<Update> {
    let mut found = Vec::new();
    while let Some(update) = updates.recv().await {
        found.push(update);
    }
    found
}
