//! A master from its start to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use buildbot_changes::Sources;
use buildbot_config::{MasterConfig, Value};
use buildbot_data::{Bus, Data};
use buildbot_db::Database;
use buildbot_db::tables::{build_requests, masters, objects, workers};
use buildbot_engine::config::Generation;
use buildbot_engine::event::Shutdown;
use buildbot_engine::{Engine, Event, Restored, RestoredWorker};
use buildbot_gateway::{self as gateway, Gateway, Listener, Protocol};
use buildbot_logs::LogStore;
use buildbot_model::{ChangeId, MasterId, Secret};
use buildbot_schedulers::NewChange;
use buildbot_web::Web;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attachment::{self, Door};
use crate::cancelling;
use crate::changes::{self, ChangeError};
use crate::control::ShellControl;
use crate::credentials;
use crate::engine_thread;
use crate::hands::ShellHands;
use crate::host_requests;
use crate::identity::{self, HEARTBEAT, now};
use crate::instances;
use crate::live_data::LiveData;
use crate::load::{LoadFailure, Loaded, Loader};
use crate::local_workers::{self, LocalWorkers};
use crate::perspectives;
use crate::pollers::PollerPort;
use crate::recover;
use crate::rows::Rows;
use crate::schedulers;
use crate::shell::{self, Shell};
use crate::site::{self, Site};
use crate::sites::Sites;
use crate::store::Store;
use crate::try_jobdir;

/// How long builds may take to stop before the connections of their workers are cut.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How long what is still under way may take at the very end.
const END_GRACE: Duration = Duration::from_secs(5);

/// Where a master is, and what it reads.
#[derive(Debug, Clone)]
pub struct Options {
    /// The base directory; absolute.
    pub basedir: PathBuf,
    /// The configuration, relative to it.
    pub config_file: PathBuf,
}

/// A running master.
pub struct Master {
    shell: Arc<Shell>,
    loader: Loader,
    gateway: Gateway,
    web: Web,
    local: Arc<LocalWorkers>,
    sources: Sources,
    engine: JoinHandle<()>,
    /// Cancelled when a part that must not end has ended.
    broken: CancellationToken,
    /// Tasks that go on as long as the master.
    background: TaskTracker,
    ending: CancellationToken,
    db_url: Value,
    next_generation: u64,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Master")
            .field("shell", &self.shell)
            .finish_non_exhaustive()
    }
}

