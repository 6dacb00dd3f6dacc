//! What a step asks of the master, for one step of one build.

mod command;
mod kept;
mod lines;
mod local;
mod log;
mod shown;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_config::{Description, Object, ObjectId, StepConfig, Value};
use buildbot_confighost::Target;
use buildbot_data::{Event as BusEvent, StepVerb};
use buildbot_db::tables::steps;
use buildbot_engine::Event;
use buildbot_engine::event::StepPlace;
use buildbot_gateway::Interrupter;
use buildbot_model::{
    BuildRequestId, BuildsetId, Results, StepId, StepNumber, StepUpdate, Url, Write,
};
use buildbot_render::{Exception, Kind, Properties, Property};
use buildbot_steps::{
    AddSteps, Answer, Argument, BuildFacts, BuildsetEnd, Channel, CommandEnd, Flags, HttpRequest,
    HttpResponse, Interruption, Later, LocalCommand, LocalEnd, LogKey, LogKind, Observer, Port,
    Prepared, RemoteCommand, Session, StepEnd, StepError, TestResult, TestResultSet,
    TriggerRequest, Triggered, WorkerFacts,
};
use serde_json::{Map, Value as Json, json};

use crate::build::{Attached, Build};
use crate::custom;
use crate::interruptions::Listening;
use crate::plan;
use crate::rendering;
use crate::shell::Shell;

use kept::OpenSet;
use local::Locals;
use log::OpenLog;
use shown::Shown;

/// One step of one build.
pub(crate) struct StepPort {
    shell: Arc<Shell>,
    build: Arc<Build>,
    attached: Attached,
    pub(crate) number: StepNumber,
    name: String,
    state: Mutex<State>,
    interruptions: Listening,
    shown: Mutex<Shown>,
    locals: Locals,
}

#[derive(Default)]
struct State {
    logs: Vec<Arc<OpenLog>>,
    sets: Vec<OpenSet>,
    urls: Vec<Url>,
    are_urls_stored: bool,
    commands: BTreeMap<u64, RunningCommand>,
    last_command: u64,
    /// How often running commands were interrupted, and why the last time: one that is only about to run is not among
    /// them yet.
    interrupted: (u64, String),
    prepared: Option<Prepared>,
    /// The schedulers of buildsets that it has triggered.
    triggered: BTreeMap<i64, String>,
}

struct RunningCommand {
    interrupter: Interrupter,
    is_interrupted: bool,
}

impl fmt::Debug for StepPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepPort")
            .field("build", &self.build.id)
            .field("number", &self.number)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl StepPort {
    /// The port of a step of a build. A step that has no row yet has no name.
    pub(crate) fn open(
        shell: Arc<Shell>,
        build: Arc<Build>,
        attached: Attached,
        number: StepNumber,
    ) -> Self {
        let row = build.row(number);
        let name = row.map_or_else(String::new, |row| row.name.to_string());
        let interruptions = build.interruptions.listen(number);
        Self {
            shell,
            build,
            attached,
            number,
            name,
            state: Mutex::default(),
            interruptions,
            shown: Mutex::default(),
            locals: Locals::default(),
        }
    }

    /// Keeps the step until it has its locks.
    pub(crate) fn keep(&self, prepared: Prepared) {
        self.state().prepared = Some(prepared);
    }

    /// The step that was kept.
    pub(crate) fn take_prepared(&self) -> Option<Prepared> {
        self.state().prepared.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its row, which is there before the step is prepared.
    fn row(&self) -> Result<StepId, StepError> {
        let row = self.build.row(self.number);
        let row = row.ok_or_else(|| internal(&"the step has no row"))?;
        Ok(row.id)
    }

    /// The step has ended: what that means for its build.
    pub(crate) fn note_ended(&self, flags: Flags, end: &StepEnd) {
        self.build.note_ended(&self.name, flags, end);
    }

    /// The step has ended: what becomes true with that.
    pub(crate) async fn end(&self) -> Vec<Write> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end();
        let mut writes = Vec::new();
        writes.extend(self.build.changed_properties(&self.shell).await);
        let mut state = self.state();
        if !state.are_urls_stored && !state.urls.is_empty() {
            state.are_urls_stored = true;
            writes.push(Write::UpdateStep {
                build: self.build.id,
                step: self.number,
                update: StepUpdate {
                    urls: Some(state.urls.clone()),
                    ..StepUpdate::default()
                },
            });
        }
        writes
    }

    fn publish(&self, verb: StepVerb) {
        if let Ok(row) = self.row() {
            self.shell
                .bus
                .publish(BusEvent::step(row, self.build.id, verb));
        }
    }

    fn live_argument(&self, argument: Argument) -> Json {
        match argument {
            Argument::Value(value) => json!(value),
            Argument::Step(step) => {
                let row = self.row().ok().map(|row| row.0);
                let statistics: Vec<Json> = step
                    .statistics
                    .iter()
                    .map(|(name, value)| json!([name, value]))
                    .collect();
                let mut live = json!({
                    "$": "step", "key": row, "name": self.name, "stepid": row,
                    "results": step.results.map(Results::code),
                    "statistics": {"$": "dict", "v": statistics},
                    "description": step.description, "stopped": step.stopped,
                    "number": self.number.0, "class": step.class,
                    "build": self.build.live(&self.shell),
                });
                for (name, value) in step.arguments {
                    if live.get(&name).is_none() {
                        live[name] = json!(value);
                    }
                }
                live
            }
            Argument::Build => self.build.live(&self.shell),
            Argument::SourceStamps => {
                let sources = self.build.sources().iter();
                sources
                    .map(|source| self.shell.live.source(source))
                    .collect()
            }
            Argument::Match { pattern, text } => {
                json!({"$": "match", "pattern": Value::Regex(Box::new(pattern)), "text": text})
            }
        }
    }

    async fn call_code(
        &self,
        function: &Value,
        arguments: Vec<Argument>,
    ) -> Result<Value, StepError> {
        let target = match function {
            Value::Callable(callable) => buildbot_confighost::Handle(callable.handle.0).into(),
            other => Target::Value(json!(other)),
        };
        let arguments = arguments
            .into_iter()
            .map(|argument| self.live_argument(argument));
        let arguments = arguments.collect();
        let host = self.build.site.host.host().await;
        let host = host.map_err(|error| rendering::lost(&error))?;
        let answer = host.call(target, arguments, Map::new()).await;
        let answer = answer.map_err(|error| rendering::unanswered(&error))?;
        answer
            .parse()
            .map_err(|error| StepError::raise(Kind::Type, error.to_string()))
    }
}

