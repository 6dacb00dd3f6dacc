//! What change sources that poll need of this master.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use buildbot_changes::{Ended, Later, PollError, Port, Program, StateObject};
use buildbot_config::{Object, Value};
use buildbot_confighost::Target;
use buildbot_db::tables::{change_sources, objects};
use buildbot_render::Context;
use buildbot_schedulers::NewChange;
use serde_json::Value as Json;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::changes;
use crate::rendering;
use crate::scheduler_questions;
use crate::secrets;
use crate::shell::Shell;
use crate::site::Site;

/// What the pollers of one configuration need.
pub(crate) struct PollerPort {
    pub(crate) shell: Arc<Shell>,
    pub(crate) site: Arc<Site>,
    /// A poll goes on with the configuration that it began with.
    _held: TaskTrackerToken,
}

impl PollerPort {
    pub(crate) fn shared(shell: &Arc<Shell>, site: &Arc<Site>) -> Arc<dyn Port> {
        Arc::new(Self {
            shell: shell.clone(),
            site: site.clone(),
            _held: site.hold(),
        })
    }

    async fn rendered(&self, values: Vec<Value>) -> Result<Vec<Value>, PollError> {
        let context = Context {
            secrets: secrets::service(&self.site.config.secrets_providers),
            ..Context::default()
        };
        let live = || self.shell.live.properties(&context.properties);
        let basedir = &self.shell.basedir;
        let rendered = rendering::render(&self.site, basedir, &values, &context, live).await;
        let values: Result<Vec<Value>, _> = rendered.values.into_iter().collect();
        values.map_err(failed)
    }

    async fn called(&self, callable: Value, arguments: Vec<Value>) -> Result<Value, PollError> {
        let Value::Callable(callable) = callable else {
            return Err(PollError("it cannot be called".to_owned()));
        };
        let arguments: Result<Vec<Json>, _> = arguments.iter().map(serde_json::to_value).collect();
        let arguments = arguments.map_err(failed)?;
        let target: Target = buildbot_confighost::Handle(callable.handle.0).into();
        let answer = scheduler_questions::call(&self.site, target, None, arguments).await;
        answer.map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> PollError {
    PollError(error.to_string())
}

impl Port for PollerPort {
    fn now(&self) -> f64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    fn sleep(&self, time: Duration) -> Later<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self, min: i64, max: i64) -> i64 {
        fastrand::i64(min..=max.max(min))
    }

    fn basedir(&self) -> &Path {
        &self.shell.basedir
    }

    fn run(&self, program: Program) -> Later<'_, Result<Ended, PollError>> {
        Box::pin(buildbot_changes::run_program(program))
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Result<Vec<Value>, PollError>> {
        Box::pin(self.rendered(values))
    }

    fn object(&self, value: &Value) -> Option<Arc<Object>> {
        self.site.description.shared_object(value.as_object()?)
    }

    fn call(&self, callable: Value, arguments: Vec<Value>) -> Later<'_, Result<Value, PollError>> {
        Box::pin(self.called(callable, arguments))
    }

    fn state(
        &self,
        of: StateObject,
        key: &'static str,
    ) -> Later<'_, Result<Option<Json>, PollError>> {
        let read = self.shell.store.write(move |connection| {
            let id = objects::find_or_add(connection, &of.name, &of.class)?;
            objects::state(connection, id, key)
        });
        Box::pin(async {
            let text = read.await.map_err(failed)?;
            let value = text.map(|text| serde_json::from_str(&text)).transpose();
            value.map_err(failed)
        })
    }

    fn set_state(
        &self,
        of: StateObject,
        key: &'static str,
        value: Json,
    ) -> Later<'_, Result<(), PollError>> {
        let written = self.shell.store.write(move |connection| {
            let id = objects::find_or_add(connection, &of.name, &of.class)?;
            objects::set_state(connection, id, key, &value.to_string())
        });
        Box::pin(async { written.await.map_err(failed) })
    }

    fn add_change(&self, change: NewChange) -> Later<'_, Result<(), PollError>> {
        Box::pin(async {
            let added = changes::add_by(&self.shell, &self.site, change).await;
            added.map(drop).map_err(failed)
        })
    }

    fn claim(&self, source: &str) -> Later<'_, Result<bool, PollError>> {
        let (name, master) = (source.to_owned(), self.shell.master);
        let holder = self.shell.store.write(move |connection| {
            let id = change_sources::find_or_add(connection, &name)?;
            change_sources::claim(connection, id, master)
        });
        Box::pin(async move { Ok(holder.await.map_err(failed)? == master) })
    }

    fn release(&self, source: &str) -> Later<'_, ()> {
        let (name, master) = (source.to_owned(), self.shell.master);
        let released = self
            .shell
            .store
            .note("giving a change source up", move |connection| {
                let id = change_sources::find_or_add(connection, &name)?;
                change_sources::unclaim(connection, id, master)
            });
        Box::pin(released)
    }
}