impl Master {
    /// Loads the configuration, opens everything, and begins to build.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be used, which changes nothing; or when a database or a port cannot be had.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options {
            basedir,
            config_file,
        } = options;
        let background = TaskTracker::new();
        let loader = Loader::new(basedir.clone(), config_file)?;
        let loaded = loader.load().await?;

        let path = match &loaded.config.db.url {
            Value::Text(url) => buildbot_db::locate(url, &basedir)?,
            _ => anyhow::bail!("c['db_url'] is no text"),
        };
        let database = tokio::task::spawn_blocking(move || Database::open(&path)).await??;
        let database = Arc::new(database);
        let store = Store::new(database.clone());
        let name = identity::name_of(&basedir);
        let logs = LogStore::open(&basedir, buildbot_logs::Settings::default())?;
        let master = take_over(&store, &logs, &name).await?;

        let rows = Rows::of(&loaded.config);
        let written = store
            .write(move |connection| rows.write(connection, master))
            .await?;
        let db_url = loaded.config.db.url.clone();
        let generation = Generation(1);
        let (site, requests) = new_site(&loader, loaded, written.ids, generation);
        let (restored, places) = restore(&store).await?;
        let session_secret = session_secret(&store).await?;

        let (engine_inbox, engine_mail) = engine_thread::mailbox();
        let (scheduler_inbox, scheduler_mail) = schedulers::mailbox();
        let live = LiveData::default();
        let data = Arc::new(Data::new(database, logs.clone(), Arc::new(live.clone())));
        let bus = Arc::new(Bus::start(data.clone())?);
        let shell = Arc::new(Shell::new(shell::Parts {
            master,
            name,
            basedir: basedir.clone(),
            store,
            engine: engine_inbox,
            sites: Sites::new(site.clone()),
            logs,
            bus: bus.clone(),
            data: data.clone(),
            schedulers: scheduler_inbox,
            live_data: live,
            session_secret,
            tasks: TaskTracker::new(),
        }));
        background.spawn(host_requests::serve(shell.clone(), site.clone(), requests));

        for row in &restored.workers {
            shell.workers.set_paused(row.worker, row.paused);
        }
        let engine = Engine::new(now(), site.engine.clone(), restored);
        let broken = CancellationToken::new();
        let hands = ShellHands::new(shell.clone(), places);
        let engine = engine_thread::start(engine, engine_mail, hands, broken.clone())?;

        cancelling::configure(&shell, &site).await;
        let ending = CancellationToken::new();
        let scheduling = schedulers::run(shell.clone(), scheduler_mail);
        background.spawn(until(ending.clone(), scheduling));
        if let Err(refused) = shell.schedulers.configure(site.clone()).await {
            let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
            anyhow::bail!("Configuration Errors:\n  {}", refused.join("\n  "));
        }

        let local = Arc::new(LocalWorkers::new(basedir.clone()));
        let door = Door {
            shell: shell.clone(),
            local: local.clone(),
        };
        let settings = gateway::Settings {
            basedir,
            ..gateway::Settings::default()
        };
        let (mut gateway, events) = Gateway::new(settings, Arc::new(door));
        let listening = attachment::listen(shell.clone(), events);
        background.spawn(until(ending.clone(), listening));
        local_workers::prepare(&shell.basedir)
            .context("while making the directory of local workers")?;
        gateway.listen(listeners(&site)?).await?;
        local.apply(&site);
        for worker in site.ids.workers.values() {
            attachment::watch_for_missing(&shell, *worker);
        }

        let control = Arc::new(ShellControl(shell.clone()));
        let web = Web::start(
            web_settings(&shell, &site.config, &site.host),
            data,
            bus,
            control,
        )
        .await?;

        set_active(&shell).await;
        let mut sources = Sources::new();
        let port = PollerPort::shared(&shell, &site);
        sources.configure(&site.config.change_sources, &port).await;
        background.spawn(until(ending.clone(), beat(shell.clone())));
        background.spawn(until(ending.clone(), try_jobdir::watch(shell.clone())));
        tracing::info!("BuildMaster is running");
        Ok(Self {
            shell,
            loader,
            gateway,
            web,
            local,
            sources,
            engine,
            broken,
            background,
            ending,
            db_url,
            next_generation: 2,
        })
    }

    /// Waits until a part has ended that must not end: a fault of ours.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Adds a change, and tells the schedulers.
    ///
    /// # Errors
    ///
    /// When user code that finds its codebase or its category fails, or the database does not take it.
    pub async fn add_change(&self, change: NewChange) -> Result<ChangeId, ChangeError> {
        changes::add(&self.shell, change).await
    }

    /// Takes the configuration as it is now. If anything of it cannot be used, nothing changes.
    pub async fn reconfigure(&mut self) -> Result<(), LoadFailure> {
        tracing::info!("beginning configuration update");
        let begun = std::time::Instant::now();
        match self.try_reconfigure().await {
            Ok(()) => {
                let took = begun.elapsed().as_secs_f64();
                tracing::info!("configuration update complete (took {took:.3} seconds)");
                Ok(())
            }
            Err(failure) => {
                for line in failure.to_string().lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("configuration update aborted without making any changes");
                Err(failure)
            }
        }
    }

    async fn try_reconfigure(&mut self) -> Result<(), LoadFailure> {
        let loaded = self.loader.load().await?;
        if loaded.config.db.url != self.db_url {
            let message = "Cannot change c['db']['db_url'] after the master has started";
            return Err(LoadFailure::Other(anyhow::anyhow!(message)));
        }
        let before = self.shell.sites.current();
        let wanted = listeners_of(&loaded.config).map_err(LoadFailure::Other)?;
        local_workers::prepare(&self.shell.basedir)
            .map_err(|error| LoadFailure::Other(error.into()))?;
        let listened = self.gateway.listen(wanted).await;
        listened.map_err(|error| LoadFailure::Other(error.into()))?;
        // What can fail comes first: rows of builders and the like are never deleted.
        let settings = web_settings(&self.shell, &loaded.config, &loaded.host);
        if let Err(error) = self.web.reconfigure(settings).await {
            return Err(self.undo(&before, error.into()).await);
        }
        let rows = Rows::of(&loaded.config);
        let master = self.shell.master;
        let written = self
            .shell
            .store
            .write(move |connection| rows.write(connection, master));
        let written = match written.await {
            Ok(written) => written,
            Err(error) => return Err(self.undo(&before, error.into()).await),
        };
        let generation = Generation(self.next_generation);
        let (site, requests) = new_site(&self.loader, loaded, written.ids, generation);
        if let Err(refused) = self.shell.schedulers.configure(site.clone()).await {
            let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
            let error = anyhow::anyhow!(refused.join("; "));
            return Err(self.undo(&before, error).await);
        }
        self.next_generation += 1;
        let serving = host_requests::serve(self.shell.clone(), site.clone(), requests);
        self.background.spawn(serving);
        self.shell.sites.replace(site.clone());
        for name in before.ids.schedulers.keys() {
            if !site.ids.schedulers.contains_key(name) {
                self.shell.waiters.schedulers.complete(name);
            }
        }
        self.shell
            .engine
            .send(Event::ConfigReplaced(site.engine.clone()))
            .await;
        cancelling::configure(&self.shell, &site).await;
        self.local.apply(&site);
        self.tell_workers(&site).await;
        let port = PollerPort::shared(&self.shell, &site);
        let sources = &site.config.change_sources;
        self.sources.configure(sources, &port).await;
        for event in written.events {
            self.shell.bus.publish(event);
        }
        Ok(())
    }

    /// Everything is as it was; what cannot be undone is said.
    async fn undo(&mut self, before: &Site, error: anyhow::Error) -> LoadFailure {
        let rows = Rows::of(&before.config);
        let master = self.shell.master;
        let written = self
            .shell
            .store
            .write(move |connection| rows.write(connection, master));
        if let Err(error) = written.await {
            tracing::error!(%error, "while going back to the configuration before");
        }
        if let Ok(listeners) = listeners(before)
            && let Err(error) = self.gateway.listen(listeners).await
        {
            tracing::error!(%error, "while going back to the configuration before");
        }
        let settings = web_settings(&self.shell, &before.config, &before.host);
        if let Err(error) = self.web.reconfigure(settings).await {
            tracing::error!(%error, "while going back to the configuration before");
        }
        LoadFailure::Other(error)
    }

    /// Workers that are connected get their new builders; those that are configured no more go.
    async fn tell_workers(&self, site: &Site) {
        for (_, session) in self.shell.workers.sessions() {
            let name = session.worker().to_owned();
            if !site.ids.workers.contains_key(&name) {
                session.disconnect("it is configured no more");
                continue;
            }
            let builders = attachment::builders_of(site, &name);
            let builders = attachment::with_running(&self.shell, builders, &name);
            self.shell.tasks.spawn(async move {
                if let Err(error) = session.set_builders(&builders).await {
                    tracing::warn!("the worker {name} did not get its builders: {error}");
                }
            });
        }
    }

    /// Starts no more builds that nobody waits for, so that it is [drained](Self::drained) some time.
    pub async fn drain(&self) {
        self.shell.end_when_idle(Shutdown::Clean).await;
    }

    /// Returns when the master shall end once no build runs, and none does.
    pub async fn drained(&self) {
        let mut ends = self.shell.ends_when_idle.subscribe();
        loop {
            // The sender lives as long as the shell.
            let _ = ends.wait_for(|ends| *ends).await;
            tokio::select! {
                () = self.shell.engine.idle() => return,
                _ = ends.wait_for(|ends| !*ends) => {}
            }
        }
    }

    /// Ends: builds that run are stopped, and their requests are built again after the next start.
    pub async fn stop(mut self) {
        self.sources.stop().await;
        let engine = &self.shell.engine;
        engine.send(Event::ShutdownRequested(Shutdown::Quick)).await;
        if tokio::time::timeout(STOP_GRACE, engine.idle())
            .await
            .is_err()
        {
            for (_, session) in self.shell.workers.sessions() {
                tracing::warn!("worker {} does not stop its builds", session.worker());
                session.disconnect("the master ends");
            }
            if tokio::time::timeout(END_GRACE, engine.idle())
                .await
                .is_err()
            {
                tracing::warn!("some builds have not ended; they are built again after the start");
            }
        }
        instances::stop_all(&self.shell).await;
        self.web.stop().await;
        self.local.stop().await;
        self.gateway.stop().await;
        let site = self.shell.sites.current();
        site.host.stop().await;
        let master = self.shell.master;
        let ended = self.shell.store.note("ending", move |connection| {
            masters::set_inactive(connection, master)?;
            masters::clean_up(connection, master, now())?;
            Ok(())
        });
        ended.await;
        self.ending.cancel();
        self.shell.tasks.close();
        if tokio::time::timeout(END_GRACE, self.shell.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("{} tasks are given up", self.shell.tasks.len());
        }
        self.shell.engine.end();
        // It has nothing more to do.
        let joined = tokio::task::spawn_blocking(move || self.engine.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the engine broke");
        }
        let database = self.shell.store.database().clone();
        let folded = tokio::task::spawn_blocking(move || database.fold_log()).await;
        if let Ok(Err(error)) = folded {
            tracing::warn!(%error, "the write-ahead log stays beside the database");
        }
    }
}

