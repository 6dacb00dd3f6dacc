//! A master and a worker that do what a case says, and note what a step asks of them.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use buildbot_config::{Description, Object, StepConfig};
use buildbot_model::{Results, Secret};
use buildbot_render::{
    Answers, Context, Evaluation, Masks, ObjectId, Properties, Property, SecretService, Value,
};
use buildbot_steps::{
    AddSteps, Answer, Argument, BuildFacts, BuildsetEnd, Channel, CommandEnd, HttpRequest,
    HttpResponse, Interruption, Later, LocalCommand, LocalEnd, LogKey, LogKind, LogTarget,
    Observer, Piece, Port, RemoteCommand, Step, StepError, TestResult, TestResultSet, Transfer,
    TriggerRequest, Triggered, TriggeredBuild, WorkerFacts,
};
use serde_json::{Value as Json, json};

use crate::host::Host;
use crate::shown::{Log, plain, source, text, texts, value_of};

/// What was seen of a step.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) commands: Vec<Json>,
    pub(crate) logs: Vec<Log>,
    pub(crate) urls: Vec<Json>,
    pub(crate) shown: Option<String>,
    pub(crate) running: Option<String>,
    pub(crate) build_data: Vec<Json>,
    pub(crate) test_sets: Vec<Json>,
    pub(crate) test_results: Vec<Json>,
    pub(crate) triggered: Vec<Json>,
    pub(crate) files: BTreeMap<String, Json>,
    answers: Vec<Json>,
    told: Vec<Interruption>,
    is_busy: bool,
}

pub(crate) struct Fake<'h> {
    pub(crate) seen: Mutex<Seen>,
    host: &'h Host,
    description: &'h Description,
    case: &'h Json,
    build: BuildFacts,
    worker: WorkerFacts,
    context: Mutex<Context>,
    masks: Mutex<Masks>,
    objects: Mutex<Vec<(u32, Arc<Object>)>>,
    name: String,
    cancelled: AtomicBool,
}

impl Seen {
    pub(crate) fn left(&self) -> usize {
        self.answers.len()
    }
}

