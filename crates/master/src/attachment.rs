//! Workers that come and go: who may log in, what is written down about it, and who is told.

use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{Value, Worker};
use buildbot_data::{Event as BusEvent, WorkerVerb};
use buildbot_db::tables::workers;
use buildbot_endpoint::server::Endpoint;
use buildbot_engine::Event;
use buildbot_engine::event::{SessionId, WorkerControl};
use buildbot_gateway::{
    self as gateway, Admission, Admitted, Attached, GatewayEvent, Later, Protocol, Refused,
    Visitor, WorkerBuilder, WorkerInfo,
};
use buildbot_model::{Secret, WorkerId};
use buildbot_render::Context;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::identity::now;
use crate::live;
use crate::local_workers::LocalWorkers;
use crate::ordered_writes::{self, OrderedWrites};
use crate::perspectives;
use crate::rendering;
use crate::secrets;
use crate::shell::Shell;
use crate::site::Site;
use crate::workers::engine_session;

/// Bytes of each text that people read about a worker: pages of many workers have all of them.
///
/// Differs: the texts that a worker shows about itself are cut after 16 KiB, because they have no bound otherwise.
const SHOWN_BYTES_MAX: usize = 16 << 10;

/// What people read about a worker in its row.
const SHOWN_INFO: [&str; 3] = ["admin", "host", "access_uri"];

/// The door of the gateway.
pub(crate) struct Door {
    pub(crate) shell: Arc<Shell>,
    pub(crate) local: Arc<LocalWorkers>,
}

impl Admission for Door {
    fn visitor<'a>(&'a self, name: &'a str, place: Option<&'a Endpoint>) -> Later<'a, Visitor> {
        Box::pin(perspectives::visitor(&self.shell, name, place))
    }

    fn worker<'a>(&'a self, name: &'a str, _: Protocol) -> Later<'a, Option<Admitted>> {
        Box::pin(async move {
            let site = self.shell.sites.current();
            let worker = site
                .config
                .workers
                .iter()
                .find(|worker| worker.name() == name)?;
            let id = site.ids.workers.get(name).copied();
            let of_instance = id.and_then(|id| self.shell.instances.password(id));
            let password = match of_instance.or_else(|| self.local.password(name)) {
                Some(password) => password,
                None => password_of(&self.shell, &site, worker).await?,
            };
            let interval = worker.common.keepalive_interval;
            Some(Admitted {
                password,
                keepalive: interval.and_then(|it| Duration::try_from_secs_f64(it.0).ok()),
            })
        })
    }

    fn attach<'a>(
        &'a self,
        _session: gateway::SessionId,
        name: &'a str,
        _info: &'a WorkerInfo,
    ) -> Later<'a, Result<Vec<WorkerBuilder>, Refused>> {
        Box::pin(async move {
            let site = self.shell.sites.current();
            match site.ids.workers.contains_key(name) {
                true => Ok(builders_of(&site, name)),
                false => Err(Refused(format!("there is no worker {name}"))),
            }
        })
    }
}

/// The password that a worker must know; nothing, which no worker knows, if it cannot be found out.
async fn password_of(shell: &Shell, site: &Site, worker: &Worker) -> Option<Secret<String>> {
    let what = format!("the password of the worker {}", worker.name());
    secret_text(shell, site, worker.common.password.expose(), &what).await
}

/// A name or a password of the configuration, which may be known only later; nothing if it cannot be found out.
pub(crate) async fn secret_text(
    shell: &Shell,
    site: &Site,
    given: &Value,
    what: &str,
) -> Option<Secret<String>> {
    if let Value::Text(password) = given {
        return Some(Secret::new(password.clone()));
    }
    let context = Context {
        secrets: secrets::service(&site.config.secrets_providers),
        ..Context::default()
    };
    let live = || shell.live.properties(&context.properties);
    let values = std::slice::from_ref(given);
    let rendered = rendering::render(site, &shell.basedir, values, &context, live).await;
    match rendered.values.into_iter().next() {
        Some(Ok(Value::Text(password))) => Some(Secret::new(password)),
        Some(Ok(Value::Bytes(password))) => String::from_utf8(password).ok().map(Secret::new),
        Some(Err(error)) => {
            tracing::error!("{what}: {error}");
            None
        }
        Some(Ok(_)) | None => None,
    }
}

fn shown_info(info: &WorkerInfo) -> Json {
    let mut shown = json!({});
    for key in SHOWN_INFO {
        shown[key] = json!(info.text(key).map(cut));
    }
    shown["version"] = json!(info.version.as_deref().map_or("(unknown)", cut));
    shown
}

/// The beginning of a text, as far as it is shown.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(SHOWN_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The builders that may use a worker, as it is told them.
pub(crate) fn builders_of(site: &Site, worker: &str) -> Vec<WorkerBuilder> {
    let builders = site.config.builders.iter();
    builders
        .filter(|builder| builder.worker_names.iter().any(|name| name == worker))
        .map(|builder| WorkerBuilder {
            name: builder.name.clone(),
            directory: builder.workerbuilddir.clone(),
        })
        .collect()
}

/// The same with those that are configured no more and have builds on the worker: it would stop what it runs for them.
pub(crate) fn with_running(
    shell: &Shell,
    mut builders: Vec<WorkerBuilder>,
    worker: &str,
) -> Vec<WorkerBuilder> {
    for build in shell.builds.all() {
        let of_build = build.site.worker(build.worker);
        let Some(config) = build
            .config()
            .filter(|_| of_build.is_some_and(|of| of.name() == worker))
        else {
            continue;
        };
        if builders.iter().all(|builder| builder.name != config.name) {
            builders.push(WorkerBuilder {
                name: config.name.clone(),
                directory: config.workerbuilddir.clone(),
            });
        }
    }
    builders
}