async fn until(ending: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = ending.cancelled() => {}
    }
}

/// The row of this master, and what an earlier run, or another master that is silent, left behind.
async fn take_over(store: &Store, logs: &LogStore, name: &str) -> anyhow::Result<MasterId> {
    let name = name.to_owned();
    let taken = store.write(move |connection| {
        let (id, mut left) = identity::take_over(connection, &name, now())?;
        left.extend(identity::expire_others(connection, id, now())?);
        Ok((id, left))
    });
    let (master, left) = taken
        .await
        .context("while finding the row of this master")?;
    recover::logs(store, logs, left).await;
    Ok(master)
}

fn new_site(
    loader: &Loader,
    loaded: Loaded,
    ids: crate::rows::Ids,
    generation: Generation,
) -> (
    Arc<Site>,
    tokio::sync::mpsc::Receiver<buildbot_confighost::Request>,
) {
    let site = Site::new(site::Parts {
        generation,
        host: loaded.host,
        description: loaded.description,
        config: loaded.config,
        ids,
        file: loader.path().to_string_lossy().into_owned(),
    });
    (Arc::new(site), loaded.requests)
}

type Places = Vec<(
    buildbot_model::BuildRequestId,
    (buildbot_model::BuildsetId, buildbot_model::BuilderId),
)>;