impl<'h> Fake<'h> {
    pub(crate) fn new(
        host: &'h Host,
        description: &'h Description,
        case: &'h Json,
        env: Value,
        properties: Vec<(String, Value)>,
        name: String,
    ) -> Self {
        let mut context = Context {
            secrets: SecretService::Present,
            ..Context::default()
        };
        for (name, value) in properties {
            context.properties.set(name, value, "test", false);
        }
        let sources: Vec<_> = case["stamps"]
            .as_array()
            .into_iter()
            .flatten()
            .map(source)
            .collect();
        context.source_stamps = Some(
            sources
                .iter()
                .map(|source| {
                    let attributes = [
                        ("branch", source.branch.clone()),
                        ("revision", source.revision.clone()),
                        ("repository", Some(source.repository.clone())),
                        ("project", Some(source.project.clone())),
                        ("codebase", Some(source.codebase.clone())),
                    ];
                    let attributes = attributes
                        .into_iter()
                        .map(|(name, value)| {
                            (name.to_owned(), value.map(Value::from).unwrap_or_default())
                        })
                        .collect();
                    (source.codebase.clone(), attributes)
                })
                .collect(),
        );
        let windows = case["system"] == "nt";
        let mut commands = texts(&case["worker_version"]);
        if case.get("worker_version").is_none() {
            for name in [
                "shell",
                "uploadFile",
                "uploadDirectory",
                "downloadFile",
                "mkdir",
                "rmdir",
                "cpdir",
                "stat",
                "glob",
                "listdir",
                "rmfile",
            ] {
                commands.push((name.to_owned(), "99.99".to_owned()));
            }
        }
        Self {
            seen: Mutex::new(Seen {
                answers: case["worker"].as_array().cloned().unwrap_or_default(),
                ..Seen::default()
            }),
            host,
            description,
            case,
            build: BuildFacts {
                build_id: 92,
                number: 13,
                builder: "bldr".to_owned(),
                builder_id: 80,
                builder_dir: "bldr".to_owned(),
                env,
                workdir: "build".into(),
                sources,
                buildbot_url: "http://localhost:8080/".to_owned(),
                log_encoding: "utf-8".to_owned(),
                master_environment: std::env::vars().collect(),
                basedir: "<basedir>".to_owned(),
            },
            worker: WorkerFacts {
                name: "test".to_owned(),
                version: "4.3.0".to_owned(),
                basedir: if windows { "\\wrk" } else { "/wrk" }.to_owned(),
                system: if windows { "nt" } else { "posix" }.to_owned(),
                environ: texts(&case["worker_env"]),
                commands,
            },
            context: Mutex::new(context),
            masks: Mutex::default(),
            objects: Mutex::default(),
            name,
            cancelled: AtomicBool::new(false),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("what was seen")
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        let secret = self.case["secrets"].get(name)?.as_str()?;
        Some(Secret::new(secret.to_owned()))
    }

    fn properties_for_host(&self) -> Json {
        let context = self.context.lock().expect("a context");
        let properties: Vec<Json> = context
            .properties
            .iter()
            .map(|(name, property)| json!([name, property.value, property.source]))
            .collect();
        json!({"$": "properties", "v": properties})
    }

    fn add_text(&self, log: Option<LogKey>, channel: Channel, text: &str) {
        if let Some(LogKey(index)) = log
            && let Some(log) = self.seen().logs.get_mut(index as usize)
        {
            log.append(channel, text);
        }
    }

    fn new_log(&self, name: &str, kind: LogKind) -> LogKey {
        let logs = &mut self.seen().logs;
        logs.push(Log {
            name: name.to_owned(),
            kind,
            text: String::new(),
            partial: BTreeMap::new(),
            finished: false,
        });
        LogKey(logs.len() as u64 - 1)
    }

    fn next_answer(&self) -> Option<Vec<(String, Json)>> {
        let answers = &mut self.seen().answers;
        if answers.is_empty() {
            return None;
        }
        let answer = answers.remove(0);
        let actions = answer.as_array().cloned().unwrap_or_default();
        Some(
            actions
                .into_iter()
                .flat_map(|action| action.as_object().cloned().unwrap_or_default())
                .collect(),
        )
    }

    async fn tell(&self, reason: &Json, connection_lost: bool) {
        self.seen().told.push(Interruption {
            reason: text(reason),
            connection_lost,
        });
        once().await;
        once().await;
    }

    async fn carry_out(
        &self,
        command: RemoteCommand,
        observer: Option<&mut dyn Observer>,
    ) -> Result<CommandEnd, StepError> {
        self.seen().is_busy = true;
        let end = self.carry_out_as_the_script_says(command, observer).await;
        self.seen().is_busy = false;
        end
    }

    async fn carry_out_as_the_script_says(
        &self,
        command: RemoteCommand,
        mut observer: Option<&mut dyn Observer>,
    ) -> Result<CommandEnd, StepError> {
        let args = command
            .args
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)));
        let shown = json!({"command": command.name, "args": Json::Object(args.collect())});
        let index = {
            let mut seen = self.seen();
            if seen.running.is_none() {
                seen.running = seen.shown.clone();
            }
            seen.commands.push(shown);
            seen.commands.len() - 1
        };
        let Some(actions) = self.next_answer() else {
            return Err(StepError::of_class(
                "builtins.RuntimeError",
                "the script has no answer for this command",
            ));
        };
        let mut end = CommandEnd::not_run();
        let mut interrupted = false;
        let mut written = Vec::new();
        let mut closed = false;
        let mut log_files = command.log_files.clone();
        for (key, value) in actions {
            let mut observe = |log: &str, channel, text: &str| {
                if let Some(observer) = &mut observer {
                    observer.lines(Piece { log, channel, text });
                }
            };
            match key.as_str() {
                "stdout" | "stderr" | "header" => {
                    let text = self.mask(&text(&value));
                    let channel = match key.as_str() {
                        "stdout" => Channel::Stdout,
                        "stderr" => Channel::Stderr,
                        _ => Channel::Header,
                    };
                    if channel == Channel::Stdout && command.collect_stdout {
                        end.stdout.push_str(&text);
                    }
                    if channel == Channel::Stderr && command.collect_stderr {
                        end.stderr.push_str(&text);
                    }
                    self.add_text(command.stdio, channel, &text);
                    if command.stdio.is_some() {
                        observe("stdio", channel, &text);
                    }
                }
                "log" => {
                    let name = text(&value[0]);
                    let lines = text(&value[1]);
                    let Some((_, target)) = log_files.iter_mut().find(|(known, _)| *known == name)
                    else {
                        continue;
                    };
                    let log = match target {
                        LogTarget::Log(log) => *log,
                        LogTarget::Lazy(log_name) => {
                            let log = self.new_log(log_name, LogKind::Stream);
                            end.lazy_logs.push((name.clone(), log));
                            *target = LogTarget::Log(log);
                            log
                        }
                    };
                    self.add_text(Some(log), Channel::Stdout, &lines);
                    observe(&name, Channel::Stdout, &lines);
                }
                "rc" => {
                    end.rc = value.as_i64();
                    let text = format!("program finished with exit code {value}\n");
                    self.add_text(command.stdio, Channel::Header, &text);
                    if command.stdio.is_some() {
                        observe("stdio", Channel::Header, &text);
                    }
                }
                "failure_reason" => end.failure_reason = Some(text(&value)),
                "elapsed" | "files" | "stat" => end.updates.push((key, value_of(&value))),
                "error" => {
                    return Err(StepError::of_class(
                        "buildbot.process.remotecommand.RemoteException",
                        text(&value),
                    ));
                }
                "lost" => return Err(StepError::ConnectionLost),
                "interrupt" => {
                    self.tell(&value, false).await;
                    interrupted = true;
                }
                "lose" => {
                    self.tell(&value, true).await;
                    return Err(StepError::ConnectionLost);
                }
                "write" => written.extend_from_slice(text(&value).as_bytes()),
                "close" => closed = true,
                "utime" => {}
                "tar" => {
                    written = value.to_string().into_bytes();
                    closed = true;
                }
                "read" => {
                    let data = match &command.transfer {
                        Some(Transfer::FromMemory(data)) => data.clone(),
                        Some(Transfer::FromFile { path }) => {
                            self.case["files"][path].as_str().unwrap_or_default().into()
                        }
                        other => panic!("{other:?} cannot be read"),
                    };
                    let data: String = data.iter().map(|byte| char::from(*byte)).collect();
                    self.seen().commands[index]["read"] = data.into();
                }
                other => panic!("there is no action {other}"),
            }
        }
        end.results = if interrupted {
            Results::Cancelled
        } else {
            command.decode_rc.decode(end.rc)
        };
        let good = matches!(end.results, Results::Success | Results::Warnings);
        self.keep(&command, &mut end, written, closed, good);
        Ok(end)
    }

    /// What a transfer leaves behind.
    fn keep(
        &self,
        command: &RemoteCommand,
        end: &mut CommandEnd,
        mut written: Vec<u8>,
        closed: bool,
        good: bool,
    ) {
        let cut = |data: &mut Vec<u8>, most: Option<u64>| {
            if let Some(most) = most {
                data.truncate(most as usize);
            }
        };
        match &command.transfer {
            Some(Transfer::ToMemory { max_bytes }) => {
                cut(&mut written, *max_bytes);
                end.received = written;
            }
            Some(Transfer::ToFile {
                path,
                mode,
                max_bytes,
            }) if closed && good => {
                cut(&mut written, *max_bytes);
                let mode = mode.unwrap_or(0o600);
                let text = String::from_utf8(written).expect("text");
                let shown = json!([format!("0o{mode:o}"), text]);
                self.seen().files.insert(path.clone(), shown);
            }
            Some(Transfer::ToDirectory { path, .. }) if closed && good => {
                let members: Json = serde_json::from_slice(&written).expect("members");
                for (name, text) in texts(&members) {
                    let shown = json!(["0o644", text]);
                    self.seen().files.insert(format!("{path}/{name}"), shown);
                }
            }
            _ => {}
        }
    }
}