/// Listens to the gateway until it ends. What it writes about workers is put in the order of the events, so that a row
/// is that of the newest connection, and the next event does not wait for the disk.
pub(crate) async fn listen(shell: Arc<Shell>, mut events: mpsc::Receiver<GatewayEvent>) {
    let (writes, waiting) = ordered_writes::queue();
    shell.tasks.spawn(waiting.run(shell.store.clone()));
    while let Some(event) = events.recv().await {
        match event {
            GatewayEvent::Attached(attached) => worker_attached(&shell, &writes, attached).await,
            GatewayEvent::Detached {
                session,
                worker,
                reason,
            } => {
                tracing::info!("worker {worker} detached: {reason}");
                worker_detached(&shell, &writes, &worker, SessionId(session.0)).await;
            }
            GatewayEvent::ShutdownRequested { worker, .. } => {
                tracing::info!("worker {worker} wants to shut down");
                if let Some(id) = id_of(&shell, &worker) {
                    let event = Event::WorkerControlled {
                        worker: id,
                        control: WorkerControl::ShutdownGracefully,
                    };
                    shell.engine.send(event).await;
                }
            }
        }
    }
}

/// A worker that is configured no more has a row still.
fn id_of(shell: &Shell, worker: &str) -> Option<WorkerId> {
    shell.sites.current().ids.workers.get(worker).copied()
}

async fn worker_attached(shell: &Arc<Shell>, writes: &OrderedWrites, attached: Attached) {
    let session = attached.session;
    let name = session.worker().to_owned();
    let Some(id) = id_of(shell, &name) else {
        session.disconnect("it is configured no more");
        return;
    };
    tracing::info!("worker {name} attached from {}", session.peer());
    shell.workers.attached(id, session.clone(), now());
    let (master, text) = (shell.master, shown_info(&attached.info).to_string());
    let bus = shell.bus.clone();
    let connected = writes.put_then(
        "writing down that a worker has come",
        move |connection| workers::connect(connection, id, master, &text),
        move || {
            bus.publish(BusEvent::worker(id, WorkerVerb::Connected));
            bus.publish(BusEvent::worker(id, WorkerVerb::StateUpdated));
        },
    );
    connected.await;
    let event = Event::WorkerAttached {
        worker: id,
        session: engine_session(&session),
    };
    shell.engine.send(event).await;
}

async fn worker_detached(
    shell: &Arc<Shell>,
    writes: &OrderedWrites,
    name: &str,
    session: SessionId,
) {
    let known = shell.workers.sessions().into_iter();
    let id = known
        .filter(|(_, known)| engine_session(known) == session)
        .map(|(id, _)| id)
        .next();
    let Some(id) = id.or_else(|| id_of(shell, name)) else {
        return;
    };
    let is_current = shell.workers.detached(id, session, now());
    shell
        .engine
        .send(Event::WorkerDetached {
            worker: id,
            session,
        })
        .await;
    if is_current {
        let master = shell.master;
        let bus = shell.bus.clone();
        let gone = writes.put_then(
            "writing down that a worker has gone",
            move |connection| workers::disconnect(connection, id, master),
            move || bus.publish(BusEvent::worker(id, WorkerVerb::Disconnected)),
        );
        gone.await;
        watch_for_missing(shell, id);
    }
}

/// Tells that a worker is missing when it has not come back in time.
pub(crate) fn watch_for_missing(shell: &Arc<Shell>, id: WorkerId) {
    let site = shell.sites.current();
    // The engine expects a latent one while its instance comes up, and at no other time.
    let Some(worker) = site.worker(id).filter(|worker| !live::is_latent(worker)) else {
        return;
    };
    let timeout = worker
        .common
        .missing_timeout
        .filter(|timeout| timeout.0 > 0.0);
    let timeout = timeout.and_then(|timeout| Duration::try_from_secs_f64(timeout.0).ok());
    let Some(timeout) = timeout else {
        return;
    };
    let notify = worker.common.notify_on_missing.0.clone();
    let name = worker.name().to_owned();
    let watching = shell.clone();
    let watch = shell.workers.watches().spawn(async move {
        tokio::time::sleep(timeout).await;
        let (is_connected, last) = watching.workers.last_connection(id);
        if is_connected {
            return;
        }
        tracing::warn!("worker {name} is missing");
        let last = match last {
            Some(last) => format!("{}", last.seconds()),
            None => "never".to_owned(),
        };
        watching
            .bus
            .publish(BusEvent::worker_missing(id, &last, &notify));
    });
    shell.workers.watch(id, watch.abort_handle());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_worker_is_cut() {
        let long = "ü".repeat(SHOWN_BYTES_MAX);
        let text = |text: &str| gateway::Value::Text(text.to_owned());
        let info = gateway::Value::Dict(vec![
            (text("admin"), text(&format!("x{long}"))),
            (text("host"), text("short")),
            (text("version"), text(&long)),
        ]);
        let shown = shown_info(&WorkerInfo::from_value(&info).unwrap_or_default());
        let admin = shown["admin"].as_str().unwrap_or_default();
        assert_eq!(admin.len(), SHOWN_BYTES_MAX - 1);
        assert!(admin.starts_with("xü"));
        assert_eq!(shown["host"], "short");
        let version = shown["version"].as_str().unwrap_or_default();
        assert_eq!(version.len(), SHOWN_BYTES_MAX);
    }
}