/// What is to be built, and who is paused.
async fn restore(store: &Store) -> anyhow::Result<(Restored, Places)> {
    let read = store.read(|connection| {
        let requests = build_requests::waiting(connection)?;
        let workers = workers::all(connection)?
            .into_iter()
            .map(|row| RestoredWorker {
                worker: row.id,
                paused: row.paused,
                graceful: row.graceful,
            });
        Ok((requests, workers.collect()))
    });
    let (requests, workers) = read.await.context("while reading what waits")?;
    let places = requests
        .iter()
        .map(|row| (row.id, (row.buildset, row.builder)));
    let places = places.collect();
    Ok((Restored { requests, workers }, places))
}

/// The key of sessions of the web server, the same for all masters and after a restart.
async fn session_secret(store: &Store) -> anyhow::Result<Secret<String>> {
    use std::hash::{BuildHasher as _, RandomState};
    let half = |part: u8| format!("{:016x}", RandomState::new().hash_one(part));
    let fresh = serde_json::to_string(&format!("{}{}", half(0), half(1)))?;
    let kept = store.write(move |connection| {
        let object = objects::find_or_add(connection, "www", "buildbot.www.service.WWWService")?;
        objects::set_state_once(connection, object, "session_secret", &fresh)
    });
    let kept = kept.await.context("while reading the key of sessions")?;
    Ok(Secret::new(serde_json::from_str(&kept).unwrap_or(kept)))
}