/// Lets others go on once.
async fn once() {
    let mut asked = false;
    poll_fn(|context| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Port for Fake<'_> {
    fn build(&self) -> &BuildFacts {
        &self.build
    }

    fn worker(&self) -> &WorkerFacts {
        &self.worker
    }

    fn step_name(&self) -> &str {
        &self.name
    }

    fn mask(&self, text: &str) -> String {
        self.masks.lock().expect("masks").clean(text)
    }

    fn now_s(&self) -> f64 {
        self.case["now"].as_f64().unwrap_or_default()
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Vec<Result<Value, StepError>>> {
        Box::pin(async move {
            let context = self.context.lock().expect("a context").clone();
            let mut evaluation = Evaluation::begin(values.iter(), &context);
            while let Some(round) = evaluation.round() {
                let calls = if round.calls.is_empty() {
                    Vec::new()
                } else {
                    let mut objects = self.objects.lock().expect("objects");
                    self.host
                        .render(&round.calls, &self.properties_for_host(), &mut objects)
                };
                let secrets = round
                    .secrets
                    .iter()
                    .map(|name| Ok(self.secret(name)))
                    .collect();
                evaluation.answer(Answers { calls, secrets }, &context);
            }
            let rendered = evaluation.finish();
            for (name, secret) in &rendered.secrets {
                self.masks.lock().expect("masks").add(name, secret);
            }
            rendered
                .values
                .into_iter()
                .map(|value| value.map_err(StepError::from))
                .collect()
        })
    }

    fn call<'a>(&'a self, function: &'a Value, arguments: Vec<Argument>) -> Answer<'a, Value> {
        Box::pin(async move {
            let arguments: Vec<Json> = arguments
                .into_iter()
                .map(|argument| match argument {
                    Argument::Value(value) => serde_json::to_value(value).expect("JSON"),
                    Argument::Step(step) => json!({
                        "$": "step", "key": 1, "name": self.name, "stopped": step.stopped,
                        "results": step.results.map(Results::code),
                        "build": {"$": "build", "key": 1, "properties": self.properties_for_host(), "results": 0},
                    }),
                    Argument::Build => json!({"$": "build", "key": 1}),
                    Argument::SourceStamps => json!([]),
                    Argument::Match { pattern, text } => {
                        json!({"$": "match", "pattern": pattern.pattern, "flags": pattern.flags, "text": text})
                    }
                })
                .collect();
            let answer = self.host.ask(json!({
                "ask": "call", "fn": function, "args": arguments, "kwargs": {}, "deadline_ms": 20000,
            }))?;
            Ok(serde_json::from_value(answer).expect("a value"))
        })
    }

    fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        let objects = self.objects.lock().expect("objects");
        let mut newest = objects.iter().rev();
        let of_answer = newest.find(|(number, _)| *number == id.0);
        of_answer
            .map(|(_, object)| Arc::clone(object))
            .or_else(|| self.description.shared_object(id))
    }

    fn property(&self, name: &str) -> Option<Property> {
        let context = self.context.lock().expect("a context");
        context.properties.get(name).cloned()
    }

    fn properties(&self) -> Properties {
        self.context.lock().expect("a context").properties.clone()
    }

    fn set_property(&self, name: &str, value: Value, source: &str) {
        let mut context = self.context.lock().expect("a context");
        context.properties.set(name, value, source, true);
    }

    fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        observer: Option<&'a mut dyn Observer>,
    ) -> Answer<'a, CommandEnd> {
        Box::pin(self.carry_out(command, observer))
    }

    fn interrupt_commands(&self, reason: &str) {
        let mut seen = self.seen();
        if seen.is_busy {
            seen.commands.push(json!({"interrupt": reason}));
        }
    }

    fn add_log<'a>(&'a self, name: &'a str, kind: LogKind) -> Answer<'a, LogKey> {
        Box::pin(async move { Ok(self.new_log(name, kind)) })
    }

    fn append<'a>(&'a self, log: LogKey, channel: Channel, text: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.add_text(Some(log), channel, &self.mask(text));
            Ok(())
        })
    }

    fn finish_log(&self, log: LogKey) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().logs[log.0 as usize].finish();
            Ok(())
        })
    }

    fn finish_logs(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().logs.iter_mut().for_each(Log::finish);
            Ok(())
        })
    }

    fn add_url<'a>(&'a self, name: &'a str, url: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.seen().urls.push(json!([name, url]));
            Ok(())
        })
    }

    fn show(&self, summary: String) {
        let shown = self.mask(&summary);
        self.seen().shown = Some(shown);
    }

    fn set_build_data<'a>(
        &'a self,
        name: &'a str,
        value: Vec<u8>,
        source: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let value = String::from_utf8(value).expect("text");
            self.seen().build_data.push(json!([name, value, source]));
            Ok(())
        })
    }

    fn add_test_results<'a>(
        &'a self,
        description: &'a str,
        category: &'a str,
        value_unit: &'a str,
    ) -> Answer<'a, TestResultSet> {
        Box::pin(async move {
            let sets = &mut self.seen().test_sets;
            sets.push(json!([description, category, value_unit]));
            Ok(TestResultSet(999 + sets.len() as i64))
        })
    }

    fn add_test_result(&self, set: TestResultSet, result: TestResult) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().test_results.push(json!([
                set.0,
                result.value,
                result.test_name,
                result.test_code_path,
                result.line,
                result.duration_ns,
            ]));
            Ok(())
        })
    }

    fn finish_test_results(&self, _set: TestResultSet) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn interrupted(&self) -> Later<'_, Interruption> {
        Box::pin(poll_fn(|_| {
            let told = &mut self.seen().told;
            if told.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(told.remove(0))
            }
        }))
    }

    fn sleep(&self, _seconds: f64) -> Later<'_, ()> {
        Box::pin(async {})
    }

    fn add_steps(&self, _steps: Vec<Arc<StepConfig>>, _place: AddSteps) {}

    fn run_custom<'a>(&'a self, _step: &'a Step<'a>) -> Answer<'a, Results> {
        Box::pin(async { panic!("a class of the user's") })
    }

    fn is_triggerable(&self, scheduler: &str) -> Option<bool> {
        let known = self.case["schedulers"].get(scheduler)?;
        Some(!known.is_null())
    }

    fn trigger(&self, request: TriggerRequest) -> Answer<'_, Triggered> {
        Box::pin(async move {
            let script = &self.case["schedulers"][&request.scheduler];
            let stamps = request.source_stamps.iter().map(|stamp| {
                let pairs = stamp.iter().map(|(key, value)| (key.clone(), plain(value)));
                Json::Object(pairs.collect())
            });
            let mut properties: Vec<Json> = request
                .properties
                .iter()
                .map(|(name, value, source)| json!([name, plain(value), source]))
                .collect();
            properties.sort_by_key(ToString::to_string);
            self.seen().triggered.push(json!({
                "scheduler": request.scheduler,
                "waited_for": request.waited_for,
                "source_stamps": stamps.collect::<Json>(),
                "properties": properties,
                "parent_relationship": request.parent_relationship,
                "parent_buildid": 92,
            }));
            if let Some(error) = script.get("error") {
                return Err(StepError::of_class("builtins.ValueError", text(error)));
            }
            let requests = script["requests"].as_object().expect("requests");
            Ok(Triggered {
                buildset: script["buildset"].as_i64().expect("a buildset"),
                requests: requests
                    .iter()
                    .map(|(builder, id)| {
                        (builder.parse().expect("an id"), id.as_i64().expect("an id"))
                    })
                    .collect(),
            })
        })
    }

    fn request_complete(&self, request: i64) -> Answer<'_, Vec<Results>> {
        Box::pin(async move {
            let schedulers = self.case["schedulers"].as_object().expect("schedulers");
            for script in schedulers.values() {
                let requests = script["requests"].as_object().expect("requests");
                for (builder, id) in requests {
                    if id.as_i64() != Some(request) {
                        continue;
                    }
                    if script.get("hangs").is_some() {
                        pending::<()>().await;
                    }
                    let builds = script["builds"].as_array();
                    return Ok(builds
                        .into_iter()
                        .flatten()
                        .filter(|build| build["builderid"].as_i64() == builder.parse().ok())
                        .filter_map(|build| Results::from_code(build["results"].as_i64()?))
                        .collect());
                }
            }
            panic!("there is no request {request}");
        })
    }

    fn buildset_complete(&self, buildset: i64) -> Answer<'_, BuildsetEnd> {
        Box::pin(async move {
            let schedulers = self.case["schedulers"].as_object().expect("schedulers");
            let (_, script) = schedulers
                .iter()
                .find(|(_, script)| script["buildset"].as_i64() == Some(buildset))
                .expect("the buildset");
            if script.get("hangs").is_some() {
                if let Some(reason) = self.case.get("interrupt_waiting") {
                    let is_lost = self.case.get("without_connection").is_some();
                    self.tell(reason, is_lost).await;
                }
                poll_fn(|_| {
                    if self.cancelled.load(Ordering::Relaxed) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            }
            let results = |json: &Json| {
                Results::from_code(json.as_i64().unwrap_or_default()).expect("a result")
            };
            Ok(BuildsetEnd {
                results: results(&script["results"]),
                builds: script["builds"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|build| TriggeredBuild {
                        builder: text(&build["builder"]),
                        builder_id: build["builderid"].as_i64().unwrap_or_default(),
                        number: build["number"].as_i64().unwrap_or_default(),
                        results: results(&build["results"]),
                    })
                    .collect(),
            })
        })
    }

    fn cancel_requests<'a>(&'a self, requests: &'a [i64], reason: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.cancelled.store(true, Ordering::Relaxed);
            self.seen()
                .commands
                .push(json!({"cancel": requests, "reason": reason}));
            Ok(())
        })
    }

    fn run_local(&self, command: LocalCommand) -> Answer<'_, LocalEnd> {
        Box::pin(async move {
            let shown = json!({
                "master": command.argv,
                "workdir": command.workdir,
                "env": command.env.iter().cloned().collect::<BTreeMap<_, _>>(),
                "use_pty": command.use_pty,
                "runtime_timeout": command.runtime_timeout.map(|time| time.as_secs_f64()),
            });
            {
                let mut seen = self.seen();
                if seen.running.is_none() {
                    seen.running = seen.shown.clone();
                }
                seen.commands.push(shown);
            }
            let mut end = LocalEnd::Exited(0);
            for (key, value) in self.next_answer().unwrap_or_default() {
                match key.as_str() {
                    "stdout" => self.add_text(Some(command.log), Channel::Stdout, &text(&value)),
                    "stderr" => self.add_text(Some(command.log), Channel::Stderr, &text(&value)),
                    "rc" => end = LocalEnd::Exited(value.as_i64().unwrap_or_default() as i32),
                    "signal" => end = LocalEnd::Killed(value.as_i64().unwrap_or_default() as i32),
                    "interrupt" => self.tell(&value, false).await,
                    other => panic!("there is no action {other}"),
                }
            }
            Ok(end)
        })
    }

    fn signal_local(&self, signal: &str) {
        self.seen().commands.push(json!({"signal": signal}));
    }

    fn is_file<'a>(&'a self, path: &'a str) -> Later<'a, bool> {
        Box::pin(async move { self.case["files"].get(path).is_some() })
    }

    fn http(&self, _request: HttpRequest) -> Answer<'_, HttpResponse> {
        Box::pin(async { panic!("no request is expected") })
    }
}
