//! Builders, workers, builds as code of the configuration holds them: their methods, and what was not sent with them.

use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{BuilderConfig, Value};
use buildbot_engine::event::WorkerControl;
use buildbot_engine::{Event, QUARANTINE_MIN};
use buildbot_gateway::Session;
use buildbot_model::{BuildId, BuilderId, Results, WorkerId};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Answer, NoAnswer};
use crate::build::Build;
use crate::running;
use crate::shell::Shell;
use crate::site::Site;

/// A live object as it comes back: its kind, and what this master knows it by.
#[derive(Deserialize)]
struct Live {
    #[serde(rename = "$")]
    kind: String,
    #[serde(default)]
    key: Json,
}

impl Live {
    fn id(&self) -> Result<i64, NoAnswer> {
        let id = self.key.as_i64();
        id.ok_or_else(|| NoAnswer::refused(format!("a {} without a key", self.kind)))
    }

    fn worker(&self) -> Result<WorkerId, NoAnswer> {
        self.id().map(WorkerId)
    }
}

#[derive(Deserialize)]
pub(super) struct Method {
    on: Live,
    name: String,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    kwargs: Map<String, Json>,
}

impl Method {
    /// An argument, by its place or its name.
    fn argument(&self, at: usize, name: &str) -> Option<Value> {
        let named = || serde_json::from_value(self.kwargs.get(name)?.clone()).ok();
        self.args.get(at).cloned().or_else(named)
    }

