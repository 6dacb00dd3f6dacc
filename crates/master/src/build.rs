//! A running build as the shell knows it: its properties, sources, logs and steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_config::{BuilderConfig, Object, ObjectId, StepConfig, Value};
use buildbot_confighost::Host;
use buildbot_db::tables::buildsets;
use buildbot_engine::config::Builder;
use buildbot_gateway::{PathStyle, Session, WorkerInfo};
use buildbot_model::{
    AddedBuild, AddedStep, BuildId, BuildNumber, BuildRequest, BuilderId,
    Property as StoredProperty, Results, Secret, StepNumber, WorkerId, Write,
};
use buildbot_render::{Context, Masks, Properties, json_of_value};
use buildbot_steps::{BuildFacts, Executed, Flags, StepEnd, WorkerFacts};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use crate::build_logs::BuildLogs;
use crate::interruptions::Interruptions;
use crate::json as plain;
use crate::port::StepPort;
use crate::properties::{self, Known};
use crate::rendering;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources::{self, Source};
use crate::{facts, secrets};

/// A build from its row to its end.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) id: BuildId,
    pub(crate) number: BuildNumber,
    pub(crate) request: BuildRequest,
    /// The builder that builds it.
    pub(crate) builder: Arc<Builder>,
    /// The builder that it is recorded under: that one, or a virtual one.
    pub(crate) recorded_under: BuilderId,
    /// The name of that one.
    pub(crate) recorded_as: Arc<str>,
    pub(crate) worker: WorkerId,
    /// The configuration that it began with.
    pub(crate) site: Arc<Site>,
    set_up: OnceCell<Result<SetUp, String>>,
    pub(crate) logs: BuildLogs,
    pub(crate) interruptions: Interruptions,
    state: Mutex<State>,
}

/// What is read before a build starts.
#[derive(Debug)]
struct SetUp {
    reason: String,
    sources: Vec<Source>,
}

#[derive(Debug)]
struct State {
    /// The steps that have a row.
    rows: BTreeMap<StepNumber, AddedStep>,
    properties: Properties,
    masks: Masks,
    /// Objects of answers of user code.
    objects: BTreeMap<ObjectId, Arc<Object>>,
    /// What the database has.
    stored: buildbot_model::Properties,
    /// Changed properties that are on their way to the database: `{name: [value, source]}`.
    unannounced: serde_json::Map<String, Json>,
    attached: Option<Attached>,
    /// Steps that steps added.
    added: Vec<Arc<StepConfig>>,
    /// What has come of the steps so far.
    results: Results,
    /// The steps that have ended.
    executed: Vec<Executed>,
    /// The process that code of its steps has run in.
    host: Option<Host>,
    /// Steps that are named, prepared, or run.
    running: BTreeMap<StepNumber, Arc<StepPort>>,
}

impl State {
    fn new(steps: Vec<AddedStep>) -> Self {
        let rows = steps.into_iter().map(|step| (step.number, step));
        Self {
            rows: rows.collect(),
            properties: Properties::default(),
            masks: Masks::default(),
            objects: BTreeMap::new(),
            stored: buildbot_model::Properties::new(),
            unannounced: serde_json::Map::new(),
            attached: None,
            added: Vec::new(),
            results: Results::Success,
            executed: Vec::new(),
            host: None,
            running: BTreeMap::new(),
        }
    }
}

/// What is known once the worker is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) session: Session,
    pub(crate) build: Arc<BuildFacts>,
    pub(crate) worker: Arc<WorkerFacts>,
    info: Arc<WorkerInfo>,
}

