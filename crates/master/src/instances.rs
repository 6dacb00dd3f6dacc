//! Machines of latent workers of users' classes: their code starts, checks and stops them when the engine says so.
//!
//! An instance is stopped by the process that started it, which is kept for that: what the code remembers of an
//! instance is there. What the code does may take its time; nothing but the workers concerned waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buildbot_config::{LatentArguments, Value, Worker, WorkerKind};
use buildbot_confighost::Target;
use buildbot_engine::Event;
use buildbot_engine::event::InstanceStart;
use buildbot_model::{BuildId, Secret, WorkerId};
use buildbot_render::Exception;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::live;
use crate::rendering;
use crate::shell::Shell;
use crate::site::{Held, Site};

/// How long the instances may take to stop when the master ends.
const STOP_MAX: Duration = Duration::from_secs(60);

/// The methods of a latent worker that a user's class may have its own of.
const OVERRIDDEN: [&str; 8] = [
    "checkConfig",
    "reconfigService",
    "start_instance",
    "stop_instance",
    "check_instance",
    "isCompatibleWithBuild",
    "getRandomPass",
    "_generate_random_password",
];

/// What is started, runs, or is stopped.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    all: Mutex<All>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct All {
    by_worker: BTreeMap<WorkerId, Instance>,
    /// The master ends: what has started by then is stopped at once.
    is_ending: bool,
}

#[derive(Debug)]
struct Instance {
    /// The configuration that started it, and stops it.
    site: Held,
    password: Option<Secret<String>>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Starting,
    Running { check: Option<AbortHandle> },
    Stopping,
}

/// What became of something that was begun.
#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    error: Option<Raised>,
    #[serde(default)]
    cannot: bool,
}

#[derive(Deserialize)]
struct Raised {
    #[serde(rename = "type")]
    class: String,
    message: String,
    #[serde(default)]
    traceback: String,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Host(#[from] Exception),
    #[error("{0}")]
    Raised(String),
    /// It is the fault of the build.
    #[error("{0}")]
    Cannot(String),
}

/// What latent workers of users' classes have.
pub(crate) fn arguments(worker: &Worker) -> Option<&LatentArguments> {
    match &worker.kind {
        WorkerKind::CustomLatent(arguments) => Some(arguments),
        _ => None,
    }
}

/// The methods that a class overrides and that nobody would call.
pub(crate) fn unsupported_methods(worker: &Worker) -> Vec<&str> {
    let overridden = worker.service.object.overridden.iter();
    overridden
        .map(String::as_str)
        .filter(|name| !OVERRIDDEN.contains(name))
        .collect()
}

/// Whether its instances are not all the same.
pub(crate) fn may_be_incompatible(worker: &Worker) -> bool {
    let attrs = &worker.service.object.attrs;
    attrs
        .get("builds_may_be_incompatible")
        .is_some_and(Value::is_true)
}

impl Instances {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The password of the instance of a worker, if that has one of its own.
    pub(crate) fn password(&self, worker: WorkerId) -> Option<Secret<String>> {
        self.lock().by_worker.get(&worker)?.password.clone()
    }

    /// The configuration that has started the instance of a worker.
    pub(crate) fn site(&self, worker: WorkerId) -> Option<Arc<Site>> {
        Some(Arc::clone(&self.lock().by_worker.get(&worker)?.site))
    }

