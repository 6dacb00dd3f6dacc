//! Builders, workers, builds as code of the configuration holds them: their methods, and what was not sent with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{BuilderConfig, Value};
use buildbot_engine::config::{BuilderLocks, Callable};
use buildbot_engine::event::{Reply, Shutdown, WorkerControl};
use buildbot_engine::{Event, QUARANTINE_MIN, Question};
use buildbot_gateway::Session;
use buildbot_model::{BuildId, BuildRequestId, BuilderId, Results, WorkerId};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Answer, NoAnswer, command};
use crate::attachment::secret_text;
use crate::identity::now;
use crate::live;
use crate::questions;
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
    args: Vec<Json>,
    #[serde(default)]
    kwargs: Map<String, Json>,
}

impl Method {
    /// An argument, by its place or its name.
    fn argument(&self, at: usize, name: &str) -> Option<Value> {
        let given = self.args.get(at).or_else(|| self.kwargs.get(name))?;
        serde_json::from_value(given.clone()).ok()
    }

    /// An argument that is a live object.
    fn live(&self, at: usize, name: &str) -> Option<Live> {
        let given = self.args.get(at).or_else(|| self.kwargs.get(name))?;
        serde_json::from_value(given.clone()).ok()
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
        ("worker", "remotePrint") => {
            let text = method.text(0, "message").unwrap_or_default();
            let session = connection(shell, on.worker()?)?;
            session.print(&text).await.map_err(NoAnswer::failed)?;
            Ok(Json::Null)
        }
        ("worker", "loseConnection") => {
            connection(shell, on.worker()?)?.disconnect("the configuration has it so");
            Ok(Json::Null)
        }
        ("worker", "runCommand") => {
            let session = connection(shell, on.worker()?)?;
            let (Some(name), Some(args), Some(builder)) = (
                method.text(0, "name"),
                method.argument(1, "args"),
                method.text(2, "builder_name"),
            ) else {
                return Err(NoAnswer::raised(
                    "builtins.TypeError",
                    "the name of a command, its arguments and the name of a builder are expected",
                ));
            };
            command::run(&session, name, &args, builder).await
        }
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
        ("builder", "canStartBuild") => can_start_build(shell, site, &method).await,
        ("wfb", "ping") => ping(shell, on).await,
        ("build", "setProperty") => set_property(shell, &method),
        ("build", "stopBuild") => stop_build(shell, &method).await,
        ("build", "waitUntilFinished") => {
            let finished = running::finished(shell, BuildId(on.id()?)).await;
            finished.map(|()| Json::Null).map_err(NoAnswer::failed)
        }
        ("botmaster", "cleanShutdown") => clean_shutdown(shell, &method).await,
        ("botmaster", "cancelCleanShutdown") => {
            if *shell.ends_when_idle.borrow() {
                tracing::info!("Cancelling clean shutdown");
                shell.stay().await;
            }
            Ok(Json::Null)
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

/// Whether a worker may build a request now: what is asked of code of users, and locks.
async fn can_start_build(shell: &Arc<Shell>, site: &Arc<Site>, method: &Method) -> Answer {
    let builder = BuilderId(method.on.id()?);
    let worker = method.live(0, "workerforbuilder");
    let worker = worker.and_then(|worker| worker.key.get(1).and_then(Json::as_i64));
    let request = method.live(1, "buildrequest");
    let (Some(worker), Some(request)) = (worker.map(WorkerId), request) else {
        return Err(NoAnswer::raised(
            "builtins.TypeError",
            "a worker of a builder and a request are expected",
        ));
    };
    let request = BuildRequestId(request.id()?);
    let config = &site.engine;
    let Some(known) = config.builders.get(&builder) else {
        return Err(NoAnswer::refused("the builder is configured no more"));
    };
    let ask = async |callable: &Callable, question: Question| {
        questions::ask(shell, site, callable.handle, &callable.place, &question).await
    };
    let workers_own = config.workers.get(&worker);
    if let Some(callable) = workers_own.and_then(|worker| worker.is_compatible.as_ref()) {
        let question = Question::IsCompatible {
            builder,
            worker,
            request,
        };
        if ask(callable, question).await != Reply::Flag(true) {
            return Ok(false.into());
        }
    }
    let locks = match &known.locks {
        BuilderLocks::Listed(locks) => locks.clone(),
        BuilderLocks::Rendered(callable) => {
            let question = Question::RenderLocks {
                builder,
                worker,
                request,
            };
            match ask(callable, question).await {
                Reply::Locks(locks) => locks.into(),
                _ => return Ok(false.into()),
            }
        }
    };
    let look = shell
        .engine
        .look(move |engine| engine.are_available(&locks, worker));
    if look.await != Some(true) {
        return Ok(false.into());
    }
    let Some(callable) = &known.can_start_build else {
        return Ok(true.into());
    };
    let question = Question::CanStartBuild {
        builder,
        worker,
        request,
    };
    Ok((ask(callable, question).await == Reply::Flag(true)).into())
}

/// It is answered at once: what asks may run in a build that the master waits for.
async fn clean_shutdown(shell: &Shell, method: &Method) -> Answer {
    let flag = |at, name, default: bool| {
        let given = method.argument(at, name);
        given.map_or(default, |value| value.is_true())
    };
    if !flag(1, "stopReactor", true) {
        let what = "botmaster.cleanShutdown with stopReactor=False";
        return Err(NoAnswer::not_here(what));
    }
    if *shell.ends_when_idle.borrow() {
        tracing::info!("Already shutting down");
        return Ok(Json::Null);
    }
    tracing::info!("Initiating clean shutdown");
    let shutdown = match flag(0, "quickMode", false) {
        true => Shutdown::Quick,
        false => Shutdown::Clean,
    };
    shell.end_when_idle(shutdown).await;
    Ok(Json::Null)
}

fn connection(shell: &Shell, worker: WorkerId) -> Result<Session, NoAnswer> {
    let session = shell.workers.connection(worker);
    session.ok_or_else(|| NoAnswer::refused("the worker is not connected"))
}

async fn ping(shell: &Shell, on: &Live) -> Answer {
    let worker = on.key.get(1).and_then(Json::as_i64).map(WorkerId);
    let answers = match worker.map(|worker| connection(shell, worker)) {
        Some(Ok(session)) => session.ping().await.is_ok(),
        Some(Err(_)) | None => false,
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
        ("build", "executedSteps") => {
            let build = shell.builds.get(BuildId(of.id()?));
            Ok(build
                .map_or_else(Vec::new, |build| build.live_steps())
                .into())
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
        ("worker", name) => of_worker(shell, site, of.worker()?, name).await,
        ("botmaster", "shuttingDown") => {
            let look = shell.engine.look(|engine| engine.is_shutting_down());
            Ok(look.await.unwrap_or(true).into())
        }
        ("master", "name") => Ok(master.name.as_str().into()),
        ("master", "masterid") => Ok(master.id.0.into()),
        ("master", "basedir") => Ok(master.basedir.as_str().into()),
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

/// What is not sent with every worker.
async fn of_worker(shell: &Arc<Shell>, site: &Site, id: WorkerId, name: &str) -> Answer {
    let session = connection(shell, id).ok();
    let pairs = |pairs: &BTreeMap<String, String>| {
        let pairs: Vec<Json> = pairs
            .iter()
            .map(|(name, value)| json!([name, value]))
            .collect();
        json!({"$": "dict", "v": pairs})
    };
    Ok(match (name, session) {
        ("master", _) => shell.live.live(),
        ("password", _) => {
            let config = site
                .worker(id)
                .map(|worker| (worker.name(), &worker.common.password));
            let Some((name, password)) = config else {
                return Ok(Json::Null);
            };
            let what = format!("the password of the worker {name}");
            let password = match shell.instances.password(id) {
                Some(password) => Some(password),
                None => secret_text(shell, site, password.expose(), &what).await,
            };
            password.map_or(Json::Null, |password| password.expose().as_str().into())
        }
        ("quarantine_timeout", _) => {
            let look = shell.engine.look(move |engine| engine.next_quarantine(id));
            look.await.unwrap_or(QUARANTINE_MIN).as_secs().into()
        }
        ("worker_commands", Some(session)) => pairs(&session.info().commands),
        ("worker_environ", Some(session)) => pairs(&session.info().environ),
        ("worker_environ", None) => pairs(&BTreeMap::new()),
        ("peer", Some(session)) => session.peer().into(),
        ("lastMessageReceived", Some(session)) => {
            let silence = session.silence().as_secs();
            now().seconds().saturating_sub(silence).into()
        }
        ("lastMessageReceived", None) => 0.into(),
        ("worker_commands" | "peer", None) => Json::Null,
        (name, _) => return Err(NoAnswer::not_here(&format!("worker.{name}"))),
    })
}

/// Workers for builders, of those that are connected or latent. Whether they take a build, the engine knows.
async fn workers_for_builders(
    shell: &Shell,
    site: &Site,
    mut pairs: Vec<(BuilderId, WorkerId)>,
) -> Result<Vec<(BuilderId, Json)>, NoAnswer> {
    let is_latent = |worker| site.worker(worker).is_some_and(live::is_latent);
    pairs.retain(|(_, worker)| shell.workers.state(*worker).connected || is_latent(*worker));
    let asked = pairs.clone();
    let available = shell.engine.look(move |engine| {
        let all = asked.into_iter();
        let all = all.map(|(builder, worker)| engine.availability(builder, worker));
        all.map(|it| matches!(it, Some(Ok(())))).collect::<Vec<_>>()
    });
    let available = available.await;
    let available = available.ok_or_else(|| NoAnswer::failed("the master ends"))?;
    let running = shell.builds.all();
    let running = running.iter().map(|build| (build.builder.id, build.worker));
    let running: BTreeSet<_> = running.collect();
    let live = pairs.into_iter().zip(available);
    let live = live.map(|((builder, worker), is_available)| {
        let state = shell.workers.state(worker);
        let mut live = shell.live.worker_for_builder(site, builder, worker, &state);
        if running.contains(&(builder, worker)) {
            live["state"] = "BUILDING".into();
        }
        live["available"] = is_available.into();
        (builder, live)
    });
    Ok(live.collect())
}