/// Something that is not the step's fault, nor the user's.
fn internal(error: &dyn fmt::Display) -> StepError {
    StepError::Exception(Exception::new(Kind::Runtime, error.to_string()))
}

impl Port for StepPort {
    fn build(&self) -> &BuildFacts {
        &self.attached.build
    }

    fn worker(&self) -> &WorkerFacts {
        &self.attached.worker
    }

    fn step_name(&self) -> &str {
        &self.name
    }

    fn mask(&self, text: &str) -> String {
        self.build.mask(text)
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Vec<Result<Value, StepError>>> {
        Box::pin(async move {
            let rendered = self.build.render(&self.shell, &values).await;
            rendered
                .into_iter()
                .map(|value| value.map_err(StepError::from))
                .collect()
        })
    }

    fn call<'a>(&'a self, function: &'a Value, arguments: Vec<Argument>) -> Answer<'a, Value> {
        Box::pin(self.call_code(function, arguments))
    }

    fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.build.object(id)
    }

    fn property(&self, name: &str) -> Option<Property> {
        self.build
            .with_properties(|properties| properties.get(name).cloned())
    }

    fn properties(&self) -> Properties {
        self.build.properties()
    }

    fn set_property(&self, name: &str, value: Value, source: &str) {
        self.build
            .with_properties(|properties| properties.set(name, value, source, true));
    }

    fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        observer: Option<&'a mut dyn Observer>,
    ) -> Answer<'a, CommandEnd> {
        Box::pin(command::run(self, command, observer))
    }

    fn interrupt_commands(&self, reason: &str) {
        let running: Vec<Interrupter> = {
            let mut state = self.state();
            state.interrupted = (state.interrupted.0 + 1, reason.to_owned());
            let commands = state.commands.values_mut();
            commands
                .map(|command| {
                    command.is_interrupted = true;
                    command.interrupter.clone()
                })
                .collect()
        };
        for interrupter in running {
            let reason = reason.to_owned();
            self.shell
                .tasks
                .spawn(async move { interrupter.interrupt(&reason).await });
        }
    }

    fn add_log<'a>(&'a self, name: &'a str, kind: LogKind) -> Answer<'a, LogKey> {
        Box::pin(log::add(self, name, kind))
    }

    fn append<'a>(&'a self, log: LogKey, channel: Channel, text: &'a str) -> Answer<'a, ()> {
        Box::pin(log::append(self, log, channel, text))
    }

    fn finish_log(&self, log: LogKey) -> Answer<'_, ()> {
        Box::pin(log::finish(self, log))
    }

    fn finish_logs(&self) -> Answer<'_, ()> {
        Box::pin(log::finish_all(self))
    }

    /// Differs: secrets in the names and addresses of links are shown as `<name>`, as in logs; the reference shows them.
    fn add_url<'a>(&'a self, name: &'a str, url: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let row = self.row()?;
            let new = Url {
                name: self.mask(name),
                url: self.mask(url),
            };
            let urls = {
                let mut state = self.state();
                if !state.urls.contains(&new) {
                    state.urls.push(new);
                }
                state.are_urls_stored = true;
                state.urls.clone()
            };
            let written = self
                .shell
                .store
                .write(move |connection| steps::set_urls(connection, row, &urls));
            written.await.map_err(|error| internal(&error))?;
            self.publish(StepVerb::Updated);
            Ok(())
        })
    }

    fn show(&self, summary: String) {
        shown::show(self, summary);
    }

    fn set_build_data<'a>(
        &'a self,
        name: &'a str,
        value: Vec<u8>,
        source: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(kept::set_build_data(self, name, value, source))
    }

    fn add_test_results<'a>(
        &'a self,
        description: &'a str,
        category: &'a str,
        value_unit: &'a str,
    ) -> Answer<'a, TestResultSet> {
        Box::pin(kept::add_set(self, description, category, value_unit))
    }

    fn add_test_result(&self, set: TestResultSet, result: TestResult) -> Answer<'_, ()> {
        Box::pin(kept::add(self, set, result))
    }

    fn finish_test_results(&self, set: TestResultSet) -> Answer<'_, ()> {
        Box::pin(kept::finish(self, set))
    }

    fn interrupted(&self) -> Later<'_, Interruption> {
        Box::pin(self.interruptions.next())
    }

    fn now_s(&self) -> f64 {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    fn sleep(&self, seconds: f64) -> Later<'_, ()> {
        let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Box::pin(tokio::time::sleep(duration))
    }

    fn add_steps(&self, added: Vec<Arc<StepConfig>>, place: AddSteps) {
        let steps = added
            .iter()
            .map(|config| plan::step(config, &self.build.site));
        let steps = steps.collect();
        self.build.add_steps(added);
        self.shell.engine.answer(Event::StepsAdded {
            build: self.build.id,
            place: match place {
                AddSteps::AfterCurrent => StepPlace::AfterCurrent,
                AddSteps::AfterLast => StepPlace::Last,
            },
            steps,
        });
    }

    fn open_session<'a>(&'a self, step: &'a Arc<StepConfig>) -> Answer<'a, Arc<dyn Session>> {
        Box::pin(async move {
            let row = self.row()?;
            let number = self.number.0;
            custom::open(&self.shell, &self.build, row, number, step).await
        })
    }

    fn description(&self) -> &Description {
        &self.build.site.description
    }

    fn keep_objects(&self, objects: Vec<(ObjectId, Arc<Object>)>) {
        self.build.keep_objects(objects);
    }

    fn hide_secret(&self, secret: &str, shown: &str) {
        self.build.hide(secret, shown);
    }

    fn stop_build<'a>(&'a self, reason: &'a str, results: Results) -> Answer<'a, ()> {
        Box::pin(async move {
            if results != Results::Cancelled {
                let text = "a build can only be stopped with CANCELLED";
                return Err(StepError::of_class("builtins.NotImplementedError", text));
            }
            let event = Event::BuildStopRequested {
                build: self.build.id,
                reason: reason.into(),
            };
            self.shell.engine.send(event).await;
            Ok(())
        })
    }

    fn is_triggerable(&self, scheduler: &str) -> Option<bool> {
        self.shell.schedulers.is_triggerable(&self.shell, scheduler)
    }

    fn trigger(&self, request: TriggerRequest) -> Answer<'_, Triggered> {
        Box::pin(async move {
            let (build, scheduler) = (self.build.id, request.scheduler.clone());
            let triggered = self.shell.schedulers.trigger(&self.shell, build, request);
            let triggered = triggered.await?;
            if let Some(buildset) = triggered.buildset {
                self.state().triggered.insert(buildset, scheduler);
            }
            Ok(triggered)
        })
    }

    fn request_complete(&self, request: i64) -> Answer<'_, Vec<Results>> {
        Box::pin(async move {
            let request = BuildRequestId(request);
            let results = crate::waiters::request_results(&self.shell, request).await;
            results.map_err(|error| internal(&error))
        })
    }

    fn buildset_complete(&self, buildset: i64) -> Answer<'_, BuildsetEnd> {
        Box::pin(async move {
            let scheduler = self.state().triggered.get(&buildset).cloned();
            let id = BuildsetId(buildset);
            let end = crate::waiters::buildset_end(&self.shell, id, scheduler).await;
            end.map_err(|error| internal(&error))
        })
    }

    fn cancel_requests<'a>(&'a self, requests: &'a [i64], reason: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            for request in requests {
                let event = Event::RequestCancelled {
                    request: BuildRequestId(*request),
                    reason: reason.into(),
                };
                self.shell.engine.send(event).await;
            }
            Ok(())
        })
    }

    fn run_local(&self, command: LocalCommand) -> Answer<'_, LocalEnd> {
        Box::pin(local::run(self, command))
    }

    fn signal_local(&self, signal: &str) {
        self.locals.signal(signal);
    }

    fn is_file<'a>(&'a self, path: &'a str) -> Later<'a, bool> {
        let path = self.shell.path(path);
        Box::pin(async move {
            let file = tokio::fs::File::open(&path).await;
            match file {
                Ok(file) => file
                    .metadata()
                    .await
                    .is_ok_and(|metadata| metadata.is_file()),
                Err(_) => false,
            }
        })
    }

    fn http(&self, request: HttpRequest) -> Answer<'_, HttpResponse> {
        let _ = request;
        Box::pin(async { Err(internal(&"requests to HTTP servers cannot be sent yet")) })
    }
}