fn listeners(site: &Site) -> anyhow::Result<Vec<Listener>> {
    listeners_of(&site.config)
}

/// Where workers and others arrive.
fn listeners_of(config: &MasterConfig) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = listeners_for_workers(config)?;
    listeners.extend(perspectives::listeners(config)?);
    if local_workers::has_some(config) {
        let endpoint = format!("unix:{}:mode=600", local_workers::SOCKET);
        listeners.push(Listener::parse(Protocol::Pb, &endpoint)?);
    }
    Ok(listeners)
}

/// Those of `c['protocols']`.
pub(crate) fn listeners_for_workers(config: &MasterConfig) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for (name, options) in &config.globals.protocols {
        let Some(protocol) = Protocol::from_name(name) else {
            continue;
        };
        let port = match options.get("port") {
            Some(Value::Text(port)) => port.clone(),
            Some(Value::Int(port)) => port.to_string(),
            _ => continue,
        };
        let listener = Listener::parse(protocol, &port);
        listeners.push(listener.with_context(|| format!("c['protocols']['{name}']['port']"))?);
    }
    Ok(listeners)
}

fn web_settings(
    shell: &Shell,
    config: &MasterConfig,
    host: &buildbot_confighost::Generation,
) -> buildbot_web::Settings {
    let credentials = credentials::of(config, host);
    web_settings_of(
        config,
        &shell.basedir,
        shell.session_secret.clone(),
        credentials,
    )
}

/// What the web server is told.
pub(crate) fn web_settings_of(
    config: &MasterConfig,
    basedir: &Path,
    session_secret: Secret<String>,
    credentials: Option<Arc<dyn buildbot_web::Credentials>>,
) -> buildbot_web::Settings {
    let globals = &config.globals;
    buildbot_web::Settings {
        www: config.www.clone(),
        buildbot_url: globals.buildbot_url.clone().unwrap_or_default(),
        title: globals.title.clone(),
        title_url: globals.title_url.clone().unwrap_or_default(),
        multi_master: globals.multi_master,
        base_directory: basedir.to_owned(),
        credentials,
        session_secret,
    }
}

async fn set_active(shell: &Shell) {
    let master = shell.master;
    let active = shell
        .store
        .note("saying that this master runs", move |connection| {
            masters::set_active(connection, master, now()).map(|_| ())
        });
    active.await;
    shell
        .bus
        .publish(buildbot_data::Event::master(master, true));
}

/// Says from time to time that this master runs, and looks after those that do not.
async fn beat(shell: Arc<Shell>) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let master = shell.master;
        let beat = shell.store.write(move |connection| {
            masters::set_active(connection, master, now())?;
            identity::expire_others(connection, master, now())
        });
        match beat.await {
            Ok(left) => recover::logs(&shell.store, &shell.logs, left).await,
            Err(error) => tracing::error!(%error, "while saying that this master runs"),
        }
    }
}