    fn text(&self, at: usize, name: &str) -> Option<String> {
        match self.argument(at, name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

pub(super) async fn method(shell: &Arc<Shell>, site: &Arc<Site>, method: Method) -> Answer {
    let on = &method.on;
    match (on.kind.as_str(), method.name.as_str()) {
        ("worker", name) => {
            let control = match name {
                "pause" => WorkerControl::Pause {
                    reason: method.text(0, "reason").map(Into::into),
                },
                "unpause" => WorkerControl::Unpause,
                "putInQuarantine" => WorkerControl::Quarantine,
                "exitQuarantine" => WorkerControl::LeaveQuarantine,
                "resetQuarantine" => WorkerControl::NextQuarantine(QUARANTINE_MIN),
                "setQuarantineTimeout" => {
                    let seconds = match method.argument(0, "timeout") {
                        Some(Value::Int(seconds)) => u64::try_from(seconds).ok(),
                        _ => None,
                    };
                    let seconds = seconds.ok_or_else(|| {
                        NoAnswer::raised("builtins.TypeError", "a timeout is a whole number")
                    })?;
                    WorkerControl::NextQuarantine(Duration::from_secs(seconds))
                }
                other => return Err(NoAnswer::not_here(&format!("worker.{other}"))),
            };
            let worker = on.worker()?;
            let event = Event::WorkerControlled { worker, control };
            shell.engine.send(event).await;
            // What is asked next sees it done: the engine has heard of it, and its writes are before this one.
            shell.engine.look(|_| ()).await;
            let written = shell.store.write(|_| Ok(()));
            written.await.map(|()| Json::Null).map_err(NoAnswer::failed)
        }
        ("wfb", "ping") => ping(shell, on).await,
        ("build", "setProperty") => set_property(shell, &method),
        ("build", "stopBuild") => stop_build(shell, &method).await,
        ("build", "waitUntilFinished") => {
            let finished = running::finished(shell, BuildId(on.id()?)).await;
            finished.map(|()| Json::Null).map_err(NoAnswer::failed)
        }
        ("botmaster", name) => {
            let all = site.ids.builders.iter();
            let wanted: Vec<BuilderId> = match (name, method.text(0, "buildername")) {
                ("maybeStartBuildsForBuilder", Some(named)) => all
                    .filter(|(builder, _)| **builder == named)
                    .map(|(_, id)| *id)
                    .collect(),
                ("maybeStartBuildsForWorker", Some(worker)) => all
                    .filter(|(_, id)| {
                        let builder = site.builder(**id);
                        builder.is_some_and(|builder| builder.worker_names.contains(&worker))
                    })
                    .map(|(_, id)| *id)
                    .collect(),
                ("maybeStartBuildsForAllBuilders", _) => all.map(|(_, id)| *id).collect(),
                (other, _) => return Err(NoAnswer::not_here(&format!("botmaster.{other}"))),
            };
            for builder in wanted {
                shell.engine.send(Event::BuilderNudged { builder }).await;
            }
            Ok(Json::Null)
        }
        (kind, name) => Err(NoAnswer::not_here(&format!("{kind}.{name}"))),
    }
}

async fn ping(shell: &Shell, on: &Live) -> Answer {
    let worker = on.key.get(1).and_then(Json::as_i64).map(WorkerId);
    let sessions = shell.workers.sessions();
    let session = sessions
        .into_iter()
        .find(|(id, _)| Some(*id) == worker)
        .map(|(_, session)| session);
    let answers = match &session {
        Some(session) => Session::ping(session).await.is_ok(),
        None => false,
    };
    Ok(answers.into())
}

fn set_property(shell: &Shell, method: &Method) -> Answer {
    let build = shell.builds.get(BuildId(method.on.id()?));
    let (Some(build), Some(name)) = (build, method.text(0, "propname")) else {
        return Err(NoAnswer::refused("the build has ended"));
    };
    let value = method.argument(1, "value").unwrap_or(Value::None);
    let source = method.text(2, "source");
    let source = source.unwrap_or_else(|| "Unknown".to_owned());
    build.with_properties(|properties| properties.set(name, value, source, true));
    Ok(Json::Null)
}

async fn stop_build(shell: &Shell, method: &Method) -> Answer {
    let results = method.argument(1, "results");
    let is_cancelled = match results {
        None => true,
        Some(Value::Int(code)) => code == Results::Cancelled.code(),
        Some(_) => false,
    };
    if !is_cancelled {
        return Err(NoAnswer::not_here(
            "build.stopBuild with another result than CANCELLED",
        ));
    }
    let reason = method.text(0, "reason");
    let event = Event::BuildStopRequested {
        build: BuildId(method.on.id()?),
        reason: reason.as_deref().unwrap_or("<no reason given>").into(),
    };
    shell.engine.send(event).await;
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct Attribute {
    of: Live,
    name: String,
}

pub(super) async fn attribute(shell: &Arc<Shell>, site: &Arc<Site>, wanted: &Attribute) -> Answer {
    let of = &wanted.of;
    let master = &shell.live;
    match (of.kind.as_str(), wanted.name.as_str()) {
        ("builder", "building") => {
            let id = BuilderId(of.id()?);
            let running = shell.builds.find(|build| build.builder.id == id);
            Ok(running.iter().map(|build| build.live(shell)).collect())
        }
        ("builder", "workers") => {
            let id = BuilderId(of.id()?);
            let workers = site.builder(id).map(|builder| &builder.worker_names);
            let workers = workers.into_iter().flatten();
            let workers = workers.filter_map(|name| site.ids.workers.get(name));
            let pairs = workers.map(|worker| (id, *worker)).collect();
            let live = workers_for_builders(shell, site, pairs).await?;
            Ok(live.into_iter().map(|(_, live)| live).collect())
        }
        ("builder", "attaching_workers") => Ok(json!([])),
        ("botmaster", "builders") => {
            let builders = site.config.builders.iter();
            let pairs = builders.filter_map(|BuilderConfig { name, .. }| {
                let id = site.ids.builders.get(name)?;
                Some(json!([name, master.builder(site, *id)]))
            });
            let pairs: Vec<Json> = pairs.collect();
            Ok(json!({"$": "dict", "v": pairs}))
        }
        ("worker", "workerforbuilders") => {
            let id = of.worker()?;
            let name = site.worker(id).map_or("", |worker| worker.name());
            let builders = site.config.builders.iter();
            let builders =
                builders.filter(|builder| builder.worker_names.iter().any(|n| n == name));
            let builders = builders.filter_map(|builder| site.ids.builders.get(&builder.name));
            let pairs = builders.map(|builder| (*builder, id)).collect();
            let live = workers_for_builders(shell, site, pairs).await?;
            let pairs = live.into_iter().map(|(builder, live)| {
                let name = site.builder(builder).map(|builder| &builder.name);
                json!([name, live])
            });
            let pairs: Vec<Json> = pairs.collect();
            Ok(json!({"$": "dict", "v": pairs}))
        }
        ("master", "workers_by_name") => {
            let workers = site.config.workers.iter();
            let pairs = workers.filter_map(|worker| {
                let id = site.ids.workers.get(worker.name())?;
                let state = shell.workers.state(*id);
                Some(json!([worker.name(), master.worker(worker, *id, &state)]))
            });
            let pairs: Vec<Json> = pairs.collect();
            Ok(json!({"$": "dict", "v": pairs}))
        }
        ("master", "config_version") => Ok(site.generation.0.into()),
        (kind, name) => Err(NoAnswer::not_here(&format!("{kind}.{name}"))),
    }
}

/// Workers for builders, of those that are connected. Whether they take a build, the engine knows.
async fn workers_for_builders(
    shell: &Shell,
    site: &Site,
    mut pairs: Vec<(BuilderId, WorkerId)>,
) -> Result<Vec<(BuilderId, Json)>, NoAnswer> {
    pairs.retain(|(_, worker)| shell.workers.state(*worker).connected);
    let asked = pairs.clone();
    let available = shell.engine.look(move |engine| {
        let all = asked.into_iter();
        let all = all.map(|(builder, worker)| engine.availability(builder, worker));
        all.map(|it| matches!(it, Some(Ok(())))).collect::<Vec<_>>()
    });
    let available = available.await;
    let available = available.ok_or_else(|| NoAnswer::failed("the master ends"))?;
    let live = pairs.into_iter().zip(available);
    let live = live.map(|((builder, worker), is_available)| {
        let state = shell.workers.state(worker);
        let mut live = shell.live.worker_for_builder(site, builder, worker, &state);
        let builds_it = |build: &Build| build.worker == worker && build.builder.id == builder;
        if !shell.builds.find(builds_it).is_empty() {
            live["state"] = "BUILDING".into();
        }
        live["available"] = is_available.into();
        (builder, live)
    });
    Ok(live.collect())
}
