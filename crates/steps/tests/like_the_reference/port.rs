//! A master and a worker that do what a case says, and note what a step asks of them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    Observer, Piece, Port, RemoteCommand, Session, StepError, Surroundings, TestResult,
    TestResultSet, Transfer, TriggerRequest, Triggered, TriggeredBuild, WorkerFacts,
};
use serde_json::{Value as Json, json};

mod asked;

use crate::host::{Host, Running};
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
    pub(crate) added: Vec<Json>,
    pub(crate) files: BTreeMap<String, Json>,
    answers: Vec<Json>,
    told: Vec<Interruption>,
    is_busy: bool,
}

pub(crate) struct Fake<'h> {
    pub(crate) seen: Mutex<Seen>,
    host: &'h Arc<Host>,
    description: &'h Description,
    case: &'h Json,
    build: BuildFacts,
    worker: WorkerFacts,
    context: Mutex<Context>,
    masks: Mutex<Masks>,
    objects: Mutex<Vec<(u32, Arc<Object>)>>,
    name: String,
    cancelled: AtomicBool,
    is_custom: AtomicBool,
    builder: String,
}

static SESSIONS: AtomicU64 = AtomicU64::new(1);

impl Seen {
    pub(crate) fn left(&self) -> usize {
        self.answers.len()
    }
}

impl<'h> Fake<'h> {
    pub(crate) fn new(
        host: &'h Arc<Host>,
        description: &'h Description,
        case: &'h Json,
        env: Value,
        properties: Vec<(String, Value)>,
        name: String,
        builder: &str,
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
            is_custom: AtomicBool::new(false),
            builder: builder.to_owned(),
        }
    }

    /// Waits until the step cancels what it has triggered.
    async fn cancelled(&self) {
        poll_fn(|_| match self.cancelled.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("what was seen")
    }

    /// The build as code of the user's sees it.
    fn live_build(&self, number: u64) -> Json {
        let stamps: Vec<Json> = self
            .build
            .sources
            .iter()
            .map(|source| {
                let changes: Vec<Json> = source
                    .changes
                    .iter()
                    .map(|change| {
                        json!({"$": "change", "key": 1, "author": change.author,
                            "comments": change.comments, "files": change.files})
                    })
                    .collect();
                let patch = source.patch.as_ref().map(|patch| {
                    let body = Value::Bytes(patch.body.clone());
                    json!({"$": "tuple", "v": [patch.level, body, patch.subdir]})
                });
                json!({"$": "sourcestamp", "key": source.id, "ssid": source.id,
                    "codebase": source.codebase, "repository": source.repository,
                    "project": source.project, "branch": source.branch,
                    "revision": source.revision, "patch": patch, "changes": changes})
            })
            .collect();
        let by_codebase: Vec<Json> = stamps
            .iter()
            .map(|stamp| json!([stamp["codebase"], stamp]))
            .collect();
        let master = json!({"$": "master", "key": 0, "basedir": self.build.basedir});
        json!({
            "$": "build", "key": number, "buildid": 92, "number": 13, "reason": "because",
            "url": "http://localhost:8080/#/builders/80/builds/13", "workername": "test",
            "worker_info": {"$": "dict", "v": []}, "sources": stamps,
            "requests": [{"$": "request", "key": 1, "id": 1, "reason": "because",
                "sources": {"$": "dict", "v": by_codebase}}],
            "properties": self.properties_for_host(),
            "builder": {"$": "builder", "key": 80, "name": self.builder, "master": master},
            "workerforbuilder": {"$": "wfb", "key": 1, "worker":
                {"$": "worker", "key": 1, "workername": "test", "master": master}},
            "master": master,
        })
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
        let turns = if self.is_custom.load(Ordering::SeqCst) {
            50
        } else {
            2
        };
        for _ in 0..turns {
            once().await;
        }
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
                    observe("stdio", channel, &text);
                }
                "log" => {
                    let name = text(&value[0]);
                    let lines = text(&value[1]);
                    let Some((_, target)) = log_files.iter_mut().find(|(known, _)| *known == name)
                    else {
                        if self.is_custom.load(Ordering::SeqCst) {
                            observe(&name, Channel::Stdout, &lines);
                        }
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
                    observe("stdio", Channel::Header, &text);
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
            if let Some(observer) = &mut observer
                && let Some(ready) = observer.ready()
            {
                ready.await;
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