impl Build {
    pub(crate) fn new(
        added: AddedBuild,
        request: BuildRequest,
        builder: Arc<Builder>,
        worker: WorkerId,
        site: Arc<Site>,
    ) -> Self {
        Self {
            id: added.id,
            number: added.number,
            request,
            recorded_under: added.recorded_under,
            recorded_as: added.virtual_name.unwrap_or_else(|| builder.name.clone()),
            builder,
            worker,
            site,
            set_up: OnceCell::new(),
            logs: BuildLogs::default(),
            interruptions: Interruptions::default(),
            state: Mutex::new(State::new(added.steps)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step has a row.
    pub(crate) fn set_row(&self, step: AddedStep) {
        self.state().rows.insert(step.number, step);
    }

    /// The row of a step, if it has one.
    pub(crate) fn row(&self, step: StepNumber) -> Option<AddedStep> {
        self.state().rows.get(&step).cloned()
    }

    /// Its builder's configuration.
    pub(crate) fn config(&self) -> Option<&BuilderConfig> {
        self.site.builder(self.builder.id)
    }

    /// Finds out what is built and with which properties. The first call does it.
    pub(crate) async fn set_up(&self, shell: &Shell) -> Result<(), String> {
        let set_up = self.set_up.get_or_init(|| self.find_set_up(shell)).await;
        set_up.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    async fn find_set_up(&self, shell: &Shell) -> Result<SetUp, String> {
        let stamps = self.request.source_stamps.iter().map(|stamp| stamp.id);
        let (stamps, buildset) = (stamps.collect::<Vec<_>>(), self.request.buildset);
        let read = shell.store.read(move |connection| {
            let sources = sources::read(connection, &stamps)?;
            let buildset = buildsets::by_id(connection, buildset)?;
            Ok((sources, buildset.and_then(|buildset| buildset.reason)))
        });
        let (sources, reason) = read.await.map_err(|error| error.to_string())?;
        let Some(builder) = self.config() else {
            return Err(format!("the builder '{}' is gone", self.builder.name));
        };
        let known = Known {
            site: &self.site,
            builder_id: self.builder.id,
            builder,
            worker: self.site.worker(self.worker),
            request: &self.request.properties,
            sources: &sources,
        };
        self.state().properties = known.at_start(self.number);
        Ok(SetUp {
            reason: reason.unwrap_or_default(),
            sources,
        })
    }

    /// What it builds; nothing before it is set up.
    pub(crate) fn sources(&self) -> &[Source] {
        match self.set_up.get() {
            Some(Ok(set_up)) => &set_up.sources,
            Some(Err(_)) | None => &[],
        }
    }

    /// Why it is wanted.
    pub(crate) fn reason(&self) -> &str {
        match self.set_up.get() {
            Some(Ok(set_up)) => &set_up.reason,
            Some(Err(_)) | None => "",
        }
    }

    /// The worker is there: directories and facts are known from now on.
    pub(crate) fn attach(&self, shell: &Shell, session: Session) {
        let info = session.info();
        let config = self.config();
        let directory = config.map_or("", |config| &config.workerbuilddir);
        let separator = match info.path_style() {
            PathStyle::Posix => '/',
            PathStyle::Windows => '\\',
        };
        let basedir = info.basedir.trim_end_matches(separator);
        let builddir = format!("{basedir}{separator}{directory}");
        let worker = facts::of_worker(session.worker(), &info);
        let build = facts::of_build(shell, self);
        let mut state = self.state();
        properties::set_directories(&mut state.properties, &info.basedir, &builddir);
        state.attached = Some(Attached {
            session,
            build: Arc::new(build),
            worker: Arc::new(worker),
            info,
        });
    }

    /// Its worker, once that was asked for.
    pub(crate) fn attached(&self) -> Option<Attached> {
        self.state().attached.clone()
    }

    pub(crate) fn properties(&self) -> Properties {
        self.state().properties.clone()
    }

    /// Does something with the properties.
    pub(crate) fn with_properties<T>(&self, act: impl FnOnce(&mut Properties) -> T) -> T {
        act(&mut self.state().properties)
    }

    /// Secrets are replaced by their names.
    pub(crate) fn mask(&self, text: &str) -> String {
        let state = self.state();
        if state.masks.is_empty() {
            text.to_owned()
        } else {
            state.masks.clean(text)
        }
    }

    /// An object of the description, or of an answer of user code.
    pub(crate) fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        let known = self.site.description.shared_object(id);
        known.or_else(|| self.state().objects.get(&id).cloned())
    }

    /// What values are evaluated with at this moment.
    pub(crate) fn context(&self) -> Context {
        let state = self.state();
        let stamps = self.sources().iter().map(facts::attributes_of_source);
        let worker = state.attached.as_ref().map(|attached| {
            let info = facts::info(&attached.info);
            info.into_iter().collect::<IndexMap<_, _>>()
        });
        Context {
            properties: state.properties.clone(),
            source_stamps: Some(stamps.collect()),
            worker,
            build_url: Some(facts::url_of_build(&self.site, self)),
            secrets: secrets::service(&self.site.config.secrets_providers),
        }
    }

    /// Evaluates values, in the same rounds. Secrets that they use are hidden from then on.
    pub(crate) async fn render(
        &self,
        shell: &Shell,
        values: &[Value],
    ) -> Vec<Result<Value, buildbot_render::Exception>> {
        let context = self.context();
        let live = || {
            let build = self.live(shell);
            let sources = self.sources();
            shell
                .live
                .properties_of_build(&context.properties, sources, build)
        };
        let rendered = rendering::render(&self.site, &shell.basedir, values, &context, live).await;
        let mut state = self.state();
        for (secret, mask) in rendered.hidden {
            state.masks.hide(&secret, mask);
        }
        let objects = rendered.objects.into_iter();
        state
            .objects
            .extend(objects.map(|(id, object)| (id, Arc::new(object))));
        rendered.values
    }

    /// The properties that the database does not have yet, as a write; those that may be renderables are evaluated.
    ///
    /// Differs: a secret of the build in the value of a property is stored and shown as `<name>`, as in logs; the
    /// reference shows it. Steps of the build have the value as it is.
    pub(crate) async fn changed_properties(&self, shell: &Shell) -> Option<Write> {
        let all: Vec<(String, buildbot_render::Property)> = {
            let state = self.state();
            let all = state.properties.iter();
            all.map(|(name, property)| (name.to_owned(), property.clone()))
                .collect()
        };
        let lazy: Vec<Value> = all
            .iter()
            .filter(|(_, property)| json_of_value(&property.value).is_none())
            .map(|(_, property)| property.value.clone())
            .collect();
        let mut rendered = Vec::new();
        if !lazy.is_empty() {
            rendered = self.render(shell, &lazy).await;
        }
        let mut rendered = rendered.into_iter();
        let mut changed = buildbot_model::Properties::new();
        let mut state = self.state();
        for (name, property) in all {
            let text_of = |value: &Value| {
                let masks = &state.masks;
                match masks.is_empty() {
                    true => plain::text_of(value),
                    false => plain::masked_text_of(value, &|text| masks.clean(text)),
                }
            };
            let text = match text_of(&property.value) {
                Some(text) => Some(text),
                None => match rendered.next() {
                    Some(Ok(value)) => text_of(&value),
                    Some(Err(error)) => {
                        tracing::warn!(build = %self.id, property = name, "not stored: {error}");
                        None
                    }
                    None => None,
                },
            };
            let Some(value) = text else { continue };
            let new = StoredProperty {
                value,
                source: property.source,
            };
            if state.stored.get(&name) == Some(&new) {
                continue;
            }
            let parsed: Json = serde_json::from_str(&new.value).unwrap_or(Json::Null);
            state
                .unannounced
                .insert(name.clone(), json!([parsed, new.source]));
            state.stored.insert(name.clone(), new.clone());
            changed.insert(name, new);
        }
        (!changed.is_empty()).then_some(Write::SetBuildProperties {
            build: self.id,
            properties: changed,
        })
    }

    /// What has reached the database and nobody was told.
    pub(crate) fn take_unannounced(&self) -> Option<Json> {
        let changed = std::mem::take(&mut self.state().unannounced);
        (!changed.is_empty()).then_some(Json::Object(changed))
    }

    /// Somebody else has written these: the database has them.
    pub(crate) fn note_stored(&self, properties: &buildbot_model::Properties) {
        let mut state = self.state();
        for (name, property) in properties {
            state.stored.insert(name.clone(), property.clone());
        }
    }

    /// The step at an index: those of the builder, then those that were added.
    pub(crate) fn step_config(&self, index: usize) -> Option<Arc<StepConfig>> {
        let factory = self.config()?.factory.as_ref()?;
        match factory.steps.get(index) {
            Some(step) => Some(Arc::new(step.clone())),
            None => self.state().added.get(index - factory.steps.len()).cloned(),
        }
    }

    /// A step has ended: what that means for the build.
    pub(crate) fn note_ended(&self, name: &str, flags: Flags, end: &StepEnd) {
        let mut state = self.state();
        (state.results, _) = flags.combine(end.results, state.results);
        state.executed.push(Executed {
            name: name.to_owned(),
            results: end.results,
            statistics: end.statistics.clone(),
        });
    }

    /// What has come of the steps so far.
    pub(crate) fn results(&self) -> Results {
        self.state().results
    }

    /// The steps that have ended.
    pub(crate) fn executed(&self) -> Vec<Executed> {
        self.state().executed.clone()
    }

    /// Objects that code of its steps has described.
    pub(crate) fn keep_objects(&self, objects: Vec<(ObjectId, Arc<Object>)>) {
        self.state().objects.extend(objects);
    }

    /// A secret that code of its steps has used.
    pub(crate) fn hide(&self, secret: &str, shown: &str) {
        let secret = Secret::new(secret.to_owned());
        self.state().masks.hide(&secret, shown.to_owned());
    }

    /// Notes the process that code of its steps runs in. Whether it was another one before.
    pub(crate) fn was_asked_of_another(&self, host: &Host) -> bool {
        let before = self.state().host.replace(host.clone());
        before.is_some_and(|before| before.hello().pid != host.hello().pid)
    }

    /// The process that code of its steps has run in.
    pub(crate) fn asked_host(&self) -> Option<Host> {
        self.state().host.clone()
    }

    /// Steps were added.
    pub(crate) fn add_steps(&self, steps: Vec<Arc<StepConfig>>) {
        self.state().added.extend(steps);
    }

    pub(crate) fn step(&self, number: StepNumber) -> Option<Arc<StepPort>> {
        self.state().running.get(&number).cloned()
    }

    pub(crate) fn step_begins(&self, number: StepNumber, step: Arc<StepPort>) {
        self.state().running.insert(number, step);
    }

    pub(crate) fn step_ends(&self, number: StepNumber) {
        self.state().running.remove(&number);
        self.interruptions.forget(number);
    }

    /// The steps that have ended, and the one that runs, as user code sees them. Not part of [`live`](Self::live), which
    /// would grow with every step.
    pub(crate) fn live_steps(&self) -> Vec<Json> {
        let state = self.state();
        let ended = state.executed.iter().map(|step| {
            let statistics = step
                .statistics
                .iter()
                .map(|(name, value)| json!([name, value]));
            json!({
                "$": "step", "key": null, "name": step.name, "results": step.results.code(),
                "statistics": {"$": "dict", "v": statistics.collect::<Vec<_>>()},
            })
        });
        let mut steps: Vec<Json> = ended.collect();
        let is_over = |row: &AddedStep| state.executed.iter().any(|step| *step.name == *row.name);
        let running = state.running.keys().filter_map(|step| state.rows.get(step));
        steps.extend(running.filter(|row| !is_over(row)).map(
            |row| json!({"$": "step", "key": row.id.0, "stepid": row.id.0, "name": &*row.name}),
        ));
        steps
    }

    /// The build as user code sees it.
    pub(crate) fn live(&self, shell: &Shell) -> Json {
        let master = &shell.live;
        let site = &self.site;
        let worker_state = shell.workers.state(self.worker);
        let worker = site.worker(self.worker);
        let sources = self.sources();
        let info: Vec<Json> = worker_state
            .info
            .iter()
            .map(|(name, value)| json!([name, value]))
            .collect();
        let env = self.config().map(|config| &config.env);
        let mut for_builder =
            master.worker_for_builder(site, self.builder.id, self.worker, &worker_state);
        for_builder["state"] = "BUILDING".into();
        for_builder["available"] = false.into();
        json!({
            "$": "build", "key": self.id.0, "buildid": self.id.0, "number": self.number.0,
            "reason": self.reason(), "results": self.results().code(), "finished": false, "stopped": false,
            "builderid": self.recorded_under.0, "url": facts::url_of_build(site, self),
            "workername": worker.map(|worker| worker.name()),
            "worker_info": {"$": "dict", "v": info},
            "env": env,
            "requests": [master.request(site, &self.request, self.reason(), sources)],
            "sources": sources.iter().map(|source| master.source(source)).collect::<Vec<_>>(),
            "properties": master.properties(&self.properties()),
            "builder": master.builder(site, self.builder.id),
            "workerforbuilder": for_builder,
            "master": master.live(),
        })
    }
}

/// All builds that run here.
#[derive(Debug, Default)]
pub(crate) struct Builds(Mutex<BTreeMap<BuildId, Arc<Build>>>);

impl Builds {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BuildId, Arc<Build>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: BuildId) -> Option<Arc<Build>> {
        self.lock().get(&id).cloned()
    }

    /// Those that run.
    pub(crate) fn all(&self) -> Vec<Arc<Build>> {
        self.lock().values().cloned().collect()
    }

    /// Those for which something holds.
    pub(crate) fn find(&self, holds: impl Fn(&Build) -> bool) -> Vec<Arc<Build>> {
        let builds = self.lock();
        let found = builds.values().filter(|build| holds(build));
        found.cloned().collect()
    }

    pub(crate) fn insert(&self, build: Arc<Build>) {
        self.lock().insert(build.id, build);
    }

    pub(crate) fn remove(&self, id: BuildId) -> Option<Arc<Build>> {
        self.lock().remove(&id)
    }
}