    async fn wait_until(&self, is_true: impl Fn(&All) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_true(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn begin(&self, worker: WorkerId, site: Held) {
        let instance = Instance {
            site,
            password: None,
            phase: Phase::Starting,
        };
        self.lock().by_worker.insert(worker, instance);
    }

    fn set_password(&self, worker: WorkerId, password: String) {
        if let Some(instance) = self.lock().by_worker.get_mut(&worker) {
            instance.password = Some(Secret::new(password));
        }
    }

    /// Its start has ended. Returns whether it is to be stopped at once, for the master ends.
    fn started(&self, worker: WorkerId) -> bool {
        let mut all = self.lock();
        let is_ending = all.is_ending;
        if let Some(instance) = all.by_worker.get_mut(&worker) {
            instance.phase = Phase::Running { check: None };
        }
        is_ending
    }

    fn set_check(&self, worker: WorkerId, task: AbortHandle) {
        match self.lock().by_worker.get_mut(&worker) {
            Some(Instance {
                phase: Phase::Running { check },
                ..
            }) => *check = Some(task),
            _ => task.abort(),
        }
    }

    /// It is stopped by whoever gets the configuration to ask.
    fn take_running(&self, worker: WorkerId) -> Option<Arc<Site>> {
        let mut all = self.lock();
        let instance = all.by_worker.get_mut(&worker)?;
        match &instance.phase {
            Phase::Running { check } => {
                if let Some(check) = check {
                    check.abort();
                }
                instance.phase = Phase::Stopping;
                Some(Arc::clone(&instance.site))
            }
            Phase::Starting | Phase::Stopping => None,
        }
    }

    fn gone(&self, worker: WorkerId) {
        self.lock().by_worker.remove(&worker);
        self.changed.notify_waiters();
    }

    fn end(&self) -> Vec<WorkerId> {
        let mut all = self.lock();
        all.is_ending = true;
        all.by_worker.keys().copied().collect()
    }
}

/// Starts the instance of a worker for a build, and tells the engine how that went.
pub(crate) async fn start(shell: Arc<Shell>, worker: WorkerId, build: BuildId) {
    let started = try_start(&shell, worker, build).await;
    let name = name_of(&shell, worker);
    let outcome = match &started {
        Ok(true) => {
            tracing::info!("an instance of the worker {name} has been started");
            InstanceStart::Started
        }
        Ok(false) => {
            tracing::warn!("worker {name}: Worker does not want to substantiate at this time");
            InstanceStart::Failed
        }
        Err(failure) => {
            tracing::error!("while starting an instance of the worker {name}: {failure}");
            match failure {
                Failure::Cannot(_) => InstanceStart::CannotRunBuild,
                Failure::Host(_) | Failure::Raised(_) => InstanceStart::Failed,
            }
        }
    };
    let is_ending = shell.instances.started(worker);
    if outcome == InstanceStart::Started {
        watch(&shell, worker);
    }
    shell
        .engine
        .answer(Event::InstanceStarted { worker, outcome });
    if is_ending {
        stop(shell, worker).await;
    }
}

async fn try_start(shell: &Arc<Shell>, worker: WorkerId, build: BuildId) -> Result<bool, Failure> {
    let gone = || Failure::Raised("the build is gone".to_owned());
    let build = shell.builds.get(build).ok_or_else(gone)?;
    build.set_up(shell).await.map_err(Failure::Raised)?;
    let is_latent = |site: &Site| site.worker(worker).and_then(arguments).is_some();
    let mut held = shell.sites.hold_current();
    if !is_latent(&held) {
        let of_build = shell.sites.hold(build.site.generation);
        held = of_build.ok_or_else(gone)?;
    }
    let site = Arc::clone(&held);
    shell.instances.begin(worker, held);
    let password = run(shell, &site, worker, "prepare", Vec::new()).await?;
    match password {
        Value::Text(password) => shell.instances.set_password(worker, password),
        Value::Bytes(password) => {
            let password = String::from_utf8_lossy(&password).into_owned();
            shell.instances.set_password(worker, password);
        }
        _ => {}
    }
    let live = vec![build.live(shell)];
    let started = run(shell, &site, worker, "start", live).await?;
    Ok(started.is_true())
}

/// Looks from time to time whether an instance that has not connected yet still lives.
fn watch(shell: &Arc<Shell>, worker: WorkerId) {
    let Some(site) = shell.instances.site(worker) else {
        return;
    };
    let Some(config) = site.worker(worker) else {
        return;
    };
    let object = &config.service.object;
    let interval = arguments(config).map(|arguments| arguments.check_instance_interval.0);
    let interval = interval.and_then(|interval| Duration::try_from_secs_f64(interval).ok());
    let Some(interval) = interval.filter(|_| object.overrides("check_instance")) else {
        return;
    };
    let name = config.name().to_owned();
    let watching = shell.clone();
    let task = shell.workers.watches().spawn(async move {
        loop {
            // One of zero would leave no time for anything else.
            tokio::time::sleep(interval.max(Duration::from_millis(100))).await;
            if watching.workers.state(worker).connected {
                return;
            }
            let message = match run(&watching, &site, worker, "check", Vec::new()).await {
                Ok(checked) => match checked.as_sequence() {
                    Some([Value::Bool(true), _]) => continue,
                    Some([_, Value::Text(message)]) => message.clone(),
                    _ => String::new(),
                },
                Err(failure) => failure.to_string(),
            };
            tracing::error!("worker {name}: latent worker crashed before connecting: {message}");
            watching.engine.answer(Event::InstanceCrashed { worker });
            return;
        }
    });
    shell.instances.set_check(worker, task.abort_handle());
}

/// Stops the instance of a worker, and tells the engine when that is done. That it fails is logged.
pub(crate) async fn stop(shell: Arc<Shell>, worker: WorkerId) {
    if let Some(site) = shell.instances.take_running(worker) {
        let name = name_of(&shell, worker);
        match run(&shell, &site, worker, "stop", vec![Json::Bool(false)]).await {
            Ok(_) => tracing::info!("the instance of the worker {name} has been stopped"),
            Err(failure) => {
                tracing::error!("while insubstantiating the worker {name}: {failure}");
            }
        }
        shell.instances.gone(worker);
    }
    shell.engine.answer(Event::InstanceStopped { worker });
}

/// Stops all of them, for the master ends. Those that still start are stopped after that.
pub(crate) async fn stop_all(shell: &Arc<Shell>) {
    for worker in shell.instances.end() {
        shell.tasks.spawn(stop(shell.clone(), worker));
    }
    let all_gone = shell.instances.wait_until(|all| all.by_worker.is_empty());
    if tokio::time::timeout(STOP_MAX, all_gone).await.is_err() {
        tracing::error!("some instances of latent workers have not been stopped");
    }
}

fn name_of(shell: &Shell, worker: WorkerId) -> String {
    let site = shell.instances.site(worker);
    let site = site.unwrap_or_else(|| shell.sites.current());
    let worker = site.worker(worker);
    worker.map_or_else(String::new, |worker| worker.name().to_owned())
}

/// The worker as the process of its configuration knows it.
pub(crate) fn target(shell: &Shell, site: &Site, worker: WorkerId) -> Option<Target> {
    let config = site.worker(worker)?;
    Some(Target::Value(json!({
        "$": "latent", "n": config.service.id.0, "workerid": worker.0, "master": shell.live.live(),
    })))
}

/// Begins something, and waits for its end.
async fn run(
    shell: &Arc<Shell>,
    site: &Site,
    worker: WorkerId,
    what: &str,
    arguments: Vec<Json>,
) -> Result<Value, Failure> {
    let gone = || Failure::Raised("the worker is not configured".to_owned());
    let target = target(shell, site, worker).ok_or_else(gone)?;
    let host = site.host.host().await;
    let host = host.map_err(|error| rendering::lost(&error))?;
    let mut session = shell
        .sessions
        .open(shell, &host, "the code of a latent worker");
    let mut given = vec![json!(session.number()), json!(what)];
    given.extend(arguments);
    let begun = host.method(target, "begin".to_owned(), given, Map::new());
    begun.await.map_err(|error| rendering::unanswered(&error))?;
    let told = session.question().await?;
    (told.answer)(Json::Null);
    let done: Done = serde_json::from_value(told.arguments)
        .map_err(|error| Failure::Raised(error.to_string()))?;
    let Some(raised) = done.error else {
        return Ok(done.value.unwrap_or(Value::None));
    };
    let text = match raised.traceback.trim_end() {
        "" => format!("{}: {}", raised.class, raised.message),
        traceback => traceback.to_owned(),
    };
    Err(match done.cannot {
        true => Failure::Cannot(text),
        false => Failure::Raised(text),
    })
}

/// Whether the running instance can run a build with these properties. Any can that does not run yet.
pub(crate) async fn is_compatible(
    shell: &Shell,
    worker: WorkerId,
    properties: Json,
) -> Result<bool, Exception> {
    let Some(site) = shell.instances.site(worker) else {
        return Ok(true);
    };
    let Some(target) = target(shell, &site, worker) else {
        return Ok(true);
    };
    let host = site.host.host().await;
    let host = host.map_err(|error| rendering::lost(&error))?;
    let name = "is_compatible".to_owned();
    let answer = host
        .method(target, name, vec![properties], Map::new())
        .await;
    let answer = answer.map_err(|error| rendering::unanswered(&error))?;
    // A live object in the answer is true as any object is.
    Ok(answer.parse().unwrap_or(Value::Bool(true)).is_true())
}

/// Tells that a worker has not come up.
pub(crate) fn tell_missing(shell: &Shell, worker: WorkerId) {
    let site = shell.sites.current();
    let Some(config) = site.worker(worker).filter(|worker| live::is_latent(worker)) else {
        return;
    };
    let notify = &config.common.notify_on_missing.0;
    if !notify.is_empty() {
        let missing = "Latent worker never connected";
        let event = buildbot_data::Event::worker_missing(worker, missing, notify);
        shell.bus.publish(event);
    }
}
