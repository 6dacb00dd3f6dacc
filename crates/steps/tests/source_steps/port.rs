//! A master around a step: its worker answers at once.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use buildbot_config::{Description, Object, ObjectId, StepConfig, Value};
use buildbot_model::{Results, Secret};
use buildbot_render::{
    Answers, Context as Rendering, Evaluation, Properties, Property, SecretService,
};
use buildbot_steps::*;

/// What a worker says about a command.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// Text by key, and other updates, in their order.
    pub updates: Vec<(String, Value)>,
    pub rc: Option<i64>,
    /// The step is interrupted while the command runs.
    pub interrupts: bool,
    /// The connection is lost.
    pub is_lost: bool,
    /// What was read from the worker.
    pub received: Vec<u8>,
}

/// Carries out commands.
pub(crate) trait Worker: Send + Sync {
    /// Carries out a command, for which the step waited so many seconds.
    fn carry_out(&self, command: &RemoteCommand, waited_s: f64) -> Reply;
}

#[derive(Debug)]
pub(crate) struct Log {
    pub name: String,
    pub kind: LogKind,
    pub parts: Vec<(Channel, String)>,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub properties: Properties,
    pub logs: Vec<Log>,
    pub urls: Vec<(String, String)>,
    pub data: Vec<(String, Vec<u8>, String)>,
    pub slept_s: f64,
    /// The step is stopped while it waits, which has no end.
    pub stops_waits: bool,
    interruptions: Vec<Interruption>,
}

/// The master.
pub(crate) struct World<W> {
    pub worker: W,
    pub build: BuildFacts,
    pub facts: WorkerFacts,
    pub objects: Vec<Arc<Object>>,
    pub secrets: HashMap<String, String>,
    name: Mutex<String>,
    kept: Mutex<Kept>,
}

impl<W: Worker> World<W> {
    pub(crate) fn new(worker: W) -> Self {
        Self {
            worker,
            build: BuildFacts::default(),
            facts: WorkerFacts::default(),
            objects: Vec::new(),
            secrets: HashMap::new(),
            name: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Runs a step from its beginning to its end.
    pub(crate) fn run(&self, step: &Arc<StepConfig>) -> (String, StepEnd) {
        let name = block_on(buildbot_steps::name(step, self)).expect("a name");
        *self.name.lock().unwrap() = name.clone();
        let end = block_on(async {
            let prepared = prepare(Arc::clone(step), self).await;
            prepared.run(self).await
        });
        (name, end)
    }
}

/// Everything answers at once, or at the next look.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for something that does not happen");
}

/// Lets others go on once.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| {
        if std::mem::replace(&mut paused, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

fn done<'a, T: Send + 'a>(value: T) -> Later<'a, T> {
    Box::pin(async { value })
}

impl<W: Worker> Port for World<W> {
    fn build(&self) -> &BuildFacts {
        &self.build
    }

    fn worker(&self) -> &WorkerFacts {
        &self.facts
    }

    fn step_name(&self) -> &str {
        // One step a world: the name lives as long as it.
        Box::leak(self.name.lock().unwrap().clone().into_boxed_str())
    }

    fn mask(&self, text: &str) -> String {
        text.to_owned()
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Vec<Result<Value, StepError>>> {
        let context = Rendering {
            properties: self.kept().properties.clone(),
            secrets: SecretService::Present,
            ..Rendering::default()
        };
        let mut evaluation = Evaluation::begin(&values, &context);
        while let Some(round) = evaluation.round() {
            let secrets = round
                .secrets
                .iter()
                .map(|name| Ok(self.secrets.get(name).cloned().map(Secret::new)))
                .collect();
            let answers = Answers {
                secrets,
                ..Answers::default()
            };
            evaluation.answer(answers, &context);
        }
        let rendered = evaluation.finish().values.into_iter();
        done(
            rendered
                .map(|value| value.map_err(StepError::from))
                .collect(),
        )
    }

    fn call<'a>(&'a self, _: &'a Value, _: Vec<Argument>) -> Answer<'a, Value> {
        panic!("no code of users")
    }

    fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.objects.get(id.0 as usize).cloned()
    }

    fn property(&self, name: &str) -> Option<Property> {
        self.kept().properties.get(name).cloned()
    }

    fn properties(&self) -> Properties {
        self.kept().properties.clone()
    }

    fn set_property(&self, name: &str, value: Value, source: &str) {
        self.kept().properties.set(name, value, source, true);
    }

    fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        mut observer: Option<&'a mut dyn Observer>,
    ) -> Answer<'a, CommandEnd> {
        Box::pin(async move {
            let waited_s = std::mem::take(&mut self.kept().slept_s);
            let reply = self.worker.carry_out(&command, waited_s);
            if reply.is_lost {
                return Err(StepError::ConnectionLost);
            }
            if reply.interrupts {
                self.kept().interruptions.push(Interruption {
                    reason: "stopped by a test".to_owned(),
                    connection_lost: false,
                });
                pause().await;
            }
            let mut end = CommandEnd::not_run();
            end.received = reply.received;
            let say = async |channel, text: String| match command.stdio {
                Some(log) => self.append(log, channel, &text).await,
                None => Ok(()),
            };
            for (key, value) in reply.updates {
                let text = value.as_text().unwrap_or_default().to_owned();
                let channel = match key.as_str() {
                    "stdout" => Channel::Stdout,
                    "stderr" => Channel::Stderr,
                    "header" => Channel::Header,
                    _ => {
                        end.updates.push((key, value));
                        continue;
                    }
                };
                match channel {
                    Channel::Stdout if command.collect_stdout => end.stdout.push_str(&text),
                    Channel::Stderr if command.collect_stderr => end.stderr.push_str(&text),
                    _ => {}
                }
                if let Some(observer) = &mut observer {
                    observer.lines(Piece {
                        log: "stdio",
                        channel,
                        text: &text,
                    });
                }
                say(channel, text).await?;
            }
            end.rc = reply.rc;
            if let Some(rc) = reply.rc {
                let text = format!("program finished with exit code {rc}\n");
                say(Channel::Header, text).await?;
            }
            end.results = if reply.interrupts {
                Results::Cancelled
            } else {
                command.decode_rc.decode(reply.rc)
            };
            Ok(end)
        })
    }

    fn interrupt_commands(&self, _: &str) {}

    fn add_log<'a>(&'a self, name: &'a str, kind: LogKind) -> Answer<'a, LogKey> {
        let mut kept = self.kept();
        kept.logs.push(Log {
            name: name.to_owned(),
            kind,
            parts: Vec::new(),
        });
        done(Ok(LogKey(kept.logs.len() as u64 - 1)))
    }

    fn append<'a>(&'a self, log: LogKey, channel: Channel, text: &'a str) -> Answer<'a, ()> {
        let parts = &mut self.kept().logs[log.0 as usize].parts;
        match parts.last_mut() {
            _ if text.is_empty() => {}
            Some((last, known)) if *last == channel => known.push_str(text),
            _ => parts.push((channel, text.to_owned())),
        }
        done(Ok(()))
    }

    fn finish_log(&self, _: LogKey) -> Answer<'_, ()> {
        done(Ok(()))
    }

    fn finish_logs(&self) -> Answer<'_, ()> {
        done(Ok(()))
    }

    fn add_url<'a>(&'a self, name: &'a str, url: &'a str) -> Answer<'a, ()> {
        self.kept().urls.push((name.to_owned(), url.to_owned()));
        done(Ok(()))
    }

    fn show(&self, _: String) {}

    fn set_build_data<'a>(
        &'a self,
        name: &'a str,
        value: Vec<u8>,
        source: &'a str,
    ) -> Answer<'a, ()> {
        let data = (name.to_owned(), value, source.to_owned());
        self.kept().data.push(data);
        done(Ok(()))
    }

    fn add_test_results<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
    ) -> Answer<'a, TestResultSet> {
        panic!("no tests")
    }

    fn add_test_result(&self, _: TestResultSet, _: TestResult) -> Answer<'_, ()> {
        panic!("no tests")
    }

    fn finish_test_results(&self, _: TestResultSet) -> Answer<'_, ()> {
        panic!("no tests")
    }

    fn interrupted(&self) -> Later<'_, Interruption> {
        Box::pin(poll_fn(|_| match self.kept().interruptions.pop() {
            Some(interruption) => Poll::Ready(interruption),
            None => Poll::Pending,
        }))
    }

    fn now_s(&self) -> f64 {
        0.0
    }

    fn sleep(&self, seconds: f64) -> Later<'_, ()> {
        let mut kept = self.kept();
        kept.slept_s += seconds;
        if kept.stops_waits {
            kept.interruptions.push(Interruption {
                reason: "stopped by a test".to_owned(),
                connection_lost: false,
            });
            return Box::pin(std::future::pending());
        }
        done(())
    }

    fn add_steps(&self, _: Vec<Arc<StepConfig>>, _: AddSteps) {
        panic!("no steps are added")
    }

    fn open_session<'a>(&'a self, _: &'a Arc<StepConfig>) -> Answer<'a, Arc<dyn Session>> {
        panic!("no code of users")
    }

    fn description(&self) -> &Description {
        panic!("no code of users")
    }

    fn keep_objects(&self, _: Vec<(ObjectId, Arc<Object>)>) {
        panic!("no code of users")
    }

    fn hide_secret(&self, _: &str, _: &str) {
        panic!("no code of users")
    }

    fn stop_build<'a>(&'a self, _: &'a str, _: Results) -> Answer<'a, ()> {
        panic!("no code of users")
    }

    fn is_triggerable(&self, _: &str) -> Option<bool> {
        None
    }

    fn trigger(&self, _: TriggerRequest) -> Answer<'_, Triggered> {
        panic!("nothing is triggered")
    }

    fn buildset_complete(&self, _: i64) -> Answer<'_, BuildsetEnd> {
        panic!("nothing is triggered")
    }

    fn request_complete(&self, _: i64) -> Answer<'_, Vec<Results>> {
        panic!("nothing is triggered")
    }

    fn cancel_requests<'a>(&'a self, _: &'a [i64], _: &'a str) -> Answer<'a, ()> {
        panic!("nothing is triggered")
    }

    fn run_local(&self, _: LocalCommand) -> Answer<'_, LocalEnd> {
        panic!("nothing runs on the master")
    }

    fn signal_local(&self, _: &str) {}

    fn is_file<'a>(&'a self, _: &'a str) -> Later<'a, bool> {
        done(false)
    }

    fn http(&self, _: HttpRequest) -> Answer<'_, HttpResponse> {
        panic!("no requests")
    }
}
